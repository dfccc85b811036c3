"""One cell of the grid: a dataset, a method and a seed; from an order to a result.

A cell's folder is at work until it is whole, then it is moved to its final place.
Scores here, where the test labels are, and nowhere else.
"""

import dataclasses
import json
import os
import pathlib
import shutil

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import environment, exchange, supervisor
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.process import errors, files
from medmnist_tfds.score import predictions, scoring


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of one method on one dataset, in the folder of a Decathlon."""

    variant: catalog.Variant
    method: methods.Method
    seed: int
    budget_name: str
    images: int  # of the dataset, over all splits
    root: pathlib.Path

    @property
    def name(self) -> str:
        return f"{self.variant.config}-{self.method.name}-seed{self.seed}"

    @property
    def place(self) -> pathlib.Path:
        """Where its result stands, once there is one."""
        return self.root / "cells" / self.name

    @property
    def work(self) -> pathlib.Path:
        return self.root / "work" / self.name

    @property
    def budget(self) -> methods.Budget:
        return self.method.budget(self.budget_name, images=self.images)

    @property
    def settings(self) -> dict:
        """What must be equal for a result to count as this cell's."""
        content = {
            "dataset": self.variant.tfds_name,
            "method": self.method.name,
            "seed": self.seed,
            "budget": dict(self.budget.amounts),
            "settings": dict(self.method.settings),
        }
        return json.loads(json.dumps(content))


def read(place: pathlib.Path) -> dict:
    """The result in a cell's folder; empty where there is none."""
    return files.read_json(place / "result.json")


def standing(cell: Cell, *, retry_failed: bool) -> dict | None:
    """The result that need not be run again, or None.

    Raises:
      MedMNISTError: there is one, of another budget or other settings.
    """
    if read(cell.work):  # killed between writing and moving it
        _move(cell)
    found = read(cell.place)
    is_open = not found or found["status"] == "missing"
    if is_open or (found["status"] == "failed" and retry_failed):
        return None
    differing = [
        f"{field} is {found.get(field)}, not {value}"
        for field, value in cell.settings.items()
        if found.get(field) != value
    ]
    if differing:
        raise errors.MedMNISTError(
            f"{cell.place} was made otherwise: {'; '.join(differing)}. Expected the "
            "same budget and settings for a whole folder. Choose another --out, or "
            "repeat the --set and --budget of before."
        )
    return found


def order(cell: Cell, data: pathlib.Path, python: pathlib.Path, limits: dict) -> None:
    """Writes all that a worker needs into the cell's working folder.

    What an interrupted attempt of the same settings and program has left there stays:
    a method may go on from it.
    """
    attempt = cell.settings | {"program": cell.method.program}
    if files.read_json(cell.work / "attempt.json") != attempt:
        shutil.rmtree(cell.work, ignore_errors=True)
    cell.work.mkdir(parents=True, exist_ok=True)
    (cell.work / supervisor.STARTED).unlink(missing_ok=True)
    files.write_json(cell.work / "attempt.json", attempt)
    budget, method = cell.budget, cell.method
    content = exchange.task(
        cell.variant,
        budget=dict(budget.amounts),
        settings=dict(method.settings),
        seed=cell.seed,
    )
    exchange.give(cell.work, data, content)
    hours, gib = limits["hours"], limits["memory_gib"]
    hours = budget.limit_hours if hours is None else hours
    gib = method.memory_gib if gib is None else gib
    files.write_json(
        cell.work / supervisor.ORDER,
        {
            "command": [*method.command, str(cell.work.resolve())],
            "method": method.program_address,
            "python": str(python) if method.has_environment else None,
            "limit_seconds": hours * 3600,
            "memory_bytes": int((gib or 0) * 2**30),
            "stop": str((cell.root / "stop").resolve()),
        },
    )


def finish(cell: Cell, targets: dict[str, np.ndarray]) -> dict:
    """Scores what the method has left, and moves the folder to its place."""
    outcome = files.read_json(cell.work / supervisor.OUTCOME)
    result = _describe(cell) | outcome
    if outcome["status"] == "ended":
        try:
            result["scores"] = _score(cell, targets)
            result["status"] = "done"
        except OSError:
            raise  # of ours: a full disk is no fault of the method
        except Exception as error:  # whatever a method has left must not end the others
            reason = str(error)
            if not isinstance(error, errors.MedMNISTError):
                reason = f"its scores cannot be read ({type(error).__name__}: {error})"
            result |= {"status": "failed", "reason": reason}
    files.write_json(cell.work / "result.json", result)
    _move(cell)
    return result


def refuse(cell: Cell, *, reason: str) -> dict:
    """Records a cell that cannot start here; what it has done so far stays."""
    result = _describe(cell) | {"status": "missing", "reason": reason}
    files.write_json(cell.place / "result.json", result)
    return result


def log(place: pathlib.Path) -> pathlib.Path | None:
    """The log to look at, if there is one."""
    logs = (place / supervisor.LOG, place / supervisor.OWN_LOG)
    return next((path for path in logs if path.exists()), None)


def _describe(cell: Cell) -> dict:
    release = cell.variant.release.version
    return cell.settings | {
        "phantom": cell.variant.phantom,
        "release": "phantom" if cell.variant.phantom else release,
        "budget_name": cell.budget_name,
        "display_name": cell.method.display_name,
        "paper_row": cell.method.paper_row,
        "program": cell.method.program,
        "packages": environment.packages(cell.method),
    }


def _score(cell: Cell, targets: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    for stale in cell.work.glob("*_[[]AUC[]]*@*.csv"):  # of a kill while writing
        stale.unlink()
    sizes = {split: len(labels) for split, labels in targets.items()}
    found = exchange.take(cell.work, cell.variant, sizes)
    scores = {}
    for split, values in found.items():
        predictions.write(
            cell.work,
            dataset=cell.variant,
            split=split,
            scores=values,
            run=f"{cell.method.name}_seed{cell.seed}",
            targets=targets[split],
        )
        score = scoring.score(targets[split], values, task=cell.variant.dataset.task)
        scores[split] = {"auc": score.auc, "acc": score.acc}
    return scores


def _move(cell: Cell) -> None:
    """Moves a folder whose result is written to its place, without the exchange."""
    exchange.discard(cell.work)
    for name in (".lock", "attempt.json", *supervisor.BOOKS):
        (cell.work / name).unlink(missing_ok=True)
    cell.place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(cell.place, ignore_errors=True)  # an attempt that had failed
    os.replace(cell.work, cell.place)
