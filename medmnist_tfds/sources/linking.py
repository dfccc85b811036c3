"""Links official images to their sources: reads an archive once, and says what fits.

Never mends a label and never guesses between two sources that are equally near: both
are named. What was found before an interruption is kept.
"""

import collections
import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from medmnist_tfds.process import errors
from medmnist_tfds.sources import (
    archives,
    decoding,
    inventory,
    kinds,
    manifests,
    matching,
    reading,
    trials,
)

STATES = ("equal", "within one level", "farther", "not found", "ambiguous")
_BLOCK = 1024  # sources in a matrix product


@dataclasses.dataclass(frozen=True, kw_only=True)
class Official:
    """The official images, of which sources are looked for.

    `splits` maps a split to its images, uint8 (n, size, size[, 3]), and labels (n, m).
    """

    splits: Mapping[str, tuple[np.ndarray, np.ndarray]]

    @property
    def size(self) -> int:
        return next(iter(self.splits.values()))[0].shape[1]

    @property
    def pixels(self) -> np.ndarray:
        """uint8 (examples, pixels), split after split."""
        parts = [images.reshape(len(images), -1) for images, _ in self.splits.values()]
        return np.concatenate(parts)

    def rows(self) -> Iterator[tuple[str, int, frozenset[int]]]:
        """Split, index and classes of each, in the same order."""
        for split, (_, labels) in self.splits.items():
            for index, label in enumerate(labels):
                many = np.flatnonzero(label) if len(label) > 1 else label
                yield split, index, frozenset(many.tolist())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Link:
    """What was found.

    Attributes:
      counts: split -> state -> official images.
      trials: how well each recipe fits the first sources, the best first.
      sources, unused: that were read, and those of them that no official image is of.
      problems: sentences on files.
      is_whole: False if reading was interrupted.
    """

    manifest: manifests.Manifest
    counts: Mapping[str, Mapping[str, int]]
    trials: Sequence[trials.Trial]
    sources: int
    unused: int
    problems: Sequence[str]
    is_whole: bool

    @property
    def found(self) -> int:
        """Official images with a source."""
        return sum(
            number
            for counts in self.counts.values()
            for state, number in counts.items()
            if state != "not found"
        )


class Linker:
    """One linking, which may be looked at while it runs (`result`)."""

    def __init__(
        self,
        archive: archives.Archive,
        official: Official,
        *,
        limit: float = matching.LIMIT,
    ):
        self._archive, self._official = archive, official
        self._matcher = matching.Matcher(official.pixels, limit=limit)
        self._trial = trials.Trials(
            kinds.candidates(archive), self._matcher, limit=limit
        )
        self._block: list[tuple[int, decoding.Candidate]] = []
        self._sources: list[archives.Source] = []
        self._inventory = inventory.Inventory(archive)
        self._damages: list[str] = []
        self._is_whole = False

    def run(
        self,
        reader: reading.Reader,
        *,
        each: Callable[[int], None] = lambda count: None,
    ) -> Link:
        """Reads all; `each` is called after every source, with their number.

        A KeyboardInterrupt ends it early, with what was found so far.

        Raises:
          MedMNISTError: there is no source of this archive, or none fits.
        """
        found = decoding.candidates(
            self._inventory.sources(reader),
            decode=kinds.decoder(self._archive, reader),
            tried=lambda: self._trial.alive,
            size=self._official.size,
        )
        with contextlib.suppress(KeyboardInterrupt), contextlib.closing(found):
            for candidate in found:
                self._take(candidate)
                each(len(self._sources))
            self._is_whole = True
        self._flush(last=True)
        self._damages += reader.problems
        link = self.result()
        self._check(reader, link)
        return link

    def result(self) -> Link:
        """Of the sources that were compared so far."""
        rows, counts = [], {split: collections.Counter() for split in self._splits}
        taken: collections.Counter = collections.Counter()
        facts = [self._inventory.facts(source) for source in self._sources]
        for (split, index, label), match in zip(
            self._official.rows(), self._matcher.matches(), strict=True
        ):
            number, state, remark = self._choose(match, label, facts, taken)
            counts[split][state] += 1
            row = {"split": split, "index": index, "source": ""}
            row["largest_difference"] = match.largest_difference
            row |= dict.fromkeys(self._archive.facts, "")
            if number is not None:
                taken[number] += 1
                row |= facts[number] | {"source": self._sources[number].name}
            rows.append(row | {"remark": remark})
        return Link(
            manifest=manifests.Manifest.from_rows(rows),
            counts={s: {n: c[n] for n in STATES} for s, c in counts.items()},
            trials=self._trial.ranking,
            sources=len(self._sources),
            unused=len(self._sources) - len(taken),
            problems=(*self._damages, *self._inventory.notes()),
            is_whole=self._is_whole,
        )

    @property
    def _splits(self) -> tuple[str, ...]:
        return tuple(self._official.splits)

    def _take(self, candidate: decoding.Candidate | decoding.Damage) -> None:
        if isinstance(candidate, decoding.Damage):
            self._damages.append(candidate.text)
            return
        self._inventory.measured(candidate.source, candidate.pixels)
        self._block.append((len(self._sources), candidate))
        self._sources.append(candidate.source)
        self._flush(last=False)

    def _flush(self, *, last: bool) -> None:
        """Compares what has gathered, once the recipe is known."""
        if not self._block:
            return
        if not self._trial.is_decided:
            self._trial.judge([c.small for _, c in self._block], last=last)
        if self._trial.is_decided and (last or len(self._block) >= _BLOCK):
            (recipe,) = self._trial.alive
            small = np.stack([c.small[recipe].reshape(-1) for _, c in self._block])
            self._matcher.add(small, np.array([number for number, _ in self._block]))
            self._block.clear()

    def _choose(self, match: matching.Match, label, facts, taken):
        """The number of the source (or None), the state, and what there is to say."""
        if not match.sources:
            return None, "not found", ""
        targets = {
            number: self._archive.targets(facts[number].get("label", ""))
            for number in match.sources
        }
        numbers = [n for n in match.sources if targets[n] == label] or [*match.sources]
        # Of one name the first: copies are no twins.
        first = {self._sources[n].name: n for n in reversed(numbers)}
        numbers = sorted(first.values())
        # Of twins each is the source of one.
        number = min(numbers, key=lambda n: (taken[n], n))
        remarks = []
        if len(numbers) > 1:
            others = [self._sources[n].name for n in numbers if n != number]
            remarks.append(f"equally near: {', '.join(others)}")
        if targets[number] not in (None, label):
            remarks.append(
                f"the archive's label is {facts[number]['label']}, not the official one"
            )
        if len(numbers) > 1:
            state = "ambiguous"
        else:
            level = match.largest_difference
            state = STATES[min(level, 2)]
        return number, state, "; ".join(remarks)

    def _check(self, reader: reading.Reader, link: Link) -> None:
        where = ", ".join(str(path) for path in reader.paths)
        said = " ".join(p for p in link.problems[:3] if p not in reader.problems)
        damage = "".join(f"{problem} " for problem in reader.problems[:3])
        advice = (
            f"See `medmnist-tfds sources {self._archive.dataset.name}` for the files "
            f"that are expected. {said}"
        ).rstrip()
        if not self._sources and self._is_whole:
            raise errors.MedMNISTError(
                f"{damage}There is no image of {self._archive.title} in {where}. "
                f"Expected {self._archive.files[0]}. {advice}"
            )
        if self._sources and not link.found and self._is_whole:
            raise errors.MedMNISTError(
                f"{damage}None of the {link.sources:,} images in {where} is near an "
                f"official one. Expected {self._archive.title}. {advice}"
            )
