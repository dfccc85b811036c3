"""What is audited: the images of three splits as one row of numbers, and their labels.

From the official file, a phantom, or a file of the official form at any size. Never
keeps all images in memory where the official file gives them in blocks.
"""

import dataclasses
import itertools
import os
import pathlib
import zipfile
from collections.abc import Callable, Iterable

import numpy as np

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.process import checks, errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """All images of a dataset, numbered through train, val and test.

    Attributes:
      dataset: facts about it.
      tag: what it is called in a list of pairs: `medmnist/breast:1.0.0`, or a file's
        name if it has the splits of no release.
      title: for a user to read.
      flag: of which names of files are made.
      splits: split -> number of images.
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
    if hasattr(source, "index"):  # a rebuilt file may lack some images
        index = [source.index(split) for split in catalog.SPLITS]
    else:
        index = [np.arange(len(each)) for each in labels]
    return Contents(
        dataset=variant.dataset,
        tag=tag(variant),
        title=variant.title,
        flag=variant.flag,
        splits=dict(zip(catalog.SPLITS, map(len, labels), strict=True)),
        labels=np.concatenate(labels),
        index_of=np.concatenate(index),
        blocks=lambda: itertools.chain.from_iterable(map(read, catalog.SPLITS)),
        phantom=variant.phantom,
    )


def read(path: str | os.PathLike, dataset: catalog.Dataset) -> Contents:
    """Of an `.npz` file with six arrays as the official ones have, at any size.

    Raises:
      MedMNISTError: it is none, or its arrays are of another form.
    """
    path = checks.path(path)
    images, labels = {}, {}
    try:
        with np.load(path, allow_pickle=False) as members:
            for split in catalog.SPLITS:
                images[split] = members[f"{split}_images"]
                labels[split] = members[f"{split}_labels"]
    except FileNotFoundError as error:
        raise errors.MedMNISTError(errors.said_by_system(error)) from error
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise errors.MedMNISTError(
            f"{path} cannot be read ({error}). Expected an .npz file with "
            "train_images, train_labels and so on, as the official files are."
        ) from error
    for split in catalog.SPLITS:
        images[split] = _checked(path, dataset, split, images[split], labels[split])
    shapes = {array.shape[1:] for array in images.values()}
    if len(shapes) > 1:
        raise errors.MedMNISTError(
            f"{path} has images of several sizes: {shapes}. Expected one."
        )
    splits = {split: len(array) for split, array in images.items()}
    of_release = [
        version
        for version, release in dataset.releases.items()
        if dict(release.splits) == splits
    ]
    name = f"medmnist/{dataset.name}:{of_release[0]}" if of_release else path.name
    return Contents(
        dataset=dataset,
        tag=name,
        title=f"{dataset.paper_name} of {path.name}, {images['train'].shape[1]} pixels",
        flag=path.stem,
        splits=splits,
        labels=np.concatenate(list(labels.values())),
        index_of=np.concatenate([np.arange(count) for count in splits.values()]),
        blocks=lambda: images.values(),
    )


def _checked(path, dataset: catalog.Dataset, split: str, images, labels) -> np.ndarray:
    """The images with an axis of channels."""
    images = images[..., None] if images.ndim == 3 else images
    fits = images.ndim == 4 and images.shape[1] == images.shape[2]
    fits = fits and images.shape[3] == dataset.channels and images.dtype == np.uint8
    if not fits or not len(images):
        colour = "grey" if dataset.channels == 1 else "RGB"
        raise errors.MedMNISTError(
            f"{path}: {split}_images is {images.dtype} {images.shape}. Expected uint8, "
            f"square and {colour}, as those of {dataset.name} are, at least one."
        )
    if labels.shape != (len(images), dataset.label_columns):
        raise errors.MedMNISTError(
            f"{path}: {split}_labels is {labels.shape}. Expected "
            f"{(len(images), dataset.label_columns)}, as for {dataset.name}."
        )
    return images
