"""A split whose images lie in memory: one gather makes a batch of them.

One of the two readers of `pipeline.Split`. Never copies the arrays for TensorFlow, and
never gives anyone a buffer to write to that batches are read from.
"""

import functools
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from medmnist_tfds.data import shuffle
from medmnist_tfds.process import checks, errors

Pair = tuple[np.ndarray, np.ndarray]  # images and labels
_STEPS = 64  # whose order one call of Python draws: a call each costs half the speed
_MOST_CHANNELS = 4  # of an image; a cube with a longer side is a volume
_ALIGNMENT = 64  # bytes; TensorFlow reads an array where it lies only if it has this


class InMemory:
    """Reads arrays.

    Args:
      examples: how many there are.
      arrays: makes the arrays, with `filled`; called once, when they are needed.
    """

    def __init__(self, examples: int, arrays: Callable[[], Pair]):
        self.examples = examples
        self._make = arrays

    @functools.cached_property
    def _arrays(self) -> Pair:
        return self._make()

    @property
    def images(self) -> np.ndarray:
        return _read_only(self._arrays[0])

    @property
    def labels(self) -> np.ndarray:
        return _read_only(self._arrays[1])

    def rows(self, index: np.ndarray) -> np.ndarray:
        return self._arrays[0][index]

    def shuffled(self, batch_size: int, *, seed: int, first_step: int):
        epoch_order = functools.lru_cache(maxsize=2)(
            lambda epoch: shuffle.order(self.examples, seed=seed, epoch=epoch)
        )

        def rows(step):
            position = np.arange(_STEPS * batch_size) + step * batch_size
            epochs, offsets = np.divmod(position, self.examples)
            index = [
                epoch_order(int(epoch))[offsets[epochs == epoch]]
                for epoch in np.unique(epochs)
            ]
            return np.concatenate(index).reshape(_STEPS, batch_size)

        def order_from(step):
            index = tf.numpy_function(rows, [step], tf.int64, stateful=False)
            return tf.ensure_shape(index, (_STEPS, batch_size))

        images, labels = self._on_host()

        def batch(index):
            return tf.gather(images, index), tf.gather(labels, index)

        steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max, _STEPS)
        return _mapped(steps.map(order_from).unbatch(), batch)

    def in_order(self, batch_size: int) -> tf.data.Dataset:
        images, labels = self._on_host()

        def batch(step):
            index = step * batch_size + tf.range(batch_size, dtype=tf.int64)
            weights = tf.cast(index < self.examples, tf.float32)
            index = tf.minimum(index, self.examples - 1)
            return tf.gather(images, index), tf.gather(labels, index), weights

        return _mapped(tf.data.Dataset.range(-(-self.examples // batch_size)), batch)

    def _on_host(self) -> tuple[tf.Tensor, tf.Tensor]:
        share = tf.experimental.dlpack.from_dlpack  # tf.constant would copy, twice
        return tuple(share(array.__dlpack__()) for array in self._arrays)


def of_arrays(images, labels, *, name: str) -> InMemory:
    """A reader of copies of these arrays; see `pipeline.Split.from_arrays`."""
    images, labels = _checked_images(images, name), _checked_labels(labels, name)
    if len(images) != len(labels):
        raise errors.MedMNISTError(
            f"There are {len(images)} images and {len(labels)} labels of {name}. "
            "Expected a label for each image."
        )
    arrays = filled(len(images), [(images, labels)])
    return InMemory(len(images), lambda: arrays)


def filled(examples: int, blocks: Iterable[Pair]) -> Pair:
    """Arrays of all blocks, one after another, which TensorFlow can read in place."""
    arrays, row = (), 0
    for block in blocks:
        if not arrays:
            arrays = tuple(
                _shareable((examples, *part.shape[1:]), part.dtype) for part in block
            )
        for array, part in zip(arrays, block, strict=True):
            array[row : row + len(part)] = part
        row += len(part)
    return arrays


def _checked_images(images, name: str) -> np.ndarray:
    expected = (
        "uint8 (examples, height, width, channels), or grey (examples, height, width), "
        "at least one; of volumes the same with a depth before the height."
    )
    axes = (3, 4, 5)
    images = checks.numbers(f"images of {name}", images, axes=axes, expected=expected)
    if images.dtype != np.uint8 or not len(images):
        raise errors.MedMNISTError(
            f"images of {name} is {images.dtype} {images.shape}. Expected {expected}"
        )
    return images[..., None] if _lack_channels(images.shape) else images


def _lack_channels(shape: tuple[int, ...]) -> bool:
    """As grey images and volumes do in the official files: these are cubes there."""
    is_cube = len(shape) == 4 and shape[1] == shape[2] == shape[3] > _MOST_CHANNELS
    return len(shape) == 3 or is_cube


def _checked_labels(labels, name: str) -> np.ndarray:
    """int64 class numbers; or uint8, float32 if they are, in (examples, labels)."""
    expected = (
        "class numbers (examples,) or (examples, 1), or 0 and 1 (examples, labels)."
    )
    labels = checks.numbers(f"labels of {name}", labels, axes=(1, 2), expected=expected)
    is_multilabel = labels.ndim == 2 and labels.shape[1] > 1
    if is_multilabel:
        fits = (labels >= 0) & (labels <= 1)
    else:
        fits = (labels >= 0) & (labels < 2**31) & (labels % 1 == 0)
    if not fits.all():
        raise errors.MedMNISTError(
            f"labels of {name} has {labels[~fits][0]} among them. Expected {expected}"
        )
    if not is_multilabel:
        return labels.reshape(-1).astype(np.int64)
    return labels.astype(np.float32 if labels.dtype.kind == "f" else np.uint8)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _mapped(dataset: tf.data.Dataset, function) -> tf.data.Dataset:
    options = tf.data.Options()
    # To optimize a graph, tf.data first writes all its tensors into a message.
    options.experimental_optimization.apply_default_optimizations = False
    mapped = dataset.map(function, num_parallel_calls=2, deterministic=True)
    return mapped.with_options(options)


def _shareable(shape: tuple[int, ...], dtype) -> np.ndarray:
    """An empty array whose memory TensorFlow can read without a copy."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    offset = -memory.ctypes.data % _ALIGNMENT
    return memory[offset : offset + size].view(dtype).reshape(shape)
