"""Comparisons and the closer look as CSV, with every digit. Never computes."""

import csv
import dataclasses
import io
from collections.abc import Iterable

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import (
    collect,
    comparison,
    pairs,
    quality,
)
from medmnist_tfds.score import calibration


def of(
    decathlon: collect.Decathlon,
    compared: comparison.Comparison | None,
    qualities: dict[tuple[str, str], quality.Quality],
) -> dict[str, str]:
    """The text of each file, by its name."""
    found = {"quality.csv": _quality(decathlon, qualities)}
    if compared:
        fields = [field.name for field in dataclasses.fields(pairs.Pair)]
        rows = [[decathlon.kind, *dataclasses.astuple(p)] for p in compared.pairs]
        found["pairs.csv"] = _text(["data", *fields], rows)
        fields = [field.name for field in dataclasses.fields(comparison.Record)]
        rows = [
            [decathlon.kind, metric, method, *dataclasses.astuple(record)]
            for metric, records in compared.records.items()
            for method, record in records.items()
        ]
        found["records.csv"] = _text(["data", "metric", "method", *fields], rows)
    return found


def _quality(decathlon, qualities) -> str:
    header = "data,method,dataset,quantity,label,value,low95,high95".split(",")
    rows = []
    for (method, name), found in qualities.items():
        for quantity, value in vars(found).items():
            start = [decathlon.kind, method, name, quantity]
            if quantity == "auc_per_class":
                labels = catalog.DATASETS[name].labels
                each = zip(labels, value, strict=True)
                rows += [[*start, label, auc, None, None] for label, auc in each]
            elif isinstance(value, calibration.Calibration):
                error = [value.error, value.low, value.high]
                rows.append([*start[:3], f"calibration_error_{quantity}", None, *error])
            elif value is not None:
                rows.append([*start, None, value, None, None])
    return _text(header, rows)


def _text(header: list[str], rows: Iterable[list]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *(["" if x is None else x for x in row] for row in rows)])
    return text.getvalue()
