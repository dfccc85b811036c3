"""The audit of a dataset: which images are there twice, in which splits and labels.

Never calls a pair a duplicate by one number for all datasets: the threshold lies in a
gap of the distribution where there is one, and where there is none that is said.
"""

import dataclasses

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.sources import confirming, contents, manifests, similar

STEPS = (0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1.0)  # at which pairs are shown
USUAL = 0.999  # where the distribution does not say better
_HIGHEST = 0.9999  # above it no two images are merely alike: gaps mean nothing
_GAP = 2.0  # times smaller must 1 - similarity be beyond a gap
_TAIL = 51  # values below a gap that tell how steeply they fall off
_UNLIKELY = 10.0  # times the step that chance leaves
GROUPS = ("patient", "lesion")  # columns of manifests: what should not be divided


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counts:
    """Of the pairs from a threshold on."""

    threshold: float
    pairs: int
    exact: int  # the same pixels
    across: int  # in two splits
    leaking: int  # one in test, one in train or val
    test_images: int  # of these pairs
    conflicts: int  # of other labels
    conflicts_across: int
    compared: int | None = None  # at full resolution, of both of whose sources is there
    confirmed: int | None = (
        None  # of these, those as alike there: from the threshold on
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """One patient or lesion in several splits: the numbers of its images."""

    column: str
    value: str
    images: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Audit:
    """What was found.

    Attributes:
      contents: of which dataset.
      found: all pairs down to a floor, and each image's nearest neighbour.
      threshold: of the pairs that are reported.
      gap: similarities between which no image's nearest neighbour lies, around the
        threshold; None where there is no gap or the user chose.
      is_chosen: whether the user chose the threshold.
      groups: patients and lesions in several splits; None where no manifest is.
      members: (examples,) text by column of the manifest, empty where unknown.
      full: the pairs at full resolution; None where there are no sources.
    """

    contents: contents.Contents
    found: similar.Found
    threshold: float
    gap: tuple[float, float] | None
    is_chosen: bool
    groups: tuple[Group, ...] | None
    members: dict[str, np.ndarray]
    full: confirming.Confirmation | None = None

    @property
    def pairs(self) -> np.ndarray:
        """Of `similar.PAIR`, from the threshold on."""
        return self.found.pairs[self.found.pairs["similarity"] >= self.threshold]

    def conflicts(self, pairs: np.ndarray) -> np.ndarray:
        """bool (pairs,): whether the two have other labels."""
        labels = self.contents.labels
        return (labels[pairs["first"]] != labels[pairs["second"]]).any(axis=1)

    def counts(self, threshold: float) -> Counts:
        is_meant = self.found.pairs["similarity"] >= threshold
        pairs = self.found.pairs[is_meant]
        full = None if self.full is None else self.full.similarity[is_meant]
        split, test = self.contents.split_of, catalog.SPLITS.index("test")
        sides = np.stack([pairs["first"], pairs["second"]], axis=1)
        across = split[sides[:, 0]] != split[sides[:, 1]]
        leaking = across & (split[sides] == test).any(axis=1)
        leaked = sides[leaking][split[sides[leaking]] == test]
        conflicts = self.conflicts(pairs)
        return Counts(
            threshold=threshold,
            pairs=len(pairs),
            exact=int(pairs["is_exact"].sum()),
            across=int(across.sum()),
            leaking=int(leaking.sum()),
            test_images=len(np.unique(leaked)),
            conflicts=int(conflicts.sum()),
            conflicts_across=int((conflicts & across).sum()),
            compared=None if full is None else int(np.isfinite(full).sum()),
            confirmed=None if full is None else int((full >= threshold).sum()),
        )

    @property
    def table(self) -> list[Counts]:
        """At each step that the search went down to, and at the threshold."""
        steps = sorted({*STEPS, self.threshold})
        floor = min(self.found.floor, self.threshold)
        return [self.counts(step) for step in steps if step >= floor]


def audit(
    of: contents.Contents,
    *,
    manifest: manifests.Manifest | None = None,
    threshold: float | None = None,
) -> Audit:
    """Compares all images of a dataset with one another.

    Args:
      of: the dataset.
      manifest: what is known of the images' sources.
      threshold: the smallest correlation of the pairs that are reported; chosen by the
        distribution if not given, see `choose`.

    Raises:
      MedMNISTError: no such threshold, or a manifest of another dataset.
    """
    if threshold is not None and not 0.5 <= threshold <= 1:
        raise errors.MedMNISTError(
            f"The threshold is {threshold}. Expected a correlation from 0.5 to 1, such "
            f"as {USUAL}."
        )
    if manifest is not None:
        manifest.check(of.rows, of=of.title)
    floor = similar.FLOOR if threshold is None else min(threshold, similar.FLOOR)
    found = similar.search(of.blocks, examples=len(of.labels), floor=floor)
    chosen, gap = choose(found.nearest) if threshold is None else (threshold, None)
    members = {} if manifest is None else _members(of, manifest)
    return Audit(
        contents=of,
        found=found,
        threshold=chosen,
        gap=gap,
        is_chosen=threshold is not None,
        groups=None if manifest is None else _divided(of, members),
        members=members,
    )


def choose(nearest: np.ndarray) -> tuple[float, tuple[float, float] | None]:
    """A threshold from the similarities of nearest neighbours, and the gap it is in.

    Between 0.99 and 0.9999 it is looked for where duplicates end: at the lowest stretch
    without any neighbour in which 1 - similarity falls to a half, and which chance does
    not explain. In its middle, on that scale, the threshold lies. Without such a gap it
    is 0.999, a convention.
    """
    values = np.sort(nearest[nearest < _HIGHEST]).astype(np.float64)
    ends = np.append(values, _HIGHEST) if (nearest >= _HIGHEST).any() else values
    distance = 1 - ends
    is_wide = (distance[:-1] >= _GAP * distance[1:]) & (ends[1:] > similar.FLOOR)
    for lower in np.flatnonzero(is_wide):
        above = int((nearest > ends[lower]).sum())
        if _is_chance(-np.log(distance[: lower + 2]), above):
            continue
        gap = float(ends[lower]), float(ends[lower + 1])
        middle = np.sqrt(distance[lower] * distance[lower + 1])
        digits = 1 - int(np.floor(np.log10(middle)))  # two that are not 9
        return max(similar.FLOOR, float(round(1 - middle, digits))), gap
    return USUAL, None


def _is_chance(values: np.ndarray, above: int) -> bool:
    """Whether a tail that runs out would leave the last step of `values` anyway.

    In an exponential tail of scale s the step above which k values lie is s / k on
    average; s is the mean excess of the 50 values below. Values come in pairs, so that
    k is half of `above`.
    """
    below = values[:-1][-_TAIL:]
    if len(below) < 5:
        return True
    scale = (below[1:] - below[0]).mean()
    return above / 2 * (values[-1] - values[-2]) < _UNLIKELY * scale


def _members(of: contents.Contents, manifest: manifests.Manifest) -> dict:
    columns = [name for name in GROUPS if name in manifest.columns]
    here = np.split(of.index_of, np.cumsum(list(of.splits.values()))[:-1])
    rows = dict(zip(of.splits, here, strict=True))
    found = {
        name: np.concatenate([manifest[s][name][rows[s]] for s in of.splits])
        for name in columns
    }
    return {name: column for name, column in found.items() if (column != "").any()}


def _divided(of: contents.Contents, members: dict[str, np.ndarray]) -> tuple:
    """The patients and lesions that have images in more than one split."""
    split, groups = of.split_of, []
    for name, column in members.items():
        rows_of: dict[str, list[int]] = {}
        for row in np.flatnonzero(column != "").tolist():
            rows_of.setdefault(str(column[row]), []).append(row)
        groups += [
            Group(column=name, value=value, images=tuple(rows))
            for value, rows in sorted(rows_of.items())
            if len({split[row] for row in rows}) > 1
        ]
    return tuple(groups)
