"""The arrays of a dataset, wherever they are: official file, phantom, prepared data.

Never decides which dataset is meant, and never prepares or writes anything.
"""

import pathlib
from collections.abc import Iterable
from typing import Protocol

import numpy as np

from medmnist_tfds.data import archive, catalog, finding
from medmnist_tfds.data.medmnist_phantom import images as phantoms
from medmnist_tfds.data.medmnist_phantom import medmnist_phantom_dataset_builder


class Arrays(Protocol):
    """Three splits in the official order."""

    def images(self, split: str) -> np.ndarray:
        """uint8 (examples, *variant.image_shape)."""

    def labels(self, split: str) -> np.ndarray:
        """uint8 (examples, 1), or (examples, labels) for the multi-label task."""


def find(
    variant: catalog.Variant,
    *,
    data_dir: pathlib.Path | None = None,
    manual_dir: pathlib.Path | None = None,
) -> Arrays:
    """The variant's arrays: of the phantom, else of the official file.

    Where no official file lies at hand but the TFDS data have been prepared, as on a
    machine that only runs reports, they are read instead of downloading the file.

    Raises:
      MedMNISTError: as `finding.find` says.
    """
    if variant.phantom:
        sizes = medmnist_phantom_dataset_builder.SPLITS
        return phantoms.Phantom(variant.dataset, sizes)
    if manual_dir is None and not finding.is_here(variant):
        prepared = _prepared(variant, data_dir)
        if prepared is not None:
            return prepared
    return archive.Archive(variant, folder=manual_dir)


def at_hand(
    variant: catalog.Variant,
    *,
    data_dir: pathlib.Path | None = None,
    manual_dir: pathlib.Path | None = None,
) -> Arrays | None:
    """As `find`, but None where the official file would have to be downloaded."""
    if variant.phantom or finding.look(variant, folder=manual_dir) is not None:
        return find(variant, data_dir=data_dir, manual_dir=manual_dir)
    return _prepared(variant, data_dir)


def index(source: Arrays, split: str) -> np.ndarray:
    """int64 (examples,): their rows in the official split, of which some may lack."""
    if hasattr(source, "index"):
        return source.index(split)
    return np.arange(len(source.labels(split)))


def blocks(source: Arrays, split: str) -> Iterable[np.ndarray]:
    """The split's images, in order, in pieces that fit into memory where they can."""
    if hasattr(source, "image_blocks"):
        return source.image_blocks(split)
    return [source.images(split)]


def pictures(images: np.ndarray) -> np.ndarray:
    """(examples, height, width, channels): of volumes the slice in the middle."""
    return images[:, images.shape[1] // 2] if images.ndim == 5 else images


class _Prepared:
    def __init__(self, builder):
        self._builder = builder

    def images(self, split: str) -> np.ndarray:
        from medmnist_tfds.data import pipeline  # here: it imports TensorFlow

        return pipeline.Split(self._builder, split).images

    def labels(self, split: str) -> np.ndarray:
        from medmnist_tfds.data import pipeline

        # Streamed: labels alone are read without a look at the images.
        labels = pipeline.Split(self._builder, split, memory_limit=0).labels
        return labels.reshape(len(labels), -1).astype(np.uint8)


def _prepared(variant: catalog.Variant, data_dir) -> _Prepared | None:
    import tensorflow_datasets as tfds

    builder = tfds.builder(variant.tfds_name, data_dir=data_dir)
    return _Prepared(builder) if builder.info.splits else None
