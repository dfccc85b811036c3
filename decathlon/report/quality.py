"""A closer look at each cell than AUC and ACC: what a reader of medicine asks for.

Means over seeds. Never takes part in the ranking.
"""

import dataclasses
import os
from collections.abc import Callable
from concurrent import futures

import numpy as np
from sklearn import metrics

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import collect
from medmnist_tfds.score import bootstrap, calibration, scoring

SPECIFICITY = 0.95  # at which the sensitivity of a binary task is told
NO_PROBABILITIES = "its scores are no probabilities"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quality:
    """One method on the test split of one dataset.

    Attributes:
      balanced_accuracy: mean recall of the classes; of labels, mean over these.
      average_precision: area under the precision-recall curve, mean over classes.
      auc_per_class: one-vs-rest, in the order of the labels.
      sensitivity: at a specificity of 95 %; binary task only.
      kappa: Cohen's, with quadratic weights; ordinal task only.
      brier: mean squared error of the probabilities; None if there are none.
      temperature: fitted on validation, geometric mean over seeds.
      before: calibration of the first seed's probabilities as they are.
      after: calibration of the same at their temperature.
    """

    balanced_accuracy: float
    average_precision: float
    auc_per_class: tuple[float, ...]
    sensitivity: float | None
    kappa: float | None
    brier: float | None
    temperature: float | None
    before: calibration.Calibration | None
    after: calibration.Calibration | None


def qualities(
    decathlon: collect.Decathlon, *, resamples: int = bootstrap.RESAMPLES
) -> dict[tuple[str, str], Quality]:
    """By method and dataset, of the cells that are done."""
    cells = [
        (method, name)
        for name in decathlon.targets
        for method in decathlon.methods
        if decathlon.done(method, name)
    ]
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:  # NumPy lets others run
        found = pool.map(lambda cell: _quality(decathlon, *cell, resamples), cells)
        return dict(zip(cells, found, strict=True))


def _quality(decathlon, method: str, name: str, resamples: int) -> Quality:
    task, targets = catalog.DATASETS[name].task, decathlon.targets[name]
    entries = decathlon.done(method, name)
    runs = [entry.predicted["test"] for entry in entries]
    each = [entry.scores["test"].auc_per_class for entry in entries]
    probable = [_probabilities(entry, task) for entry in entries]

    def mean(function: Callable, scores=runs) -> float:
        return float(np.mean([function(targets, run, task) for run in scores]))

    found = {"brier": None, "temperature": None, "before": None, "after": None}
    if all(probable):
        labels = decathlon.sources[name].labels("val")
        degrees = [
            calibration.temperature(labels, one["val"], task) for one in probable
        ]
        first = probable[0]["test"]
        found = {
            "brier": mean(calibration.brier, [one["test"] for one in probable]),
            "temperature": float(np.exp(np.mean(np.log(degrees)))),
            "before": _calibration(targets, first, task, resamples),
            "after": _calibration(
                targets, calibration.apply(first, degrees[0], task), task, resamples
            ),
        }
    return Quality(
        balanced_accuracy=mean(balanced_accuracy),
        average_precision=mean(average_precision),
        auc_per_class=tuple(float(x) for x in np.mean(each, axis=0)),
        sensitivity=mean(sensitivity) if task is catalog.Task.BINARY else None,
        kappa=mean(kappa) if task is catalog.Task.ORDINAL else None,
        **found,
    )


def _probabilities(entry: collect.Entry, task: catalog.Task) -> dict | None:
    if not {"val", "test"} <= entry.predicted.keys():  # added files may lack one
        return None
    values = entry.predicted.values()
    is_good = all(calibration.are_probabilities(scores, task) for scores in values)
    return entry.predicted if is_good else None


def _calibration(targets, scores, task, resamples) -> calibration.Calibration:
    return calibration.calibration(
        *calibration.claims(targets, scores, task), resamples=resamples
    )


def balanced_accuracy(targets, scores, task: catalog.Task) -> float:
    """Mean recall over classes; of labels, over their presence and absence."""
    decided = scoring.decide(scores, task=task)
    columns = decided.reshape(len(targets), -1).T, targets.reshape(len(targets), -1).T
    each = [
        metrics.balanced_accuracy_score(true, said)
        for said, true in zip(*columns, strict=True)
    ]
    return float(np.mean(each))


def average_precision(targets, scores, task: catalog.Task) -> float:
    """Of class 1 in a binary task; else the mean over classes or labels."""
    columns = scoring.auc_columns(targets, scores, task=task)
    if task is catalog.Task.BINARY:
        columns = columns[-1:]
    each = [metrics.average_precision_score(*column) for column in columns]
    return float(np.mean(each))


def sensitivity(targets, scores, task: catalog.Task) -> float:
    """The largest at a specificity of 95 % or more; class 1 is positive."""
    is_positive, score = scoring.auc_columns(targets, scores, task=task)[-1]
    wrong, right, _ = metrics.roc_curve(is_positive, score, drop_intermediate=False)
    return float(right[wrong <= 1 - SPECIFICITY + 1e-12].max())


def kappa(targets, scores, task: catalog.Task) -> float:
    """Cohen's kappa with quadratic weights, of the decided grades."""
    decided = scoring.decide(scores, task=task)
    grades = np.arange(scores.shape[1])
    return float(
        metrics.cohen_kappa_score(
            targets.reshape(-1), decided, weights="quadratic", labels=grades
        )
    )
