"""Which small images are equal or nearest to the official ones: streamed, in blocks.

Never knows files or labels. Memory is that of the official pixels and of one block.
"""

import dataclasses

import numpy as np

# Root mean square of the differences, in grey levels, beyond which nothing is near. An
# image of PneumoniaMNIST without its JPEG differs by 4; of two images of BreastMNIST or
# RetinaMNIST that are not alike, the nearest by 6 to 13. Those alike differ by 1 to 5:
# only that a source has one official image tells them apart.
LIMIT = 6.0
_ROWS = 4096  # official images in one product
_SLACK = 32.0  # of a squared distance in float32, before it is counted in integers


@dataclasses.dataclass(frozen=True)
class Match:
    """The nearest sources of an official image, several if equally near."""

    sources: tuple[int, ...] = ()
    largest_difference: int | None = None  # grey levels; None if nothing is near


class Matcher:
    """Finds for every official image the nearest of the images that are added."""

    def __init__(self, official: np.ndarray, *, limit: float = LIMIT):
        """`official` is uint8 (examples, pixels)."""
        self._official = np.ascontiguousarray(official)
        self._limit = limit**2 * official.shape[1]
        self._rows: dict[bytes, list[int]] = {}
        for row, pixels in enumerate(self._official):
            self._rows.setdefault(pixels.tobytes(), []).append(row)
        self._equal: dict[int, list[int]] = {}  # row -> sources
        self._nearest = np.full(len(official), np.inf)
        self._near: dict[int, dict[int, int]] = {}  # row -> source -> largest

    def add(self, images: np.ndarray, numbers: np.ndarray) -> None:
        """Takes sources into account: uint8 (sources, pixels), and their numbers."""
        loose = []
        for place, pixels in enumerate(images):
            rows = self._rows.get(pixels.tobytes())
            if rows is None:
                loose.append(place)
            for row in rows or ():
                self._equal.setdefault(row, []).append(int(numbers[place]))
        if loose:
            self._compare(images[loose], numbers[loose])

    def matches(self) -> list[Match]:
        """Of each official image, in order.

        A source that is not equal to any image belongs to the one that it is nearest
        to: it is not taken for another that merely looks alike.
        """
        own: dict[int, float] = {}  # source -> distance to its own image
        for row, near in self._near.items():
            if row not in self._equal:
                for number in near:
                    nearest = self._nearest[row]
                    own[number] = min(own.get(number, np.inf), nearest)
        return [self._match(row, own) for row in range(len(self._official))]

    def _match(self, row: int, own: dict[int, float]) -> Match:
        if row in self._equal:
            return Match(tuple(self._equal[row]), 0)
        near = self._near.get(row, {})
        kept = [number for number in near if own[number] == self._nearest[row]]
        return Match(tuple(kept), max(near[n] for n in kept)) if kept else Match()

    def distances(self, images: np.ndarray) -> np.ndarray:
        """Of each image to the nearest official one: root mean squares, in levels."""
        squares = [
            _squares(self._official[start : start + _ROWS], images).min(axis=0)
            for start in range(0, len(self._official), _ROWS)
        ]
        nearest = np.maximum(np.min(squares, axis=0), 0)
        return np.sqrt(nearest / images.shape[1])

    def count_equal(self, images: np.ndarray) -> int:
        """How many of the images are equal to an official one."""
        return sum(pixels.tobytes() in self._rows for pixels in images)

    def _compare(self, images: np.ndarray, numbers: np.ndarray) -> None:
        open_rows = np.array(
            [row for row in range(len(self._official)) if row not in self._equal], int
        )
        for start in range(0, len(open_rows), _ROWS):
            rows = open_rows[start : start + _ROWS]
            squares = _squares(self._official[rows], images)
            best = squares.min(axis=1)
            # Nearly every row has a nearer one already, or none at all.
            for place in np.flatnonzero(
                best <= np.minimum(self._limit, self._nearest[rows]) + _SLACK
            ):
                near = np.flatnonzero(squares[place] <= best[place] + 2 * _SLACK)
                self._update(int(rows[place]), images[near], numbers[near])

    def _update(self, row: int, images: np.ndarray, numbers: np.ndarray) -> None:
        """Exactly, in integers: float32 neither breaks nor makes a tie."""
        differences = np.abs(images.astype(np.int64) - self._official[row])
        squares, largest = (differences**2).sum(axis=1), differences.max(axis=1)
        for square, level, number in zip(squares, largest, numbers, strict=True):
            if square > self._limit or square > self._nearest[row]:
                continue
            if square < self._nearest[row]:
                self._nearest[row], self._near[row] = square, {}
            self._near[row][int(number)] = int(level)


def _squares(official: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Squared distances (official, images), to some units, by a matrix product."""
    # About zero: smaller numbers lose less in float32.
    left, right = (part.astype(np.float32) - 128 for part in (official, images))
    lengths = [np.einsum("ij,ij->i", part, part) for part in (left, right)]
    return lengths[0][:, None] + lengths[1] - 2 * (left @ right.T)
