"""The state of a run after an epoch, in one file: what it takes to go on from there.

Never half-written: a run killed at any moment finds the last whole epoch.
"""

import json
import pathlib

import keras
import numpy as np

from medmnist_tfds.models import compat
from medmnist_tfds.process import files


def values(variables) -> list[np.ndarray]:
    return [np.array(variable.numpy()) for variable in variables]


def snapshot(model: keras.Model, *, best: list, progress: dict) -> dict:
    """Copies of the model, its optimizer and the best weights; JSON `progress`."""
    groups = {
        "model": values(model.variables),
        "optimizer": values(compat.optimizer_variables(model.optimizer)),
        "best": best,
    }
    arrays = {
        f"{group}/{number}": array
        for group, members in groups.items()
        for number, array in enumerate(members)
    }
    return arrays | {"progress": np.array(json.dumps(progress))}


def save(path: pathlib.Path, arrays: dict) -> None:
    """Writes a snapshot."""
    with files.replacing(path) as temporary:
        np.savez(temporary, **arrays)


def progress(path: pathlib.Path) -> dict:
    """What a snapshot says of the run; reads nothing else of it."""
    with np.load(path, allow_pickle=False) as arrays:
        return json.loads(str(arrays["progress"]))


def restore(path: pathlib.Path, model: keras.Model) -> tuple[list[np.ndarray], dict]:
    """Sets the model and its optimizer; returns the best weights and `progress`."""
    compat.build(model.optimizer, model.trainable_variables)
    with np.load(path, allow_pickle=False) as arrays:
        for group, variables in (
            ("model", model.variables),
            ("optimizer", compat.optimizer_variables(model.optimizer)),
        ):
            for number, variable in enumerate(variables):
                variable.assign(arrays[f"{group}/{number}"])
        best = [arrays[f"best/{number}"] for number in range(len(model.variables))]
    return best, progress(path)
