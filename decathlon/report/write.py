"""A whole report: collects, summarizes, and writes every file of it."""

import csv
import functools
import pathlib
from collections.abc import Sequence

from medmnist_tfds.decathlon import result as results
from medmnist_tfds.decathlon.report import (
    added,
    collect,
    comparison,
    confusion,
    cost,
    facts,
    figures,
    latex,
    page,
    quality,
    spreadsheets,
    summary,
    tables,
    untouched,
)
from medmnist_tfds.process import errors, files
from medmnist_tfds.sources import leaks


def write(
    root: pathlib.Path,
    *,
    out: pathlib.Path | None = None,
    method: str | None = None,
    data_dir: pathlib.Path | None = None,
    manual_dir: pathlib.Path | None = None,
    audits: Sequence[leaks.Leaks] = (),
    add: Sequence[tuple[str, pathlib.Path]] = (),
) -> tuple[pathlib.Path, collect.Decathlon, summary.Summary]:
    """Writes Table 2 as Markdown, CSV and LaTeX, two pictures, and one HTML page.

    The files are table2.md, table2.csv, table2.tex, figure2.png, confusion.png,
    per_class.csv and index.html; and untouched.csv, the scores without the leak, where
    there is a list of pairs.

    Args:
      root: the folder of a Decathlon.
      out: where the report goes; `report` in that folder if not given.
      method: looked at closely; the best by average test AUC if not given.
      data_dir: TFDS's folder of prepared data.
      manual_dir: where official files lie, from which the labels are read.
      audits: lists of pairs, in place of those that ship with the package.
      add: names of methods, and folders of prediction files that are theirs.

    Raises:
      MedMNISTError: as `collect.collect` says, or no such method.
    """
    decathlon = collect.collect(
        root,
        data_dir=data_dir,
        manual_dir=manual_dir,
        more=[functools.partial(added.entries, *one) for one in add],
    )
    out = out or root / "report"
    out.mkdir(parents=True, exist_ok=True)
    table = summary.summarize(decathlon)
    method = _chosen(decathlon, table, method)
    undone = [line(entry) for entry in decathlon.undone()]
    ran = facts.gather(decathlon)
    lists = {
        "Changed from the methods' `paper` budget": facts.lines(ran, "changed"),
        "Not done": undone,
        "Costs that were not believed": cost.refused(decathlon),
        "How they were run": [each.line for each in ran if each.machines],
        "Settings": facts.lines(ran, "settings"),
    }
    compared = comparison.compare(decathlon, table)
    qualities = quality.qualities(decathlon)
    without = untouched.tables(decathlon, table, lists=audits)
    text = tables.markdown(table, banner=decathlon.banner, lists=lists)
    _text(
        out / "table2.md", "\n".join(filter(None, [text, untouched.markdown(without)]))
    )
    if without:
        text = untouched.comma_separated(without, kind=decathlon.kind)
        _text(out / "untouched.csv", text)
    else:
        files.remove(out / "untouched.csv")  # of a report before this one
    _text(out / "table2.csv", tables.comma_separated(table, kind=decathlon.kind))
    _text(out / "table2.tex", latex.table(table, banner=decathlon.banner))
    figures.save(figures.splits_picture(decathlon), out / "figure2.png")
    _ranks(decathlon, compared, out / "ranks.png")
    if method is not None:
        picture = figures.confusion_picture(decathlon, method)
        figures.save(picture, out / "confusion.png")
        _per_class(decathlon, method, out / "per_class.csv")
    for name, text in spreadsheets.of(decathlon, compared, qualities).items():
        _text(out / name, text)
    page.write(
        out / "index.html",
        decathlon,
        table,
        ran=ran,
        method=method,
        undone=undone,
        untouched=without,
        compared=compared,
        qualities=qualities,
    )
    return out, decathlon, table


def _chosen(decathlon, table: summary.Summary, method: str | None) -> str | None:
    """The method asked for, or the best; None if none has a score."""
    scored = [row for row in table.rows if row.values]
    if method is None:

        def rank(row: summary.Row) -> tuple:
            average = row.values.get((summary.AVERAGE, "auc"))
            others = [v.mean for (_, m), v in row.values.items() if m == "auc"]
            return (average is not None, sum(others) / len(others))

        return max(scored, key=rank).method if scored else None
    if method not in {row.method for row in scored}:
        names = ", ".join(row.method for row in scored) or "there is none"
        raise errors.MedMNISTError(
            f"The Decathlon in {decathlon.root} has no finished method {method!r}. "
            f"Expected one of those that have scores: {names}."
        )
    return method


def line(entry: collect.Entry) -> str:
    """Why a cell has no scores, and where its log lies."""
    log = results.log(entry.folder)
    where = f" (log: {log})" if log else ""
    status, reason = entry.result["status"], entry.result.get("reason")
    return f"{entry.folder.name}: {status}, {reason}{where}"


def _ranks(decathlon, compared, path: pathlib.Path) -> None:
    names = {method: decathlon.shown(method) for method in decathlon.methods}
    title = "\n".join(filter(None, ["Mean ranks", decathlon.banner]))
    by_metric = compared.ranks if compared else {}
    picture = figures.ranks_picture(by_metric, names, title=title)
    if picture:
        figures.save(picture, path)
    else:
        files.remove(path)  # of a report before this one


def _per_class(decathlon, method: str, path: pathlib.Path) -> None:
    with files.replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", "dataset", "label", "test_auc"])
        for matrix in confusion.matrices(decathlon, method).values():
            dataset = matrix.dataset
            for label, auc in zip(dataset.labels, matrix.auc, strict=True):
                writer.writerow([method, dataset.paper_name, label, auc])


def _text(path: pathlib.Path, text: str) -> None:
    with files.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
