"""Shapes and textures that the phantoms are painted with: pure functions of arrays.

A number that differs between images has shape (examples, 1, 1). Never knows a dataset.
"""

import numpy as np

SIZE = 28
# -1 to 1 from left to right and from top to bottom: shapes are drawn in these units.
Y, X = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]


def uniform(rng, examples: int, low: float, high: float) -> np.ndarray:
    return rng.uniform(low, high, (examples, 1, 1))


def traits(rng, table, kinds: np.ndarray, *, spread) -> np.ndarray:
    """(traits, examples, 1, 1): each image's table row, blurred so classes overlap."""
    values = np.array(table)[kinds]
    return (values * rng.normal(1, spread, values.shape)).T[:, :, None, None]


def noise(rng, examples: int, height: float, width: float) -> np.ndarray:
    """(examples, 28, 28) of unit variance, with grains of that size in pixels."""
    rows, columns = blur(height), blur(width)
    return rows @ rng.normal(size=(examples, SIZE, SIZE)) @ columns.T


def blur(pixels: float) -> np.ndarray:
    """Gaussian blur as a matrix; rows of length 1 keep the variance of white noise."""
    distance = np.arange(SIZE)[:, None] - np.arange(SIZE)
    weights = np.exp(-0.5 * (distance / pixels) ** 2)
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


def step(values: np.ndarray) -> np.ndarray:
    """Soft step from 0 to 1 at zero; the clip keeps exp from overflowing."""
    return 1 / (1 + np.exp(-values.clip(-30, 30)))


def ridge(distance, width) -> np.ndarray:
    """1 where the distance is zero, falling off like a bell."""
    return np.exp(-((distance / width) ** 2))


def ellipse(x, y, width, height, *, angle=0.0, dents=0.0, sharpness=8.0):
    """(examples, 28, 28): 1 inside, 0 outside, 0.5 on the edge."""
    along = (X - x) * np.cos(angle) + (Y - y) * np.sin(angle)
    beside = (Y - y) * np.cos(angle) - (X - x) * np.sin(angle)
    return step(sharpness * (1 + dents - np.hypot(along / width, beside / height)))


def tint(image: np.ndarray, colour, mask: np.ndarray) -> np.ndarray:
    """Moves an RGB image towards a colour, as far as the mask says."""
    return image + (np.asarray(colour) - image) * mask[..., None]
