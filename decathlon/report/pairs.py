"""Which of two methods is better on a dataset, and how likely it is that this is false.

Paired: both are scored on the same drawn test sets. The spread over seeds counts, too,
so that what is said is of the methods, not of the networks that they happened to make;
with one seed it is of these networks only.
"""

import dataclasses
import itertools
import math

import numpy as np
from scipy import stats

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import collect, standings, summary
from medmnist_tfds.score import bootstrap

LEVEL = 0.05  # of false claims among those that methods differ, at most


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """Two methods on one dataset, by one metric; the first has the higher mean."""

    dataset: str  # or AVERAGE: on the mean over all
    metric: str
    first: str
    second: str
    difference: float  # of the means over seeds, never negative
    low: float  # its 95 % interval
    high: float
    doubt: float  # probability that the first is no better, all else being even
    adjusted: float  # two-sided p-value, by Holm over the pairs of dataset and metric
    delong: float | None = None  # two-sided p-value of DeLong's test; binary AUC only

    @property
    def is_tie(self) -> bool:
        """Whether the interval holds 0."""
        return not self.low > 0

    @property
    def is_claimed(self) -> bool:
        """Whether the difference holds among all pairs."""
        return self.adjusted < LEVEL


def compare(decathlon: collect.Decathlon, found: standings.Standings) -> list[Pair]:
    """All pairs of methods, by dataset and metric, then on the mean over datasets.

    Each of the latter is about these datasets; of others it says nothing.
    """
    pairs, methods = [], list(decathlon.methods)
    columns = [(name,) for name in decathlon.targets]
    if len(columns) > 1:
        columns.append(tuple(decathlon.targets))
    for names, metric in itertools.product(columns, summary.METRICS):
        here = [
            _pair(decathlon, found, names, metric, *two)
            for two in itertools.combinations(methods, 2)
        ]
        if here:
            adjusted = holm([min(1.0, 2 * pair.doubt) for pair in here])
            pairs += [
                dataclasses.replace(pair, adjusted=float(value))
                for pair, value in zip(here, adjusted, strict=True)
            ]
    return pairs


def _pair(decathlon, found, names, metric: str, one: str, other: str) -> Pair:
    each = [differ(found[one, n, metric], found[other, n, metric]) for n in names]
    difference, spread, freedom = _together(each)
    if difference < 0:
        one, other, difference = other, one, -difference
    margin = spread * stats.t.ppf(1 - LEVEL / 2, freedom)
    return Pair(
        dataset=names[0] if len(names) == 1 else summary.AVERAGE,
        metric=metric,
        first=one,
        second=other,
        difference=difference,
        low=difference - margin,
        high=difference + margin,
        doubt=doubt(difference, spread, freedom),
        adjusted=1.0,
        delong=_delong(decathlon, names, metric, one, other),
    )


def _together(each: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The mean of independent differences, its error and degrees of freedom."""
    differences, spreads, freedoms = np.transpose(each)
    variances = (spreads / len(each)) ** 2
    uncertain = float((variances**2 / freedoms).sum())
    freedom = float(variances.sum()) ** 2 / uncertain if uncertain else math.inf
    return float(differences.mean()), math.sqrt(variances.sum()), freedom


def differ(
    first: standings.Standing, second: standings.Standing
) -> tuple[float, float, float]:
    """The difference of means over seeds, its standard error, degrees of freedom.

    The error has two parts. Test examples: the spread of the difference over the drawn
    sets. Seeds: the variance of each method's scores beyond what other examples would
    have made of the same networks, by the number of seeds. The degrees of freedom are
    Welch's and Satterthwaite's, as few seeds tell little of the second part. A method
    with one seed is taken to be as unsteady as the other one.
    """
    drawn = np.concatenate([first.draws, second.draws], axis=1)
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    parts = np.split(drawn, [len(first.scores)], axis=1)
    means = [part.mean(axis=1) for part in parts]
    variance, uncertain = float(np.var(means[0] - means[1], ddof=1)), 0.0
    alone = 1 in (len(first.scores), len(second.scores))
    for each, part, mean in zip((first, second), parts, means, strict=True):
        seeds = len(each.scores)
        if seeds > 1:
            seen = np.var(each.scores, ddof=1)
            of_examples = np.var(part - mean[:, None], axis=0, ddof=1).sum()
            beyond = max(0.0, seen - of_examples / (seeds - 1))
            share = 1 / seeds + alone
            variance += beyond * share
            uncertain += (seen * share) ** 2 / (seeds - 1)
    freedom = variance**2 / uncertain if uncertain else math.inf
    return first.mean - second.mean, math.sqrt(variance), max(freedom, 1.0)


def doubt(difference: float, spread: float, freedom: float = math.inf) -> float:
    """Probability that a method that seems better by so much is not."""
    if not spread:
        return 0.5 if not difference else 0.0
    return float(stats.t.sf(difference / spread, freedom))


def holm(p_values: list[float]) -> np.ndarray:
    """Adjusted for their number, as Holm (1979) does."""
    order = np.argsort(p_values)
    raised = np.take(p_values, order) * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted


def delong(
    targets: np.ndarray, first: list[np.ndarray], second: list[np.ndarray]
) -> float:
    """Two-sided p-value of equal AUC (DeLong, DeLong and Clarke-Pearson, 1988).

    Of several runs each, that of equal mean AUC of just these runs.

    Args:
      targets: 0 and 1 (examples,) or (examples, 1).
      first: scores of each run (examples, columns), of which the last one is read.
      second: those of the other.
    """
    is_positive = np.asarray(targets).reshape(-1) == 1
    columns = [
        [bootstrap.Column(is_positive, s[:, -1]) for s in r] for r in (first, second)
    ]
    shares = [np.mean([each.shares for each in runs], axis=0) for runs in columns]
    above, under = (shares[0] - shares[1]).astype(float).T
    above, under = above[is_positive], under[~is_positive]
    spread = math.sqrt(
        np.var(above, ddof=1) / len(above) + np.var(under, ddof=1) / len(under)
    )
    return 2 * doubt(abs(float(above.mean())), spread)


def _delong(decathlon, names, metric: str, one: str, other: str) -> float | None:
    """That of a pair, if it is of binary AUC, and both have scores."""
    is_binary = catalog.DATASETS[names[0]].task is catalog.Task.BINARY
    if metric != "auc" or len(names) > 1 or not is_binary:
        return None
    runs = [
        [entry.predicted["test"] for entry in decathlon.done(method, names[0])]
        for method in (one, other)
    ]
    return delong(decathlon.targets[names[0]], *runs) if all(runs) else None
