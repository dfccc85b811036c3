"""Score against cost: which methods no other beats in both. Never draws."""

import dataclasses
import math

from medmnist_tfds.decathlon.report import collect, comparison, cost, summary


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """One method: its mean test AUC, and what it took for it."""

    name: str
    seconds: float  # of training and prediction, or of the whole cell: what is told
    auc: float
    is_on_front: bool  # no other is both better and cheaper

    @property
    def time(self) -> str:
        return cost.duration(self.seconds)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Front:
    """All methods of which both are known, cheapest first."""

    points: tuple[Point, ...]

    def across(self, point: Point) -> float:
        """Where its cost lies, in % of a logarithmic axis."""
        return _place(*(math.log(p.seconds) for p in (point, *self.points)))

    def up(self, point: Point) -> float:
        """Where its AUC lies, in %."""
        return _place(*(p.auc for p in (point, *self.points)))


def _place(value: float, *others: float) -> float:
    low, high = min(others), max(others)
    return 50.0 if low == high else 100 * (value - low) / (high - low)


def front(
    decathlon: collect.Decathlon,
    table: summary.Summary,
    compared: comparison.Comparison,
) -> Front:
    """Of the methods that have every dataset, of which is known what they took."""
    known = []
    for row in table.rows:
        spent = row.cost_of(summary.AVERAGE)
        seconds = spent.seconds if spent.both is None else spent.both
        if seconds and not spent.is_more:
            auc = compared.records["auc"][row.method].mean
            known.append((seconds, auc, decathlon.shown(row.method)))
    points = [
        Point(
            name=name,
            seconds=seconds,
            auc=auc,
            is_on_front=not any(s <= seconds and a > auc for s, a, _ in known),
        )
        for seconds, auc, name in sorted(known)
    ]
    return Front(points=tuple(points))
