"""Manifests: which source image each official image was made of, as CSV files.

Never looks for a source, and never says more than the file does: what is unknown is
empty.
"""

import csv
import importlib.resources
import os
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import checks, errors, files

COLUMNS = ("split", "index", "source", "largest_difference")
UNKNOWN = -1  # a largest difference that nobody has measured; empty in the file
_SHIPPED = importlib.resources.files("medmnist_tfds.sources") / "shipped"


class Manifest(Mapping[str, np.ndarray]):
    """A mapping from split to a structured array, whose row i is the official row i.

    Columns are COLUMNS, then text that the archive knows (patient, age, ...). `source`
    is empty where none was found, `largest_difference` then -1.
    """

    def __init__(self, splits: Mapping[str, np.ndarray]):
        self._splits = dict(splits)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, object]]) -> "Manifest":
        """Of rows in the order of their index, split by split.

        Raises:
          MedMNISTError: a row is missing, comes twice, or has no number for one.
        """
        by_split: dict[str, list[Mapping[str, object]]] = {}
        for number, row in enumerate(rows):
            rows_before = by_split.setdefault(str(row["split"]), [])
            if str(row["split"]) not in catalog.SPLITS or str(row["index"]) != str(
                len(rows_before)
            ):
                raise errors.MedMNISTError(
                    f"Row {number} of the manifest is split {row['split']!r}, index "
                    f"{row['index']!r}. Expected one row per official image: splits "
                    f"{', '.join(catalog.SPLITS)}, in each 0, 1, 2, ..."
                )
            rows_before.append(row)
        return cls({split: _table(rows) for split, rows in by_split.items()})

    @property
    def columns(self) -> tuple[str, ...]:
        return next(iter(self._splits.values())).dtype.names if self._splits else ()

    def rows(self) -> Iterator[dict[str, object]]:
        """All of them, as dictionaries, empty where nothing is known."""
        for table in self._splits.values():
            for values in table.tolist():
                row = dict(zip(table.dtype.names, values, strict=True))
                if row["largest_difference"] == UNKNOWN:
                    row["largest_difference"] = ""
                yield row

    def check(self, splits: Mapping[str, int], *, of: str) -> None:
        """Whether there is one row for each of so many images.

        Raises:
          MedMNISTError: there are more or fewer.
        """
        found = {split: len(table) for split, table in self._splits.items()}
        if found != dict(splits):
            raise errors.MedMNISTError(
                f"The manifest has {_counts(found)} rows. Expected {_counts(splits)}, "
                f"one for each image of {of}. It may be of another release or dataset."
            )

    def __getitem__(self, split: str) -> np.ndarray:
        return self._splits[split]

    def __iter__(self) -> Iterator[str]:
        return iter(self._splits)

    def __len__(self) -> int:
        return len(self._splits)


def manifest(name: str) -> Manifest:
    """The manifest of a dataset that ships with the package.

    Args:
      name: of the dataset, `breast`.

    Raises:
      MedMNISTError: there is no such dataset, or none ships for it.
    """
    dataset = catalog.parse(name).dataset
    shipped = _SHIPPED / f"{dataset.name}.csv"
    if not shipped.is_file():
        names = sorted(p.name.removesuffix(".csv") for p in _SHIPPED.iterdir())
        known = [name for name in names if not name.endswith("_leaks")]
        whole = dataset.regroups or dataset.name
        raise errors.MedMNISTError(
            f"No manifest of {dataset.name} ships with the package (there are: "
            f"{', '.join(known)}). Expected the archive that it was made of: get one "
            f"by `medmnist-tfds link {whole} --source ARCHIVE`."
        )
    with importlib.resources.as_file(shipped) as path:
        return read(path)


def read(path: str | os.PathLike) -> Manifest:
    """Reads a manifest's CSV file.

    Raises:
      MedMNISTError: it holds something else.
    """
    path = checks.path(path)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            header = tuple(reader.fieldnames or ())
    except (UnicodeDecodeError, csv.Error) as error:
        raise _no_manifest(path, str(error)) from error
    if header[: len(COLUMNS)] != COLUMNS:
        raise _no_manifest(path, f"its first line is {','.join(header)[:80]!r}")
    whole = [row for row in rows if None not in row and None not in row.values()]
    if len(whole) != len(rows) or not rows:
        raise _no_manifest(path, "it has no rows, or some of other lengths")
    try:
        return Manifest.from_rows(rows)
    except errors.MedMNISTError as error:
        raise _no_manifest(path, str(error).split(" Expected")[0]) from error


def write(path: str | os.PathLike, content: Manifest) -> None:
    """Writes it under a temporary name and moves it into place."""
    with files.replacing(path) as temporary:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, content.columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(content.rows())


def _table(rows: list[Mapping[str, object]]) -> np.ndarray:
    names = [name for name in rows[0] if name not in COLUMNS]
    kinds = {"index": np.int64, "largest_difference": np.int16}
    columns = {
        name: np.array([_value(row[name], name) for row in rows], kinds.get(name))
        for name in (*COLUMNS, *names)
    }
    table = np.empty(len(rows), [(name, c.dtype) for name, c in columns.items()])
    for name, column in columns.items():
        table[name] = column
    return table


def _value(value, name: str):
    if name == "index":
        return int(value)
    if name != "largest_difference":
        return str(value)
    if value in ("", None):
        return UNKNOWN
    if not str(value).isdigit() or int(value) > 255:
        raise errors.MedMNISTError(
            f"A largest difference is {value!r}. Expected grey levels, 0 to 255."
        )
    return int(value)


def _counts(splits: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {count:,}" for split, count in splits.items())


def _no_manifest(path, reason: str) -> errors.MedMNISTError:
    return errors.MedMNISTError(
        f"{path} is no manifest: {reason.rstrip('.')}. Expected a CSV file with the "
        f"columns {','.join(COLUMNS)}, as `medmnist-tfds link` writes it."
    )
