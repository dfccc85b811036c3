"""From one split of a prepared TFDS builder to batches of uint8 images.

Training batches are full and of one shape, in an order that is a pure function of seed
and epoch; evaluation batches keep the official order and count every example once.
Never rescales or augments an image: that is the model's part.
"""

import functools

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

MEMORY_LIMIT = 2**30  # bytes; above it tf.data's graph copies of the images hurt
_STEPS = 64  # whose order one call of Python draws: a call each costs half the speed
_SHUFFLE_BUFFER = 2**28  # bytes of images a streamed split is shuffled in


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
    """

    def __init__(
        self,
        builder: tfds.core.DatasetBuilder,
        name: str,
        *,
        memory_limit: int = MEMORY_LIMIT,
    ):
        self.builder, self.name = builder, name
        self.examples: int = builder.info.splits[name].num_examples
        shape = builder.info.features["image"].shape
        self._image_bytes = int(np.prod(shape))
        self.in_memory = self.examples * self._image_bytes <= memory_limit

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
        return self._arrays[0]

    @functools.cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        images, labels = zip(
            *self._stream().batch(1024).as_numpy_iterator(), strict=True
        )
        return np.concatenate(images), np.concatenate(labels)

    def _stream(self) -> tf.data.Dataset:
        return self.builder.as_dataset(split=self.name, as_supervised=True)

    def train_batches(
        self, batch_size: int, *, seed: int, first_step: int = 0
    ) -> tf.data.Dataset:
        """Endless (images, labels), reshuffled each epoch; give `fit` `steps`.

        A batch carries over the epoch's end, so all are full and each example stands
        once in each run of `examples`. Split into streams, the shuffle is local.

        Args:
          batch_size: images per batch, over all replicas.
          seed: decides the order, with the epoch.
          first_step: where to go on, counted in batches from the start of training.
        """
        if self.in_memory:
            dataset = self._gathered(batch_size, seed, first_step)
        else:
            dataset = self._shuffled_stream(batch_size, seed, first_step)
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

        images, labels = tf.constant(self.images), tf.constant(self.labels)

        def batch(index):
            return tf.gather(images, index), tf.gather(labels, index)

        steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max, _STEPS)
        indices = steps.map(order_from).unbatch()
        return indices.map(batch, num_parallel_calls=2, deterministic=True)

    def _shuffled_stream(self, batch_size: int, seed: int, first_step: int):
        epoch, offset = divmod(first_step * batch_size, self.examples)
        buffer = max(batch_size, _SHUFFLE_BUFFER // self._image_bytes)
        stream = self._stream()
        epochs = tf.data.Dataset.range(epoch, np.iinfo(np.int64).max)
        examples = epochs.flat_map(
            lambda e: stream.shuffle(
                buffer, seed=seed * 1_000_003 + e, reshuffle_each_iteration=False
            )
        )
        return examples.skip(offset).batch(batch_size, drop_remainder=True)

    def eval_batches(self, batch_size: int) -> tf.data.Dataset:
        """(images, labels, weights) in the official order, all of one shape.

        The last batch is filled up with copies of weight 0; the others weigh 1
        (float32 (batch,)), so a weighted sum counts each example once.
        """
        if not self.in_memory:
            return self._padded_stream(batch_size)
        images, labels = tf.constant(self.images), tf.constant(self.labels)

        def batch(step):
            index = step * batch_size + tf.range(batch_size, dtype=tf.int64)
            weights = tf.cast(index < self.examples, tf.float32)
            index = tf.minimum(index, self.examples - 1)
            return tf.gather(images, index), tf.gather(labels, index), weights

        steps = tf.data.Dataset.range(self.steps(batch_size))
        batches = steps.map(batch, num_parallel_calls=2, deterministic=True)
        return batches.prefetch(tf.data.AUTOTUNE)

    def _padded_stream(self, batch_size: int) -> tf.data.Dataset:
        real = self._stream().map(lambda image, label: (image, label, 1.0))
        last = self._stream().take(1).map(lambda image, label: (image, label, 0.0))
        missing = self.steps(batch_size) * batch_size - self.examples
        padded = real.concatenate(last.repeat(missing))
        return padded.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
