"""Pairs of an audit at the resolution of their sources: are they still alike there?

Never takes a source for an image that it does not look like, and never says anything of
a pair of which one source is not there.
"""

import collections
import dataclasses
import tempfile
from collections.abc import Callable, Sequence

import numpy as np

from medmnist_tfds.sources import (
    assembling,
    contents,
    decoding,
    matching,
    named,
    similar,
    symmetries,
)

SIZE = 256  # pixels: sources that are smaller lose nothing by it
MOST_PAIRS = 5_000  # the most similar: 10,000 images in colour are 2 GB on the disk


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confirmation:
    """Pairs at full resolution.

    Attributes:
      similarity: float64 (pairs,), in the order of the audit's: the correlation of the
        two sources at 256 pixels, in the symmetry of the pair; NaN where it is unknown.
      sources: of how many images the source was there.
      images: how many images the pairs have, as far as they were looked for.
      problems: sentences on sources.
    """

    similarity: np.ndarray
    sources: int
    images: int
    problems: Sequence[str]


def confirm(
    of: contents.Contents,
    pairs: np.ndarray,
    *,
    sources: named.Named,
    each: Callable[[int, int], None] = lambda done, total: None,
) -> Confirmation:
    """Compares pairs by their sources, made 256 pixels wide by the images' own recipe.

    Args:
      of: what was audited.
      pairs: of `similar.PAIR`, the most similar first; 5,000 of them are looked at.
      sources: what the images were made of.
      each: called after every source, with how many of how many there have been.

    Raises:
      MedMNISTError: the sources' manifest is of other images.
    """
    sources.manifest.check(of.rows, of=of.title)
    taken = pairs[:MOST_PAIRS]
    numbers = np.unique([taken["first"], taken["second"]])
    small = _Small(of)
    with tempfile.TemporaryFile() as file:
        store = _Store(file, len(numbers), of.dataset.channels)
        problems = _fill(store, small, numbers, sources, each)
        similarity = np.full(len(pairs), np.nan)
        for place, pair in enumerate(taken):
            sides = np.searchsorted(numbers, [pair["first"], pair["second"]])
            if store.there[sides].all():
                similarity[place] = _correlation(*map(store.get, sides), pair)
        if len(taken) < len(pairs):
            problems.append(
                f"Only the {MOST_PAIRS:,} most similar pairs were compared."
            )
        return Confirmation(
            similarity=similarity,
            sources=int(store.there.sum()),
            images=len(numbers),
            problems=(*problems, *sources.problems),
        )


class _Small:
    """The audited images by their place in the official arrays."""

    def __init__(self, of: contents.Contents):
        self._of, splits = of, list(of.splits)
        every = zip(of.split_of.tolist(), of.index_of.tolist(), strict=True)
        self._number = {
            (splits[split], index): number
            for number, (split, index) in enumerate(every)
        }
        self.places = list(self._number)

    @property
    def size(self) -> int:
        return next(iter(self._of.blocks())).shape[1]

    def images(self, places) -> dict[assembling.Row, np.ndarray]:
        """Of those places that were audited; in colour or grey as recipes make them."""
        known = [place for place in places if place in self._number]
        numbers = np.unique([self._number[place] for place in known]).astype(int)
        if not len(numbers):
            return {}
        found = similar.some(self._of.blocks, numbers)
        if self._of.dataset.channels == 1:
            found = found[..., 0]
        return {self.places[n]: image for n, image in zip(numbers, found, strict=True)}


class _Store:
    """Images on the disk: some thousands in colour would fill a laptop's memory."""

    def __init__(self, file, count: int, channels: int):
        self._file, self._shape = file, (SIZE, SIZE, channels)
        self._bytes = SIZE * SIZE * channels
        self.there = np.zeros(count, bool)

    def put(self, row: int, image: np.ndarray) -> None:
        self._file.seek(row * self._bytes)
        self._file.write(image.tobytes())
        self.there[row] = True

    def get(self, row: int) -> np.ndarray:
        self._file.seek(int(row) * self._bytes)
        content = self._file.read(self._bytes)
        return np.frombuffer(content, np.uint8).reshape(1, *self._shape)


def _fill(store: _Store, small: _Small, numbers, sources: named.Named, each) -> list:
    """Decodes the sources of these images; what is wrong with some of them."""
    wanted = {small.places[number]: row for row, number in enumerate(numbers)}
    only, size, problems = sources.files(wanted), small.size, []
    proof = dataclasses.replace(sources.best_recipe(small.images, size), size=size)
    full = dataclasses.replace(proof, jpeg=None, grey="rounded", size=SIZE)
    official = small.images(wanted)
    nearest: dict[assembling.Row, float] = collections.defaultdict(lambda: np.inf)
    far: dict[assembling.Row, str] = {}
    seen: set[str] = set()
    for candidate in sources.candidates((full, proof), SIZE, only=only):
        if isinstance(candidate, decoding.Damage):
            problems.append(candidate.text)
            continue
        name = candidate.source.name
        for place in wanted.keys() & set(sources.places(name)):
            made = candidate.small[proof]
            _, squares = assembling.levels(made, official[place])
            distance = (squares / made.size) ** 0.5
            if distance > matching.LIMIT:
                far[place] = name
            elif distance < nearest[place]:
                nearest[place] = distance
                store.put(wanted[place], candidate.small[full])
        seen.add(named.file_of(name))
        each(len(seen), len(only))
    if lacking := sorted(wanted.keys() & {*sources.absent, *sources.unknown}):
        shown = named.listed([f"{split} {row}" for split, row in lacking])
        problems.append(
            f"The sources of {len(lacking):,} of the {len(wanted):,} images in pairs "
            f"are missing ({shown})."
        )
    if other := sorted(far.keys() - nearest.keys()):
        shown = named.listed([f"{far[p]} ({p[0]} {p[1]})" for p in other])
        problems.append(
            f"The sources of {len(other):,} images are not near them, and count as "
            f"missing: {shown}."
        )
    return problems


def _correlation(one: np.ndarray, other: np.ndarray, pair) -> float:
    """Of two images (1, size, size, channels), the second laid upon the first."""
    turn = list(symmetries.SYMMETRIES.values())[pair["symmetry"]]
    if np.array_equal(one, turn(other)):
        return 1.0
    left, right = (
        symmetries.standardized(image, dtype=float) for image in (one, other)
    )
    # Only equal pixels are 1: another brightness gives that, too, but for the rounding.
    return float(min((left * turn(right)).sum(), np.nextafter(1, 0)))
