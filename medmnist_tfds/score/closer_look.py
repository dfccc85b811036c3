"""One run on its test split: scores with intervals, each class, and calibration.

Never trains, and never chooses by what it finds.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.score import bootstrap, calibration, scoring


@dataclasses.dataclass(frozen=True, kw_only=True)
class Value:
    """A score, and its 95 % bootstrap interval over the examples."""

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Truth:
    """How true probabilities are: calibration error (debiased) and Brier score."""

    error: Value
    brier: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class CloserLook:
    """What `look` finds.

    Attributes:
      auc_per_class: in the order of the labels.
      positives: examples of each class, or with each label.
      examples: of the test split.
      temperature: fitted on validation; None where nothing is known of that.
      before: of the probabilities as they are.
      after: of the same at the temperature.
    """

    auc: Value
    acc: Value
    auc_per_class: tuple[Value, ...]
    positives: tuple[int, ...]
    examples: int
    temperature: float | None
    before: Truth
    after: Truth | None


def look(
    targets: Mapping[str, np.ndarray],
    scores: Mapping[str, np.ndarray],
    *,
    task: catalog.Task,
    resamples: int = bootstrap.RESAMPLES,
) -> CloserLook:
    """A closer look at probabilities of the test split.

    Args:
      targets: labels (examples,), (examples, 1) or (examples, labels) of `test`; of
        `val`, too, if a temperature is to be fitted.
      scores: probabilities (examples, columns) of the same splits.
      task: of the dataset.
      resamples: of the bootstrap.

    Raises:
      MedMNISTError: scores that are no probabilities, or cannot be scored.
    """
    labels, said = np.asarray(targets["test"]), scores["test"]
    for split, each in scores.items():
        if not calibration.are_probabilities(each, task):
            raise errors.MedMNISTError(
                f"The scores of {split} are no probabilities. Expected numbers from 0 "
                "to 1, those of classes with the sum 1. Apply softmax or sigmoid first."
            )
    found = scoring.score(labels, said, task=task)
    draws = bootstrap.resample(labels, [said], task=task, resamples=resamples)
    classes = bootstrap.resample_classes(labels, said, task=task, resamples=resamples)
    degrees, after = None, None
    if "val" in scores:
        degrees = calibration.temperature(
            np.asarray(targets["val"]), scores["val"], task
        )
        cooled = calibration.apply(said, degrees, task)
        after = _truth(labels, cooled, task, resamples)
    columns = scoring.auc_columns(labels, said, task=task)
    return CloserLook(
        auc=_value(found.auc, draws["auc"]),
        acc=_value(found.acc, draws["acc"]),
        auc_per_class=tuple(map(_value, found.auc_per_class, classes.T)),
        positives=tuple(int(is_positive.sum()) for is_positive, _ in columns),
        examples=len(labels),
        temperature=degrees,
        before=_truth(labels, said, task, resamples),
        after=after,
    )


def _value(value: float, samples: np.ndarray) -> Value:
    low, high = bootstrap.interval(samples)
    return Value(value=value, low=low, high=high)


def _truth(targets, scores, task, resamples) -> Truth:
    claims = calibration.claims(targets, scores, task)
    found = calibration.calibration(*claims, resamples=resamples)
    return Truth(
        error=Value(value=found.error, low=found.low, high=found.high),
        brier=calibration.brier(targets, scores, task),
    )
