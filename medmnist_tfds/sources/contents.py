"""What is audited: the images of three splits as one row of numbers, and their labels.

From the official file, a phantom, or a file of the official form at any size. Never
keeps all images in memory where the official file gives them in blocks.
"""

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Callable, Iterable

import numpy as np

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.process import checks, errors
from medmnist_tfds.sources import official_arrays


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """All images of a dataset, numbered through train, val and test.

    Attributes:
      dataset: facts about it.
      tag: what it is called in a list of pairs: `medmnist/breast:1.0.0`.
      title: for a user to read.
      flag: of which names of files are made.
      splits: split -> number of images.
      rows: split -> number of rows of the official array; some may be missing here.
      labels: (examples, columns), as in the official file.
      index_of: int64 (examples,), each image's row in the official array of its split.
      blocks: gives uint8 images (n, size, size, channels), at every call anew.
      phantom: whether they are synthetic.
    """

    dataset: catalog.Dataset
    tag: str
    title: str
    flag: str
    splits: dict[str, int]
    rows: dict[str, int]
    labels: np.ndarray
    index_of: np.ndarray
    blocks: Callable[[], Iterable[np.ndarray]]
    phantom: bool = False

    @property
    def split_of(self) -> np.ndarray:
        """int64 (examples,): which of `splits` an image is in."""
        return np.repeat(np.arange(len(self.splits)), list(self.splits.values()))


def tag(variant: catalog.Variant) -> str:
    """The name of a release, whatever the size: all have the same images."""
    if variant.phantom:
        return variant.tfds_name
    return f"medmnist/{variant.dataset.name}:{variant.release.version}"


def find(variant: catalog.Variant, *, manual_dir: pathlib.Path | None = None):
    """Of the official file, looked for as `arrays.find` does, or of the phantom."""
    source = arrays.find(variant, manual_dir=manual_dir)
    labels = [source.labels(split) for split in catalog.SPLITS]
    read = getattr(source, "image_blocks", lambda split: [source.images(split)])
    splits = dict(zip(catalog.SPLITS, map(len, labels), strict=True))
    if hasattr(source, "index"):  # a rebuilt file may lack some images
        index = [source.index(split) for split in catalog.SPLITS]
        rows = dict(variant.release.splits)
    else:
        index, rows = [np.arange(count) for count in splits.values()], splits
    return Contents(
        dataset=variant.dataset,
        tag=tag(variant),
        title=variant.title,
        flag=variant.flag,
        splits=splits,
        rows=rows,
        labels=np.concatenate(labels),
        index_of=np.concatenate(index),
        blocks=lambda: itertools.chain.from_iterable(map(read, catalog.SPLITS)),
        phantom=variant.phantom,
    )


def read(path: str | os.PathLike, variant: catalog.Variant) -> Contents:
    """Of an `.npz` file of a dataset's form, whatever its size; nothing is verified.

    Raises:
      MedMNISTError: it is none, or its images are not those of a release in number.
    """
    path, dataset = pathlib.Path(checks.path(path)), variant.dataset
    held = official_arrays.read(path, dataset)
    splits = {split: len(labels) for split, labels in held.labels.items()}
    fits = [
        release
        for release in (variant.release, *dataset.releases.values())
        if _fits(held, release)
    ]
    said = held.about.get("dataset", dataset.name)
    if said != dataset.name or not fits or not sum(splits.values()):
        counts = ", ".join(f"{split} {count:,}" for split, count in splits.items())
        wanted = (f"{s} {n:,}" for s, n in variant.release.splits.items())
        also = "" if said == dataset.name else f" and says that it is {said}"
        raise errors.MedMNISTError(
            f"{path} has the images {counts}{also}. Expected those of {dataset.name}: "
            f"{', '.join(wanted)}, or fewer and SPLIT_index, as `rebuild` writes them."
        )
    rows = [held.index.get(s, np.arange(count)) for s, count in splits.items()]
    images = [held.images[split] for split in catalog.SPLITS if splits[split]]
    return Contents(
        dataset=dataset,
        tag=f"medmnist/{dataset.name}:{fits[0].version}",
        title=f"{dataset.paper_name} of {path.name}, {images[0].shape[1]} pixels",
        flag=path.stem,
        splits=splits,
        rows=dict(fits[0].splits),
        labels=np.concatenate([held.labels[split] for split in catalog.SPLITS]),
        index_of=np.concatenate(rows).astype(np.int64),
        blocks=lambda: images,
    )


def _fits(held: official_arrays.File, release: catalog.Release) -> bool:
    """Whether a file has all images of a release, or says which of them it has."""
    return held.about.get("release", release.version) == release.version and all(
        max(held.index[split], default=0) < count
        if split in held.index
        else len(held.labels[split]) == count
        for split, count in release.splits.items()
    )
