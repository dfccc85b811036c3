"""How trainings went: what `history.csv` says, as points of small drawings.

Never computes a score: these are the method's own words.
"""

import dataclasses
import math

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import collect, summary

_COLUMNS = 3  # drawn of a history: the first after `epoch`
_POINTS = 200  # of a line: more are not seen


@dataclasses.dataclass(frozen=True, kw_only=True)
class Panel:
    """One column of the histories of one cell's seeds."""

    dataset: str  # the paper's name
    column: str
    lines: dict[int, str]  # by seed: points of an SVG polyline in 100 by 100
    low: float  # of all seeds
    high: float
    epochs: tuple[float, float]  # first and last
    ends: dict[int, float]  # the last value, by seed

    @property
    def title(self) -> str:
        score, _, metric = self.column.rpartition("_")
        metric = metric.upper() if metric in summary.METRICS else metric
        words = [*score.replace("val", "validation").split("_"), metric]
        return " ".join(filter(None, words))


def panels(decathlon: collect.Decathlon, method: str) -> list[list[Panel]]:
    """A list per dataset of which a cell has left a history."""
    rows = []
    for name in decathlon.datasets:
        entries = [e for e in decathlon.done(method, name) if e.history]
        columns = dict.fromkeys(c for e in entries for c in list(e.history)[1:])
        row = [_panel(name, column, entries) for column in list(columns)[:_COLUMNS]]
        rows.append([panel for panel in row if panel])
    return [row for row in rows if row]


def seeds(rows: list[list[Panel]]) -> list[int]:
    """Of all panels: the place of a seed is that of its colour."""
    return sorted({seed for row in rows for panel in row for seed in panel.lines})


def _panel(dataset: str, column: str, entries: list[collect.Entry]) -> Panel | None:
    points = {e.result["seed"]: _finite(e.history, column) for e in entries}
    points = {seed: pairs for seed, pairs in points.items() if pairs}
    if not points:
        return None
    epochs, values = zip(*(p for pairs in points.values() for p in pairs), strict=True)
    box = (min(epochs), max(epochs), min(values), max(values))
    return Panel(
        dataset=catalog.DATASETS[dataset].paper_name,
        column=column,
        lines={seed: _line(pairs, box) for seed, pairs in points.items()},
        low=box[2],
        high=box[3],
        epochs=box[:2],
        ends={seed: pairs[-1][1] for seed, pairs in points.items()},
    )


def _finite(history: dict[str, list[float]], column: str) -> list[tuple[float, float]]:
    pairs = zip(history["epoch"], history.get(column, ()), strict=False)
    return [pair for pair in pairs if all(map(math.isfinite, pair))]


def _line(pairs: list[tuple[float, float]], box: tuple[float, ...]) -> str:
    first, last, low, high = box
    step = math.ceil(len(pairs) / _POINTS)
    kept = pairs[::step] + ([pairs[-1]] if (len(pairs) - 1) % step else [])
    kept *= 1 + (len(kept) == 1)  # a line from a point to itself is drawn as a dot

    def place(value: float, start: float, end: float) -> float:
        return 50.0 if start == end else 100 * (value - start) / (end - start)

    return " ".join(
        f"{place(epoch, first, last):.1f},{100 - place(value, low, high):.1f}"
        for epoch, value in kept
    )
