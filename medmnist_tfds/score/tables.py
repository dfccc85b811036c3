"""Scores in a CSV or NPY file of any name, of which is known what split they are of.

Reads what programs write: with a header or without, rows numbered or in the official
order. Never guesses: a file that can be read in two ways is refused.
"""

import collections
import csv
import pathlib
import re
from collections.abc import Iterable

import numpy as np
from packaging import version

from medmnist_tfds.process import errors

_WHOLE = re.compile(r"[0-9]{1,18}")


def read(path: pathlib.Path, *, columns: list[int], examples: int | None) -> np.ndarray:
    """The scores in the official order: numbers (examples, columns), or less axes.

    Args:
      path: ends in .csv or .npy.
      columns: how many scores an example may have.
      examples: of the split; None where any number will do.

    Raises:
      MedMNISTError: the file is of another kind, cannot be read, or is ambiguous.
    """
    readers = {".csv": _of_csv, ".npy": _of_npy}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise errors.MedMNISTError(
            f"{path.name} is neither .csv nor .npy. Expected scores as text with "
            "commas, or as numpy.save writes them."
        )
    try:
        return reader(path, columns=columns, examples=examples)
    except OSError as error:
        raise errors.MedMNISTError(
            f"{errors.said_by_system(error)} Expected a file of scores."
        ) from error


def _of_npy(path: pathlib.Path, **_) -> np.ndarray:
    with path.open("rb") as file:
        try:
            return np.lib.format.read_array(file, allow_pickle=False)
        except OSError:
            raise
        except Exception as error:  # NumPy has many words for what is no .npy
            raise errors.MedMNISTError(
                f"{path} cannot be read ({error}). Expected an array of scores, as "
                "numpy.save writes it."
            ) from error


def _of_csv(path: pathlib.Path, *, columns: list[int], examples: int | None):
    try:
        # replace: bytes that are no text are refused with their line, as text is.
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            lines = list(csv.reader(file))
            while lines and not lines[-1]:  # blank ones at the end
                lines.pop()
    except csv.Error as error:
        raise errors.MedMNISTError(
            f"{path} cannot be read ({error}). Expected text with commas."
        ) from error
    first = 1 + _has_header(lines, examples)
    rows = lines[first - 1 :]
    if _is_numbered(path, rows, columns):
        return in_order(path, rows, columns=columns, examples=examples, first=first)
    scores = [
        _numbers(path, line, number, is_numbered=False)[1]
        for number, line in enumerate(rows, first)
    ]
    for number, row in enumerate(scores, first):
        if len(row) != len(scores[0]):
            raise errors.MedMNISTError(
                f"{path.name}, line {number} has {len(row)} scores. Expected "
                f"{len(scores[0])}, as the first row has."
            )
    return np.array(scores)


def _has_header(lines: list[list[str]], examples: int | None) -> bool:
    if not lines:
        return False
    try:
        numbers = [float(cell) for cell in lines[0]]
    except ValueError:
        return True
    # Names that are numbers, as pandas gives them, take a line that the split lacks.
    return len(lines) - 1 == examples and numbers == list(range(len(numbers)))


def _is_numbered(path: pathlib.Path, rows: list[list[str]], columns: list[int]) -> bool:
    """Whether the first column is the row in the official array."""
    width = len(rows[0]) if rows else 0
    firsts = [row[0] if row else "" for row in rows]
    numbers = [int(cell) for cell in firsts if _WHOLE.fullmatch(cell)]
    are_whole = len(numbers) == len(rows)
    if are_whole and sorted(numbers) == list(range(len(rows))) and len(rows) > 2:
        return True
    if width in columns and width - 1 in columns and are_whole and max(numbers) > 1:
        raise errors.MedMNISTError(
            f"{path.name}: the first of its {width} columns has whole numbers, but not "
            "the rows from 0 on, once each. Expected scores alone, or before them each "
            "row's number. Write scores as 3.0, or number all rows."
        )
    return width not in columns and width - 1 in columns


def in_order_if_plain(
    path: pathlib.Path, *, columns: list[int], examples: int | None
) -> np.ndarray | None:
    """As `in_order`, of a whole file in a tenth of the time, by pandas.

    None without pandas, and for a file that wants a closer look, or a refusal with its
    reason.
    """
    try:
        import pandas as pd  # half a second, which few files are worth
    except ImportError:
        return None
    # From 3.1 on numbers are read to the bit by default, and to ask for it is no use.
    is_exact = version.parse(pd.__version__) >= version.parse("3.1")
    try:
        table = pd.read_csv(
            path,
            header=None,
            dtype=collections.defaultdict(lambda: np.float64, {0: str}),
            skip_blank_lines=False,
            encoding="ascii",
            low_memory=False,  # else it warns of "mixed types" in long files
            **({} if is_exact else {"float_precision": "round_trip"}),
        )
    except (ValueError, pd.errors.ParserError):
        return None
    index, size = table.pop(0), examples or len(table)
    if not index.str.fullmatch("[0-9]{1,9}", na=False).all() or len(table) != size:
        return None
    scores = np.full((size, table.shape[1]), np.nan)
    rows = index.to_numpy().astype(int)
    if rows.max() >= size or scores.shape[1] not in columns:
        return None
    scores[rows] = table.to_numpy()  # a row that is missing stays NaN
    return scores if np.isfinite(scores).all() else None


def in_order(
    path: pathlib.Path,
    lines: Iterable[list[str]],
    *,
    columns: list[int],
    examples: int | None,
    first: int = 1,
) -> np.ndarray:
    """The scores, float64 (examples, columns), of numbered lines in any order.

    Stops at the first line that does not belong there, however many follow; `first` is
    the number of the first line in its file.
    """

    def refusal(problem: str) -> errors.MedMNISTError:
        last = f"{examples - 1}" if examples else "the last"
        return errors.MedMNISTError(
            f"{path.name}: {problem}. Expected the rows 0 to {last} once each, all "
            f"with {' or '.join(map(str, columns))} scores."
        )

    rows: dict[int, list[float]] = {}
    width = None
    for number, line in enumerate(lines, first):
        index, scores = _numbers(path, line, number, is_numbered=True)
        if index in rows:
            raise refusal(f"row {index} is repeated in line {number}")
        if index < 0 or (examples and index >= examples):
            raise refusal(f"row {index} in line {number} is extra")
        width = width or len(scores)  # as the first line has, so all
        if len(scores) != width or width not in columns:
            raise refusal(f"row {index} in line {number} has {len(scores)} scores")
        rows[index] = scores
    size = examples or max(len(rows), 1)
    missing = next((index for index in range(size) if index not in rows), None)
    if missing is not None:
        raise refusal(f"row {missing} is missing")
    return np.array([rows[index] for index in range(size)])


def _numbers(
    path: pathlib.Path, line: list[str], number: int, *, is_numbered: bool
) -> tuple[int | None, list[float]]:
    """The row's index, if it has one, and its scores."""
    text = ",".join(line)
    try:
        # Python would read 1_0 as ten, and the digits of every script.
        if "_" in text or not text.isascii():
            raise ValueError
        index = int(line[0]) if is_numbered else None
        scores = [float(cell) for cell in line[is_numbered:]]
    except (ValueError, IndexError) as error:
        form = "the row's index, then its scores, and no header"
        raise errors.MedMNISTError(
            f"{path.name}, line {number}: {text[:60]!r} is not a row of numbers. "
            f"Expected {form if is_numbered else 'scores with commas'}."
        ) from error
    if not np.isfinite(scores).all():
        row = f" (row {index})" if is_numbered else ""
        raise errors.MedMNISTError(
            f"{path.name}, line {number}{row} has a score that is NaN or "
            "infinite. Expected finite numbers. Did training diverge?"
        )
    return index, scores
