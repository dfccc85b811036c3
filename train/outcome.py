"""What a finished run has left in its folder, or in a copy of it.

Never trains, and never takes an unfinished run for a finished one.
"""

import dataclasses
import os
import pathlib

from medmnist_tfds.data import catalog
from medmnist_tfds.process import checks, errors, files
from medmnist_tfds.score import predictions
from medmnist_tfds.train import results

MODEL = "model.keras"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished run.

    Attributes:
      variant: of the dataset that it was trained on.
      result: the content of result.json: dataset, seed, recipe, scores, epochs.
      environment: of config.json: versions, machine, devices.
    """

    variant: catalog.Variant
    result: dict
    environment: dict


def read(path: str | os.PathLike) -> Outcome:
    """The finished run in a folder.

    Raises:
      MedMNISTError: there is no folder, no run in it, one that is not finished or was
        interrupted, or one whose files are damaged or gone.
    """
    folder = checks.path(path)
    if not folder.is_dir():
        raise errors.MedMNISTError(
            f"There is no folder {folder}. Expected that of a run, as `medmnist-tfds "
            "train` leaves it. Is its name right?"
        )
    config, result = files.read_json(folder / "config.json"), results.read(folder)
    if "run" not in config:
        raise errors.MedMNISTError(
            f"{folder} holds no run: it has no config.json of one. Expected a folder "
            "that `medmnist-tfds train` has made. Give the run's own folder."
        )
    if not result or result["interrupted"]:
        what = "was interrupted" if result else "is not finished"
        raise errors.MedMNISTError(
            f"The run in {folder} {what}. Expected one that came to its end. Start the "
            "same `medmnist-tfds train` again: it goes on from there."
        )
    if not (folder / MODEL).is_file():
        raise errors.MedMNISTError(
            f"The run in {folder} has no {MODEL}. Expected the file beside "
            "result.json. Copy the whole folder again."
        )
    return Outcome(
        variant=variant(result),
        result=result,
        environment=config.get("environment", {}),
    )


def variant(result: dict) -> catalog.Variant:
    """The variant that a run's configuration or result names."""
    return catalog.parse(result["dataset"], phantom=result["phantom"])


def predicted(folder: pathlib.Path) -> dict[str, predictions.Predictions]:
    """The predictions of the splits that a run has scored.

    Raises:
      MedMNISTError: a prediction file is damaged.
    """
    found = map(predictions.read, predictions.find(folder))
    return {each.split: each for each in found}
