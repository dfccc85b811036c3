"""What passes between the harness and a method: two files in, one array per split out.

The only place that knows the form. A method gets the test split's images and never
its labels; scores are checked here before anyone scores them.
"""

import pathlib
import zipfile

import numpy as np

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.process import errors, files

DATA, TASK = "data.npz", "task.json"


def write_data(path: pathlib.Path, source: arrays.Arrays) -> dict[str, np.ndarray]:
    """Writes the arrays of a dataset that every method may see; returns all labels.

    `{split}_images` is uint8 (examples, 28, 28, channels); `{split}_labels`, of train
    and val only, uint8 (examples, 1), or (examples, labels) for the multi-label task.
    """
    labels = {split: source.labels(split) for split in catalog.SPLITS}
    with files.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as members:
        for split in catalog.SPLITS:  # one at a time: the largest has 200 MB
            _add(members, f"{split}_images", source.images(split))
        for split in ("train", "val"):
            _add(members, f"{split}_labels", labels[split])
    path.chmod(0o444)  # every cell of the dataset reads this one file
    return labels


def _add(members: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    """As `np.savez` does, which wants all arrays at once."""
    with members.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def task(variant: catalog.Variant, *, budget: dict, settings: dict, seed: int) -> dict:
    """What `task.json` says: all that a method is told but the arrays."""
    dataset = variant.dataset
    return {
        "dataset": dataset.name,
        "phantom": variant.phantom,
        "task": dataset.task.value,
        "num_labels": dataset.num_labels,  # columns of the scores
        "labels": list(dataset.labels),
        "channels": dataset.channels,
        "seed": seed,
        "budget": budget,
        "settings": settings,
        "started_in": str(pathlib.Path.cwd()),  # relative paths in settings start here
    }


def give(folder: pathlib.Path, data: pathlib.Path, content: dict) -> None:
    """Puts the two files into a cell's folder; the arrays as a link."""
    files.write_json(folder / TASK, content)
    link = folder / DATA
    link.unlink(missing_ok=True)
    link.symlink_to(data.resolve())


def take(folder: pathlib.Path, variant: catalog.Variant, sizes: dict[str, int]) -> dict:
    """Reads the scores that a method has left: float64 (examples, labels) by split.

    Either `train.npy` or `train.csv` (rows of numbers, no header), and so on.

    Raises:
      MedMNISTError: a split that is missing, of another shape, or not all numbers.
    """
    return {name: _scores(folder, variant, name, sizes[name]) for name in sizes}


def _scores(folder, variant, split: str, examples: int) -> np.ndarray:
    npy, csv = folder / f"{split}.npy", folder / f"{split}.csv"
    try:
        if npy.exists():
            scores = np.load(npy, allow_pickle=False)
        elif csv.exists():
            scores = np.loadtxt(csv, delimiter=",", ndmin=2)
        else:
            raise errors.MedMNISTError(
                f"it left no scores of {split}: expected {npy.name} or {csv.name}"
            )
    except (OSError, EOFError, ValueError) as error:
        if isinstance(error, errors.MedMNISTError):
            raise
        raise errors.MedMNISTError(
            f"its scores of {split} cannot be read ({error})"
        ) from error
    if not isinstance(scores, np.ndarray):
        raise errors.MedMNISTError(f"its scores of {split} are not one NumPy array")
    scores = scores[:, None] if scores.ndim == 1 else scores
    columns = variant.dataset.num_labels
    widths = {columns, 1} if variant.dataset.task is catalog.Task.BINARY else {columns}
    is_shape = scores.ndim == 2 and len(scores) == examples
    if not is_shape or scores.shape[1] not in widths:
        raise errors.MedMNISTError(
            f"its scores of {split} have shape {scores.shape}, expected "
            f"({examples}, {columns})"
        )
    if scores.dtype.kind not in "fiub" or not np.isfinite(scores).all():
        wrong = scores.dtype.kind in "fiub" and (~np.isfinite(scores)).sum()
        what = f"{wrong} of them NaN or infinite" if wrong else f"{scores.dtype}"
        raise errors.MedMNISTError(
            f"its scores of {split} are not all numbers ({what})"
        )
    return scores.astype(np.float64)


def discard(folder: pathlib.Path) -> None:
    """Removes what only served the exchange: arrays in and arrays out."""
    for name in (DATA, *(f"{s}.{e}" for s in catalog.SPLITS for e in ("npy", "csv"))):
        (folder / name).unlink(missing_ok=True)
