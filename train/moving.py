"""Images and volumes turned, scaled and moved: each pixel is read between others.

Never draws a number: `augment` does.
"""

import math

import tensorflow as tf


def turns(degrees: tf.Tensor, directions: tf.Tensor | None = None) -> tf.Tensor:
    """Matrices of rotations, (count, 2, 2), or (count, 3, 3) about some directions.

    Args:
      degrees: float32 (count,).
      directions: of the axes, float32 (count, 3), of any length but 0.
    """
    angles = degrees * (math.pi / 180)
    cos, sin = tf.cos(angles), tf.sin(angles)
    if directions is None:
        return tf.stack([tf.stack([cos, -sin], -1), tf.stack([sin, cos], -1)], 1)
    x, y, z = tf.unstack(tf.math.l2_normalize(directions, axis=1), axis=1)
    zero = tf.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    cross = tf.stack([tf.stack(row, axis=-1) for row in rows], axis=1)
    cos, sin = cos[:, None, None], sin[:, None, None]
    return tf.eye(3) + sin * cross + (1 - cos) * (cross @ cross)  # Rodrigues


def moved(
    images: tf.Tensor, matrices: tf.Tensor, shifts: tf.Tensor, *, fill="CONSTANT"
) -> tf.Tensor:
    """Images that show at each place what was at matrix @ place + shift.

    Args:
      images: uint8 (count, [depth,] height, width, channels).
      matrices: float32 (count, axes, axes), about the centre; the width comes first.
      shifts: in pixels, float32 (count, axes).
      fill: what comes in at the border: `CONSTANT`, which is 0, or `REFLECT`.
    """
    size = [*images.shape[-2:0:-1]]
    centre = (tf.constant(size, tf.float32) - 1) / 2
    shifts += centre - tf.linalg.matvec(matrices, centre)
    if len(size) == 3:
        return _trilinear(images, matrices, shifts, fill)
    rows = tf.concat([matrices, shifts[..., None]], axis=-1)
    result = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.pad(tf.reshape(rows, (-1, 6)), ((0, 0), (0, 2))),
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=fill,
    )
    return tf.ensure_shape(result, images.shape)


def _trilinear(volumes, matrices, shifts, fill: str) -> tf.Tensor:
    """As `moved`; TensorFlow has no operation for three axes."""
    count, *size, channels = volumes.shape
    size = size[::-1]  # width, height, depth, as in the matrices
    grid = tf.stack(tf.meshgrid(*map(tf.range, size[::-1]), indexing="ij")[::-1])
    grid = tf.cast(tf.reshape(grid, (3, -1)), tf.float32)
    places = tf.unstack(matrices @ grid + shifts[..., None], axis=1)
    if fill == "REFLECT":
        places = [_reflected(*each) for each in zip(places, size, strict=True)]
    corners = [list(_neighbours(*each)) for each in zip(places, size, strict=True)]
    flat, total = tf.reshape(volumes, (count, -1, channels)), 0.0
    for x, x_share in corners[0]:
        for y, y_share in corners[1]:
            for z, z_share in corners[2]:
                index = (z * size[1] + y) * size[0] + x
                seen = tf.gather(flat, index, axis=1, batch_dims=1)
                share = (x_share * y_share * z_share)[..., None]
                total += tf.cast(seen, tf.float32) * share
    total = tf.cast(tf.clip_by_value(total, 0, 255), tf.uint8)
    return tf.reshape(total, volumes.shape)


def _reflected(places: tf.Tensor, size: int) -> tf.Tensor:
    """Places beyond a border, folded back: `b a | a b c | c b`."""
    folded = tf.math.floormod(places + 0.5, 2.0 * size)
    folded = tf.minimum(folded, 2.0 * size - folded) - 0.5
    return tf.clip_by_value(folded, 0, size - 1)


def _neighbours(places: tf.Tensor, size: int):
    """The two whole places about each, and the share of what is there; none outside."""
    low = tf.floor(places)
    for whole, share in ((low, 1 - (places - low)), (low + 1, places - low)):
        is_inside = (whole >= 0) & (whole <= size - 1)
        index = tf.cast(tf.clip_by_value(whole, 0, size - 1), tf.int32)
        yield index, tf.where(is_inside, share, 0.0)
