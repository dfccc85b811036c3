"""One HTML page with the whole report in it: opens anywhere, asks for nothing else.

Never computes: it shows what `summary` and its neighbours have made. Drawings are HTML
and SVG of the page itself, so that they fit any width, in light and dark.
"""

import pathlib

import jinja2

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import (
    collect,
    comparison,
    confusion,
    cost,
    curves,
    facts,
    quality,
    samples,
    splits,
    summary,
    tables,
)
from medmnist_tfds.decathlon.report import front as fronts
from medmnist_tfds.decathlon.report import untouched as without
from medmnist_tfds.process import files

_INTERVALS = "In brackets: 95\u00a0% bootstrap interval over test examples."


def write(
    path: pathlib.Path,
    decathlon: collect.Decathlon,
    table: summary.Summary,
    *,
    ran: list[facts.Facts],
    method: str | None,
    undone: list[str],
    untouched: list[without.Table] = (),
    compared: comparison.Comparison | None = None,
    qualities: dict[tuple[str, str], quality.Quality] | None = None,
) -> None:
    """Writes the page.

    Args:
      path: of the HTML file.
      decathlon: all results.
      table: their summary.
      ran: how each method was run.
      method: the one looked at closely, if any.
      undone: a line for each cell that has no scores.
      untouched: scores without the leak, of the datasets that have a list of pairs.
      compared: what is better than what; None where no method has a score.
      qualities: a closer look at each cell, by method and dataset.
    """
    loader = jinja2.FileSystemLoader(pathlib.Path(__file__).with_name("templates"))
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = confusion.percent
    environment.filters["main_versions"] = facts.main_versions
    text = environment.get_template("page.html").render(
        decathlon=decathlon,
        table=table,
        metrics=summary.METRICS,
        average=summary.AVERAGE,
        comparison=compared,
        qualities=qualities or {},
        front=fronts.front(decathlon, table, compared) if compared else None,
        footnotes=tables.footnotes(table),
        pretrained=tables.pretrained(table.rows),
        refused=cost.refused(decathlon),
        banner=decathlon.banner,
        note=tables.note(table, intervals=_INTERVALS),
        datasets=catalog.DATASETS,
        seeds=confusion.seeds_text(decathlon.seeds),
        ran=ran,
        departures=facts.lines(ran, "changed"),
        settings=facts.lines(ran, "settings"),
        has_resumed=any(e.result.get("is_resumed") for e in decathlon.entries),
        machines=_shared(ran, "machines"),
        packages=_shared(ran, "packages"),
        undone=undone,
        untouched=untouched,
        untouched_title=without.TITLE,
        panels=splits.panels(decathlon),
        legend=splits.LEGEND,
        splits=catalog.SPLITS,
        close_up=_close_up(decathlon, method) if method else [],
        method=decathlon.shown(method) if method else None,
        first=samples.FIRST,
        curves=_curves(decathlon),
    )
    with files.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _close_up(decathlon: collect.Decathlon, method: str) -> list[dict]:
    """Of each dataset: its matrix, and images with what the method said of them."""
    return [
        {
            "matrix": matrix,
            "samples": samples.choose(decathlon, method, name),
            "examples": len(decathlon.targets[name]),
        }
        for name, matrix in confusion.matrices(decathlon, method).items()
    ]


def _curves(decathlon: collect.Decathlon) -> list[dict]:
    found = []
    for method in decathlon.methods:
        if rows := curves.panels(decathlon, method):
            name = decathlon.shown(method)
            found.append({"name": name, "rows": rows, "seeds": curves.seeds(rows)})
    return found


def _shared(ran: list[facts.Facts], field: str) -> dict[tuple[str, ...], str]:
    """Names of methods by what they have in common; most ran in the same place."""
    names: dict[tuple[str, ...], list[str]] = {}
    for each in ran:
        names.setdefault(getattr(each, field), []).append(each.display_name)
    if len(names) == 1 and len(ran) > 1:
        return dict.fromkeys(names, "All methods")
    return {value: ", ".join(found) for value, found in names.items()}
