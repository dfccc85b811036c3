"""The official standard prediction file: one CSV row of scores for each example.

`{flag}_{split}_[AUC]0.852_[ACC]0.808@{run}.csv`, no header, first column the row in the
official array. Where the flag is that of an earlier release too, the run's name ends in
the release: `@cnn+release-3-0-0.csv`. Never scores by rules of its own: see `scoring`.
"""

import csv
import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable

import numpy as np

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.process import checks, errors, files
from medmnist_tfds.score import scoring

_MARKED = re.compile(r"(.+)\+release-([0-9-]+)")
_LONGEST_RUN = 100  # bytes; a file's name may have 255


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
    variant = dataset
    if not isinstance(variant, catalog.Variant):
        variant = catalog.parse(dataset)
    catalog.check_split(split)
    _check_run(run)
    scores = _scores(scores, variant)
    size = variant.release.splits[split]
    if len(scores) != size and not variant.phantom:  # phantoms may have any size
        raise errors.MedMNISTError(
            f"There are scores of {len(scores)} examples. Expected {size}, the whole "
            f"{split} split of {variant.tfds_name}, in its own order."
        )
    if targets is None:
        targets = split_targets(variant, split)
    result = scoring.score(targets, scores, task=variant.dataset.task)
    metrics = f"[AUC]{result.auc:.3f}_[ACC]{result.acc:.3f}"
    name = f"{variant.flag}_{split}_{metrics}@{run}{_release(variant)}.csv"
    path = checks.path(folder) / name
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
    path = checks.path(path)
    match = re.fullmatch(r"(.+?)_(train|val|test)(?:[^a-z].*)?\.csv", path.name)
    if match is None:
        raise errors.MedMNISTError(
            f"{path.name} is no standard prediction file. Expected a name such as "
            "breastmnist_test_[AUC]0.852_[ACC]0.808@run.csv."
        )
    run = path.stem.rsplit("@", 1)[-1] if "@" in path.stem else ""
    version = None
    if marked := _MARKED.fullmatch(run):
        run, version = marked[1], marked[2].replace("-", ".")
    variant, split = catalog.from_flag(match[1], version=version), match[2]
    try:
        # replace: bytes that are no text are refused with their line, as text is.
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            scores = _in_order(path, variant, split, csv.reader(file))
    except OSError as error:
        raise errors.MedMNISTError(
            f"{errors.said_by_system(error)} Expected a prediction file."
        ) from error
    except csv.Error as error:
        raise errors.MedMNISTError(
            f"{path} cannot be read ({error}). Expected a prediction file."
        ) from error
    return Predictions(variant=variant, split=split, run=run, scores=scores)


def evaluate(
    file: str | os.PathLike | Predictions, *, folder: str | os.PathLike | None = None
) -> scoring.Scores:
    """Scores a prediction file, or what has been read of one.

    The official labels are looked for in `folder`, then as `arrays.find` does.
    """
    predictions = file if isinstance(file, Predictions) else read(file)
    variant = predictions.variant
    targets = split_targets(variant, predictions.split, folder=folder)
    return scoring.score(targets, predictions.scores, task=variant.dataset.task)


def split_targets(
    variant: catalog.Variant, split: str, *, folder: str | os.PathLike | None = None
) -> np.ndarray:
    """The labels of a split, uint8 (examples, 1) or (examples, labels)."""
    return arrays.find(variant, manual_dir=folder).labels(split)


def _check_run(run: str) -> None:
    form = r"[^@./\\:*?\"<>|\s]+"
    fits = isinstance(run, str) and re.fullmatch(form, run) and run.isprintable()
    if not fits or len(run.encode()) > _LONGEST_RUN:
        raise errors.MedMNISTError(
            f"The run's name is {run!r}. Expected 1 to {_LONGEST_RUN} printable "
            'characters other than blanks and any of @ . / \\ : * ? " < > |, so that '
            "it is a file name that the official evaluator can parse."
        )
    if _MARKED.fullmatch(run):
        raise errors.MedMNISTError(
            f"The run's name is {run!r}, which ends in a release. Expected a name "
            "without it: where it is needed, it is added."
        )


def _release(variant: catalog.Variant) -> str:
    """What must stand behind the run's name for it to be read as this variant."""
    version = variant.release.version
    if variant.phantom or catalog.from_flag(variant.flag).release.version == version:
        return ""
    return f"+release-{version.replace('.', '-')}"


def _columns(variant: catalog.Variant) -> list[int]:
    is_binary = variant.dataset.task is catalog.Task.BINARY
    return [1] * is_binary + [variant.dataset.num_labels]


def _scores(scores, variant: catalog.Variant) -> np.ndarray:
    """Numbers (examples, columns), as many columns as the dataset wants."""
    columns = _columns(variant)
    wanted = " or ".join(map(str, columns))
    expected = (
        f"numbers (examples, columns) with {wanted} columns, the labels of "
        f"{variant.dataset.name}."
    )
    scores = checks.numbers("y_score", scores, axes=(1, 2), expected=expected)
    scores = scores[:, None] if scores.ndim == 1 else scores
    if scores.shape[1] not in columns:
        raise errors.MedMNISTError(
            f"y_score has {scores.shape[1]} columns. Expected {expected}"
        )
    return scores


def _in_order(
    path: pathlib.Path, variant: catalog.Variant, split: str, lines: Iterable[list[str]]
) -> np.ndarray:
    """The scores, float64 (examples, columns), of lines in any order.

    Stops at the first line that does not belong there, however many follow.
    """
    columns = _columns(variant)
    examples = None if variant.phantom else variant.release.splits[split]

    def refusal(problem: str) -> errors.MedMNISTError:
        last = f"{examples - 1}" if examples else "the last"
        return errors.MedMNISTError(
            f"{path.name}: {problem}. Expected the rows 0 to {last} once each, all "
            f"with {' or '.join(map(str, columns))} scores."
        )

    rows: dict[int, list[float]] = {}
    width = None
    for number, line in enumerate(lines, 1):
        index, scores = _row(path, line, number)
        if index in rows:
            raise refusal(f"row {index} is repeated in line {number}")
        if index < 0 or (examples and index >= examples):
            raise refusal(f"row {index} in line {number} is extra")
        width = width or len(scores)  # as the first line has, so all
        if len(scores) != width or width not in columns:
            raise refusal(f"row {index} in line {number} has {len(scores)} scores")
        rows[index] = scores
    size = examples or max(len(rows), 1)
    missing = next((index for index in range(size) if index not in rows), None)
    if missing is not None:
        raise refusal(f"row {missing} is missing")
    return np.array([rows[index] for index in range(size)])


def _row(path: pathlib.Path, line: list[str], number: int) -> tuple[int, list[float]]:
    text = ",".join(line)
    try:
        # Python would read 1_0 as ten, and the digits of every script.
        if "_" in text or not text.isascii():
            raise ValueError
        index, scores = int(line[0]), [float(cell) for cell in line[1:]]
    except (ValueError, IndexError) as error:
        raise errors.MedMNISTError(
            f"{path.name}, line {number}: {text[:60]!r} is not a row of numbers. "
            "Expected the row's index, then its scores, and no header."
        ) from error
    if not np.isfinite(scores).all():
        raise errors.MedMNISTError(
            f"{path.name}, line {number} (row {index}) has a score that is NaN or "
            "infinite. Expected finite numbers. Did training diverge?"
        )
    return index, scores
