"""Augmentations for `pipeline.Split.train_batches`, the same numbers in all lanes.

Each makes a function of images and a seed: a pure one, so that an order of training can
be repeated, and gone on with. Never changes the order or the labels.
"""

import math
from collections.abc import Callable

import tensorflow as tf

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
        return _moved(images, [*rows, zero, zero])

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
        return _moved(images, rows)

    return function


def _moved(images: tf.Tensor, rows: list[tf.Tensor]) -> tf.Tensor:
    """Images moved by projective transforms, bilinear; zeros come in."""
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(rows, axis=1),
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return tf.ensure_shape(moved, images.shape)
