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
      friedman: p-value of equal methods; None where `critical` is.
      critical: difference of mean ranks from which on two methods are told apart; None
        of fewer than three methods, or of so few datasets that none could be.
      alike: groups of methods that cannot be told apart, each as large as can be.
    """

    datasets: int
    mean: dict[str, float]
    friedman: float | None
    critical: float | None
    alike: tuple[tuple[str, ...], ...]

    @property
    def apart(self) -> list[tuple[str, str]]:
        """Pairs that are told apart, the better first."""
        return [
            (one, other)
            for one, other in itertools.combinations(self.mean, 2)
            if not any(one in group and other in group for group in self.alike)
        ] * (self.critical is not None)

    def __str__(self) -> str:
        """What the ranks tell, in a sentence or two."""
        if self.critical is None:
            many = "s" * (self.datasets > 1)
            return (
                f"Mean ranks on {self.datasets} dataset{many} cannot tell any two of "
                f"{len(self.mean)} methods apart, and are not tested."
            )
        told: dict[str, list[str]] = {}
        for one, other in self.apart:
            told.setdefault(other, []).append(one)
        worse = [f"{', '.join(found)} from {other}" for other, found in told.items()]
        return (
            f"Mean ranks less than {self.critical:.2f} apart may come by chance "
            f"(Nemenyi, {self.datasets} datasets; Friedman p = {self.friedman:.2g}). "
            f"Told apart: {'; '.join(worse) or 'none'}."
        )


def ranks(scores: dict[str, list[float]]) -> Ranks:
    """Of methods by name: their scores on the datasets, in one order."""
    table = np.array(list(scores.values()))  # (methods, datasets)
    count, datasets = table.shape
    each = stats.rankdata(-table, axis=0).mean(axis=1)
    mean = dict(sorted(zip(scores, each.tolist(), strict=True), key=lambda x: x[1]))
    critical = _critical(count, datasets) if count >= _LEAST else math.inf
    if critical >= count - 1:  # as far apart as mean ranks can be
        none = {"friedman": None, "critical": None, "alike": ()}
        return Ranks(datasets=datasets, mean=mean, **none)
    are_equal = (table == table[0]).all()  # ranks without a variance
    friedman = 1.0 if are_equal else stats.friedmanchisquare(*table).pvalue
    return Ranks(
        datasets=datasets,
        mean=mean,
        friedman=float(friedman),
        critical=critical,
        alike=_alike(mean, critical),
    )


def _critical(count: int, datasets: int) -> float:
    quantile = stats.studentized_range.ppf(1 - pairs.LEVEL, count, math.inf)
    return float(
        quantile / math.sqrt(2) * math.sqrt(count * (count + 1) / 6 / datasets)
    )


def _alike(mean: dict[str, float], critical: float) -> tuple[tuple[str, ...], ...]:
    """Runs of neighbours by rank whose ends are not told apart; none inside another."""
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
