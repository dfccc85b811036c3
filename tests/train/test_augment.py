"""Augmentations of training batches, against SciPy and by hand."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from medmnist_tfds.data import pipeline
from medmnist_tfds.train import augment

SEED = tf.constant([3, 7], tf.int64)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(16, 28, 28, 3), dtype=np.uint8)


def test_translated_images_are_shifted_ones(images):
    moved = augment.translate(2)(tf.constant(images), SEED)
    assert moved.dtype == tf.uint8 and moved.shape == images.shape
    offsets = set()
    for before, after in zip(images, moved.numpy(), strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)))
        fits = [
            (row, column)
            for row in range(5)
            for column in range(5)
            if (padded[row : row + 28, column : column + 28] == after).all()
        ]
        offsets.update(fits)
        assert len(fits) == 1
    assert len(offsets) > 5 and {0, 4} <= {place for fit in offsets for place in fit}


def test_rotated_images_are_those_of_scipy(images):
    smooth = ndimage.gaussian_filter(images.astype(float), (0, 2, 2, 0))
    smooth = smooth.astype(np.uint8)
    turned = augment.rotate(30)(tf.constant(smooth), SEED).numpy()
    bound = np.radians(30)
    angles = tf.random.stateless_uniform((16,), SEED, -bound, bound).numpy()
    inner = np.s_[4:24, 4:24]  # corners come from outside
    for before, after, angle in zip(smooth, turned, np.degrees(angles), strict=True):
        wanted = ndimage.rotate(before, angle, axes=(0, 1), reshape=False, order=1)
        assert abs(after[inner].astype(int) - wanted[inner].astype(int)).max() <= 1


def test_batches_are_augmented_by_seed_and_step_alone(images):
    split = pipeline.Split.from_arrays(images, np.arange(16), name="train")
    options = {"seed": 5, "augment": [augment.rotate(20), augment.translate(2)]}
    whole = list(split.train_batches(8, **options).take(4).as_numpy_iterator())
    late = list(
        split.train_batches(8, first_step=2, **options).take(2).as_numpy_iterator()
    )
    plain = list(split.train_batches(8, seed=5).take(4).as_numpy_iterator())
    for (found, labels), (expected, same) in zip(late, whole[2:], strict=True):
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(labels, same)
    for (changed, labels), (untouched, same) in zip(whole, plain, strict=True):
        assert (changed != untouched).any()
        np.testing.assert_array_equal(labels, same)
    # The same images come again in the second epoch, and are turned otherwise.
    first, second = (np.concatenate([x for x, _ in whole[i : i + 2]]) for i in (0, 2))
    assert not {image.tobytes() for image in first} & {i.tobytes() for i in second}
