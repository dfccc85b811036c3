"""A run's folder: whose it is, and whether a run in it is finished or goes on.

Never overwrites another run's results.
"""

import dataclasses
import os
import pathlib
import platform
from importlib import metadata

from medmnist_tfds.models import compat
from medmnist_tfds.process import errors, files
from medmnist_tfds.train import callbacks, checkpoint, results
from medmnist_tfds.train import recipe as recipes

_MAY_GROW = ("epochs", "patience")
_BEFORE = dataclasses.asdict(recipes.PAPER)  # what fields were that folders lack
_PACKAGES = (
    "medmnist-tfds",
    "tensorflow",
    "keras",
    "jax",
    "tensorflow-datasets",
    "numpy",
    "scikit-learn",
)


def claim(folder: pathlib.Path, config: dict) -> dict | None:
    """Makes the folder for the run that `config` describes.

    A run that is there goes on if nothing but `epochs` and `patience` differ, and those
    would not have ended it before. Where the learning rate falls, it does so in its
    `epochs`: these are fixed, too.

    Returns:
      The run's result if it has been finished. If not, state and results stay: these
      make way for the next ones.

    Raises:
      MedMNISTError: the folder holds something else, or more epochs than are wanted, or
        a finished run whose state is gone.
    """
    existing = files.read_json(folder / "config.json").get("run")
    if existing is None and folder.exists() and any(folder.iterdir()):
        raise errors.MedMNISTError(
            f"{folder} is not empty and holds no run. Expected an empty folder or one "
            "that is not there yet. Choose another --out."
        )
    if existing is not None and _fixed(existing) != _fixed(config):
        raise errors.MedMNISTError(
            f"{folder} holds another run: {'; '.join(differences(existing, config))}. "
            f"Expected an empty folder or the same run.{_why(existing, config)} Choose "
            "another --out, or delete the folder."
        )
    results.complete(folder)
    if result := finished(folder, config):
        return result
    _check_can_go_on(folder, config["recipe"])
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(
        folder / "config.json", {"run": config, "environment": environment()}
    )
    if config["phantom"]:
        files.mark_phantom(folder)
    return None


def finished(folder: pathlib.Path, config: dict) -> dict | None:
    """The result of the run that `config` describes, if it came to its end."""
    result = any_finished(folder)
    if result is None or _fixed(result) != _fixed(config):
        return None
    if _recipe(result) == _recipe(config):
        return result
    end = _end(_aucs(folder)[: result["epochs"]], config["recipe"])
    return result if end == result["epochs"] else None


def any_finished(folder: pathlib.Path) -> dict | None:
    """The result of a run that came to its end, after however many epochs."""
    result = results.read(folder)
    return result if result and not result["interrupted"] else None


def _check_can_go_on(folder: pathlib.Path, recipe: dict) -> None:
    if not (folder / "state.npz").exists():
        if result := any_finished(folder):
            raise errors.MedMNISTError(
                f"{folder} holds this run with {result['epochs']} epochs, finished. "
                "Expected its state.npz to go on from, but that is not there. Choose "
                "another --out, or delete the folder."
            )
        return
    aucs = _aucs(folder)
    end = _end(aucs, recipe)
    if end is not None and end < len(aucs):
        raise errors.MedMNISTError(
            f"{folder} holds this run with {len(aucs)} epochs done. Expected to go on "
            f"from there, but by epochs={recipe['epochs']} and "
            f"patience={recipe['patience']} it ends after {end}. Ask for more, choose "
            "another --out, or delete the folder."
        )


def _aucs(folder: pathlib.Path) -> list[float]:
    """The validation AUC of each epoch that has been trained."""
    if (folder / "state.npz").exists():
        epochs = checkpoint.progress(folder / "state.npz")["history"]
    elif (folder / "history.csv").exists():
        epochs = callbacks.read_history(folder / "history.csv")
    else:
        epochs = []
    return [float(epoch["val_auc"]) for epoch in epochs]


def _end(aucs: list[float], recipe: dict) -> int | None:
    """After which of these epochs a run by that recipe ends; None: after none."""
    best = 0
    for epoch, auc in enumerate(aucs, start=1):
        if not best or auc > aucs[best - 1]:
            best = epoch
        spent = callbacks.is_spent(recipe["patience"], epochs=epoch, best_epoch=best)
        if spent or epoch == recipe["epochs"]:
            return epoch
    return None


def _fixed(config: dict) -> dict:
    """What must be the same for a run to go on."""
    recipe = _recipe(config)
    grows = _MAY_GROW if recipe["schedule"] == "constant" else ("patience",)
    recipe = {k: v for k, v in recipe.items() if k not in grows}
    return {k: config.get(k) for k in ("dataset", "phantom", "seed")} | recipe


def _recipe(config: dict) -> dict:
    """The recipe, all its fields, also that of a folder from before some of them."""
    return _BEFORE | config["recipe"]


def _why(existing: dict, wanted: dict) -> str:
    """A sentence, with a blank before it, where the reason is not in the difference."""
    old, new = _recipe(existing), _recipe(wanted)
    schedules = {old["schedule"], new["schedule"]}
    if old["epochs"] == new["epochs"] or schedules == {"constant"}:
        return ""
    return (
        " Its learning rate falls in just its epochs: it cannot go on to more, "
        "which would be another run."
    )


def environment() -> dict:
    """Versions, machine and devices: what a repetition may have to match."""
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "backend": compat.BACKEND,
        "devices": compat.device_names(),
    }


def differences(existing: dict, wanted: dict) -> list[str]:
    """`its seed is 0, not 1`, for each field that makes two runs different ones."""
    existing, wanted = _fixed(existing), _fixed(wanted)
    return [
        f"its {name} is {existing.get(name)}, not {wanted.get(name)}"
        for name in wanted | existing
        if existing.get(name) != wanted.get(name)
    ]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # tensorflow may be tensorflow-cpu
        return None
