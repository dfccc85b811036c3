"""What a rebuilt `.npz` file says of itself, in an array of its own beside the six.

Never makes such a file: `sources/rebuilding.py` does. Never takes an official file for
one.
"""

import json
from collections.abc import Mapping

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors

NAME = "rebuilt"  # of the array: a text, in JSON
SIZES = range(8, 1025)  # pixels


def check_size(size: int) -> None:
    """Whether there may be a file of this size.

    Raises:
      MedMNISTError: it is no number, or too small or large.
    """
    if type(size) is not int or size not in SIZES:
        raise errors.MedMNISTError(
            f"The size is {size!r}. Expected {SIZES.start} to {SIZES.stop - 1} pixels."
        )


def about(
    variant: catalog.Variant, *, splits: Mapping[str, int], **facts
) -> np.ndarray:
    """The array; of splits with fewer images than the official ones it has the names.

    In those an array `SPLIT_index` holds the official row of each image.
    """
    whole = variant.release.file_splits
    content = {
        "dataset": variant.dataset.name,
        "release": variant.release.version,
        "size": variant.size,
        "splits": dict(splits),
        "partial": [split for split in splits if splits[split] != whole[split]],
    }
    return np.array(json.dumps(content | facts))


def check(text: str, variant: catalog.Variant) -> dict:
    """What the array says, if it is that variant.

    Raises:
      MedMNISTError: it is another one, or cannot be regrouped.
    """
    found, dataset = json.loads(text), variant.dataset
    name = dataset.regroups or dataset.name
    wanted = {"dataset": name, "release": variant.release.version, "size": variant.size}
    there = {key: found.get(key) for key in wanted}
    if there != wanted:
        raise errors.MedMNISTError(
            f"{variant.file.name} says that it is {_told(there)}. Expected "
            f"{_told(wanted)}. Ask for that release, or rebuild this one."
        )
    sizes, partial = found["splits"], found["partial"]
    if set(sizes) != set(catalog.SPLITS) or not set(partial) <= set(sizes):
        raise ValueError(f"its splits are {sizes}")
    if dataset.regroups and partial:
        raise errors.MedMNISTError(
            f"{variant.file.name} has not all images of {name} ("
            f"{', '.join(partial)}). Expected all, to be put into the splits "
            f"of {dataset.name}. Rebuild it from the whole archive."
        )
    return found


def missing(variant: catalog.Variant, looked: str) -> str:
    """What to do where there is no such file.

    Raises:
      MedMNISTError: there can be none of this size.
    """
    check_size(variant.size)
    version = variant.release.version
    name = variant.dataset.regroups or variant.dataset.name
    name += "" if version == catalog.DEFAULT_VERSION else f":{version}"
    return (
        f"There is no {variant.file.name} in {looked}. It is made of the archive that "
        f"the images came from: `medmnist-tfds rebuild {name} --source ARCHIVE --size "
        f"{variant.size}`. Then set MEDMNIST_ROOT, or say manual_dir, where it lies."
    )


def _told(facts: Mapping) -> str:
    return f"{facts['dataset']} {facts['release']} of {facts['size']} pixels"
