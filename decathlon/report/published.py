"""A paper's own table by the statistics of ours: what it can tell, and what not.

It has one number for each method and dataset: no spread over seeds and no predictions,
so that ranks over the datasets are all that can be tested.
"""

import pathlib
import statistics

from rich import table as rich_table

from medmnist_tfds.decathlon import suites
from medmnist_tfds.decathlon.report import collect, figures, ranks, summary


def compare(suite: suites.Suite) -> dict[str, ranks.Ranks]:
    """Ranks of the paper's methods, by metric."""
    return {metric: ranks.ranks(_scores(suite, metric)) for metric in summary.METRICS}


def _scores(suite: suites.Suite, metric: str) -> dict[str, list[float]]:
    return {
        method: [values[name, metric] for name in suite.datasets]
        for method, values in collect.paper_rows(suite).items()
    }


def terminal(found: dict[str, ranks.Ranks], suite: suites.Suite) -> list:
    """A table and a line for each metric, as `rich` prints them."""
    shown = rich_table.Table(title=suite.published_title, title_justify="left")
    shown.add_column("")
    for metric in found:
        shown.add_column(f"mean {metric.upper()}", justify="right")
        shown.add_column("mean rank", justify="right")
    for method in next(iter(found.values())).mean:
        cells = []
        for metric, ranked in found.items():
            cells.append(f"{statistics.fmean(_scores(suite, metric)[method]):.3f}")
            cells.append(f"{ranked.mean[method]:.2f}")
        shown.add_row(method, *cells)
    return [shown, *(f"{m.upper()}: {ranked}" for m, ranked in found.items())]


def draw(
    found: dict[str, ranks.Ranks], suite: suites.Suite, path: pathlib.Path
) -> None:
    """Writes their critical-difference diagrams as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = {method: method for method in collect.paper_rows(suite)}
    picture = figures.ranks_picture(found, names, title=suite.published_title)
    figures.save(picture, path)
