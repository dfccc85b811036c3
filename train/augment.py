"""Augmentations for `pipeline.Split.train_batches`, the same numbers in all lanes.

Each makes a function of images, or of volumes, and a seed: a pure one, so that an order
of training can be repeated, and gone on with. Never changes the order or the labels.
"""

from collections.abc import Callable

import tensorflow as tf

from medmnist_tfds.data import records
from medmnist_tfds.train import moving

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def rotate(degrees: float) -> Augmentation:
    """Turns each image about its centre, by up to so many degrees either way.

    A volume is turned about an axis of any direction.

    Args:
      degrees: the most, of 360 in a circle.
    """

    def function(images, seed):
        axes, count = len(images.shape) - 2, images.shape[0]
        draw = tf.random.stateless_uniform((count,), seed, -1.0, 1.0)
        turns = moving.turns(draw * degrees, _directions(axes, count, seed))
        return moving.moved(images, turns, tf.zeros((count, axes)))

    return function


def translate(pixels: int) -> Augmentation:
    """Moves each image by up to so many whole pixels, along each of its axes.

    Args:
      pixels: the most, of the image itself.
    """

    def function(images, seed):
        axes, count = len(images.shape) - 2, images.shape[0]
        shifts = tf.random.stateless_uniform(
            (axes, count), seed, -pixels, pixels + 1, dtype=tf.int32
        )
        still = tf.eye(axes, batch_shape=(count,))
        return moving.moved(images, still, -tf.cast(tf.transpose(shifts), tf.float32))

    return function


def affine(
    *, degrees: float, zoom: float, pixels: float, mirrors: tuple[str, ...] = ()
) -> Augmentation:
    """Turns, zooms, moves and mirrors each image, in one step, so that it blurs once.

    What comes in at the border is the image, mirrored there. A volume is turned about
    an axis of any direction.

    Args:
      degrees: turned by up to so many, either way.
      zoom: enlarged or made smaller by a factor of up to exp(zoom).
      pixels: moved by up to so many of 28, along each axis.
      mirrors: of `records.MIRRORS`: half of the images are mirrored so.
    """

    def function(images, seed):
        axes, count = len(images.shape) - 2, images.shape[0]
        draw = tf.random.stateless_uniform((2 + 2 * axes, count), seed, -1.0, 1.0)
        angles, zooms, *others = tf.unstack(draw)
        shifts, flips = others[:axes], others[axes:]
        may_flip = [name in mirrors for name in list(records.MIRRORS)[:axes]]
        signs = [_sign(*each) for each in zip(flips, may_flip, strict=True)]
        turns = moving.turns(angles * degrees, _directions(axes, count, seed))
        turns *= tf.exp(zooms * zoom)[:, None, None] * tf.stack(signs, -1)[:, None]
        size = tf.constant([*images.shape[-2:0:-1]], tf.float32)  # width first
        shifts = tf.stack(shifts, axis=-1) * pixels * size / 28
        return moving.moved(images, turns, shifts, fill="REFLECT")

    return function


def brightness(brighter: float, *, contrast: float) -> Augmentation:
    """Makes each image brighter or darker, and its contrast higher or lower.

    Args:
      brighter: the mean over the image is multiplied by up to exp(brighter).
      contrast: the differences from it by up to exp(contrast).
    """

    def function(images, seed):
        inner = range(1, len(images.shape))
        form = (2, images.shape[0], *(1 for _ in inner))
        light, more = tf.unstack(tf.random.stateless_uniform(form, seed, -1, 1))
        floats = tf.cast(images, tf.float32)
        mean = tf.reduce_mean(floats, axis=list(inner), keepdims=True)
        changed = (floats - mean) * tf.exp(more * contrast)
        changed += mean * tf.exp(light * brighter)
        return tf.cast(tf.clip_by_value(tf.round(changed), 0, 255), tf.uint8)

    return function


def _directions(axes: int, count: int, seed: tf.Tensor) -> tf.Tensor | None:
    """Of axes to turn about, (count, 3); of images there is one only."""
    if axes == 2:
        return None
    place = tf.random.experimental.stateless_fold_in(seed, axes)
    return tf.random.stateless_normal((count, 3), place)


def _sign(drawn: tf.Tensor, may_be_negative: bool) -> tf.Tensor:
    """1 or -1, and never 0, which would make an image of one line."""
    return tf.where(may_be_negative & (drawn < 0), -1.0, 1.0)
