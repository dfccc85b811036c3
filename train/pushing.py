"""A finished run, handed on: to a folder, or to the Hugging Face hub.

What is pushed is the run's folder without what training goes on from, and with a
TensorFlow Lite file where there can be one; it works wherever the run's folder does.
Never changes the run's folder.
"""

import os
import pathlib
import shutil
import tempfile

import keras
from rich import console as rich_console

from medmnist_tfds import models
from medmnist_tfds.models import hub
from medmnist_tfds.process import checks, checksums, errors, files, terminal
from medmnist_tfds.score import predictions
from medmnist_tfds.train import card, outcome
from medmnist_tfds.train import folder as folders

TFLITE = "model.tflite"
_ALSO = ("config.json", "result.json", "history.csv", "curves.png", "PHANTOM.txt")


def push(
    run: str | os.PathLike,
    to: str | os.PathLike,
    *,
    private: bool = False,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    console: rich_console.Console = terminal.CONSOLE,
) -> list[str]:
    """Puts a finished run's network, card and predictions somewhere else.

    Args:
      run: its folder, or one that was pushed.
      to: a folder, or `hf://user/name`. A folder may hold the same run, of which it
        takes the place, and files of others.
      private: of a new repository of the hub: only its owner sees it.
      data_dir: TFDS's folder of prepared data, as for `write_card`.
      manual_dir: where official files lie, the same.
      console: where is said what could not be exported; standard output by default.

    Returns:
      Names of the files that are there now.

    Raises:
      MedMNISTError: no finished run; a folder of another run; what the hub refuses.
    """
    folder, is_remote = checks.path(run), hub.is_source(to)
    finished = outcome.read(folder)
    if is_remote:
        hub.parse(str(to))  # a wrong name is said before work
    else:
        _check_target(folder, checks.path(to))
    model = models.load(folder)
    finished = card.closer(folder, finished, data_dir, manual_dir)
    with tempfile.TemporaryDirectory() as temporary:
        new = pathlib.Path(temporary)
        for name in {*card.handed_out(folder), *_ALSO}:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, new / name)
        if not (new / TFLITE).exists():
            _export(model, new / TFLITE, console)
        names = sorted(path.name for path in new.iterdir())
        source = str(to) if is_remote else "FOLDER"
        card.write(new, finished, names=names, source=source)
        if is_remote:
            hub.upload(new, str(to), private=private)
        else:
            _bring(new, checks.path(to))
        return sorted(path.name for path in new.iterdir())


def _check_target(folder: pathlib.Path, to: pathlib.Path) -> None:
    if to.exists() and to.samefile(folder):
        raise errors.MedMNISTError(
            f"{to} is the run's own folder. Expected another one, or hf://user/name. "
            "Choose another --to."
        )
    there = files.read_json(to / "config.json").get("run")
    wanted = files.read_json(folder / "config.json")["run"]
    differences = there and folders.differences(there, wanted)
    if differences:
        raise errors.MedMNISTError(
            f"{to} holds another run: {'; '.join(differences)}. Expected an empty "
            "folder or the same run. Choose another --to."
        )


def _export(model: keras.Model, path: pathlib.Path, console) -> None:
    """Writes a TensorFlow Lite file, or says why there is none."""
    try:
        models.export_tflite(model, path)
    except Exception as error:  # of many kinds: the converter's, by layer and version
        reason = str(error).split(". ")[0].splitlines()[0].rstrip(".")
        terminal.say(f"Without {TFLITE}: {reason}.", console=console)


def _bring(new: pathlib.Path, to: pathlib.Path) -> None:
    """Each file whole or not at all; the checksums last."""
    names = {path.name for path in new.iterdir()}
    for name in [*sorted(names - {checksums.NAME}), checksums.NAME]:
        with files.replacing(to / name) as temporary:
            shutil.copyfile(new / name, temporary)
    old = [*predictions.find(to), to / TFLITE, to / "kind.npz"]
    for path in old:
        if path.name not in names:
            path.unlink(missing_ok=True)
