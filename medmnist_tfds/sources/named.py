"""The sources that a manifest names, read in place, and the recipe that fits them.

Never decides what becomes of an image: `rebuilding` and `confirming` do.
"""

import collections
import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from medmnist_tfds.process import errors
from medmnist_tfds.sources import (
    archives,
    assembling,
    decoding,
    kinds,
    manifests,
    matching,
    reading,
)
from medmnist_tfds.sources import recipes as recipes_

_TRIAL = 64  # images by which recipes are compared
_NAMED = 5  # of many, in a sentence


class Named:
    """All that a manifest names in an archive.

    Attributes:
      unknown: official images of which the manifest names no source.
      absent: those whose source is not there.
      twice: sources that occur more than once.
      total: how many files with such sources are there.
      manifest: that manifest.

    Raises:
      MedMNISTError: none is there.
    """

    def __init__(
        self,
        known: archives.Archive,
        reader: reading.Reader,
        manifest: manifests.Manifest,
    ):
        self._archive, self._reader, self.manifest = known, reader, manifest
        self._rows: dict[str, list[tuple[assembling.Row, str]]] = {}
        self.unknown: list[assembling.Row] = []
        for row in manifest.rows():
            place = (row["split"], row["index"])
            if row["source"]:
                self._rows.setdefault(file_of(row["source"]), []).append(
                    (place, row["source"])
                )
            else:
                self.unknown.append(place)
        times = collections.Counter(source.name for source, _ in self._files(None))
        there = set(times)
        self.absent = [
            p for name in self._rows.keys() - there for p, _ in self._rows[name]
        ]
        if not there:
            damage = "".join(f"{problem} " for problem in reader.problems[:_NAMED])
            raise errors.MedMNISTError(
                f"{damage}{', '.join(map(str, reader.paths))}: no source that the "
                f"manifest names is there. Expected files of {known.title}. Give its "
                "folder or archives, or the manifest that `medmnist-tfds link` made of "
                "these."
            )
        self.total = len(there)
        self.twice = [name for name, count in times.items() if count > 1]

    @property
    def problems(self) -> list[str]:
        """Sentences on what could not be read so far."""
        return self._reader.problems

    def places(self, name: str) -> list[assembling.Row]:
        """Which official images a source became."""
        return [p for p, source in self._rows[file_of(name)] if source == name]

    def files(self, places: Collection[assembling.Row]) -> set[str]:
        """The files that these images' sources lie in, there or not."""
        wanted = set(places)
        return {
            name
            for name, rows in self._rows.items()
            if any(place in wanted for place, _ in rows)
        }

    def candidates(
        self,
        tried: Sequence[recipes_.Recipe],
        size: int,
        *,
        only: Collection[str] | None = None,
    ) -> Iterator[decoding.Candidate | decoding.Damage]:
        """Of the sources, by these recipes; of some files if they are given."""
        return decoding.candidates(
            self._files(only),
            decode=kinds.decoder(self._archive, self._reader),
            tried=lambda: tried,
            size=size,
        )

    def best_recipe(
        self,
        chosen: Callable[
            [Sequence[assembling.Row]], Mapping[assembling.Row, np.ndarray]
        ],
        size: int,
    ) -> recipes_.Recipe:
        """Of all that may have been it: the one nearest to the official images.

        Args:
          chosen: gives the official images of some places.
          size: of these, in pixels.
        """
        tried, pairs = kinds.candidates(self._archive), []
        with contextlib.closing(self.candidates(tried, size)) as all_:
            for candidate in all_:
                if isinstance(candidate, decoding.Candidate):
                    places = self.places(candidate.source.name)
                    pairs += [(place, candidate.small) for place in places]
                if len(pairs) >= _TRIAL:
                    break
        if len(tried) == 1 or not pairs:
            return self._archive.recipe
        wanted = chosen([place for place, _ in pairs])
        most = matching.LIMIT**2 * next(iter(wanted.values())).size

        def fit(recipe) -> tuple[int, float]:
            far = [assembling.levels(s[recipe], wanted[place]) for place, s in pairs]
            # Sources of other images count the same for every recipe.
            return -sum(d == 0 for d, _ in far), sum(min(s, most) for _, s in far)

        return min(tried, key=fit)  # the first of those that are equally good

    def _files(
        self, only: Collection[str] | None
    ) -> Iterator[tuple[archives.Source, reading.Item]]:
        wanted = self._rows if only is None else only
        for item in self._reader:
            source = self._archive.recognise(item.name)
            if source and source.name in wanted:
                yield source, item


def file_of(source: str) -> str:
    """The file that a source lies in: a volume has many images."""
    return source.split("#", 1)[0]


def listed(names: Sequence[str]) -> str:
    """The first of them, for a sentence."""
    return ", ".join([*names[:_NAMED], *["..."][: len(names) > _NAMED]])
