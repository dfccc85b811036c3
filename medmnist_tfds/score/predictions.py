"""The official standard prediction file: one CSV row of scores for each example.

`{flag}_{split}_[AUC]0.852_[ACC]0.808@{run}.csv`, no header, first column the row in the
official array. Never scores by rules of its own: that is `scoring`.
"""

import csv
import dataclasses
import os
import pathlib
import re

import numpy as np

from medmnist_tfds.data import archive, catalog
from medmnist_tfds.data.medmnist_phantom import images
from medmnist_tfds.data.medmnist_phantom import (
    medmnist_phantom_dataset_builder as phantom,
)
from medmnist_tfds.process import errors, files
from medmnist_tfds.score import scoring


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictions:
    """What one prediction file holds."""

    variant: catalog.Variant
    split: str
    run: str
    scores: np.ndarray  # float64 (examples, classes), in the official order


def write(
    folder: str | os.PathLike,
    *,
    dataset: str | catalog.Variant,
    split: str,
    scores: np.ndarray,
    run: str,
    targets: np.ndarray | None = None,
) -> pathlib.Path:
    """Writes `scores` of a whole split in the official order; returns the path.

    Args:
      folder: made if it is not there.
      dataset: as `tfds.load` takes it, e.g. `breast` or `medmnist_phantom/breast`.
      split: `train`, `val` or `test`.
      scores: (examples, classes), (examples, labels), or (examples,) if binary.
      run: who made them; stands behind the @ of the name.
      targets: the split's labels; read from the official file if not given.

    Raises:
      MedMNISTError: a name that cannot be parsed back, or scores that cannot be scored.
    """
    variant = catalog.parse(dataset) if isinstance(dataset, str) else dataset
    if split not in catalog.SPLITS:
        raise errors.MedMNISTError(
            f"There is no split {split!r}. Expected one of {', '.join(catalog.SPLITS)}."
        )
    if not re.fullmatch(r"[^@./\\:*?\"<>|\s]+", run):
        raise errors.MedMNISTError(
            f"The run's name is {run!r}. Expected one or more characters other than "
            'blanks and any of @ . / \\ : * ? " < > |, so that it is a file name that '
            "the official evaluator can parse."
        )
    if targets is None:
        targets = split_targets(variant, split)
    scores = np.asarray(scores)
    scores = scores[:, None] if scores.ndim == 1 else scores
    size = variant.release.splits[split]
    if len(scores) != size and not variant.phantom:  # phantoms may have any size
        raise errors.MedMNISTError(
            f"There are scores of {len(scores)} examples. Expected {size}, the whole "
            f"{split} split of {variant.tfds_name}, in its own order."
        )
    result = scoring.score(targets, scores, task=variant.dataset.task)
    name = f"{variant.flag}_{split}_[AUC]{result.auc:.3f}_[ACC]{result.acc:.3f}@{run}"
    path = pathlib.Path(folder) / f"{name}.csv"
    with files.replacing(path) as temporary, temporary.open("w", newline="") as file:
        rows = scores.astype(np.float64).tolist()  # repr of a float64 reads back equal
        csv.writer(file).writerows([i, *row] for i, row in enumerate(rows))
    return path


def read(path: str | os.PathLike) -> Predictions:
    """Reads a standard prediction file, rows sorted into the official order.

    Raises:
      MedMNISTError: a name of another form; or missing, repeated or extra rows, text,
        NaN, or a wrong number of columns: the message names the row.
    """
    path = pathlib.Path(path)
    match = re.fullmatch(r"(.+?)_(train|val|test)(?:[^a-z].*)?\.csv", path.name)
    if match is None:
        raise errors.MedMNISTError(
            f"{path.name} is no standard prediction file. Expected a name such as "
            "breastmnist_test_[AUC]0.852_[ACC]0.808@run.csv."
        )
    variant, split = catalog.from_flag(match[1]), match[2]
    try:
        # replace: bytes that are no text are refused with their line, as text is.
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            lines = [_row(path, line, n) for n, line in enumerate(csv.reader(file), 1)]
    except (OSError, csv.Error) as error:
        raise errors.MedMNISTError(
            f"{path} cannot be read ({error}). Expected a prediction file. Give its "
            "path."
        ) from error
    expected = len(lines) if variant.phantom else variant.release.splits[split]
    scores = _in_order(path, variant, lines, expected)
    run = path.stem.rsplit("@", 1)[-1] if "@" in path.stem else ""
    return Predictions(variant=variant, split=split, run=run, scores=scores)


def evaluate(
    file: str | os.PathLike | Predictions, *, folder: str | os.PathLike | None = None
) -> scoring.Scores:
    """Scores a prediction file, or what has been read of one.

    The official labels are looked for in `folder`, then as `archive.find` does.
    """
    found = file if isinstance(file, Predictions) else read(file)
    targets = split_targets(found.variant, found.split, folder=folder)
    return scoring.score(targets, found.scores, task=found.variant.dataset.task)


def split_targets(
    variant: catalog.Variant, split: str, *, folder: str | os.PathLike | None = None
) -> np.ndarray:
    """The labels of a split, uint8 (examples, 1) or (examples, labels)."""
    if not variant.phantom:
        return archive.Archive(variant, folder=folder).labels(split)
    size = phantom.SPLITS[split]
    return images.generate(variant.dataset, split=split, examples=size)[1]


def _row(path: pathlib.Path, line: list[str], number: int) -> tuple[int, list[float]]:
    try:
        index, scores = int(line[0]), [float(cell) for cell in line[1:]]
    except (ValueError, IndexError) as error:
        raise errors.MedMNISTError(
            f"{path.name}, line {number}: {','.join(line)[:60]!r} is not a row of "
            "numbers. Expected the row's index, then its scores, and no header."
        ) from error
    if not np.isfinite(scores).all():
        raise errors.MedMNISTError(
            f"{path.name}, line {number} (row {index}) has a score that is NaN or "
            "infinite. Expected finite numbers. Did training diverge?"
        )
    return index, scores


def _in_order(path, variant: catalog.Variant, lines, expected: int) -> np.ndarray:
    is_binary = variant.dataset.task is catalog.Task.BINARY
    widths = {variant.dataset.num_labels} | ({1} if is_binary else set())

    def refusal(problem: str) -> errors.MedMNISTError:
        return errors.MedMNISTError(
            f"{path.name}: {problem}. Expected the rows 0 to {expected - 1} once each, "
            f"all with {' or '.join(map(str, sorted(widths)))} scores."
        )

    rows = {}
    for number, (index, scores) in enumerate(lines, 1):
        if index in rows:
            raise refusal(f"row {index} is repeated in line {number}")
        if not 0 <= index < expected:
            raise refusal(f"row {index} in line {number} is extra")
        if len(scores) not in widths or len(scores) != len(lines[0][1]):
            raise refusal(f"row {index} in line {number} has {len(scores)} scores")
        rows[index] = scores
    missing = next((index for index in range(expected) if index not in rows), None)
    if missing is not None or not rows:
        raise refusal(f"row {missing or 0} is missing")
    return np.array([rows[index] for index in range(expected)])
