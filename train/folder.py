"""A run's folder: what belongs in it, and whose it is.

Never overwrites another run's results.
"""

import os
import pathlib
import platform
from importlib import metadata

import tensorflow as tf

from medmnist_tfds.process import errors, files

_PACKAGES = (
    "medmnist-tfds",
    "tensorflow",
    "keras",
    "tensorflow-datasets",
    "numpy",
    "scikit-learn",
)


def claim(folder: pathlib.Path, config: dict) -> dict | None:
    """Makes the folder for the run that `config` describes.

    Returns:
      The run's result if it has been finished. Of a run that was not, the state stays
      and the results go.

    Raises:
      MedMNISTError: the folder holds something else.
    """
    existing = files.read_json(folder / "config.json").get("run")
    if existing is None and folder.exists() and any(folder.iterdir()):
        raise errors.MedMNISTError(
            f"{folder} is not empty and holds no run. Expected an empty folder or one "
            "that is not there yet. Choose another --out."
        )
    if existing is not None and existing != config:
        raise errors.MedMNISTError(
            f"{folder} holds another run: {'; '.join(_differences(existing, config))}. "
            "Expected an empty folder or the same run. Choose another --out, or delete "
            "the folder."
        )
    if result := finished(folder):
        return result
    for pattern in ("result.json", "curves.png", "*_[[]AUC[]]*@*.csv"):
        for stale in folder.glob(pattern):
            stale.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(
        folder / "config.json", {"run": config, "environment": environment()}
    )
    if config["phantom"]:
        files.mark_phantom(folder)
    return None


def finished(folder: pathlib.Path) -> dict | None:
    """The result of a run that came to its end, or None."""
    result = files.read_json(folder / "result.json")
    return result if result and not result["interrupted"] else None


def environment() -> dict:
    """Versions, machine and devices: what a repetition may have to match."""
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "devices": [device.name for device in tf.config.list_logical_devices()],
    }


def _differences(existing: dict, wanted: dict) -> list[str]:
    """`epochs is 100, not 20`, for each field that differs."""
    existing = {**existing, **existing.get("recipe", {})}
    wanted = {**wanted, **wanted["recipe"]}
    return [
        f"its {name} is {existing.get(name)}, not {value}"
        for name, value in wanted.items()
        if name != "recipe" and existing.get(name) != value
    ]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # tensorflow may be tensorflow-cpu
        return None
