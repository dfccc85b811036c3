"""A run's folder: what belongs in it, and whose it is.

Never overwrites another run's results.
"""

import json
import os
import pathlib
import platform
from importlib import metadata

from medmnist_tfds import errors, files

_PACKAGES = (
    "medmnist-tfds",
    "tensorflow",
    "keras",
    "tensorflow-datasets",
    "numpy",
    "scikit-learn",
)


def claim(path: str | os.PathLike, config: dict) -> tuple[pathlib.Path, dict | None]:
    """Makes the folder for the run that `config` describes.

    Returns:
      The folder, and the result that stands there if this run has been finished.

    Raises:
      MedMNISTError: the folder holds something else.
    """
    folder = pathlib.Path(path)
    known = folder / "config.json"
    if known.exists():
        found = json.loads(known.read_text(encoding="utf-8"))["run"]
        if found != config:
            differing = [k for k in config if found.get(k) != config[k]]
            raise errors.MedMNISTError(
                f"{folder} holds another run: its {', '.join(differing)} differ. "
                "Expected an empty folder or the same run. Choose another --out, or "
                "delete the folder."
            )
        result = folder / "result.json"
        if result.exists():
            finished = json.loads(result.read_text(encoding="utf-8"))
            if not finished["interrupted"]:
                return folder, finished
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise errors.MedMNISTError(
            f"{folder} is not empty and holds no run. Expected an empty folder or one "
            "that is not there yet. Choose another --out."
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(known, {"run": config, "environment": environment()})
    if config["phantom"]:
        (folder / "PHANTOM.txt").write_text(
            "These results come from synthetic images. They say nothing about the real "
            "datasets.\n"
        )
    return folder, None


def environment() -> dict:
    """Versions and machine: what a repetition may have to match."""
    return {
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
    }


def write_json(path: pathlib.Path, content: dict) -> None:
    with files.replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
