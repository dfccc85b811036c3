"""One cell of the grid: a dataset, a method and a seed; from an order to a result.

A cell's folder is at work until it is whole, then it is moved to its final place. The
harness keeps its books there; a method is given the folder `method` inside, and what it
leaves there is read by `answers`. Scores here, where the test labels are, and nowhere
else.
"""

import dataclasses
import json
import os
import pathlib

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import (
    answers,
    claim,
    environment,
    exchange,
    features,
    supervisor,
)
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import result as results
from medmnist_tfds.process import errors, files
from medmnist_tfds.score import predictions, scoring
from medmnist_tfds.train import recipe as recipes

_ATTEMPT = "attempt.json"
# What a recipe's fields were of results that do not name them.
_BEFORE = dataclasses.asdict(recipes.PAPER)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of one method on one dataset, in the folder of a Decathlon."""

    variant: catalog.Variant
    method: methods.Method
    seed: int
    budget_name: str
    suite: str
    images: int  # of the dataset, over all splits
    root: pathlib.Path

    @property
    def name(self) -> str:
        return f"{self.variant.config}-{self.method.name}-seed{self.seed}"

    @property
    def place(self) -> pathlib.Path:
        """Where its result is, once there is one."""
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


def finished(cell: Cell, *, retry_failed: bool) -> dict | None:
    """The result that need not be run again, or None.

    Raises:
      MedMNISTError: there is one, of another budget or other settings, or damaged.
    """
    result = results.read(cell.place)
    if result and cell.method.recipe:
        result["settings"] = _BEFORE | result["settings"]
    is_open = not result or result["status"] == "missing"
    if is_open or (result["status"] == "failed" and retry_failed):
        return None
    differing = [
        f"{field} is {result.get(field)}, not {value}"
        for field, value in cell.settings.items()
        if result.get(field) != value
    ]
    if differing:
        raise errors.MedMNISTError(
            f"{cell.place} was made otherwise: {'; '.join(differing)}. Expected the "
            "same budget and settings for a whole folder. Choose another --out, or "
            "repeat the --set and --budget of before."
        )
    return result


def order(
    cell: Cell,
    data: dict[str, pathlib.Path],
    python: pathlib.Path,
    limits: dict,
) -> None:
    """Writes all that a worker needs into the cell's working folder.

    `data` are files that the method is given, by the names that they get there.

    What an interrupted attempt of the same settings and program has left there stays:
    a method may go on from it.
    """
    attempt = cell.settings | {"program": cell.method.program}
    if files.read_json(cell.work / _ATTEMPT) != attempt:
        files.remove(cell.work)
    cell.work.mkdir(parents=True, exist_ok=True)
    (cell.work / supervisor.STARTED).unlink(missing_ok=True)
    files.write_json(cell.work / _ATTEMPT, attempt)
    budget, method = cell.budget, cell.method
    task = exchange.task(
        cell.variant,
        budget=dict(budget.amounts),
        settings=dict(method.settings),
        seed=cell.seed,
    )
    hours, gib = limits["hours"], limits["memory_gib"]
    hours = budget.limit_hours if hours is None else hours
    files.write_json(
        cell.work / supervisor.ORDER,
        {
            "command": list(method.command),
            "method": method.program_address,
            "python": str(python) if method.has_environment else None,
            "variables": list(method.variables),
            "task": task,
            "data": {name: str(path.resolve()) for name, path in data.items()},
            "limit_seconds": hours * 3600,
            "memory_gib": method.memory_gib if gib is None else gib,
            "stop": str((cell.root / "stop").resolve()),
        },
    )


def finish(
    cell: Cell, targets: dict[str, np.ndarray], *, error: BaseException | None = None
) -> dict:
    """Scores what the method has left, and moves the folder to its place.

    Args:
      cell: which.
      targets: the labels by split.
      error: of the process that was to see to the cell, if it failed.
    """
    outcome = files.read_json(cell.work / supervisor.OUTCOME)
    if "status" not in outcome:
        reason = f"{type(error).__name__}: {error}" if error else "it left no outcome"
        outcome = {"status": "failed", "reason": reason}
    result = _describe(cell) | outcome
    if outcome["status"] == "ended":
        try:
            result |= {"scores": _score(cell, targets), "status": "done"}
            result |= _cost(cell, outcome, targets)
        except OSError:
            raise  # of ours: a full disk is no fault of the method
        except Exception as problem:  # whatever it has left must not end the others
            reason = str(problem)
            if not isinstance(problem, errors.MedMNISTError):
                what = f"{type(problem).__name__}: {problem}"
                reason = f"its scores cannot be read ({what})"
            result |= {"status": "failed", "reason": reason}
    files.write_json(cell.work / results.RESULT, result)
    _move(cell)
    return result


def refuse(cell: Cell, *, reason: str) -> dict:
    """Records a cell that cannot start here; what it has done so far stays."""
    result = _describe(cell) | {"status": "missing", "reason": reason}
    files.write_json(cell.place / results.RESULT, result)
    return result


def _describe(cell: Cell) -> dict:
    data = claim.of(cell.variant)
    return cell.settings | {
        "phantom": data["phantom"],
        "rebuilt": data["rebuilt"],
        "release": data["release"],
        "budget_name": cell.budget_name,
        "display_name": cell.method.display_name,
        "paper_row": _paper_row(cell),
        "pretrained": cell.method.learned_from,
        "program": cell.method.program,
        "packages": environment.packages(cell.method),
        "changed": _changed(cell),
    }


def _paper_row(cell: Cell) -> str | None:
    """The row of the suite's published table that it reproduces, if any."""
    method = cell.method
    return method.paper_row if cell.suite in method.suites else None


def _changed(cell: Cell) -> dict[str, list]:
    """What differs from the budget `paper` as defined: field -> [there, here]."""
    defined = dataclasses.replace(cell.method, changes={})
    full = defined.budget("paper", images=cell.images)
    there = defined.settings | full.amounts
    here = cell.method.settings | cell.budget.amounts
    return {k: [there.get(k), v] for k, v in here.items() if there.get(k) != v}


def _score(cell: Cell, targets: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Reads a method's scores, writes the prediction files, and gives AUC and ACC."""
    for stale in predictions.find(cell.work):  # of a kill while writing
        stale.unlink()
    sizes = {split: len(labels) for split, labels in targets.items()}
    values = answers.read(cell.work / supervisor.METHOD, cell.variant, sizes)
    scores = {}
    for split in targets:
        predictions.write(
            cell.work,
            dataset=cell.variant,
            split=split,
            scores=values[split],
            run=f"{cell.method.name}_seed{cell.seed}",
            targets=targets[split],
        )
        task = cell.variant.dataset.task
        score = scoring.score(targets[split], values[split], task=task)
        scores[split] = {"auc": score.auc, "acc": score.acc}
    return scores


def _cost(cell: Cell, outcome: dict, targets: dict[str, np.ndarray]) -> dict:
    """What a method says of its cost; a wrong word on it costs no score.

    And what its features cost: for training those of two splits, for predicting those
    of all, as for the images that it scored.
    """
    started = outcome.get("started", 0.0)  # of an older run, not told
    ended = started + outcome["seconds"]
    folder = cell.work / supervisor.METHOD
    try:
        spent = answers.cost(folder, started=started, ended=ended)
    except errors.MedMNISTError as problem:
        return dict.fromkeys(answers.SPENT) | {"cost_refused": str(problem)}
    if network := cell.method.features:
        whole = features.seconds(features.place(cell.root, cell.variant, network))
        unseen = len(targets["test"]) / sum(map(len, targets.values()))
        for name, share in (("training", 1 - unseen), ("prediction", 1)):
            if spent[f"{name}_seconds"] is not None:
                spent[f"{name}_seconds"] += share * whole
    return spent


def _move(cell: Cell) -> None:
    """Moves a folder whose result is written to its place, without the exchange.

    Killed before the move, the next call scores again what still lies there.
    """
    cell.place.parent.mkdir(parents=True, exist_ok=True)
    files.remove(cell.place)  # an attempt that had failed
    os.replace(cell.work, cell.place)
    answers.discard(cell.place / supervisor.METHOD)
    for name in (".lock", _ATTEMPT, *supervisor.BOOKS):
        (cell.place / name).unlink(missing_ok=True)
