"""Lists of pairs as an audit writes them, and which images of a split they touch.

Never compares an image: it reads and writes `pairs.csv`, and knows the lists that ship
with the package.
"""

import csv
import dataclasses
import importlib.resources
import os

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import checks, errors, files
from medmnist_tfds.sources import audit as audits
from medmnist_tfds.sources import contents, symmetries

COLUMNS = (
    *("dataset", "split", "index", "other_split", "other_index"),
    *("similarity", "symmetry", "exact", "label", "other_label", "label_conflict"),
)
_SHIPPED = importlib.resources.files("medmnist_tfds.sources") / "shipped"
_TRUTH = {"True": True, "False": False}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leaks:
    """The pairs of one dataset.

    Attributes:
      dataset: as `contents.tag` has it; None of a list without a pair.
      pairs: ((split, index), (other split, other index)) each.
      smallest: the least similarity among them; None without a pair.
      origin: where they are from, for a user to read.
    """

    dataset: str | None
    pairs: tuple[tuple[tuple[str, int], tuple[str, int]], ...]
    smallest: float | None
    origin: str

    def is_of(self, variant: catalog.Variant) -> bool:
        """Whether they say something of a variant: at any size, of the same images."""
        return self.dataset in (None, *_same_images(variant))

    def untouched(self, variant: catalog.Variant, split: str, examples: int):
        """bool (examples,): the images of a split that no earlier split holds, too.

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
        earlier = catalog.SPLITS[: catalog.SPLITS.index(split)]
        keep = np.ones(examples, bool)
        for one, other in self.pairs:
            for (mine, index), (its, _) in ((one, other), (other, one)):
                if mine == split and index >= examples:
                    raise errors.MedMNISTError(
                        f"{self.origin} has a pair with {split} {index}. Expected "
                        f"{split} 0 to {examples - 1}. It may be of another release "
                        f"or file: run `medmnist-tfds audit {variant.dataset.name}`."
                    )
                if mine == split and its in earlier:
                    keep[index] = False
        return keep


def write(path: str | os.PathLike, audit: audits.Audit) -> None:
    """The pairs of an audit, one a row, the most similar first."""
    names = list(symmetries.SYMMETRIES)
    of, pairs = audit.contents, audit.pairs
    splits, split, index = list(of.splits), of.split_of, of.index_of
    with files.replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *(f"same_{name}" for name in audit.members)])
        for pair, is_conflict in zip(pairs, audit.conflicts(pairs), strict=True):
            sides = [int(pair["first"]), int(pair["second"])]
            places = [x for side in sides for x in (splits[split[side]], index[side])]
            writer.writerow(
                [
                    *(of.tag, *places, f"{pair['similarity']:.8f}"),
                    *(names[pair["symmetry"]], bool(pair["is_exact"])),
                    *(label_numbers(of, side) for side in sides),
                    bool(is_conflict),
                    *(_same(column, *sides) for column in audit.members.values()),
                ]
            )


def label_numbers(of: contents.Contents, image: int) -> str:
    """The label's number; of the multi-label task those that are there, blank between.

    `-` where none is.
    """
    row = of.labels[image]
    if of.dataset.task is catalog.Task.MULTILABEL:
        return " ".join(map(str, np.flatnonzero(row))) or "-"
    return str(row[0])


def read(path: str | os.PathLike) -> Leaks:
    """Reads an audit's `pairs.csv`.

    Raises:
      MedMNISTError: it is none, is damaged, or has pairs of several datasets.
    """
    path = checks.path(path)
    path = path / "pairs.csv" if path.is_dir() else path
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            header = tuple(reader.fieldnames or ())
    except OSError as error:
        raise errors.MedMNISTError(errors.said_by_system(error)) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _no_list(path, str(error)) from error
    if header[: len(COLUMNS)] != COLUMNS:
        said = f"begins with {','.join(header)[:60]!r}" if header else "is empty"
        raise _no_list(path, f"it {said}")
    found = [_pair(path, number, row) for number, row in enumerate(rows, 2)]
    datasets = sorted({row["dataset"] for row in rows})
    if len(datasets) > 1:
        raise _no_list(path, f"it has pairs of several datasets ({datasets})")
    return Leaks(
        dataset=datasets[0] if datasets else None,
        pairs=tuple(pair for pair, _ in found),
        smallest=min((similarity for _, similarity in found), default=None),
        origin=str(path),
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


def _pair(path, line: int, row: dict) -> tuple:
    sides = []
    for split, index in (("split", "index"), ("other_split", "other_index")):
        text = row[index] or ""
        if row[split] not in catalog.SPLITS or not (text.isascii() and text.isdigit()):
            raise _no_list(path, f"line {line} names the image {row[split]} {text}")
        sides.append((row[split], int(text)))
    try:
        similarity = float(row["similarity"])
        is_whole = -1 <= similarity <= 1 and None not in row.values()
    except (TypeError, ValueError):
        is_whole = False
    if not is_whole or None in row or row["exact"] not in _TRUTH:
        raise _no_list(path, f"line {line} is not whole")
    return tuple(sides), similarity


def _same(column: np.ndarray, one: int, other: int) -> str:
    is_known = column[one] != "" and column[other] != ""
    return str(bool(column[one] == column[other])) if is_known else ""


def _no_list(path, reason: str) -> errors.MedMNISTError:
    return errors.MedMNISTError(
        f"{path} is no list of pairs: {reason}. Expected a CSV file with the columns "
        f"{','.join(COLUMNS)}, as `medmnist-tfds audit` writes it."
    )
