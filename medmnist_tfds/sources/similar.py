"""Of all pairs of images those that are alike, however they are flipped or turned.

Similarity is the correlation of the pixels, the largest of the eight symmetries; it
sees neither brightness nor contrast. Never samples: all pairs are looked at, in blocks
of matrix products, and none above the floor is missed. What a pair means is not asked.
"""

import concurrent.futures
import dataclasses
import os
import threading
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import threadpoolctl

from medmnist_tfds.data import progress
from medmnist_tfds.sources import symmetries

FLOOR = 0.99  # below it images are looked at no closer
MOST_PAIRS = 200_000  # 8 symmetries of each are computed in float64: half a minute
_ROWS = 512  # of a block of pairs: what lies between the products stays in the cache
_AT_ONCE = 2048  # images or pairs in float64
_ROUNDING = 1e-5  # float32 products of 784 numbers are right to 1e-6

PAIR = np.dtype(
    [("first", "i8"), ("second", "i8"), ("similarity", "f8"), ("symmetry", "i1")]
    + [("is_exact", "?")]
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a search has found, of images numbered from 0.

    Attributes:
      nearest: float32 (examples,), the similarity of each image's nearest neighbour;
        -1 for an image alone. Where `is_bound`, never too small, and exact above
        `floor`.
      neighbour: int64 (examples,), its number.
      pairs: of PAIR, all of at least `floor`, the most similar first; `first` is below
        `second`; `is_exact` where the pixels are equal, in that symmetry.
      floor: as asked for; the smallest similarity that was kept, if some were not.
      is_cut: whether there are more pairs than MOST_PAIRS, the most similar.
      is_bound: whether images are larger than what `nearest` is computed of.
    """

    nearest: np.ndarray
    neighbour: np.ndarray
    pairs: np.ndarray
    floor: float
    is_cut: bool
    is_bound: bool


def search(
    read: Callable[[], Iterable[np.ndarray]], *, examples: int, floor: float = FLOOR
) -> Found:
    """All pairs of a correlation of at least `floor`, and each image's nearest one.

    Args:
      read: gives uint8 images (n, size, size, channels) in blocks, `examples` in all,
        the same at each of two calls.
      examples: how many there are.
      floor: the smallest similarity of the pairs.
    """
    features = None
    for start, block in _numbered(read()):
        if features is None:
            _, size, _, channels = block.shape
            features = symmetries.Features(examples, size=size, channels=channels)
        features.fill(start, block)
    state = _State(examples, floor - _ROUNDING)
    if examples > 1:
        _all_blocks(features, state)
    first, second = state.kept()
    pairs = _exactly(read, first, second, floor=floor)
    for side, other in (("first", "second"), ("second", "first")):
        # The most similar come first, and stay.
        rows, places = np.unique(pairs[side], return_index=True)
        better = pairs["similarity"][places] >= state.exact[rows]
        rows, places = rows[better], places[better]
        state.exact[rows] = pairs["similarity"][places]
        state.neighbour[rows] = pairs[other][places]
    return Found(
        nearest=np.where(state.exact > -np.inf, state.exact, state.nearest.clip(-1, 1)),
        neighbour=state.neighbour,
        pairs=pairs,
        floor=float(pairs["similarity"].min()) if state.is_cut else floor,
        is_cut=state.is_cut,
        is_bound=examples > 1 and size > symmetries.HIGHEST,
    )


class _State:
    """What the blocks have found so far; several threads add to it."""

    def __init__(self, examples: int, floor: float):
        self.floor, self.is_cut = floor, False
        self.nearest = np.full(examples, -1, np.float32)
        self.exact = np.full(examples, -np.inf)
        self.neighbour = np.zeros(examples, np.int64)
        self._found: list[tuple[np.ndarray, ...]] = []
        self._count, self._lock = 0, threading.Lock()

    def add(self, block: np.ndarray, first: int, second: int) -> None:
        """A block of similarities, whose corner is the pair (`first`, `second`)."""
        self._nearer(block, first, second)
        if first != second:  # else it is its own mirror image
            self._nearer(block.T, second, first)
        floor = np.float32(self.floor)
        if block.max() < floor:
            return
        rows, columns = np.nonzero(block >= floor)
        values = block[rows, columns]
        rows, columns = rows + first, columns + second
        once = rows < columns
        with self._lock:
            self._found.append((rows[once], columns[once], values[once]))
            self._count += int(once.sum())
            if self._count > 2 * MOST_PAIRS:
                self._raise_floor()

    def kept(self) -> tuple[np.ndarray, np.ndarray]:
        if self._count > MOST_PAIRS:
            self._raise_floor()
        if not self._found:
            return (np.empty(0, np.int64),) * 2
        first, second, _ = map(np.concatenate, zip(*self._found, strict=True))
        return first, second

    def _nearer(self, block: np.ndarray, first: int, second: int) -> None:
        largest = block.max(axis=1)
        rows = np.flatnonzero(largest > self.nearest[first : first + len(block)])
        if not len(rows):
            return
        columns = block[rows].argmax(axis=1)
        with self._lock:  # another thread may have found a nearer one meanwhile
            is_new = largest[rows] > self.nearest[rows + first]
            rows, columns = rows[is_new], columns[is_new]
            self.nearest[rows + first] = largest[rows]
            self.neighbour[rows + first] = columns + second

    def _raise_floor(self) -> None:
        columns = list(map(np.concatenate, zip(*self._found, strict=True)))
        values = columns[2]
        keep = np.argpartition(values, len(values) - MOST_PAIRS)[-MOST_PAIRS:]
        self._found = [tuple(column[keep] for column in columns)]
        self._count, self.floor = len(keep), float(values[keep].min())
        self.is_cut = True


def _all_blocks(features: symmetries.Features, state: _State) -> None:
    examples = len(state.nearest)
    edges = [
        slice(start, min(start + _ROWS, examples))
        for start in range(0, examples, _ROWS)
    ]
    tasks = [(one, other) for k, one in enumerate(edges) for other in edges[k:]]
    local = threading.local()

    def look(one: slice, other: slice) -> None:
        if not hasattr(local, "space"):
            shape = (symmetries.PRODUCTS + 1, _ROWS, _ROWS)
            local.space = np.empty(shape, np.float32)
        block = features.largest(one, other, local.space)
        if one == other:
            np.fill_diagonal(block, -1)
        state.add(block, one.start, other.start)

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    threads = cores or os.cpu_count() or 1
    # One thread of BLAS in each of ours: what lies between the products is shared, too.
    with (
        threadpoolctl.threadpool_limits(1, user_api="blas"),
        concurrent.futures.ThreadPoolExecutor(threads) as pool,
        progress.Bar(len(tasks), text="Comparing", unit=" blocks") as bar,
    ):
        for _ in pool.map(look, *zip(*tasks, strict=True)):
            bar.update()


def _exactly(read, first: np.ndarray, second: np.ndarray, *, floor: float):
    """The pairs in float64, with their symmetry, sorted; those below `floor` go."""
    rows = np.unique(np.concatenate([first, second]))
    images = some(read, rows)
    pairs = np.zeros(len(first), PAIR)
    pairs["first"], pairs["second"] = first, second
    for start in range(0, len(pairs), _AT_ONCE):
        part = pairs[start : start + _AT_ONCE]
        one, other = (
            images[np.searchsorted(rows, part[side])] for side in ("first", "second")
        )
        found = symmetries.correlations(one, other)
        # Of equal ones the first: the image as it is comes before any turn.
        part["symmetry"] = (found > found.max(axis=1, keepdims=True) - 1e-12).argmax(1)
        part["similarity"] = found.max(axis=1).clip(-1, 1)
        for number, turn in enumerate(symmetries.SYMMETRIES.values()):
            turned = part["symmetry"] == number
            equal = one[turned] == turn(other[turned])
            part["is_exact"][turned] = equal.all(axis=(1, 2, 3))
    # Only equal pixels are 1: another brightness gives that, too, but for the rounding.
    below_one = np.minimum(pairs["similarity"], np.nextafter(1, 0))
    pairs["similarity"] = np.where(pairs["is_exact"], 1, below_one)
    pairs = pairs[pairs["similarity"] >= floor]
    order = np.lexsort((pairs["second"], pairs["first"], -pairs["similarity"]))
    return pairs[order]


def some(read, rows: np.ndarray) -> np.ndarray:
    """The images of those numbers, in their order."""
    parts = [
        block[rows[np.searchsorted(rows, start) : np.searchsorted(rows, end)] - start]
        for start, block in _numbered(read())
        for end in [start + len(block)]
    ]
    return np.concatenate(parts)


def _numbered(blocks: Iterable[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    """Smaller ones, with the number of their first image."""
    start = 0
    for block in blocks:
        for row in range(0, len(block), _AT_ONCE):
            part = block[row : row + _AT_ONCE]
            yield start, part
            start += len(part)
