"""An audit as lists for programs, `pairs.csv` and `groups.csv`. Never decides anything.

`leaks.py` reads them again.
"""

import csv
import os

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import files
from medmnist_tfds.sources import audit as audits
from medmnist_tfds.sources import contents, symmetries

COLUMNS = (
    *("dataset", "split", "index", "other_split", "other_index"),
    *("similarity", "symmetry", "exact", "label", "other_label", "label_conflict"),
)
FULL = "full_similarity"  # empty where one of the two sources is not there
GROUP_COLUMNS = ("dataset", "column", "value", "split", "index")


def write_pairs(path: str | os.PathLike, audit: audits.Audit) -> None:
    """The pairs of an audit, one a row, the most similar first."""
    names = list(symmetries.SYMMETRIES)
    of, pairs = audit.contents, audit.pairs
    splits, split, index = list(of.splits), of.split_of, of.index_of
    with files.replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        more = [f"same_{name}" for name in audit.members]
        full = [[] for _ in pairs]
        if audit.full is not None:
            more.append(FULL)
            full = [[_number(value)] for value in audit.full.similarity[: len(pairs)]]
        writer.writerow([*COLUMNS, *more])
        conflicts = audit.conflicts(pairs)
        for pair, is_conflict, at_full in zip(pairs, conflicts, full, strict=True):
            sides = [int(pair["first"]), int(pair["second"])]
            places = [x for side in sides for x in (splits[split[side]], index[side])]
            writer.writerow(
                [
                    *(of.tag, *places, f"{pair['similarity']:.8f}"),
                    *(names[pair["symmetry"]], bool(pair["is_exact"])),
                    *(label_numbers(of, side) for side in sides),
                    bool(is_conflict),
                    *(_same(column, *sides) for column in audit.members.values()),
                    *at_full,
                ]
            )


def write_groups(path: str | os.PathLike, audit: audits.Audit) -> None:
    """Every image of a patient or lesion that has images in several splits."""
    of = audit.contents
    splits = list(of.splits)
    with files.replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(GROUP_COLUMNS)
        for group in audit.groups:
            for image in group.images:
                place = splits[of.split_of[image]], of.index_of[image]
                writer.writerow([of.tag, group.column, group.value, *place])


def label_numbers(of: contents.Contents, image: int) -> str:
    """The label's number; of the multi-label task those that are there, blank between.

    `-` where none is.
    """
    row = of.labels[image]
    if of.dataset.task is catalog.Task.MULTILABEL:
        return " ".join(map(str, np.flatnonzero(row))) or "-"
    return str(row[0])


def _number(similarity: float) -> str:
    return "" if np.isnan(similarity) else f"{similarity:.8f}"


def _same(column: np.ndarray, one: int, other: int) -> str:
    is_known = column[one] != "" and column[other] != ""
    return str(bool(column[one] == column[other])) if is_known else ""
