"""Augmentations for `pipeline.Split.train_batches`, the same numbers in Keras 2 and 3.

Each makes a function of images and a seed: a pure one, so that an order of training can
be repeated, and gone on with. Never changes the order or the labels.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from medmnist_tfds.models import compat

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def rotate(degrees: float) -> Augmentation:
    """Turns each image about its centre, by up to so many degrees either way."""

    def function(images, seed):
        count, height, width, _ = images.shape
        bound = math.radians(degrees)
        angles = tf.random.stateless_uniform((count,), seed, -bound, bound)
        cos, sin, zero = tf.cos(angles), tf.sin(angles), tf.zeros(count)
        x, y = (width - 1) / 2, (height - 1) / 2
        rows = [cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos]
        return compat.transform(images, tf.stack([*rows, zero, zero], axis=1))

    return function


def translate(pixels: int) -> Augmentation:
    """Moves each image by up to so many pixels, up or down and left or right."""

    def function(images, seed):
        count = images.shape[0]
        x, y = tf.unstack(
            tf.random.stateless_uniform(
                (2, count), seed, -pixels, pixels + 1, dtype=tf.int32
            )
        )
        one, zero = tf.ones(count), tf.zeros(count)
        x, y = tf.cast(x, tf.float32), tf.cast(y, tf.float32)
        rows = [one, zero, -x, zero, one, -y, zero, zero]
        return compat.transform(images, tf.stack(rows, axis=1))

    return function
