"""Methods over all datasets: mean ranks, and whether these differ by more than chance.

Demsar (2006): Friedman's test, then Nemenyi's critical difference of mean ranks.
"""

import dataclasses
import itertools
import math

import numpy as np
from scipy import stats

from medmnist_tfds.decathlon.report import pairs

_LEAST = 3  # methods that Friedman's test compares


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranks:
    """By one metric.

    Attributes:
      datasets: how many.
      mean: rank of each method, 1 is best, ties share theirs; best first.
      friedman: p-value of equal methods; None of fewer than three methods or two
        datasets.
      critical: difference of mean ranks from which on two methods differ; None as
        `friedman`.
      alike: groups of methods that do not differ, each as large as can be.
    """

    datasets: int
    mean: dict[str, float]
    friedman: float | None
    critical: float | None
    alike: tuple[tuple[str, ...], ...]

    @property
    def apart(self) -> list[tuple[str, str]]:
        """Pairs that differ, the better first."""
        return [
            (one, other)
            for one, other in itertools.combinations(self.mean, 2)
            if not any(one in group and other in group for group in self.alike)
        ] * (self.critical is not None)

    def __str__(self) -> str:
        """What the ranks tell, in a sentence or two."""
        if self.critical is None:
            return "Fewer than three methods or two datasets: ranks are not tested."
        told: dict[str, list[str]] = {}
        for one, other in self.apart:
            told.setdefault(other, []).append(one)
        worse = [f"{', '.join(found)} from {other}" for other, found in told.items()]
        return (
            f"Mean ranks less than {self.critical:.2f} apart come by chance (Nemenyi, "
            f"{self.datasets} datasets; Friedman p = {self.friedman:.2g}). "
            f"Told apart: {'; '.join(worse) or 'none'}."
        )


def ranks(scores: dict[str, list[float]]) -> Ranks:
    """Of methods by name: their scores on the datasets, in one order."""
    table = np.array(list(scores.values()))  # (methods, datasets)
    count, datasets = table.shape
    each = stats.rankdata(-table, axis=0).mean(axis=1)
    mean = dict(sorted(zip(scores, each.tolist(), strict=True), key=lambda x: x[1]))
    if count < _LEAST or datasets < 2:
        none = {"friedman": None, "critical": None, "alike": ()}
        return Ranks(datasets=datasets, mean=mean, **none)
    are_equal = (table == table[0]).all()  # ranks without a variance
    friedman = 1.0 if are_equal else stats.friedmanchisquare(*table).pvalue
    quantile = stats.studentized_range.ppf(1 - pairs.LEVEL, count, math.inf)
    error = math.sqrt(count * (count + 1) / 6 / datasets)
    critical = float(quantile / math.sqrt(2) * error)
    return Ranks(
        datasets=datasets,
        mean=mean,
        friedman=float(friedman),
        critical=critical,
        alike=_alike(mean, critical),
    )


def _alike(mean: dict[str, float], critical: float) -> tuple[tuple[str, ...], ...]:
    """Runs of neighbours by rank whose ends do not differ; none inside another."""
    names, groups, last = list(mean), [], -1
    for first, name in enumerate(names):
        end = max(
            number
            for number, other in enumerate(names)
            if mean[other] - mean[name] < critical
        )
        if end > max(first, last):
            groups.append(tuple(names[first : end + 1]))
            last = end
    return tuple(groups)
