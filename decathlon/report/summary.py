"""Table 2 as numbers: means, spreads and intervals, beside the paper's.

Never formats: `tables` and `page` do.
"""

import dataclasses
import os
import statistics
from concurrent import futures

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import suites
from medmnist_tfds.decathlon.report import collect, cost
from medmnist_tfds.score import bootstrap

AVERAGE = "average"
METRICS = ("auc", "acc")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Value:
    """One number of Table 2, on the test split."""

    mean: float  # over seeds
    sd: float | None  # sample standard deviation over seeds; None for one seed
    low: float  # 95 % bootstrap interval of `mean` over test examples
    high: float
    seeds: int
    paper: float | None
    is_best: bool = False  # of its column, to three digits

    @property
    def difference(self) -> float | None:
        return None if self.paper is None else self.mean - self.paper


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """A row of any table: of one method."""

    method: str
    display_name: str
    pretrained: str = ""  # on which other images, if on any

    @property
    def shown(self) -> str:
        """The name, with the mark that `tables.pretrained` explains."""
        return self.display_name + collect.PRETRAINED * bool(self.pretrained)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row(Named):
    """One method: its values by (column, metric); a column is a dataset or AVERAGE."""

    values: dict[tuple[str, str], Value]
    lacking: tuple[str, ...]  # datasets with a seed that failed or was not run
    costs: dict[str, cost.Cost] = dataclasses.field(default_factory=dict)  # by column
    # By dataset and metric: the scores of each seed (resamples, seeds) on drawn sets.
    draws: dict[str, dict[str, np.ndarray]] = dataclasses.field(default_factory=dict)

    def cost_of(self, column: str) -> cost.Cost:
        """A mean over seeds, or for AVERAGE the sum over datasets."""
        return self.costs.get(column, cost.NONE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """The whole table."""

    columns: tuple[str, ...]  # the datasets that take part, then AVERAGE
    rows: tuple[Row, ...]
    suite: suites.Suite = suites.DECATHLON

    @property
    def caution(self) -> str:
        """What is to be known of the paper's values; empty where none are shown."""
        values = [value for row in self.rows for value in row.values.values()]
        is_shown = any(value.paper is not None for value in values)
        return self.suite.caution * is_shown

    def title(self, column: str) -> str:
        if column != AVERAGE:
            return catalog.DATASETS[column].paper_name
        count = len(self.columns) - 1
        whole = len(self.suite.datasets)
        if count == 1:
            return "Average of this one"
        return f"Average of {whole}" if count == whole else f"Average of these {count}"


def summarize(
    decathlon: collect.Decathlon, *, resamples=bootstrap.RESAMPLES
) -> Summary:
    """The table of a Decathlon, best values marked."""
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:  # NumPy lets others run
        rows = list(
            pool.map(
                lambda method: _row(decathlon, *method, resamples),
                decathlon.methods.items(),
            )
        )
    columns = (*decathlon.datasets, AVERAGE)
    for column in columns:
        for metric in METRICS:
            key = (column, metric)
            means = [round(r.values[key].mean, 3) for r in rows if key in r.values]
            for row in rows:
                value = row.values.get(key)
                if value and round(value.mean, 3) == max(means):
                    row.values[key] = dataclasses.replace(value, is_best=True)
    return Summary(columns=columns, rows=tuple(rows), suite=decathlon.suite)


def _row(decathlon, method: str, display_name: str, resamples: int) -> Row:
    values, draws, costs = {}, {}, {}
    for dataset in decathlon.datasets:
        entries = decathlon.done(method, dataset)
        if not entries:
            continue
        costs[dataset] = cost.mean(decathlon, method, dataset)
        draws[dataset] = bootstrap.resample(
            decathlon.targets[dataset],
            [entry.predicted["test"] for entry in entries],
            task=catalog.DATASETS[dataset].task,
            resamples=resamples,
        )
        for metric in METRICS:
            values[dataset, metric] = _value(
                decathlon.values(method, dataset, metric),
                draws[dataset][metric].mean(axis=1),
                decathlon.paper(method, dataset, metric),
            )
    lacking = tuple(d for d in decathlon.datasets if decathlon.lacks(method, d))
    if not lacking:
        for metric in METRICS:
            values[AVERAGE, metric] = _average(decathlon, method, metric, draws)
        costs[AVERAGE] = cost.total(list(costs.values()))
    return Row(
        method=method,
        display_name=display_name,
        values=values,
        lacking=lacking,
        pretrained=decathlon.pretrained(method),
        costs=costs,
        draws=draws,
    )


def _value(scores: list[float], draws: np.ndarray, paper: float | None) -> Value:
    low, high = bootstrap.interval(draws)
    return Value(
        mean=statistics.fmean(scores),
        sd=statistics.stdev(scores) if len(scores) > 1 else None,
        low=low,
        high=high,
        seeds=len(scores),
        paper=paper,
    )


def _average(decathlon, method: str, metric: str, draws: dict) -> Value:
    """Mean over datasets; its spread is that of the seeds' own averages."""
    per_dataset = [
        decathlon.values(method, name, metric) for name in decathlon.datasets
    ]
    papers = [decathlon.paper(method, name, metric) for name in decathlon.datasets]
    scores = [statistics.fmean(values) for values in zip(*per_dataset, strict=True)]
    drawn = [draws[name][metric].mean(axis=1) for name in decathlon.datasets]
    paper = None if None in papers else statistics.fmean(papers)
    return _value(scores, np.mean(drawn, axis=0), paper)
