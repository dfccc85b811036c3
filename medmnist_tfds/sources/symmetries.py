"""The eight flips and quarter turns of a square image, and what they leave alone.

In the cosine basis (DCT-II) a flip changes signs and a turn transposes. So the products
of two images under all eight are sums and differences of eight small products, at the
cost of one and a half whole ones. Never looks for a pair: see `similar`.
"""

from collections.abc import Callable, Mapping

import numpy as np

# What must be done with the second image of a pair to lay it upon the first.
SYMMETRIES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda images: images,
    "mirrored": lambda images: images[:, :, ::-1],
    "upside down": lambda images: images[:, ::-1],
    "turned by 180": lambda images: images[:, ::-1, ::-1],
    "transposed": lambda images: images.swapaxes(1, 2),
    "turned right": lambda images: images.swapaxes(1, 2)[:, :, ::-1],
    "turned left": lambda images: images.swapaxes(1, 2)[:, ::-1],
    "transposed, turned by 180": lambda images: images.swapaxes(1, 2)[:, ::-1, ::-1],
}
HIGHEST = 28  # frequencies kept along each axis: all of an image of 28 pixels
PRODUCTS = 8  # matrix products per block of pairs


def standardized(images: np.ndarray, *, dtype=np.float32) -> np.ndarray:
    """Mean 0 and length 1 over all pixels and channels; an image of one grey stays 0.

    The product of two such images is the correlation of their pixels.
    """
    axes = tuple(range(1, images.ndim))
    values = images.astype(dtype)
    values -= values.mean(axis=axes, keepdims=True)
    lengths = np.sqrt(np.square(values).sum(axis=axes, keepdims=True))
    is_flat = images.min(axis=axes, keepdims=True) == images.max(
        axis=axes, keepdims=True
    )
    return np.where(is_flat, 0, values / np.where(is_flat, 1, lengths))


class Features:
    """Of images, the eight arrays (examples, n) whose products give all symmetries.

    Args:
      examples: how many images will be filled in.
      size: of an image, in pixels.
      channels: of an image.
    """

    def __init__(self, examples: int, *, size: int, channels: int):
        low = min(size, HIGHEST)
        self._basis = _cosines(size)[:low]
        even, odd = -(-low // 2), low // 2
        widths = {
            "ee+": channels * even * (even + 1) // 2 + 2,  # rest, and one grey
            "ee-": channels * even * (even - 1) // 2,
            "oo+": channels * odd * (odd + 1) // 2,
            "oo-": channels * odd * (odd - 1) // 2,
            "eo": channels * even * odd,
            "oe": channels * even * odd,
        }
        self._is_whole = low == size
        self._arrays = {
            k: np.zeros((examples, n), np.float32) for k, n in widths.items()
        }

    def fill(self, start: int, images: np.ndarray) -> None:
        """Of uint8 images (examples, size, size, channels), from row `start` on."""
        pixels = standardized(images)
        basis = self._basis
        found = basis @ pixels.transpose(0, 3, 1, 2) @ basis.T  # (..., channels, n, n)
        rows = slice(start, start + len(images))
        even, odd = slice(0, None, 2), slice(1, None, 2)
        for name, part in (
            ("ee", found[..., even, even]),
            ("oo", found[..., odd, odd]),
        ):
            for sign, values in zip("+-", _by_transposition(part), strict=True):
                self._arrays[name + sign][rows, : values.shape[1]] = values
        self._arrays["eo"][rows] = found[..., even, odd].reshape(len(images), -1)
        turned = found[..., odd, even].swapaxes(-1, -2)
        self._arrays["oe"][rows] = turned.reshape(len(images), -1)
        is_flat = ~pixels.any(axis=(1, 2, 3))
        if not self._is_whole:
            rest = 1 - np.square(found, dtype=np.float64).sum(axis=(1, 2, 3))
            rest = np.where(is_flat, 0, np.sqrt(rest.clip(0)))
            self._arrays["ee+"][rows, -2] = rest
        self._arrays["ee+"][rows, -1] = is_flat  # images of one grey are all alike

    def largest(self, first: slice, second: slice, space: np.ndarray) -> np.ndarray:
        """float32 (first, second): the largest correlation over the symmetries.

        Exact where all frequencies are kept, else never below it: of what is not kept
        the two lengths are multiplied.

        Args:
          first: rows.
          second: rows.
          space: float32 (PRODUCTS + 1, rows, rows), overwritten; the answer lies in it.
        """
        pairs = [("ee+",) * 2, ("ee-",) * 2, ("oo+",) * 2, ("oo-",) * 2]
        pairs += [("eo", "eo"), ("oe", "oe"), ("eo", "oe"), ("oe", "eo")]
        shape = (first.stop - first.start, second.stop - second.start)
        *out, free = (part[: shape[0], : shape[1]] for part in space)
        for (one, other), place in zip(pairs, out, strict=True):
            left, right = self._arrays[one][first], self._arrays[other][second]
            np.matmul(left, right.T, out=place)
        for number in range(0, PRODUCTS, 2):
            free = _sum_and_difference(out, number, free)
        ee, ee_turned, oo, oo_turned, mixed, mixed_minus, turned, turned_minus = out
        # The mixed parts change sign with one flip, `oo` with the other.
        for part in out[4:]:
            np.abs(part, out=part)
        np.add(ee, oo, out=free)
        free += mixed
        ee -= oo
        ee += mixed_minus
        np.maximum(free, ee, out=free)
        np.add(ee_turned, oo_turned, out=ee)
        ee += turned
        np.maximum(free, ee, out=free)
        ee_turned -= oo_turned
        ee_turned += turned_minus
        return np.maximum(free, ee_turned, out=free)


def correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """float64 (pairs, 8): exact, of uint8 images pair by pair under each symmetry."""
    left = standardized(first, dtype=np.float64)
    right = standardized(second, dtype=np.float64)
    found = [
        np.einsum("nxyc,nxyc->n", left, turn(right)) for turn in SYMMETRIES.values()
    ]
    both_flat = ~left.any(axis=(1, 2, 3)) & ~right.any(axis=(1, 2, 3))
    return np.stack(found, axis=1) + both_flat[:, None]


def _cosines(size: int) -> np.ndarray:
    """The orthonormal DCT-II, float32 (frequencies, pixels)."""
    frequency, pixel = np.mgrid[:size, :size]
    basis = np.cos(np.pi * (2 * pixel + 1) * frequency / (2 * size))
    basis *= np.where(frequency == 0, np.sqrt(1 / size), np.sqrt(2 / size))
    return basis.astype(np.float32)


def _by_transposition(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(examples, channels, n, n) as what transposing leaves, and what it negates."""
    turned = part.swapaxes(-1, -2)
    rows, columns = np.triu_indices(part.shape[-1])
    both = (part + turned)[..., rows, columns]
    both *= np.where(rows == columns, 0.5, np.sqrt(0.5)).astype(np.float32)
    rows, columns = np.triu_indices(part.shape[-1], 1)
    difference = (part - turned)[..., rows, columns] * np.float32(np.sqrt(0.5))
    return both.reshape(len(part), -1), difference.reshape(len(part), -1)


def _sum_and_difference(out: list, number: int, free: np.ndarray) -> np.ndarray:
    """Puts both in the place of two neighbours; returns the place that is free now."""
    one, other = out[number], out[number + 1]
    np.add(one, other, out=free)
    np.subtract(one, other, out=other)
    out[number], freed = free, one
    return freed
