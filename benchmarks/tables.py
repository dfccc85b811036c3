"""From what the programs measured to tables: on the terminal, and in README.md.

Never measures. A ratio is of two programs in the same round; what is shown is the
median of the rounds, and their range. More is faster.
"""

import pathlib
import statistics
from typing import NamedTuple

from rich import table as rich_table

from medmnist_tfds import files


class Figure(NamedTuple):
    """A program that is measured, and what the measurement is to reach."""

    name: str
    side: str  # "ours" or "peer"
    arguments: list[str]
    target: str = ""
    is_base: bool = False  # the figures after it are held against it


_UNITS = {
    "images_per_second": "images/s",
    "examples_per_second": "examples/s",
    "gflop_per_second": "GFLOP/s",
    "seconds": "s",
}
# What a program tells besides: its scale, and in which words.
_NOTES = {
    "outside": (1, "{:.1%} outside step and validation"),
    "added_peak_bytes": (2**-20, "{:,.0f} MiB more at the peak"),
    "auc": (1, "AUC {:.6f}"),
    "acc": (1, "ACC {:.6f}"),
}


def rows(figures: list[Figure], found: dict[str, list[dict]]) -> list[dict]:
    """Of each figure its median and range, and ratios to the base and the best peer."""
    made, base, peers = [], None, []
    for figure in figures:
        results = found[figure.name]
        key = next(iter(results[0]))
        values = [one[key] for one in results]
        rates = values if "_per_" in key else [1 / value for value in values]
        if base is None or figure.is_base:
            base, peers = rates, []
        if figure.side == "peer":
            peers.append(rates)
        row = {"name": figure.name, "side": figure.side, "unit": _UNITS[key]}
        row |= _spread(values) | {"target": figure.target, "ratio": _ratio(rates, base)}
        if figure.side == "ours" and len(peers) > 1:
            best = max(peers, key=statistics.median)
            row["ratio_to_best_peer"] = _ratio(rates, best)
        for extra in results[0].keys() & _NOTES:
            row[extra] = statistics.median(one[extra] for one in results)
        made.append(row)
    return made


def _spread(values: list[float]) -> dict[str, float]:
    median = statistics.median(values)
    return {"median": median, "min": min(values), "max": max(values)}


def _ratio(rates: list[float], others: list[float]) -> dict[str, float]:
    return _spread([one / other for one, other in zip(rates, others, strict=True)])


_COLUMNS = ("", "median", "ratio", "to the best peer", "to reach")


def _cells(row: dict) -> list[str]:
    notes = [text.format(row[k] * by) for k, (by, text) in _NOTES.items() if k in row]
    name = f"{row['name']} ({', '.join(notes)})" if notes else row["name"]
    median = f"{row['median']:{',.0f' if row['median'] >= 100 else '.3g'}}"
    ratios = [
        f"{one['median']:.2f} ({one['min']:.2f} - {one['max']:.2f})" if one else ""
        for one in (row["ratio"], row.get("ratio_to_best_peer"))
    ]
    return [name, f"{median} {row['unit']}", *ratios, row["target"]]


def terminal(suite: str, made: list[dict]) -> rich_table.Table:
    table = rich_table.Table(suite, *_COLUMNS[1:])
    for row in made:
        table.add_row(*_cells(row))
    return table


def markdown(contents: dict[str, dict]) -> str:
    """The tables of all suites, and how they were made."""
    lines = [_line("suite", *_COLUMNS), _line(*["---"] * 6)]
    for suite, content in contents.items():
        lines += [_line(f"`{suite}`", *_cells(row)) for row in content["rows"]]
    made = {_made(content["about"]): [] for content in contents.values()}
    for suite, content in contents.items():
        made[_made(content["about"])].append(f"`{suite}`")
    lines.append("")
    lines += [f"- {', '.join(suites)}: {text}" for text, suites in made.items()]
    return "\n".join(lines)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _made(about: dict) -> str:
    packages = about["packages"] | about["peer_packages"]
    return (
        f"`python {about['command']}`, {about['rounds']} rounds, {about['date']}, "
        f"{about['cpus']} cores of {about['cpu']}, {about['memory_gib']:.0f} GiB, "
        f"Python {about['python']}, "
        f"{', '.join(f'{name} {version}' for name, version in packages.items())}"
    )


_START, _END = "<!-- written by benchmarks.run -->\n", "\n<!-- until here -->\n"


def update(readme: pathlib.Path, folder: pathlib.Path, suites: list[str]) -> None:
    """Puts the tables of all results that are there where the file has its marks."""
    contents = {suite: files.read_json(folder / f"{suite}.json") for suite in suites}
    text = markdown({suite: found for suite, found in contents.items() if found})
    before, rest = readme.read_text(encoding="utf-8").split(_START)
    after = rest.split(_END)[1]
    with files.replacing(readme) as temporary:
        written = f"{before}{_START}{text}{_END}{after}"
        temporary.write_text(written, encoding="utf-8")
