"""What each method scored on each dataset, with what is missing filled in.

A seed that failed, or was not run, counts as who knows the class frequencies of the
training labels and nothing of an image (as in the AutoML Benchmark of Gijsbers et al.,
2024). Tables of scores never show such a number; comparisons over datasets do, marked.
"""

import dataclasses

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import collect, summary
from medmnist_tfds.score import scoring


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """One method on one dataset, by one metric."""

    scores: np.ndarray  # float64 (seeds,)
    draws: np.ndarray  # float64 (resamples, seeds): the same, on drawn test sets
    missing: int  # of the seeds

    @property
    def mean(self) -> float:
        return float(self.scores.mean())


# By method, dataset and metric.
Standings = dict[tuple[str, str, str], Standing]


def standings(decathlon: collect.Decathlon, table: summary.Summary) -> Standings:
    """Of every method on every dataset that some method has done."""
    found = {}
    for name in decathlon.targets:
        floor = class_frequencies(decathlon, name)
        for row in table.rows:
            for metric in summary.METRICS:
                scores = decathlon.values(row.method, name, metric)
                missing = len(decathlon.seeds_of(row.method)) - len(scores)
                if scores:
                    draws = row.draws[name][metric]
                else:
                    draws = np.empty((_resamples(table), 0))
                filled = [(0, 0), (0, missing)]
                level = getattr(floor, metric)
                found[row.method, name, metric] = Standing(
                    scores=np.pad(scores, (0, missing), constant_values=level),
                    draws=np.pad(draws, filled, constant_values=level),
                    missing=missing,
                )
    return found


def class_frequencies(decathlon: collect.Decathlon, name: str) -> scoring.Scores:
    """The test scores of the training labels' frequencies, the same for all images."""
    task = catalog.DATASETS[name].task
    labels, targets = decathlon.sources[name].labels("train"), decathlon.targets[name]
    if task is catalog.Task.MULTILABEL:
        shares = labels.mean(axis=0)
    else:
        count = len(catalog.DATASETS[name].labels)
        shares = np.bincount(labels[:, 0], minlength=count) / len(labels)
    return scoring.score(targets, np.tile(shares, (len(targets), 1)), task=task)


def _resamples(table: summary.Summary) -> int:
    draws = next(iter(next(row.draws for row in table.rows if row.draws).values()))
    return len(draws["auc"])
