"""What a method is given: `data.npz` and `task.json`; `answers` reads what it leaves.

Never gives a test label.
"""

import pathlib
import zipfile

import numpy as np

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.data.medmnist_phantom import (
    medmnist_phantom_dataset_builder as phantom,
)
from medmnist_tfds.process import files


def images(variant: catalog.Variant) -> dict[str, int]:
    """How many each split has, before any data are there."""
    return dict(phantom.SPLITS if variant.phantom else variant.release.splits)


def write_data(path: pathlib.Path, source: arrays.Arrays) -> dict[str, np.ndarray]:
    """Writes the arrays of a dataset that every method may see; returns all labels.

    `{split}_images` is uint8 (examples, size, size, channels), of volumes (examples,
    size, size, size, channels); `{split}_labels`, of train and val only, uint8
    (examples, 1), or (examples, labels) for the multi-label task.
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
    """What `task.json` says; the supervisor adds cores, GPUs and memory."""
    dataset = variant.dataset
    return {
        "dataset": dataset.name,
        "variant": variant.tfds_name,  # of which release, size and kind its data are
        "size": variant.size,  # of an image's or a volume's side, in pixels
        "image_shape": list(variant.image_shape),  # of one example, channels last
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
