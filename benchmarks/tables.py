"""From what the programs measured to tables: on the terminal, and in README.md.

`python -m benchmarks.tables` writes those of all results that are there into README.md.
Never measures.
"""

import pathlib
import statistics

from rich import table as rich_table

from benchmarks import suites
from medmnist_tfds.process import files

HERE = pathlib.Path(__file__).parent
RESULTS = HERE / "results"
_UNITS = {
    "images_per_second": "images/s",
    "volumes_per_second": "volumes/s",
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


def rows(figures: list[suites.Figure], found: dict[str, list[dict]]) -> list[dict]:
    """Of each figure its median and range, and its ratios, round by round.

    A ratio above 1 is faster than the base, which itself has none.
    """
    made, base, peers = [], None, {}
    for figure in figures:
        results = found[figure.name]
        key = next(iter(results[0]))
        values = [one[key] for one in results]
        rates = values if "_per_" in key else [1 / value for value in values]
        row = {"name": figure.name, "side": figure.side, "unit": _UNITS[key]}
        row |= _spread(values)
        if base is None or figure.is_base:
            base, peers = rates, {}
        else:
            row |= {"ratio": _ratio(rates, base), "target": figure.target}
        if figure.side == "peer":
            peers[figure.name] = rates
        if figure.best_target:
            best = max(peers, key=lambda name: statistics.median(peers[name]))
            row |= {"best_peer": best, "best_target": figure.best_target}
            row["ratio_to_best_peer"] = _ratio(rates, peers[best])
        for extra in results[0].keys() & _NOTES:
            row[extra] = statistics.median(one[extra] for one in results)
        made.append(row)
    return made


def _spread(values: list[float]) -> dict[str, float]:
    median = statistics.median(values)
    return {"median": median, "min": min(values), "max": max(values)}


def _ratio(rates: list[float], others: list[float]) -> dict[str, float]:
    return _spread([one / other for one, other in zip(rates, others, strict=True)])


_COLUMNS = ("", "median (range)", "ratio", "to reach")


def _cells(row: dict) -> list[str]:
    notes = [text.format(row[k] * by) for k, (by, text) in _NOTES.items() if k in row]
    ratios, targets = [], []
    if "ratio" in row:
        ratios.append(_span(row["ratio"], ".2f"))
        targets.append(row["target"])
    if "best_peer" in row:
        ratios.append(
            f"{_span(row['ratio_to_best_peer'], '.2f')} of {row['best_peer']}"
        )
        targets.append(f"{row['best_target']} of the best peer")
    return [
        f"{row['name']} ({', '.join(notes)})" if notes else row["name"],
        f"{_span(row, ',.0f' if row['median'] >= 100 else '#.3g')} {row['unit']}",
        "; ".join(ratios),
        "; ".join(filter(None, targets)),
    ]


def _span(spread: dict, digits: str) -> str:
    median, low, high = (format(spread[k], digits) for k in ("median", "min", "max"))
    return f"{median} ({low} - {high})"


def terminal(suite: str, made: list[dict]) -> rich_table.Table:
    table = rich_table.Table(suite, *_COLUMNS[1:])
    for row in made:
        table.add_row(*_cells(row))
    return table


def markdown(contents: dict[str, dict]) -> str:
    """The tables of some suites in one, and how they were made."""
    lines = [_line("suite", *_COLUMNS), _line(*["---"] * 5)]
    made: dict[str, list[str]] = {}
    for suite, content in contents.items():
        lines += [_line(f"`{suite}`", *_cells(row)) for row in content["rows"]]
        made.setdefault(_made(content["about"]), []).append(f"`{suite}`")
    lines += ["", *[f"- {', '.join(names)}: {text}" for text, names in made.items()]]
    return "\n".join(lines)


def plain(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is its head."""
    head, *rest = [_line(*row) for row in rows]
    return "\n".join([head, _line(*["---"] * len(rows[0])), *rest])


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _made(about: dict) -> str:
    packages = about["packages"] | about["peer_packages"]
    return (
        f"`python {about['command']}`, {about['rounds']} rounds, {about['date']}, "
        f"{about['cpus']} CPUs of {about['cpu']}, {about['memory_gib']:.0f} GiB, "
        f"Python {about['python']}, "
        f"{', '.join(f'{name} {version}' for name, version in packages.items())}"
    )


_START, _END = "<!-- written by benchmarks.tables -->", "<!-- until here -->"


def update(readme: pathlib.Path, results: pathlib.Path) -> None:
    """Puts the tables of all results that are there where the file has its marks.

    Raises:
      ValueError: the file has not each mark once, or there are no results.
    """
    contents = {
        name: files.read_json(results / f"{name}.json") for name in suites.SUITES
    }
    contents = {name: found for name, found in contents.items() if "rows" in found}
    text = readme.read_text(encoding="utf-8")
    if text.count(_START) != 1 or text.count(_END) != 1 or not contents:
        raise ValueError(
            f"{readme} has {text.count(_START)} {_START}, {text.count(_END)} {_END}; "
            f"{results} has results of {len(contents)} suites. Expected each mark "
            "once, and some results. Run `python -m benchmarks.run` first."
        )
    before, rest = text.split(_START)
    after = rest.split(_END)[1]
    with files.replacing(readme) as temporary:
        written = f"{before}{_START}\n{markdown(contents)}\n{_END}{after}"
        temporary.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    update(HERE / "README.md", RESULTS)
