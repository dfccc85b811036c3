"""From one split to batches of uint8 images: of a prepared TFDS builder, or of arrays.

Training batches are full and of one shape, in an order that is a pure function of seed
and epoch; evaluation batches keep the official order and count every example once.
Never rescales an image: that is the model's part. How images are read is the part of
two readers of one form: `in_memory` and, for what is larger, `streamed`.
"""

import pathlib
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from medmnist_tfds.data import catalog, in_memory, streamed
from medmnist_tfds.process import checks, errors

__all__ = ["MEMORY_LIMIT", "Split"]  # the public ones
MEMORY_LIMIT = 2**30  # bytes; images that need more are streamed from disk
_AHEAD = 8  # batches
_LARGEST_BATCH = 2**20
_LARGEST_SEED = 2**63 - 1
_LAST_STEP = 2**40


class Reader(Protocol):
    """What `Split` asks of a split, however it is kept."""

    examples: int
    images: np.ndarray  # read-only, as all that is given away
    labels: np.ndarray

    def rows(self, index: np.ndarray) -> np.ndarray:
        """The images of those rows."""

    def shuffled(
        self, batch_size: int, *, seed: int, first_step: int
    ) -> tf.data.Dataset:
        """Endless full batches (images, labels)."""

    def in_order(self, batch_size: int) -> tf.data.Dataset:
        """All examples as full batches (images, labels, weights)."""


class Split:
    """One split: its arrays, and its batches for training and for evaluation.

    Args:
      source: a TFDS builder whose data have been prepared; or a tuple of images and
        labels, as `from_arrays` has them.
      name: `train`, `val` or `test`.
      memory_limit: splits whose images have more bytes are streamed from disk.

    Raises:
      MedMNISTError: the builder's data are not prepared, or in a format that cannot be
        read in a row; or the arrays are of another form.
    """

    def __init__(
        self,
        source: tfds.core.DatasetBuilder | tuple[np.ndarray, np.ndarray],
        name: str,
        *,
        memory_limit: int = MEMORY_LIMIT,
    ):
        self.name = name
        self._reader = _reader(source, name, memory_limit)
        self.examples: int = self._reader.examples

    @classmethod
    def from_arrays(cls, images: np.ndarray, labels: np.ndarray, *, name: str):
        """A split of arrays that lie in memory, without a builder; it copies them.

        Args:
          images: uint8 (examples, height, width, channels), or volumes (examples,
            depth, height, width, channels); without channels the grey ones of the
            official files, in which volumes are cubes.
          labels: class numbers (examples,) or as in the official files (examples, 1),
            or 0 and 1 (examples, labels).
          name: `train`, `val` or `test`.
        """
        return cls((images, labels), name)

    @property
    def in_memory(self) -> bool:
        """Whether all images are kept in memory, once they were read."""
        return isinstance(self._reader, in_memory.InMemory)

    @property
    def labels(self) -> np.ndarray:
        """int64 (examples,), or uint8 (examples, labels) for the multi-label task."""
        return self._reader.labels

    @property
    def images(self) -> np.ndarray:
        """uint8 (examples, size, size, channels), or volumes (examples, size, size,
        size, channels), in the official order, read-only.

        Raises:
          MedMNISTError: they have more bytes than `memory_limit`.
        """
        return self._reader.images

    def rows(self, index: np.ndarray) -> np.ndarray:
        """The images of those rows, in the order asked for; reads no further.

        Args:
          index: row numbers of the split (rows,), at least one.

        Returns:
          uint8 (rows, [depth,] height, width, channels).

        Raises:
          MedMNISTError: a number that is none of a row.
        """
        expected = f"row numbers from 0 to {self.examples - 1}, at least one."
        index = checks.numbers("index", index, axes=(1,), expected=expected)
        fits = index.dtype.kind in "iu" and len(index) and index.min() >= 0
        if not fits or index.max() >= self.examples:
            raise errors.MedMNISTError(f"index is {index}. Expected {expected}")
        return self._reader.rows(index)

    def steps(self, batch_size: int) -> int:
        """Batches in which every example stands at least once: ceil(N / batch).

        Args:
          batch_size: images per batch, over all replicas.
        """
        return -(-self.examples // _checked(batch_size))

    def train_batches(
        self,
        batch_size: int,
        *,
        seed: int,
        first_step: int = 0,
        augment: Iterable[Callable] = (),
    ) -> tf.data.Dataset:
        """Endless (images, labels), reshuffled each epoch; give `fit` `steps`.

        A batch carries over the epoch's end, so all are full and each example stands
        once in each run of `examples`. A streamed split is shuffled in blocks of some
        hundred megabytes.

        Args:
          batch_size: images per batch, over all replicas.
          seed: decides the order, with the epoch; from 0 to 2**63 - 1.
          first_step: where to go on, counted in batches from the start of training.
          augment: functions of uint8 images (batch, [depth,] height, width,
            channels) and a seed, int64 (2,), to such images, one after another; see
            `augment`.
        """
        batch_size = _checked(batch_size)
        seed = checks.whole("seed", seed, low=0, high=_LARGEST_SEED)
        first_step = checks.whole("first_step", first_step, low=0, high=_LAST_STEP)
        batches = self._reader.shuffled(batch_size, seed=seed, first_step=first_step)
        if augment:
            batches = _augmented(batches, augment, seed=seed, first_step=first_step)
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return ahead(batches.apply(endless))

    def eval_batches(self, batch_size: int) -> tf.data.Dataset:
        """(images, labels, weights) in the official order, all of one shape.

        The last batch is filled up with copies of weight 0; the others weigh 1
        (float32 (batch,)), so a weighted sum counts each example once.

        Args:
          batch_size: images per batch, over all replicas.
        """
        batches = self._reader.in_order(_checked(batch_size))
        return ahead(batches)


def of_method(path: pathlib.Path, dataset: catalog.Dataset) -> dict[str, Split]:
    """The splits of the `data.npz` that methods of the Decathlon get, by name.

    It has no test labels: in their place are zeros.
    """
    splits = {}
    with np.load(path) as data:
        for name in catalog.SPLITS:
            images = data[f"{name}_images"]
            unknown = np.zeros((len(images), dataset.label_columns), np.uint8)
            labels = unknown if name == "test" else data[f"{name}_labels"]
            splits[name] = Split.from_arrays(images, labels, name=name)
    return splits


def ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset, with some batches ready before they are asked for.

    Without tf.data's tuner: its thread sleeps for 10 ms, then twice as long each time,
    and an iterator does not end before it wakes: `fit` ended 10 s after its last step.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(_AHEAD).with_options(options)


def _reader(source, name: str, memory_limit: int) -> Reader:
    if isinstance(source, tuple) and len(source) == 2:
        return in_memory.of_arrays(*source, name=name)
    stream = streamed.Streamed(source, name)
    if stream.bytes > memory_limit:
        return stream
    return in_memory.InMemory(
        stream.examples, lambda: in_memory.filled(stream.examples, stream.blocks())
    )


def _checked(batch_size) -> int:
    return checks.whole("batch_size", batch_size, low=1, high=_LARGEST_BATCH)


def _augmented(dataset, functions, *, seed: int, first_step: int) -> tf.data.Dataset:
    """Each batch changed, by its number and the seed alone."""

    def change(step, batch):
        images, labels = batch
        for number, function in enumerate(functions):
            place = tf.random.experimental.stateless_fold_in([seed, step], number)
            images = function(images, place)
        return images, labels

    numbered = dataset.enumerate(first_step)
    return numbered.map(change, num_parallel_calls=2, deterministic=True)
