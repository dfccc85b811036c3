"""What a method is given: `data.npz` and `task.json`; `answers` reads what it leaves.

Never gives a test label.
"""

import pathlib

import numpy as np

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.process import files


def write_data(path: pathlib.Path, splits: dict[str, pipeline.Split]) -> None:
    """Writes the arrays of a dataset that every method may see.

    `{split}_images` is uint8 (examples, 28, 28, channels); `{split}_labels`, of train
    and val only, uint8 (examples, 1), or (examples, labels) for the multi-label task.
    """
    arrays = {f"{name}_images": split.images for name, split in splits.items()}
    for name in ("train", "val"):
        labels = splits[name].labels.astype(np.uint8)
        arrays[f"{name}_labels"] = labels.reshape(len(labels), -1)
    with files.replacing(path) as temporary:
        np.savez(temporary, **arrays)
    path.chmod(0o444)  # every cell of the dataset reads this one file


def task(variant: catalog.Variant, *, budget: dict, settings: dict, seed: int) -> dict:
    """What `task.json` says; the supervisor adds cores, GPUs and memory."""
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
