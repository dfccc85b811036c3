"""A split that is too large for memory, read from the files that TFDS has prepared.

One of the two readers of `pipeline.Split`. Never has more than a shuffled block of
images in memory.
"""

import functools
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from medmnist_tfds.data import formats, shuffle
from medmnist_tfds.process import errors, quiet

_SHUFFLE_BUFFER = 2**28  # bytes of images a split is shuffled in


class Streamed:
    """Reads a split of a prepared builder."""

    def __init__(self, builder: tfds.core.DatasetBuilder, name: str):
        _check_readable(builder, name)
        self._builder, self._name = builder, name
        self.examples: int = builder.info.splits[name].num_examples
        self._image_bytes = int(np.prod(builder.info.features["image"].shape))

    @property
    def bytes(self) -> int:
        """Of all images together."""
        return self.examples * self._image_bytes

    @property
    def images(self) -> np.ndarray:
        raise errors.MedMNISTError(
            f"The images of {self._name} have {self.bytes:,} bytes, more than "
            "memory_limit. Expected a split that fits. Take batches or rows of it."
        )

    @functools.cached_property
    def labels(self) -> np.ndarray:
        skip = {"image": tfds.decode.SkipDecoding()}
        dataset = self._builder.as_dataset(split=self._name, decoders=skip)
        dataset = dataset.map(lambda example: example["label"]).batch(1024)
        labels = np.concatenate(list(dataset.as_numpy_iterator()))
        labels.flags.writeable = False
        return labels

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All images and labels, in the official order."""
        return self._examples().batch(1024).as_numpy_iterator()

    def rows(self, index: np.ndarray) -> np.ndarray:
        wanted, images = set(index.tolist()), {}
        for row, (image, _) in enumerate(self._examples().take(max(wanted) + 1)):
            if row in wanted:
                images[row] = image.numpy()
        return np.stack([images[row] for row in index.tolist()])

    def shuffled(self, batch_size: int, *, seed: int, first_step: int):
        start, offset = divmod(first_step * batch_size, self.examples)
        blocks = self._examples().batch(max(1, _SHUFFLE_BUFFER // self._image_bytes))

        def draw(size, epoch, number):
            epoch = (int(epoch) << 20) + int(number)
            return shuffle.order(int(size), seed=seed, epoch=epoch)

        def mix(epoch, number, images, labels):
            size = tf.shape(labels, tf.int64)[0]
            index = tf.numpy_function(draw, [size, epoch, number], tf.int64)
            index = tf.ensure_shape(index, (None,))
            return tf.gather(images, index), tf.gather(labels, index)

        # tf.data's own shuffle would depend on TensorFlow's global seed and version.
        epochs = tf.data.Dataset.range(start, np.iinfo(np.int64).max)
        examples = epochs.flat_map(
            lambda epoch: blocks.enumerate().map(
                lambda number, block: mix(epoch, number, *block)
            )
        )
        return examples.unbatch().skip(offset).batch(batch_size, drop_remainder=True)

    def in_order(self, batch_size: int) -> tf.data.Dataset:
        real = self._examples().map(lambda image, label: (image, label, 1.0))
        padding = self._examples().take(1).map(lambda image, label: (image, label, 0.0))
        padded = real.concatenate(padding.repeat(-self.examples % batch_size))
        return padded.batch(batch_size, drop_remainder=True)

    def _examples(self) -> tf.data.Dataset:
        with quiet.without_warning(quiet.TFDS_DTYPE):  # of builders that TFDS makes
            return self._builder.as_dataset(split=self._name, as_supervised=True)


def _check_readable(builder, name: str) -> None:
    if not isinstance(builder, tfds.core.DatasetBuilder):
        raise errors.MedMNISTError(
            f"A {type(builder).__name__} is no TFDS builder. Expected one, as "
            "tfds.builder(...) makes it, or arrays given to Split.from_arrays."
        )
    sizes = {split: info.num_examples for split, info in builder.info.splits.items()}
    if not isinstance(name, str) or not sizes.get(name):
        present = ", ".join(sizes) or "nothing: it is not prepared"
        raise errors.MedMNISTError(
            f"{builder.info.full_name} has no split {name!r} but {present}. Expected a "
            "prepared builder. Call builder.download_and_prepare() first."
        )
    formats.for_tf_data(builder)
