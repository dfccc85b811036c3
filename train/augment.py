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


def affine(
    *, degrees: float, zoom: float, pixels: float, mirrors: tuple[str, ...] = ()
) -> Augmentation:
    """Turns, zooms, moves and mirrors each image, in one step, so that it blurs once.

    What comes in at the border is the image, mirrored there.

    Args:
      degrees: turned by up to so many, either way.
      zoom: enlarged or made smaller by a factor of up to exp(zoom).
      pixels: moved by up to so many of 28, up or down and left or right.
      mirrors: `horizontal`, `vertical`: half of the images are mirrored so.
    """

    def function(images, seed):
        count, height, width, _ = images.shape
        draw = tf.random.stateless_uniform((6, count), seed, -1.0, 1.0)
        angles, zooms, right, down, flip_x, flip_y = tf.unstack(draw)
        x_sign = _sign(flip_x, "horizontal" in mirrors)
        y_sign = _sign(flip_y, "vertical" in mirrors)
        size = tf.exp(zooms * zoom)
        cos = size * tf.cos(angles * math.radians(degrees))
        sin = size * tf.sin(angles * math.radians(degrees))
        x, y, zero = (width - 1) / 2, (height - 1) / 2, tf.zeros(count)
        across = [cos * x_sign, -sin * y_sign]
        along = [sin * x_sign, cos * y_sign]
        rows = [
            *across,
            x - across[0] * x - across[1] * y + right * pixels * width / 28,
            *along,
            y - along[0] * x - along[1] * y + down * pixels * height / 28,
            zero,
            zero,
        ]
        return _moved(images, rows, fill="REFLECT")

    return function


def brightness(brighter: float, *, contrast: float) -> Augmentation:
    """Makes each image brighter or darker, and its contrast higher or lower.

    Args:
      brighter: the mean over the image is multiplied by up to exp(brighter).
      contrast: the differences from it by up to exp(contrast).
    """

    def function(images, seed):
        draw = tf.random.stateless_uniform((2, images.shape[0], 1, 1, 1), seed, -1, 1)
        light, more = tf.unstack(draw)
        floats = tf.cast(images, tf.float32)
        mean = tf.reduce_mean(floats, axis=(1, 2, 3), keepdims=True)
        changed = (floats - mean) * tf.exp(more * contrast)
        changed += mean * tf.exp(light * brighter)
        return tf.cast(tf.clip_by_value(tf.round(changed), 0, 255), tf.uint8)

    return function


def _sign(drawn: tf.Tensor, may_be_negative: bool) -> tf.Tensor:
    """1 or -1, and never 0, which would make an image of one line."""
    return tf.where(may_be_negative & (drawn < 0), -1.0, 1.0)


def _moved(images: tf.Tensor, rows: list[tf.Tensor], fill="CONSTANT") -> tf.Tensor:
    """Images moved by projective transforms, bilinear; `fill` says what comes in."""
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(rows, axis=1),
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=fill,
    )
    return tf.ensure_shape(moved, images.shape)
