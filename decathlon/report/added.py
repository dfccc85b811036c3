"""Somebody's prediction files as a method of its own: official ones, from any program.

Never takes a score from their names: one that is another than the rows give is refused.
"""

import pathlib
import re
from collections.abc import Callable

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import collect
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions, scoring

_ACC = re.compile(r"\[ACC\]([01]\.[0-9]+)")
_ROUNDED = 0.0015  # of an ACC with three decimals


def parse(text: str) -> tuple[str, pathlib.Path]:
    """(name, folder) of `NAME=FOLDER`.

    Raises:
      MedMNISTError: another form, or no such folder.
    """
    name, is_pair, folder = text.partition("=")
    if not is_pair or not name.strip() or not pathlib.Path(folder).is_dir():
        raise errors.MedMNISTError(
            f"--add is {text!r}. Expected a name and a folder that is there: "
            "--add 'PyTorch=output/predictions'."
        )
    return name.strip(), pathlib.Path(folder)


def entries(
    name: str,
    folder: pathlib.Path,
    *,
    variants: dict[str, catalog.Variant],
    targets: Callable[[str, str], np.ndarray],
) -> list[collect.Entry]:
    """One for each dataset and run; each run's name, in order, is a seed.

    Files of datasets that do not take part are left alone.

    Args:
      name: of the method.
      folder: with standard prediction files, also in folders of its own.
      variants: the datasets that take part, by name.
      targets: gives the labels of a dataset's TFDS name and split.

    Raises:
      MedMNISTError: no such file of the test split, two of one run, data of another
        kind, scores that cannot be read, or rows that do not give the ACC of the name.
    """
    found: dict[tuple[str, str], dict[str, pathlib.Path]] = {}
    for path in sorted(folder.rglob("*_[[]AUC[]]*@*.csv")):
        read = predictions.parts(path)
        variant = variants.get(read.variant.dataset.name)
        if variant is None:
            continue
        if (read.variant.flag, read.variant.size) != (variant.flag, variant.size):
            raise errors.MedMNISTError(
                f"{path} is of {read.variant.tfds_name}. Expected {variant.tfds_name}, "
                "as in the rest of this report."
            )
        files = found.setdefault((variant.dataset.name, read.run), {})
        if read.split in files:
            raise errors.MedMNISTError(
                f"{files[read.split]} and {path} are both of {read.split} and of the "
                f"run {read.run!r}. Expected one file for each run and split."
            )
        files[read.split] = path
    if not any("test" in files for files in found.values()):
        raise errors.MedMNISTError(
            f"{folder} holds no prediction file of a test split of "
            f"{', '.join(variants)}. Expected names such as "
            "breastmnist_test_[AUC]0.852_[ACC]0.808@run.csv."
        )
    runs = sorted({run for _, run in found})
    return [
        _entry(name, folder, variants[dataset], files, runs.index(run), targets)
        for (dataset, run), files in found.items()
        if "test" in files
    ]


def _entry(name, folder, variant, files, seed: int, targets) -> collect.Entry:
    scores, predicted = {}, {}
    for split, path in files.items():
        values = predictions.read(path, dataset=variant, split=split).scores
        labels = targets(variant.tfds_name, split)
        scores[split] = scoring.score(labels, values, task=variant.dataset.task)
        _check_name(path, scores[split].acc)
        if split != "train":
            predicted[split] = values
    result = {
        "dataset": variant.tfds_name,
        "method": name,
        "display_name": name,
        "paper_row": None,
        "seed": seed,
        "status": "done",
        "budget": {},
        "settings": {"prediction_files": str(folder)},
        "is_added": True,
    }
    return collect.Entry(
        result=result,
        folder=folder,
        variant=variant,
        scores=scores,
        predicted=predicted,
        history={},
    )


def _check_name(path: pathlib.Path, acc: float) -> None:
    """Old official scripts wrote rows in the shuffled order of a loader."""
    said = _ACC.search(path.name)
    if said and abs(float(said[1]) - acc) > _ROUNDED:
        raise errors.MedMNISTError(
            f"{path} gives an ACC of {acc:.3f}. Expected {said[1]}, as its name says: "
            "rows may be in another order than the official one, as older official "
            "scripts wrote them, or scores of something else. Write them in the "
            "official order."
        )
