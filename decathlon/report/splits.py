"""Figure 2 as places on an axis: every method on the three splits.

Never draws: `figures` does for papers, the template `splits.html` for the page.
"""

import dataclasses
import math
import statistics

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import collect

LEGEND = "Large dots: mean over datasets. Small dots: one dataset each."
_STEP = 0.1  # between the lines of the grid


@dataclasses.dataclass(frozen=True, kw_only=True)
class Strip:
    """One method by one metric: by split."""

    display_name: str
    means: dict[str, float]  # over datasets; only splits that have a score
    each: dict[str, dict[str, float]]  # by split and the paper's name of a dataset
    is_whole: bool  # has all datasets


@dataclasses.dataclass(frozen=True, kw_only=True)
class Panel:
    """All methods by one metric."""

    metric: str
    strips: tuple[Strip, ...]

    @property
    def low(self) -> float:
        """Where the axis starts: a line of the grid below all values; it ends at 1."""
        values = [v for s in self.strips for d in s.each.values() for v in d.values()]
        return max(0.0, math.floor(min(values, default=0.5) / _STEP - 0.2) * _STEP)

    @property
    def ticks(self) -> list[float]:
        steps = round((1 - self.low) / _STEP)
        every = 1 if steps <= 5 else 2
        return [1 - number * _STEP for number in range(0, steps + 1, every)]

    def place(self, value: float) -> str:
        """In % of the axis."""
        return f"{100 * (value - self.low) / (1 - self.low):.2f}%"


def panels(decathlon: collect.Decathlon) -> list[Panel]:
    """AUC, then ACC."""
    return [
        Panel(
            metric=metric,
            strips=tuple(_strip(decathlon, m, metric) for m in decathlon.methods),
        )
        for metric in ("auc", "acc")
    ]


def _strip(decathlon: collect.Decathlon, method: str, metric: str) -> Strip:
    each = {}
    for split in catalog.SPLITS:
        means = {
            catalog.DATASETS[name].paper_name: decathlon.mean(
                method, name, metric, split
            )
            for name in decathlon.datasets
        }
        each[split] = {name: m for name, m in means.items() if m is not None}
    return Strip(
        display_name=decathlon.shown(method),
        means={s: statistics.fmean(v.values()) for s, v in each.items() if v},
        each=each,
        is_whole=all(len(v) == len(decathlon.datasets) for v in each.values()),
    )
