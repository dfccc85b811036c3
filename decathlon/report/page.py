"""One HTML page with the whole report in it: opens anywhere, asks for nothing else.

Never computes: it shows what `summary` and `figures` have made.
"""

import base64
import pathlib

import jinja2

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import collect, summary, tables
from medmnist_tfds.process import files


def write(
    path: pathlib.Path,
    decathlon: collect.Decathlon,
    table: summary.Summary,
    *,
    pictures: dict[str, pathlib.Path],
    method: str | None,
    undone: list[str],
) -> None:
    """Writes the page.

    Args:
      path: of the HTML file.
      decathlon: all results.
      table: their summary.
      pictures: caption and PNG of each picture, which are put into the page.
      method: the one looked at closely, if any.
      undone: a line for each cell that has no scores.
    """
    loader = jinja2.FileSystemLoader(pathlib.Path(__file__).with_name("templates"))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined
    )
    text = environment.get_template("page.html").render(
        decathlon=decathlon,
        table=table,
        metrics=summary.METRICS,
        banner=tables.BANNER if decathlon.phantom else None,
        note=tables.note(decathlon.phantom),
        pictures={
            caption: base64.b64encode(png.read_bytes()).decode()
            for caption, png in pictures.items()
        },
        method=decathlon.methods.get(method),
        per_class=per_class(decathlon, method) if method else {},
        cautions={
            catalog.DATASETS[name].paper_name: catalog.DATASETS[name].caution
            for name in decathlon.datasets
            if catalog.DATASETS[name].caution and not decathlon.phantom
        },
        undone=undone,
    )
    with files.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def per_class(decathlon: collect.Decathlon, method: str) -> dict[str, list]:
    """(label, test AUC) by the paper's name of a dataset; mean over seeds."""
    result = {}
    for name in decathlon.datasets:
        entries = decathlon.done(method, name)
        if entries:
            each = [entry.scores["test"].auc_per_class for entry in entries]
            means = [sum(aucs) / len(aucs) for aucs in zip(*each, strict=True)]
            dataset = catalog.DATASETS[name]
            result[dataset.paper_name] = list(zip(dataset.labels, means, strict=True))
    return result
