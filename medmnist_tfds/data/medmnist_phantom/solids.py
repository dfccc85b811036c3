"""Shapes and textures of volumes, as `drawing` has them of images: pure functions.

Axes are depth, height and width. A `place` is three arrays, a point's coordinates along
three axes at right angles; a number that differs between volumes has shape
(examples, 1, 1, 1). Never knows a dataset.
"""

import numpy as np

from medmnist_tfds.data.medmnist_phantom import drawing

SIZE = drawing.SIZE
# -1 to 1: Z from first slice to last, Y from top to bottom, X from left to right.
GRID = Z, Y, X = np.mgrid[(slice(-1, 1, SIZE * 1j),) * 3]


def uniform(rng, examples: int, low: float, high: float) -> np.ndarray:
    return drawing.uniform(rng, examples, low, high)[..., None]


def traits(rng, table, kinds: np.ndarray, *, spread) -> np.ndarray:
    """(traits, examples, 1, 1, 1), else as `drawing.traits`."""
    return drawing.traits(rng, table, kinds, spread=spread)[..., None]


def noise(rng, examples: int, grain: float) -> np.ndarray:
    """(examples, 28, 28, 28) of unit variance, with grains of that size in voxels."""
    blur = drawing.blur(grain)
    values = rng.normal(size=(examples, SIZE, SIZE**2))
    values = (blur @ values).reshape(-1, SIZE)
    values = blur @ (values @ blur.T).reshape(-1, SIZE, SIZE)
    return values.reshape(examples, SIZE, SIZE, SIZE)


def turned(rng, examples: int) -> np.ndarray:
    """A place for each volume, turned at random: (3, examples, 28, 28, 28)."""
    turns, _ = np.linalg.qr(rng.normal(size=(examples, 3, 3)))
    # The signs that `qr` gives are no random ones.
    turns = turns * rng.choice((-1, 1), (examples, 3, 1))
    return np.tensordot(turns.transpose(1, 0, 2), GRID, axes=1)


def length(*sides) -> np.ndarray:
    """Of the vector that has these sides: `np.hypot` of any number of them."""
    return np.sqrt(sum(side**2 for side in sides))


def ellipsoid(place, centre, radii, *, dents=0.0, sharpness=8.0) -> np.ndarray:
    """(examples, 28, 28, 28): 1 inside, 0 outside, 0.5 on the surface."""
    sides = ((x - c) / r for x, c, r in zip(place, centre, radii, strict=True))
    return drawing.step(sharpness * (1 + dents - length(*sides)))


def bumps(place, waves) -> np.ndarray:
    """-1 to 1 by the direction from the centre alone: they make a ball a star."""
    distance = (length(*place) + 1e-6) / waves
    u, v, w = (np.cos(axis / distance) for axis in place)
    return u * v * w
