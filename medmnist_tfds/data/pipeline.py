"""From one split of a prepared TFDS builder to batches of uint8 images.

Training batches are full and of one shape, in an order that is a pure function of seed
and epoch; evaluation batches keep the official order and count every example once.
Never rescales an image: that is the model's part.
"""

import functools

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from medmnist_tfds.process import errors

MEMORY_LIMIT = 2**30  # bytes; images that need more are streamed from disk
_STEPS = 64  # whose order one call of Python draws: a call each costs half the speed
_SHUFFLE_BUFFER = 2**28  # bytes of images a streamed split is shuffled in
_ALIGNMENT = 64  # bytes; TensorFlow reads an array where it lies only if it has this


def order(examples: int, *, seed: int, epoch: int) -> np.ndarray:
    """Permutation of `range(examples)`, int64, the same on every machine.

    NumPy guarantees the raw stream of a bit generator over versions and platforms, but
    not that of `permutation`; so the raw numbers are sorted.
    """
    keys = np.random.Philox(key=[seed, epoch]).random_raw(examples)
    return np.argsort(keys, kind="stable")


class Split:
    """One split: its arrays, and its batches for training and for evaluation.

    Args:
      builder: a TFDS builder whose data have been prepared.
      name: `train`, `val` or `test`.
      memory_limit: splits whose images have more bytes are streamed from disk.

    Raises:
      MedMNISTError: the builder's data are not prepared, or in a format that cannot be
        read in a row.
    """

    def __init__(
        self,
        builder: tfds.core.DatasetBuilder,
        name: str,
        *,
        memory_limit: int = MEMORY_LIMIT,
    ):
        self.builder, self.name = builder, name
        _check_readable(builder, name)
        self.examples: int = builder.info.splits[name].num_examples
        shape = builder.info.features["image"].shape
        self._image_bytes = int(np.prod(shape))
        self.in_memory = self.examples * self._image_bytes <= memory_limit

    @classmethod
    def from_arrays(cls, images: np.ndarray, labels: np.ndarray, *, name: str):
        """A split of arrays that lie in memory, without a builder; it copies them.

        Args:
          images: uint8 (examples, size, size, channels).
          labels: class numbers (examples,), or 0 and 1 (examples, labels).
          name: `train`, `val` or `test`.
        """
        is_images = images.dtype == np.uint8 and images.ndim == 4 and len(images)
        if not is_images or len(images) != len(labels):
            raise errors.MedMNISTError(
                f"The images of {name} are {images.dtype} {images.shape}, with "
                f"{len(labels)} labels. Expected uint8 (examples, height, width, "
                "channels), at least one, and a label for each."
            )
        split = cls.__new__(cls)
        split.builder, split.name, split.examples = None, name, len(images)
        split._image_bytes, split.in_memory = images[0].nbytes, True
        split._arrays = (
            _shareable(images.shape, images.dtype),
            _shareable(labels.shape, labels.dtype),
        )  # in place of the cached property
        for own, given in zip(split._arrays, (images, labels), strict=True):
            own[:] = given
        return split

    def steps(self, batch_size: int) -> int:
        """Batches in which every example stands at least once: ceil(N / batch)."""
        return -(-self.examples // batch_size)

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """int64 (examples,), or uint8 (examples, labels) for the multi-label task."""
        if self.in_memory:
            return self._arrays[1]
        skip = {"image": tfds.decode.SkipDecoding()}
        dataset = self.builder.as_dataset(split=self.name, decoders=skip)
        dataset = dataset.map(lambda example: example["label"]).batch(1024)
        return np.concatenate(list(dataset.as_numpy_iterator()))

    @property
    def images(self) -> np.ndarray:
        """uint8 (examples, size, size, channels), in the official order."""
        if not self.in_memory:
            raise errors.MedMNISTError(
                f"The images of {self.name} have {self.examples * self._image_bytes:,} "
                "bytes, more than memory_limit. Expected a split that fits. Take "
                "batches or rows of it."
            )
        return self._arrays[0]

    def rows(self, index: np.ndarray) -> np.ndarray:
        """The images of those rows, in the order asked for; reads no further."""
        if self.in_memory:
            return self.images[index]
        wanted, images = set(index.tolist()), {}
        for row, (image, _) in enumerate(self._stream().take(max(wanted) + 1)):
            if row in wanted:
                images[row] = image.numpy()
        return np.stack([images[row] for row in index.tolist()])

    @functools.cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        arrays, row = (), 0
        for batch in self._stream().batch(1024).as_numpy_iterator():
            if not arrays:
                arrays = tuple(
                    _shareable((self.examples, *part.shape[1:]), part.dtype)
                    for part in batch
                )
            for array, part in zip(arrays, batch, strict=True):
                array[row : row + len(part)] = part
            row += len(part)
        return arrays

    def _stream(self) -> tf.data.Dataset:
        return self.builder.as_dataset(split=self.name, as_supervised=True)

    def train_batches(
        self, batch_size: int, *, seed: int, first_step: int = 0, augment=()
    ) -> tf.data.Dataset:
        """Endless (images, labels), reshuffled each epoch; give `fit` `steps`.

        A batch carries over the epoch's end, so all are full and each example stands
        once in each run of `examples`. A streamed split is shuffled in blocks of some
        hundred megabytes.

        Args:
          batch_size: images per batch, over all replicas.
          seed: decides the order, with the epoch.
          first_step: where to go on, counted in batches from the start of training.
          augment: functions of uint8 images (batch, height, width, channels) and a
            seed, int64 (2,), to such images, one after another; see `augment`.
        """
        if self.in_memory:
            dataset = self._gathered(batch_size, seed, first_step)
        else:
            dataset = self._shuffled_stream(batch_size, seed, first_step)
        if augment:
            dataset = _augmented(dataset, augment, seed=seed, first_step=first_step)
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return dataset.apply(endless).prefetch(tf.data.AUTOTUNE)

    def _gathered(self, batch_size: int, seed: int, first_step: int):
        shuffled = functools.lru_cache(maxsize=2)(
            lambda epoch: order(self.examples, seed=seed, epoch=epoch)
        )

        def rows(step):
            position = np.arange(_STEPS * batch_size) + step * batch_size
            epochs, offsets = np.divmod(position, self.examples)
            index = [shuffled(int(e))[offsets[epochs == e]] for e in np.unique(epochs)]
            return np.concatenate(index).reshape(_STEPS, batch_size)

        def order_from(step):
            index = tf.numpy_function(rows, [step], tf.int64, stateful=False)
            return tf.ensure_shape(index, (_STEPS, batch_size))

        images, labels = self._on_host()

        def batch(index):
            return tf.gather(images, index), tf.gather(labels, index)

        steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max, _STEPS)
        indices = steps.map(order_from).unbatch()
        batches = indices.map(batch, num_parallel_calls=2, deterministic=True)
        return batches.with_options(_without_copies())

    def _shuffled_stream(self, batch_size: int, seed: int, first_step: int):
        start, offset = divmod(first_step * batch_size, self.examples)
        blocks = self._stream().batch(max(1, _SHUFFLE_BUFFER // self._image_bytes))

        def draw(size, epoch, number):
            return order(int(size), seed=seed, epoch=(int(epoch) << 20) + int(number))

        def shuffle(epoch, number, images, labels):
            size = tf.shape(labels, tf.int64)[0]
            index = tf.numpy_function(draw, [size, epoch, number], tf.int64)
            index = tf.ensure_shape(index, (None,))
            return tf.gather(images, index), tf.gather(labels, index)

        # tf.data's own shuffle would depend on TensorFlow's global seed and version.
        epochs = tf.data.Dataset.range(start, np.iinfo(np.int64).max)
        examples = epochs.flat_map(
            lambda epoch: blocks.enumerate().map(
                lambda number, block: shuffle(epoch, number, *block)
            )
        )
        return examples.unbatch().skip(offset).batch(batch_size, drop_remainder=True)

    def _on_host(self) -> tuple[tf.Tensor, tf.Tensor]:
        share = tf.experimental.dlpack.from_dlpack  # tf.constant would copy, twice
        return tuple(share(array.__dlpack__()) for array in self._arrays)

    def eval_batches(self, batch_size: int) -> tf.data.Dataset:
        """(images, labels, weights) in the official order, all of one shape.

        The last batch is filled up with copies of weight 0; the others weigh 1
        (float32 (batch,)), so a weighted sum counts each example once.
        """
        if not self.in_memory:
            return self._padded_stream(batch_size)
        images, labels = self._on_host()

        def batch(step):
            index = step * batch_size + tf.range(batch_size, dtype=tf.int64)
            weights = tf.cast(index < self.examples, tf.float32)
            index = tf.minimum(index, self.examples - 1)
            return tf.gather(images, index), tf.gather(labels, index), weights

        steps = tf.data.Dataset.range(self.steps(batch_size))
        batches = steps.map(batch, num_parallel_calls=2, deterministic=True)
        return batches.prefetch(tf.data.AUTOTUNE).with_options(_without_copies())

    def _padded_stream(self, batch_size: int) -> tf.data.Dataset:
        real = self._stream().map(lambda image, label: (image, label, 1.0))
        last = self._stream().take(1).map(lambda image, label: (image, label, 0.0))
        missing = self.steps(batch_size) * batch_size - self.examples
        padded = real.concatenate(last.repeat(missing))
        return padded.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


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


def _without_copies() -> tf.data.Options:
    """To optimize a graph, tf.data first writes all its tensors into a message."""
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    return options


def _shareable(shape: tuple[int, ...], dtype) -> np.ndarray:
    """An empty array whose memory TensorFlow can read without a copy."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    offset = -memory.ctypes.data % _ALIGNMENT
    return memory[offset : offset + size].view(dtype).reshape(shape)


def _check_readable(builder: tfds.core.DatasetBuilder, name: str) -> None:
    if name not in builder.info.splits:
        found = ", ".join(builder.info.splits) or "nothing: it is not prepared"
        raise errors.MedMNISTError(
            f"{builder.info.full_name} has no split {name!r} but {found}. Expected a "
            "prepared builder. Call builder.download_and_prepare() first."
        )
    kind = builder.info.file_format
    if kind and kind.value == "array_record":
        raise errors.MedMNISTError(
            f"{builder.data_dir} is in the format array_record, as tfds.data_source "
            "wants it, which TFDS cannot stream. Expected tfrecord. Prepare the data "
            "again with another data_dir."
        )
