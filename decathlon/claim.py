"""Whose a folder is: one Decathlon's, of one release and budget, or another's things.

Never looks at cells.
"""

import pathlib

from medmnist_tfds.process import errors, files

_FILE = "decathlon.json"


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
    existing = files.read_json(root / _FILE)
    if not existing and root.is_dir() and any(root.iterdir()):
        raise errors.MedMNISTError(
            f"{root} is not empty and holds no Decathlon. Expected an empty folder or "
            "one that is not there yet. Choose another --out."
        )
    differing = [k for k in wanted if existing and existing.get(k) != wanted[k]]
    if differing:
        raise errors.MedMNISTError(
            f"{root} holds a Decathlon with "
            f"{', '.join(f'{k} {existing.get(k)}' for k in differing)}. Expected one "
            f"with {', '.join(f'{k} {v}' for k, v in wanted.items())}. Choose another "
            "--out."
        )
