"""Whose a folder is: one Decathlon's, of one suite, kind of data and budget.

Never looks at cells.
"""

import pathlib
from collections.abc import Mapping, Sequence

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import suites
from medmnist_tfds.process import errors, files

_FILE = "decathlon.json"
# Of folders that do not say it.
_BEFORE = {"rebuilt": False, "size": 28, "suite": "decathlon"}


def content(
    variants: Sequence[catalog.Variant], *, budget: str, suite: suites.Suite
) -> dict:
    """What a folder says of the Decathlon in it.

    Raises:
      MedMNISTError: the data are not of one kind, release and size.
    """
    found = {variant.tfds_name: of(variant) for variant in variants}
    (name, first), *others = found.items()
    for other, about in others:
        if about != first:
            raise errors.MedMNISTError(
                f"{name} and {other} are not of one kind: {told(first)}; "
                f"{told(about)}. Expected data of one kind, release and size, whose "
                "scores may stand in one table. Run them apart, each into an --out of "
                "its own."
            )
    return first | {"budget": budget, "suite": suite.name}


def of(variant: catalog.Variant) -> dict:
    """What must be equal for results to stand in one table."""
    return {
        "phantom": variant.phantom,
        "rebuilt": variant.rebuilt,
        "size": variant.size,
        "release": "phantom" if variant.phantom else variant.release.version,
    }


def read(root: pathlib.Path) -> dict:
    """What the folder says; empty where it holds no Decathlon."""
    about = files.read_json(root / _FILE)
    return _BEFORE | about if about else {}


def take(root: pathlib.Path, wanted: dict) -> None:
    """Makes the folder this Decathlon's, or sees that it is."""
    check(root, wanted)
    root.mkdir(exist_ok=True)
    files.write_json(root / _FILE, wanted)
    if wanted["phantom"]:
        files.mark_phantom(root)


def check(root: pathlib.Path, wanted: dict) -> None:
    """Whether `take` would; changes nothing.

    Raises:
      MedMNISTError: the folder holds another Decathlon, or other things.
    """
    if root.exists() and not root.is_dir():
        raise errors.MedMNISTError(
            f"{root} is a file. Expected a folder. Choose another --out."
        )
    existing = read(root)
    if not existing and root.is_dir() and any(root.iterdir()):
        raise errors.MedMNISTError(
            f"{root} is not empty and holds no Decathlon. Expected an empty folder or "
            "one that is not there yet. Choose another --out."
        )
    differing = [k for k in wanted if existing and existing.get(k) != wanted[k]]
    if differing:
        raise errors.MedMNISTError(
            f"{root} holds a Decathlon with "
            f"{told({k: existing.get(k) for k in differing})}. Expected one "
            f"with {told(wanted)}. Choose another --out."
        )


def told(facts: Mapping) -> str:
    """`phantom False, release 1.0.0`."""
    return ", ".join(f"{key} {value}" for key, value in facts.items())
