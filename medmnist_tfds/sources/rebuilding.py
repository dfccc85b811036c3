"""Makes a `.npz` of the official form, at any size, from the sources' own pixels.

Splits, order and labels are the official ones. Never enlarges an official image in the
place of a source that is missing: there is no file then, or one that lacks the image.
Never trusts a source's name: at 28 pixels it must look like the official image.
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from medmnist_tfds.data import archive, catalog
from medmnist_tfds.data import rebuilt as form
from medmnist_tfds.process import checks, errors, files
from medmnist_tfds.sources import (
    archives,
    assembling,
    decoding,
    manifests,
    matching,
    named,
    reading,
)
from medmnist_tfds.sources import recipes as recipes_

_NAMED = 5  # of many, in a sentence
_CHECKED = 28  # pixels of the official images that every source is compared with


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What was made.

    Attributes:
      recipe: by which: the one that comes nearest to the official images of this size;
        where none are at hand, to those of 28 pixels, but with Pillow's grey of today
        and no JPEG.
      missing: official images that the file lacks: without a source, or with one that
        is not near the official image.
      compared: split -> state -> images, beside the official file of this size; None
        where none is at hand.
      farthest: rows that differ by more than one level, and by how much.
      problems: sentences on files.
    """

    path: pathlib.Path
    variant: catalog.Variant
    recipe: recipes_.Recipe
    splits: Mapping[str, int]
    missing: Sequence[assembling.Row]
    compared: Mapping[str, Mapping[str, int]] | None
    farthest: Sequence[tuple[assembling.Row, int]]
    problems: Sequence[str]


def rebuild(
    dataset: str | catalog.Variant,
    *sources: str | os.PathLike,
    size: int,
    manifest: manifests.Manifest | None = None,
    out: str | os.PathLike | None = None,
    skip_missing: bool = False,
    manual_dir: str | os.PathLike | None = None,
    each: Callable[[int, int], None] = lambda done, total: None,
) -> Rebuilt:
    """Writes what `medmnist_rebuilt` loads.

    Args:
      dataset: which, and by its release in which order: `breast`, `organ_axial:3.0.0`.
      sources: folders and archives, as `reading.open` takes them.
      size: in pixels.
      manifest: which source each image was made of; the shipped one if not given.
      out: the file; the name that is looked for, in this folder, if not given.
      skip_missing: leave out images whose source is not there; `SPLIT_index` then says
        which official rows the others are.
      manual_dir: where official files lie; labels come from the one of 28 pixels.
      each: called after every source, with how many of how many there have been.

    Raises:
      MedMNISTError: no such dataset, size or manifest; sources are missing, damaged or
        of other images, and `skip_missing` is not set; none is left.
    """
    asked = catalog.parse(dataset) if isinstance(dataset, str) else dataset
    variant = _variant(asked, size)
    name = variant.dataset.name
    manifest = manifests.manifest(name) if manifest is None else manifest
    manifest.check(asked.release.splits, of=asked.tfds_name)
    path = checks.path(out or variant.file.name)
    files.check_writable(path, such_as=variant.file.name)
    known, reader = archives.ARCHIVES[name], reading.open(*sources)
    work = _Work(known, reader, manifest, skip_missing=skip_missing)
    labelled = archive.Archive(asked, folder=manual_dir)
    official = assembling.official(labelled, size, manual_dir)
    proof = work.best_recipe(labelled)
    if official is None:  # of BreastMNIST's 64 pixels, neither step of the 28 is seen
        recipe = dataclasses.replace(proof, jpeg=None, grey="rounded")
    else:
        recipe = proof if size == _CHECKED else work.best_recipe(official)
    with assembling.Rows(variant, path) as rows:
        work.fill(rows, recipe, _Proof(labelled, proof), each)
        rows.write(path, labelled, recipe)
        return Rebuilt(
            path=path,
            variant=variant,
            recipe=recipe,
            splits=rows.counts,
            missing=rows.missing,
            problems=work.problems,
            **assembling.compare(rows, official),
        )


def _variant(official: catalog.Variant, size: int) -> catalog.Variant:
    archives.of(official)
    if official.size != _CHECKED:
        raise errors.MedMNISTError(
            f"{official.tfds_name} names a size. Expected it apart: give "
            f"{official.dataset.name}, and --size."
        )
    form.check_size(size)
    return dataclasses.replace(official, size=size, rebuilt=True)


class _Proof:
    """Whether a source is what an official image was made of."""

    def __init__(self, official: archive.Archive, recipe: recipes_.Recipe):
        self.recipe = dataclasses.replace(recipe, size=_CHECKED)
        self._images = {split: official.images(split) for split in catalog.SPLITS}

    def distance(self, place: assembling.Row, small: np.ndarray) -> float:
        """Root mean square, in levels, of the source at 28 pixels."""
        split, row = place
        _, squares = assembling.levels(small, self._images[split][row])
        return (squares / small.size) ** 0.5


class _Work:
    """The sources that a manifest names, and what is made of them."""

    def __init__(self, known, reader, manifest, *, skip_missing: bool):
        self._archive, self._reader, self._skips = known, reader, skip_missing
        self.sources = sources = named.Named(known, reader, manifest)
        self.problems: list[str] = []
        if sources.twice:
            self.problems.append(
                f"{len(sources.twice):,} sources occur more than once "
                f"({named.listed(sources.twice)}): of each the one that is nearest to "
                "the official image counts."
            )
        missing = [*sources.unknown, *sources.absent]
        if missing and not skip_missing:
            raise _refusal(missing, known.title)

    def best_recipe(self, official: archive.Archive) -> recipes_.Recipe:
        """Of all that may have been it: the one nearest to the official images."""
        chosen = functools.partial(assembling.chosen, official)
        return self.sources.best_recipe(chosen, official.variant.size)

    def fill(self, rows: "assembling.Rows", recipe, proof: _Proof, each) -> None:
        seen: set[str] = set()
        nearest: dict[assembling.Row, float] = {}
        far: dict[assembling.Row, str] = {}
        tried = (recipe, proof.recipe)
        for candidate in self.sources.candidates(tried, rows.variant.size):
            if isinstance(candidate, decoding.Damage):
                self.problems.append(candidate.text)
                continue
            name = candidate.source.name
            for place in self.sources.places(name):
                distance = proof.distance(place, candidate.small[proof.recipe])
                if distance > matching.LIMIT:
                    far[place] = name
                elif distance < nearest.get(place, np.inf):
                    nearest[place] = distance
                    rows.put(place, candidate.small[recipe])
            seen.add(named.file_of(name))
            each(len(seen), self.sources.total)
        self.problems += self._reader.problems
        self._tell_far({place: far[place] for place in far.keys() - nearest.keys()})
        if not nearest:
            raise errors.MedMNISTError(
                f"No image can be rebuilt. {' '.join(self.problems[:_NAMED])} Expected "
                f"the original files of {self._archive.title}."
            )
        if rows.missing and not self._skips:
            raise _refusal(rows.missing, self._archive.title, self.problems)

    def _tell_far(self, far: dict[assembling.Row, str]) -> None:
        if far:
            each = [f"{far[place]} ({place[0]} {place[1]})" for place in sorted(far)]
            self.problems.insert(
                0,
                f"The sources of {len(far):,} images are not near the official ones of "
                f"{_CHECKED} pixels, and count as missing: {named.listed(each)}. Were "
                "they edited, or is this another version of the archive?",
            )


def _refusal(missing, title: str, problems: Sequence[str] = ()) -> errors.MedMNISTError:
    images = named.listed([f"{split} {row}" for split, row in sorted(missing)])
    said = " ".join(problems[:_NAMED])
    return errors.MedMNISTError(
        f"The sources of {len(missing):,} images are missing ({images}). {said} "
        f"Expected all of {title}. Give every part of the archive; or leave these "
        "images out with --skip-missing (skip_missing=True).".replace("  ", " ")
    )
