"""A whole report: collects, summarizes, and writes every file of it."""

import csv
import pathlib

from medmnist_tfds.decathlon import result as results
from medmnist_tfds.decathlon.report import collect, figures, page, summary, tables
from medmnist_tfds.process import errors, files


def write(
    root: pathlib.Path,
    *,
    out: pathlib.Path | None = None,
    method: str | None = None,
    data_dir: pathlib.Path | None = None,
    manual_dir: pathlib.Path | None = None,
) -> tuple[pathlib.Path, collect.Decathlon, summary.Summary]:
    """Writes Table 2 as Markdown, CSV and LaTeX, two pictures, and one HTML page.

    The files are table2.md, table2.csv, table2.tex, figure2.png, confusion.png,
    per_class.csv and index.html.

    Args:
      root: the folder of a Decathlon.
      out: where the report goes; `report` in that folder if not given.
      method: looked at closely; the best by average test AUC if not given.
      data_dir: TFDS's folder of prepared data.
      manual_dir: where official files lie, from which the labels are read.

    Raises:
      MedMNISTError: as `collect.collect` says, or no such method.
    """
    decathlon = collect.collect(root, data_dir=data_dir, manual_dir=manual_dir)
    out = out or root / "report"
    out.mkdir(parents=True, exist_ok=True)
    table = summary.summarize(decathlon)
    method = _chosen(decathlon, table, method)
    undone = [line(entry) for entry in decathlon.undone()]
    budgets = [
        f"{title}: {line}"
        for name, title in decathlon.methods.items()
        for line in decathlon.budgets(name)
        if line
    ]
    text = tables.markdown(
        table, phantom=decathlon.phantom, budgets=budgets, undone=undone
    )
    _text(out / "table2.md", text)
    _text(out / "table2.csv", tables.comma_separated(table, phantom=decathlon.phantom))
    _text(out / "table2.tex", tables.latex(table, phantom=decathlon.phantom))
    figures.save(figures.splits_picture(decathlon), out / "figure2.png")
    pictures = {"Methods on training, validation and test split": out / "figure2.png"}
    if method is not None:
        figures.save(
            figures.confusion_picture(decathlon, method), out / "confusion.png"
        )
        _per_class(decathlon, method, out / "per_class.csv")
        pictures[f"{decathlon.methods[method]}: confusion"] = out / "confusion.png"
    page.write(
        out / "index.html",
        decathlon,
        table,
        pictures=pictures,
        method=method,
        undone=undone,
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


def _per_class(decathlon, method: str, path: pathlib.Path) -> None:
    with files.replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", "dataset", "label", "test_auc"])
        for dataset, labels in page.per_class(decathlon, method).items():
            writer.writerows([method, dataset, *pair] for pair in labels)


def _text(path: pathlib.Path, text: str) -> None:
    with files.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
