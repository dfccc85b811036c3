"""Synthetic look-alikes of all datasets, for tests and dry runs.

A picture shows its modality at a glance and its class only in part, so that a small
network learns something but never everything. Never reads or writes files, goes
online, or imports TensorFlow; no score reached here tells anything about real images.
"""

import functools
import zlib
from collections.abc import Mapping

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.data.medmnist_phantom import (
    cell_painters,
    drawing,
    painters,
    volume_painters,
)
from medmnist_tfds.process import errors

# Painted at once, of images and of volumes: floats need eight times the memory of
# uint8, and those of ten volumes stay in a core's cache.
_BLOCK = {2: 1000, 3: 10}
_PAINTERS = {
    **painters.PAINTERS,
    **cell_painters.PAINTERS,
    **volume_painters.PAINTERS,
}


class Phantom:
    """The arrays of a phantom's splits, each drawn once, when it is asked for.

    Labels alone are had without painting an image.
    """

    def __init__(self, dataset: catalog.Dataset, sizes: Mapping[str, int]):
        self._draw = functools.cache(
            lambda split: generate(dataset, split=split, examples=sizes[split])
        )
        self._labels = functools.cache(
            lambda split: _begin(dataset, split, sizes[split])[1]
        )

    def images(self, split: str) -> np.ndarray:
        return self._draw(split)[0]

    def image_blocks(self, split: str) -> list[np.ndarray]:
        return [self.images(split)]

    def labels(self, split: str) -> np.ndarray:
        return self._labels(split)

    def index(self, split: str) -> np.ndarray:
        return np.arange(len(self.labels(split)))


def generate(
    dataset: catalog.Dataset, *, split: str, examples: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same images and labels at every call; no two splits share an image.

    Returns:
      uint8 images (examples, 28, 28, channels), or volumes of one more 28, and uint8
      labels (examples, 1), or (examples, labels) for the multi-label task. Every class
      is present.

    Raises:
      MedMNISTError: the split is unknown, or examples are too few for every class.
    """
    rng, labels = _begin(dataset, split, examples)
    paint = _PAINTERS[dataset.name]
    shape = (drawing.SIZE,) * dataset.dimensions + (dataset.channels,)
    size = _BLOCK[dataset.dimensions]
    drawn = labels if dataset.task is catalog.Task.MULTILABEL else labels[:, 0]
    blocks = [
        _develop(rng, paint(rng, block).reshape(-1, *shape))
        for block in np.split(drawn, range(size, examples, size))
    ]
    return np.concatenate(blocks), labels


def _begin(dataset: catalog.Dataset, split: str, examples: int):
    """A split's labels, and the generator that goes on to paint it."""
    if split not in catalog.SPLITS:
        raise errors.MedMNISTError(
            f"There is no split {split!r}. Expected one of "
            f"{', '.join(catalog.SPLITS)}. Pass one of these names."
        )
    if examples < dataset.num_labels:
        raise errors.MedMNISTError(
            f"{examples} examples of {dataset.name} were asked for. Expected at least "
            f"{dataset.num_labels}, one for each label. Ask for more examples."
        )
    # hash() differs from one process to the next; a checksum does not.
    key = zlib.crc32(f"{dataset.name}/{split}".encode())
    rng = np.random.Generator(np.random.Philox(key=key))
    labels = _draw_labels(rng, dataset, examples)
    return rng, labels.reshape(examples, dataset.label_columns)


def _draw_labels(rng, dataset: catalog.Dataset, examples: int) -> np.ndarray:
    """uint8 (examples,), or (examples, labels) for the multi-label task."""
    count, rest = dataset.num_labels, examples - dataset.num_labels
    if dataset.task is catalog.Task.MULTILABEL:
        # Three of 14 on average: of rarer ones a short run learns to say "none".
        findings = rng.choice(7, (rest, 1), p=(0.1, 0.1, 0.15, 0.2, 0.2, 0.15, 0.1))
        ranks = rng.random((rest, count)).argsort(axis=1)
        labels = np.concatenate([np.eye(count), ranks < findings])
    else:
        weights = np.linspace(1, 2, count)
        if dataset.task is catalog.Task.ORDINAL:
            weights = weights[::-1]  # as in patients, the severe grades are rare
        # Quotas, not draws: with 200 images a draw left one class of 11 under 5.
        ends = rest * np.cumsum(weights) / weights.sum()
        quota = np.searchsorted(ends, np.arange(rest) + 0.5)
        labels = np.concatenate([np.arange(count), quota])
    return rng.permutation(labels).astype(np.uint8)


def _develop(rng, images: np.ndarray) -> np.ndarray:
    """Brightness, contrast and noise of one exposure each, then 0..1 to uint8.

    Of booleans 0 and 255: a mask is no photograph.
    """
    if images.dtype == bool:
        return 255 * images.astype(np.uint8)
    shape = (len(images),) + (1,) * (images.ndim - 1)
    images = images * rng.uniform(0.82, 1.12, shape) + rng.uniform(-0.04, 0.04, shape)
    images = images + rng.normal(0, 0.025, images.shape)
    return (255 * images.clip(0, 1)).round().astype(np.uint8)
