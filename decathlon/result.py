"""A cell's result.json, as runs and reports read it.

Never believes one that is not as the harness writes it.
"""

import contextlib
import numbers
import pathlib

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import answers, supervisor
from medmnist_tfds.process import errors, files

RESULT = "result.json"
_FIELDS = {  # of every result, and what reports rely on
    "dataset": str,
    "method": str,
    "display_name": str,
    "seed": int,
    "budget": dict,
    "settings": dict,
}


def read(place: pathlib.Path) -> dict:
    """The result in a cell's folder; empty where there is none.

    Raises:
      MedMNISTError: it is not as the harness writes it.
    """
    path = place / RESULT
    result = files.read_json(path)
    if path.exists() and not _is_result(result):
        raise errors.MedMNISTError(
            f"{path} is damaged. Expected a result as the Decathlon writes it. Delete "
            f"{place}, and run the cell again."
        )
    return result


def log(place: pathlib.Path) -> pathlib.Path | None:
    """The log to look at, if there is one."""
    logs = (place / supervisor.LOG, place / supervisor.OWN_LOG)
    return next((path for path in logs if path.exists()), None)


def _is_result(result: dict) -> bool:
    for field, kind in _FIELDS.items():
        if not isinstance(result.get(field), kind):
            return False
    if not isinstance(result.get("pretrained", ""), str):  # older ones do not say it
        return False
    if result.get("status") != "done":
        return result.get("status") in ("failed", "missing")
    with contextlib.suppress(KeyError, TypeError):
        scores = [result["scores"][split] for split in catalog.SPLITS]
        values = [score[metric] for score in scores for metric in ("auc", "acc")]
        values.append(result.get("seconds", 0))
        values += [result.get(name) or 0 for name in answers.SPENT]  # None: not told
        return all(isinstance(value, numbers.Real) for value in values)
    return False
