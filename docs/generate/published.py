"""The papers' tables, from the files that reports set beside ours.

`of_dataset` is what stands on a dataset's page, `write` a page of all suites.
"""

import pathlib
import statistics

from medmnist_tfds.decathlon import suites
from medmnist_tfds.decathlon.report import collect

_HEAD = """# Published scores

What the papers report, as `medmnist-tfds decathlon report` sets it beside scores of
ours: AUC / ACC on the test split, one number for each method and dataset, without a
spread over seeds. They were not measured here. `medmnist-tfds decathlon report --paper`
tells which of these methods such a table can tell apart.
"""


def write(path: pathlib.Path) -> None:
    """Writes the page of all suites."""
    parts = [_HEAD]
    for suite in suites.SUITES.values():
        parts.append(f"## {suite.published_title}\n")
        if suite.caution:
            parts.append(f"{suite.caution}\n")
        rows = collect.paper_rows(suite)
        parts.append(table(["", *rows], _lines(suite, rows)))
    path.write_text("\n".join(parts))


def of_dataset(name: str) -> str:
    """Tables of the suites that have the dataset, best AUC first; Markdown."""
    parts = []
    for suite in suites.SUITES.values():
        if name not in suite.datasets:
            continue
        rows = collect.paper_rows(suite)
        best = sorted(rows, key=lambda method: -rows[method][name, "auc"])
        lines = [
            [method, *(f"{rows[method][name, m]:.3f}" for m in ("auc", "acc"))]
            for method in best
        ]
        parts.append(f"**{suite.published_title}**, release {suite.release}\n")
        if suite.caution:
            parts.append(f"{suite.caution}\n")
        parts.append(table(["method", "AUC", "ACC"], lines))
    return "\n".join(parts)


def table(head: list[str], lines: list[list[str]]) -> str:
    """A table in Markdown; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, rule, *lines])


def _lines(suite: suites.Suite, rows) -> list[list[str]]:
    lines = [
        [
            f"[{name}](datasets/{name}.md)",
            *(f"{r[name, 'auc']:.3f} / {r[name, 'acc']:.3f}" for r in rows.values()),
        ]
        for name in suite.datasets
    ]
    means = [
        " / ".join(
            f"{statistics.fmean(row[name, metric] for name in suite.datasets):.3f}"
            for metric in ("auc", "acc")
        )
        for row in rows.values()
    ]
    return [*lines, ["mean", *means]]
