"""The official standard prediction file: one CSV row of scores for each example.

`{flag}_{split}_[AUC]0.852_[ACC]0.808@{run}.csv`, no header, first column the row in the
official array. Where the flag is that of an earlier release too, the run's name ends in
the release: `@cnn+release-3-0-0.csv`. Never scores by rules of its own: see `scoring`;
how rows are read, and files of other names, see `tables`.
"""

import csv
import dataclasses
import os
import pathlib
import re

import numpy as np

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.process import checks, errors, files
from medmnist_tfds.score import scoring, tables

__all__ = ["Predictions", "evaluate", "find", "read", "write"]  # the public ones
_MARKED = re.compile(r"(.+)\+release-([0-9-]+)")
_LARGE = 2**18  # bytes of a file that is read in another way
_LONGEST_RUN = 100  # bytes; a file's name may have 255


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictions:
    """What one prediction file holds.

    Attributes:
      variant: the dataset, release and size that it is of.
      split: `train`, `val` or `test`.
      run: who made the scores.
      scores: float64 (examples, classes), in the official order.
    """

    variant: catalog.Variant
    split: str
    run: str
    scores: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """What the name of a standard prediction file says."""

    variant: catalog.Variant
    split: str
    run: str


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
    variant = _variant(dataset)
    catalog.check_split(split)
    _check_run(run)
    scores = _whole(scores, variant, split)
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


def find(folder: str | os.PathLike, *, split: str = "*") -> list[pathlib.Path]:
    """The standard prediction files in a folder.

    Args:
      folder: the folder; not those below it.
      split: `train`, `val` or `test`; all of them if not given.
    """
    return sorted(checks.path(folder).glob(f"*_{split}_[[]AUC[]]*@*.csv"))


def read(
    path: str | os.PathLike,
    *,
    dataset: str | catalog.Variant | None = None,
    split: str | None = None,
) -> Predictions:
    """Reads a standard prediction file, rows sorted into the official order.

    Args:
      path: of a standard prediction file; or, if the next two are given, of a CSV or
        NPY file of any name and the forms that `tables.read` knows.
      dataset: as for `write`.
      split: `train`, `val` or `test`.

    Raises:
      MedMNISTError: no such file, or a name of another form; or missing, repeated or
        extra rows, text, NaN, or a wrong number of columns: the message names the row.
    """
    path = checks.path(path)
    try:
        path.stat()
    except OSError as error:
        raise _unreadable(error) from error
    if dataset is not None and split is not None:
        return _any_name(path, _variant(dataset), split)
    if dataset is not None or split is not None:
        raise errors.MedMNISTError(
            f"dataset is {dataset!r}, split {split!r}. Expected both, of a file of any "
            "name, or none, of a standard prediction file."
        )
    named = parts(path)
    variant, split, run = named.variant, named.split, named.run
    form = {"columns": _columns(variant), "examples": _examples(variant, split)}
    try:
        if path.stat().st_size > _LARGE:
            scores = tables.in_order_if_plain(path, **form)
            if scores is not None:
                return Predictions(variant=variant, split=split, run=run, scores=scores)
        # replace: bytes that are no text are refused with their line, as text is.
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            scores = tables.in_order(path, csv.reader(file), **form)
    except OSError as error:
        raise _unreadable(error) from error
    except csv.Error as error:
        raise errors.MedMNISTError(
            f"{path} cannot be read ({error}). Expected a prediction file."
        ) from error
    return Predictions(variant=variant, split=split, run=run, scores=scores)


def parts(path: pathlib.Path) -> Named:
    """What a standard prediction file's name says; MedMNISTError for other names."""
    match = re.fullmatch(r"(.+?)_(train|val|test)(?:[^a-z].*)?\.csv", path.name)
    if match is None:
        raise errors.MedMNISTError(
            f"{path.name} is no standard prediction file. Expected a name such as "
            "breastmnist_test_[AUC]0.852_[ACC]0.808@run.csv. Of a CSV or NPY file of "
            "any other name say the dataset and the split."
        )
    run, version = _run(path), None
    if marked := _MARKED.fullmatch(run):
        run, version = marked[1], marked[2].replace("-", ".")
    variant, split = catalog.from_flag(match[1], version=version), match[2]
    return Named(variant=variant, split=split, run=run)


def evaluate(
    file: str | os.PathLike | Predictions,
    *,
    dataset: str | catalog.Variant | None = None,
    split: str | None = None,
    folder: str | os.PathLike | None = None,
) -> scoring.Scores:
    """Scores a prediction file, or what has been read of one.

    Args:
      file: a CSV or NPY file; or what `read` returned.
      dataset: for files of any name, as for `read`.
      split: the same.
      folder: where the official labels are looked for first; then as
        `arrays.find` does.

    Raises:
      MedMNISTError: as `read` and `scoring.score` say.
    """
    if isinstance(file, Predictions):
        predictions = file
    else:
        predictions = read(file, dataset=dataset, split=split)
    variant = predictions.variant
    targets = split_targets(variant, predictions.split, folder=folder)
    return scoring.score(targets, predictions.scores, task=variant.dataset.task)


def split_targets(
    variant: catalog.Variant, split: str, *, folder: str | os.PathLike | None = None
) -> np.ndarray:
    """The labels of a split, uint8 (examples, 1) or (examples, labels)."""
    return arrays.find(variant, manual_dir=folder).labels(split)


def _any_name(path: pathlib.Path, variant: catalog.Variant, split: str) -> Predictions:
    catalog.check_split(split)
    # A phantom is scored in its usual size, what is rebuilt in that of its file.
    examples = _examples(variant, split) or len(split_targets(variant, split))
    scores = tables.read(path, columns=_columns(variant), examples=examples)
    scores = _whole(scores, variant, split).astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if wrong.size:
        raise errors.MedMNISTError(
            f"{path.name} has a score that is NaN or infinite in row {wrong[0]}. "
            "Expected finite numbers. Did training diverge?"
        )
    return Predictions(variant=variant, split=split, run=_run(path), scores=scores)


def _variant(dataset: str | catalog.Variant) -> catalog.Variant:
    is_one = isinstance(dataset, catalog.Variant)
    return dataset if is_one else catalog.parse(dataset)


def _run(path: pathlib.Path) -> str:
    return path.stem.rsplit("@", 1)[-1] if "@" in path.stem else ""


def _examples(variant: catalog.Variant, split: str) -> int | None:
    """In that split; None where it may have any size, as of phantoms."""
    is_official = not variant.phantom and not variant.rebuilt
    return variant.release.splits[split] if is_official else None


def _unreadable(error: OSError) -> errors.MedMNISTError:
    return errors.MedMNISTError(errors.said_by_system(error))


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


def _whole(scores, variant: catalog.Variant, split: str) -> np.ndarray:
    """`_scores` of all examples of the split."""
    scores, examples = _scores(scores, variant), _examples(variant, split)
    if examples not in (None, len(scores)):
        raise errors.MedMNISTError(
            f"There are scores of {len(scores)} examples. Expected {examples}, the "
            f"whole {split} split of {variant.tfds_name}, in its own order."
        )
    return scores
