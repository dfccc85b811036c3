"""Lists of pairs as an audit writes them, and which images of a split they touch.

Never compares an image: it reads `pairs.csv` and `groups.csv`, and knows the lists that
ship with the package. Never takes a list for one of a dataset that neither
it nor the audit beside it names.
"""

import csv
import dataclasses
import importlib.resources
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import checks, errors, files
from medmnist_tfds.sources import contents
from medmnist_tfds.sources.audit_lists import COLUMNS, GROUP_COLUMNS

_SHIPPED = importlib.resources.files("medmnist_tfds.sources") / "shipped"
_TRUTH = {"True": True, "False": False}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leaks:
    """The pairs of one dataset.

    Attributes:
      dataset: as `contents.tag` has it.
      pairs: ((split, index), (other split, other index)) each.
      threshold: the similarity from which on there are pairs; the least of theirs where
        the audit is not there to say; None without a pair then.
      origin: where they are from, for a user to read; no whole path, as it stands in
        reports, too.
      groups: by what they share, such as `patient` or `lesion`: the images, (split,
        index) each, of every one that is in several splits.
    """

    dataset: str
    pairs: tuple[tuple[tuple[str, int], tuple[str, int]], ...]
    threshold: float | None
    origin: str
    groups: Mapping[str, tuple[tuple[tuple[str, int], ...], ...]] = dataclasses.field(
        default_factory=dict
    )

    def is_of(self, variant: catalog.Variant) -> bool:
        """Whether they say something of a variant: at any size, of the same images."""
        return self.dataset in _same_images(variant)

    def untouched(self, variant: catalog.Variant, split: str, examples: int):
        """bool (examples,): the images of a split that are left out for no reason.

        Raises:
          MedMNISTError: as `reasons` says.
        """
        found = self.reasons(variant, split, examples)
        return ~np.any(list(found.values()), axis=0)

    def reasons(
        self, variant: catalog.Variant, split: str, examples: int
    ) -> dict[str, np.ndarray]:
        """bool (examples,): what an earlier split holds; by `image` and what is shared.

        Earlier is train for val, and train and val for test: what a model has learned
        or was chosen by. Pairs inside of one split leave both of theirs.

        Raises:
          MedMNISTError: the pairs are of another dataset, or of more images.
        """
        if not self.is_of(variant):
            raise errors.MedMNISTError(
                f"{self.origin} is of {self.dataset}. Expected the pairs of "
                f"{contents.tag(variant)}. Run: medmnist-tfds audit "
                f"{variant.dataset.name}"
            )
        if examples != variant.release.splits[split] and not variant.phantom:
            raise errors.MedMNISTError(
                f"{variant.title} has {examples:,} images of {split}. Expected "
                f"all {variant.release.splits[split]:,} of the release: {self.origin} "
                "counts by these."
            )
        shared = {"image": self.pairs, **self.groups}
        return {
            reason: self._held(together, variant, split, examples)
            for reason, together in shared.items()
        }

    def _held(self, together, variant: catalog.Variant, split: str, examples: int):
        """bool (examples,): those that are together with one of an earlier split."""
        earlier = catalog.SPLITS[: catalog.SPLITS.index(split)]
        held = np.zeros(examples, bool)
        for images in together:
            mine = [index for where, index in images if where == split]
            if mine and max(mine) >= examples:
                raise errors.MedMNISTError(
                    f"{self.origin} names the image {split} {max(mine)}. Expected "
                    f"{split} 0 to {examples - 1}. It may be of another release "
                    f"or file: run `medmnist-tfds audit {variant.dataset.name}`."
                )
            if any(where in earlier for where, _ in images):
                held[mine] = True
        return held


def read(path: str | os.PathLike) -> Leaks:
    """Reads an audit's `pairs.csv`, and `audit.json` and `groups.csv` beside it.

    Raises:
      MedMNISTError: it is none, is damaged, has pairs of several datasets, or has none
        and no audit beside it that says of which dataset.
    """
    path = checks.path(path)
    path = path / "pairs.csv" if path.is_dir() else path
    rows = _rows(path, COLUMNS)
    found = [_pair(path, number, row) for number, row in enumerate(rows, 2)]
    datasets = sorted({row["dataset"] for row in rows})
    if len(datasets) > 1:
        raise _no_list(path, f"it has pairs of several datasets ({datasets})")
    dataset, threshold = _audited(path, len(rows))
    if not rows and dataset is None:
        raise errors.MedMNISTError(
            f"{path} has no pair, so that it does not say of which dataset it is. "
            f"Expected the audit.json that `medmnist-tfds audit` wrote with it, in "
            "the same folder. Give that folder, or run the audit again."
        )
    if rows and dataset != datasets[0]:  # the audit.json is another list's
        dataset, threshold = datasets[0], None
    least = min((similarity for _, similarity in found), default=None)
    return Leaks(
        dataset=dataset,
        pairs=tuple(pair for pair, _ in found),
        threshold=least if threshold is None else threshold,
        origin=str(pathlib.Path(*path.parts[-2:])),
        groups=_groups(path.with_name("groups.csv"), dataset),
    )


def shipped(variant: catalog.Variant) -> Leaks | None:
    """The list that ships with the package, if one does; of official files only."""
    place = _SHIPPED / f"{variant.dataset.name}_leaks.csv"
    if variant.phantom or variant.rebuilt or not place.is_file():
        return None
    with importlib.resources.as_file(place) as path:
        found = dataclasses.replace(read(path), origin=f"the package's {place.name}")
    return found if found.is_of(variant) else None


def _same_images(variant: catalog.Variant) -> list[str]:
    """Tags of all releases whose file at 28 pixels is that of the variant's release."""
    if variant.phantom:
        return [contents.tag(variant)]
    smallest = min(variant.release.files)  # rebuilt ones have its splits and order
    return [
        f"medmnist/{variant.dataset.name}:{version}"
        for version, release in variant.dataset.releases.items()
        if release.files[smallest].md5 == variant.release.files[smallest].md5
    ]


def _rows(path: pathlib.Path, columns: tuple[str, ...]) -> list[dict]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            header = tuple(reader.fieldnames or ())
    except OSError as error:
        raise errors.MedMNISTError(errors.said_by_system(error)) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _no_list(path, str(error), columns) from error
    if header[: len(columns)] != columns:
        said = f"begins with {','.join(header)[:60]!r}" if header else "is empty"
        raise _no_list(path, f"it {said}", columns)
    return rows


def _audited(path: pathlib.Path, pairs: int) -> tuple[str | None, float | None]:
    """Dataset and threshold of the audit beside a list, if it found so many pairs."""
    facts = files.read_json(path.with_name("audit.json"))
    dataset, threshold = facts.get("dataset"), facts.get("threshold")
    try:
        least = max(threshold, facts["floor"])  # of too many pairs not all are kept
        counts = {each["threshold"]: each["pairs"] for each in facts["counts"]}
        is_its = counts[threshold] == pairs and isinstance(dataset, str)
    except (KeyError, TypeError):
        is_its = False
    return (dataset, least) if is_its else (None, None)


def _groups(path: pathlib.Path, dataset: str) -> dict:
    if not path.is_file():
        return {}
    images: dict[str, dict[str, list]] = {}
    for number, row in enumerate(_rows(path, GROUP_COLUMNS), 2):
        if row["dataset"] != dataset:
            raise errors.MedMNISTError(
                f"{path} is of {row['dataset']} in line {number}, and the pairs beside "
                f"it are of {dataset}. Expected both of one audit."
            )
        place = _place(path, number, row["split"], row["index"], GROUP_COLUMNS)
        groups = images.setdefault(row["column"], {})
        groups.setdefault(row["value"], []).append(place)
    return {
        column: tuple(map(tuple, groups.values())) for column, groups in images.items()
    }


def _place(path, line: int, split: str, index: str | None, columns) -> tuple[str, int]:
    index = index or ""
    if split not in catalog.SPLITS or not (index.isascii() and index.isdigit()):
        raise _no_list(path, f"line {line} names the image {split} {index}", columns)
    return split, int(index)


def _pair(path, line: int, row: dict) -> tuple:
    names = (("split", "index"), ("other_split", "other_index"))
    sides = [_place(path, line, row[s], row[i], COLUMNS) for s, i in names]
    try:
        similarity = float(row["similarity"])
        is_whole = -1 <= similarity <= 1 and None not in row.values()
    except (TypeError, ValueError):
        is_whole = False
    if not is_whole or None in row or row["exact"] not in _TRUTH:
        raise _no_list(path, f"line {line} is not whole")
    return tuple(sides), similarity


def _no_list(path, reason: str, columns=COLUMNS) -> errors.MedMNISTError:
    kind = "pairs" if columns == COLUMNS else "patients or lesions"
    return errors.MedMNISTError(
        f"{path} is no list of {kind}: {reason}. Expected a CSV file with the columns "
        f"{','.join(columns)}, as `medmnist-tfds audit` writes it."
    )
