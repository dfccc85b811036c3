"""AUC and ACC exactly as the official MedMNIST evaluator defines them.

Pure functions: arrays in, named numbers out. Never reads files, and never returns a
number for input that cannot be scored.
"""

import dataclasses
from collections.abc import Hashable

import numpy as np
from scipy import special

from medmnist_tfds.data import catalog
from medmnist_tfds.process import checks, errors

__all__ = ["Scores", "score"]  # the public ones
_THRESHOLD = 0.5  # the official evaluator's; a score equal to it counts as negative


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of one split.

    Attributes:
      auc: area under the ROC curve, 0 to 1: the mean of `auc_per_class`.
      acc: accuracy, 0 to 1.
      auc_per_class: one per class or label, in the label order.
    """

    auc: float
    acc: float
    auc_per_class: tuple[float, ...]


def score(
    y_true: np.ndarray, y_score: np.ndarray, *, task: catalog.Task | str
) -> Scores:
    """AUC and ACC of one split (paper section 3.3; official `getAUC`, `getACC`).

    AUC is the mean one-vs-rest area over classes or labels. ACC compares the arg max
    for classes; for binary and multi-label tasks it compares each label with the
    threshold 0.5 and takes the mean over labels (not the exact match).

    Args:
      y_true: class numbers (examples,) or (examples, 1); for the multi-label task 0 and
        1 in (examples, labels).
      y_score: (examples, classes) or (examples, labels), any real numbers; for the
        binary task also (examples,) or (examples, 1). Of two binary columns the last
        one, class 1, is read.
      task: a `catalog.Task`, its name or its value.

    Raises:
      MedMNISTError: what are no numbers, shapes that do not fit, a label out of range,
        a class with no example, a score that is NaN or infinite, an unknown task.
    """
    # str: an array, compared with a task's value, would be an error of NumPy's.
    task = catalog.Task(task if isinstance(task, Hashable) else str(task))
    aucs = _aucs(auc_columns(y_true, y_score, task=task))
    decided = decide(np.asarray(y_score), task=task)
    acc = np.mean(decided == np.asarray(y_true).reshape(decided.shape))
    return Scores(auc=float(np.mean(aucs)), acc=float(acc), auc_per_class=aucs)


def probabilities(logits: np.ndarray, task: catalog.Task) -> np.ndarray:
    """Softmax over classes, or a sigmoid per label; (examples, classes) float64.

    A single column is a binary task's sigmoid head.
    """
    logits = logits.astype(np.float64)
    if task is catalog.Task.MULTILABEL or logits.shape[1] == 1:
        return special.expit(logits)
    return special.softmax(logits, axis=1)


def auc_columns(
    y_true: np.ndarray, y_score: np.ndarray, *, task: catalog.Task
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(is positive, score) of each class or label that AUC is the mean over.

    bool and float64 (examples,); arguments and errors are those of `score`.
    """
    y_true, y_score = _labels(y_true), _scores(y_score)
    if task is catalog.Task.MULTILABEL:
        targets = _multilabel_targets(y_true, y_score)
        return list(zip(targets.T, y_score.T, strict=True))
    if task is catalog.Task.BINARY:
        positive = _positive_column(y_score)
        classes = _classes(y_true, positive, num_classes=2)
        return [(classes == 0, -positive), (classes == 1, positive)]
    classes = _classes(y_true, y_score, num_classes=_columns(y_score))
    return [(classes == k, column) for k, column in enumerate(y_score.T)]


def decide(y_score: np.ndarray, *, task: catalog.Task) -> np.ndarray:
    """What scores (examples, columns) say, by the rules of ACC.

    Class numbers int64 (examples,), or bool (examples, labels) for the multi-label
    task.
    """
    if task is catalog.Task.MULTILABEL:
        return y_score > _THRESHOLD
    if task is catalog.Task.BINARY:
        return (_positive_column(y_score) > _THRESHOLD).astype(np.int64)
    return y_score.argmax(axis=1)


def _scores(y_score) -> np.ndarray:
    expected = (
        "numbers of shape (examples, classes). Give the model's scores as one array."
    )
    y_score = checks.numbers("y_score", y_score, axes=(1, 2), expected=expected)
    with np.errstate(over="ignore"):  # of longdouble: infinite, and refused as such
        y_score = y_score.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(np.atleast_2d(y_score.T)).all(axis=0))
    if wrong.size:
        raise errors.MedMNISTError(
            f"y_score has NaN or infinity in {wrong.size} rows, first in row "
            f"{wrong[0]}. Expected finite scores. Did training diverge?"
        )
    return y_score


def _labels(y_true) -> np.ndarray:
    expected = (
        "class numbers (examples,) or (examples, 1), or 0 and 1 (examples, labels) for "
        "the multi-label task."
    )
    return checks.numbers("y_true", y_true, axes=(1, 2), expected=expected)


def _same_length(y_true: np.ndarray, y_score: np.ndarray) -> None:
    if len(y_true) != len(y_score) or not len(y_true):
        raise errors.MedMNISTError(
            f"y_true has {len(y_true)} examples, y_score {len(y_score)}. Expected the "
            "same number, at least one. Score the whole split, in its own order."
        )


def _multilabel_targets(y_true: np.ndarray, y_score: np.ndarray) -> np.ndarray:
    if y_true.ndim != 2 or y_true.shape[1:] != y_score.shape[1:]:
        raise errors.MedMNISTError(
            f"y_true has shape {y_true.shape}, y_score {y_score.shape}. Expected both "
            "(examples, labels) for the multi-label task."
        )
    _same_length(y_true, y_score)
    return _in_range(y_true, num_classes=2).astype(bool)


def _classes(
    y_true: np.ndarray, y_score: np.ndarray, *, num_classes: int
) -> np.ndarray:
    if y_true.ndim == 2 and y_true.shape[1] == 1:
        y_true = y_true[:, 0]
    if y_true.ndim != 1:
        raise errors.MedMNISTError(
            f"y_true has shape {y_true.shape}. Expected class numbers (examples,) or "
            "(examples, 1). Take the arg max of one-hot targets first."
        )
    _same_length(y_true, y_score)
    return _in_range(y_true, num_classes=num_classes)


def _in_range(y_true: np.ndarray, *, num_classes: int) -> np.ndarray:
    wrong = ~np.isin(y_true, np.arange(num_classes))
    if wrong.any():
        raise errors.MedMNISTError(
            f"y_true has the label {y_true[wrong][0]}. Expected whole numbers from 0 "
            f"to {num_classes - 1}. Does y_score miss a class column, or is this "
            "another task?"
        )
    return y_true.astype(np.int64)


def _columns(y_score: np.ndarray) -> int:
    if y_score.ndim != 2 or y_score.shape[1] < 2:
        raise errors.MedMNISTError(
            f"y_score has shape {y_score.shape}. Expected (examples, classes) with one "
            "column per class for a multi-class or ordinal task."
        )
    return y_score.shape[1]


def _positive_column(y_score: np.ndarray) -> np.ndarray:
    if y_score.ndim == 1:
        return y_score
    if y_score.shape[1] not in (1, 2):
        raise errors.MedMNISTError(
            f"y_score has shape {y_score.shape}. Expected (examples,), (examples, 1) "
            "or (examples, 2) for the binary task."
        )
    return y_score[:, -1]


def _aucs(columns: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, ...]:
    for number, (is_positive, _) in enumerate(columns):
        positives, examples = int(is_positive.sum()), len(is_positive)
        if positives in (0, examples):
            raise errors.MedMNISTError(
                f"Class {number} has {positives} of {examples} examples, "
                "so its AUC is not defined. Expected examples with and without each "
                "class. Score the whole split, not a part of it."
            )
    return tuple(_auc(is_positive, scores) for is_positive, scores in columns)


def _auc(is_positive: np.ndarray, scores: np.ndarray) -> float:
    """Share of pairs of a positive and a negative in the right order; a tie is half.

    The Mann-Whitney statistic: the area under the ROC curve, without the curve.
    """
    # Both sorted: neighbours are searched for in memory that is at hand.
    negatives, positives = np.sort(scores[~is_positive]), np.sort(scores[is_positive])
    below = np.searchsorted(negatives, positives, side="left").sum()
    up_to = np.searchsorted(negatives, positives, side="right").sum()
    return float((below + up_to) / (2 * len(negatives) * len(positives)))
