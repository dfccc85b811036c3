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

from medmnist_tfds import catalog, errors, files, predictions, scoring
from medmnist_tfds.decathlon import environment, exchange, supervisor
from medmnist_tfds.decathlon import method as methods


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
        return {
            "dataset": self.variant.tfds_name,
            "method": self.method.name,
            "seed": self.seed,
            "budget": dict(self.budget.amounts),
            "settings": dict(self.method.settings),
        }


def read(place: pathlib.Path) -> dict | None:
    """The result in a cell's folder, or None."""
    try:
        return json.loads((place / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def check(cell: Cell) -> dict | None:
    """The cell's result, if it stands already; MedMNISTError if it is another's."""
    found = read(cell.place)
    if found is None:
        return None
    wanted = json.loads(json.dumps(cell.settings))
    differing = [
        f"{field} is {found.get(field)}, not {value}"
        for field, value in wanted.items()
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

    What an interrupted attempt has left there stays: a method may go on from it.
    """
    cell.work.mkdir(parents=True, exist_ok=True)
    (cell.work / supervisor.STARTED).unlink(missing_ok=True)
    budget, method = cell.budget, cell.method
    is_foreign = method.has_environment
    content = exchange.task(
        cell.variant,
        budget=dict(budget.amounts),
        settings=dict(method.settings),
        seed=cell.seed,
    )
    exchange.give(cell.work, data, content)
    names = {"{folder}": str(method.folder)}
    # A worker elsewhere has its own interpreter of this package.
    names |= {"{python}": str(python)} if is_foreign else {}
    command = [*method.command, str(cell.work.resolve())]
    for name, value in names.items():
        command = [part.replace(name, value) for part in command]
    hours = limits["hours"] or budget.limit_hours
    gib = limits["memory_gib"] or method.memory_gib
    supervisor.write(
        cell.work / "command.json",
        {
            "command": command,
            "is_foreign": is_foreign,
            "limit_seconds": hours * 3600,
            "memory_bytes": int((gib or 0) * 2**30),
            "stop": str((cell.root / "stop").resolve()),
        },
    )


def finish(cell: Cell, targets: dict[str, np.ndarray]) -> dict:
    """Scores what the method has left, and moves the folder to its place."""
    outcome = supervisor.read_outcome(cell.work)
    result = _describe(cell) | outcome
    if outcome["status"] == "ended":
        try:
            result["scores"] = _score(cell, targets)
            result["status"] = "done"
        except errors.MedMNISTError as error:
            result |= {"status": "failed", "reason": str(error)}
    exchange.discard(cell.work)
    for name in (".lock", "command.json", supervisor.STARTED, supervisor.OUTCOME):
        (cell.work / name).unlink(missing_ok=True)
    return _place(cell, result)


def refuse(cell: Cell, *, status: str, reason: str) -> dict:
    """Records a cell that could not even start."""
    shutil.rmtree(cell.work, ignore_errors=True)
    cell.work.mkdir(parents=True)
    return _place(cell, _describe(cell) | {"status": status, "reason": reason})


def _describe(cell: Cell) -> dict:
    release = cell.variant.release.version
    return cell.settings | {
        "phantom": cell.variant.phantom,
        "release": "phantom" if cell.variant.phantom else release,
        "budget_name": cell.budget_name,
        "display_name": cell.method.display_name,
        "paper_row": cell.method.paper_row,
        "packages": environment.packages(cell.method),
    }


def _score(cell: Cell, targets: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
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


def _place(cell: Cell, result: dict) -> dict:
    with files.replacing(cell.work / "result.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    cell.place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(cell.place, ignore_errors=True)  # an attempt that had failed
    os.replace(cell.work, cell.place)
    return result
