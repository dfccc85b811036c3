"""What a method leaves: scores, a history and a cost, read as a stranger's files.

Follows no link, waits for no pipe, and reads no more than the scores can take. Never
scores.
"""

import contextlib
import csv
import io
import json
import os
import pathlib
import stat
import warnings

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import features, log, supervisor
from medmnist_tfds.process import errors

HISTORY, COST = "history.csv", "cost.json"
_NUMBER_BYTES = 64  # of a number in a .npy (16 at most), or as text
_HEADER_BYTES = 2**16
_HISTORY_BYTES = 2**20
_COST_BYTES = 2**12
_COUNTS = ("training_images", "trials")
_SPANS = ("training", "prediction")
SPENT = (*_COUNTS, *(f"{span}_seconds" for span in _SPANS))
_MOST = 10**15  # of what is counted
_CLOCK_SECONDS = 1  # that two clocks of one machine may be apart
_NAME_LENGTH = 40  # of a column, as it is shown
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_NUMBERS = "fiub"  # kinds of dtype


def read(folder: pathlib.Path, variant: catalog.Variant, sizes: dict[str, int]) -> dict:
    """The scores that a method has left: float64 (examples, labels) by split.

    Either `train.npy` or `train.csv` (rows of numbers, no header), and so on.

    Raises:
      MedMNISTError: a split that is missing, of another shape, or not all numbers.
    """
    try:
        place = os.open(folder, _FOLDER)
    except OSError as error:
        raise errors.MedMNISTError(
            f"its folder cannot be read ({error.strerror}): expected scores there"
        ) from error
    try:
        return {split: _scores(place, variant, split, sizes[split]) for split in sizes}
    finally:
        os.close(place)


def history(folder: pathlib.Path) -> dict[str, list[float]]:
    """The columns of the `history.csv` that a method may leave: `epoch`, then others.

    Empty where there is none, or none of numbers with a header: curves are no result.
    """
    try:
        place = os.open(folder, _FOLDER)
    except OSError:
        return {}
    try:
        content = _content(place, HISTORY, _HISTORY_BYTES)
        text = io.StringIO((content or b"").decode("utf-8-sig"))
        lines = [line for line in csv.reader(text) if line]
        rows = [[float(cell) for cell in line] for line in lines[1:]]
    except (errors.MedMNISTError, ValueError, csv.Error):
        return {}
    finally:
        os.close(place)
    names = [log.printable(name)[:_NAME_LENGTH] for name in lines[0]] if rows else []
    is_table = names[:1] == ["epoch"] and len(set(names)) == len(names)
    if not is_table or any(len(row) != len(names) for row in rows):
        return {}
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def cost(folder: pathlib.Path, *, started: float, ended: float) -> dict:
    """What a method says that it has spent, by the `cost.json` that it may leave.

    `training_images`, each pass counted, and `trials` of a search, are whole numbers;
    `training` and `prediction` are start and end in seconds of Unix time, inside of
    the cell's own.

    Args:
      folder: the method's.
      started: when the harness started it, in seconds of Unix time.
      ended: when it had ended.

    Returns:
      By the names in `SPENT`; None for what it does not say.

    Raises:
      MedMNISTError: that is no plain file, or says it in another form.
    """
    spent = dict.fromkeys(SPENT)
    with contextlib.ExitStack() as closing:
        try:
            place = os.open(folder, _FOLDER)
            closing.callback(os.close, place)
        except OSError:
            return spent
        content = _content(place, COST, _COST_BYTES, expected="a few words of JSON")
    if content is None:
        return spent
    said = None
    with contextlib.suppress(ValueError, RecursionError):
        said = json.loads(content)
    if not isinstance(said, dict):
        raise _no_cost(content, 'an object such as {"training_images": 54600}')
    for name in said.keys() & set(_COUNTS):
        if type(said[name]) is not int or not 0 <= said[name] < _MOST:
            raise _no_cost(content, f'{{"{name}": N}}, a whole number')
        spent[name] = said[name]
    for name in said.keys() & set(_SPANS):
        if not _is_span(said[name], started, ended):
            raise _no_cost(content, f'{{"{name}": [start, end]}}, inside of the run')
        start, end = said[name]
        spent[f"{name}_seconds"] = end - start
    return spent


def _is_span(value, started: float, ended: float) -> bool:
    is_pair = isinstance(value, list) and len(value) == 2
    if not is_pair or not {type(part) for part in value} <= {int, float}:
        return False
    return started - _CLOCK_SECONDS <= value[0] <= value[1] <= ended + _CLOCK_SECONDS


def _no_cost(content: bytes, expected: str) -> errors.MedMNISTError:
    said = log.printable(content[:40].decode(errors="replace"))
    return errors.MedMNISTError(f"its {COST} says {said}: expected {expected}")


def discard(folder: pathlib.Path) -> None:
    """Removes what only served the exchange: arrays in and arrays out."""
    arrays = [f"{split}.{end}" for split in catalog.SPLITS for end in ("npy", "csv")]
    try:
        place = os.open(folder, _FOLDER)
    except OSError:  # a method has put something else there
        return
    for name in (supervisor.DATA, features.FILE, *arrays):
        with contextlib.suppress(OSError):  # a folder of that name does no harm
            os.unlink(name, dir_fd=place)
    os.close(place)


def _scores(place: int, variant, split: str, examples: int) -> np.ndarray:
    labels = variant.dataset.num_labels
    most = examples * labels * _NUMBER_BYTES + _HEADER_BYTES
    if (content := _content(place, f"{split}.npy", most)) is not None:
        read = _from_npy
    elif (content := _content(place, f"{split}.csv", most)) is not None:
        read = _from_csv
    else:
        raise errors.MedMNISTError(
            f"it left no scores of {split}: expected {split}.npy or {split}.csv"
        )
    widths = {labels, 1} if variant.dataset.task is catalog.Task.BINARY else {labels}
    shapes = {(examples, width) for width in widths}
    shapes |= {(examples,)} if 1 in widths else set()

    def check(shape: tuple[int, ...]) -> None:
        if shape not in shapes:
            raise errors.MedMNISTError(
                f"its scores of {split} have shape {log.printable(str(shape))}, "
                f"expected ({examples}, {labels})"
            )

    try:
        values = read(content, check)
    except errors.MedMNISTError:
        raise
    except Exception as error:  # of parsers that were not made for a stranger's bytes
        raise errors.MedMNISTError(
            f"its scores of {split} are not one NumPy array of numbers: "
            f"{log.printable(str(error))}"
        ) from error
    if wrong := np.count_nonzero(~np.isfinite(values)):
        raise errors.MedMNISTError(
            f"its scores of {split} are not all numbers ({wrong} of them NaN or "
            "infinite)"
        )
    return values.reshape(examples, -1)


def _content(
    place: int,
    name: str,
    most: int,
    *,
    expected: str = "an array of scores, one row per example",
) -> bytes | None:
    """The bytes of a file in a folder that is open; None where there is none."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # nobody may write to a pipe
    try:
        if not stat.S_ISREG(os.lstat(name, dir_fd=place).st_mode):
            raise errors.MedMNISTError(
                f"it left {name} as a link, a folder or a pipe: expected a file"
            )
        with open(os.open(name, flags, dir_fd=place), "rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise errors.MedMNISTError(
            f"its {name} cannot be read ({error.strerror})"
        ) from error
    if len(content) > most:
        raise errors.MedMNISTError(
            f"its {name} is larger than {most:,} bytes: expected {expected}"
        )
    return content


def _from_npy(content: bytes, check) -> np.ndarray:
    if not content.startswith(np.lib.format.MAGIC_PREFIX):
        raise ValueError("the file is none that np.save writes")
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        header = np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)  # first: memory is taken by what it says
    if dtype.kind not in _NUMBERS:
        raise ValueError(
            f"its type is {str(dtype)[:40]}, expected numbers such as float32"
        )
    check(shape)
    file.seek(0)
    with np.errstate(over="ignore"):  # longer floats become infinite
        return np.load(file, allow_pickle=False).astype(np.float64)


def _from_csv(content: bytes, check) -> np.ndarray:
    text = io.StringIO(content.decode("utf-8-sig"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty file: its shape is told
        values = np.loadtxt(text, delimiter=",", ndmin=2)
    check(values.shape)
    return values
