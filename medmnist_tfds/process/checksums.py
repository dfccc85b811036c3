"""SHA-256 of the files of a folder, in the form that `sha256sum -c` reads.

Never says who made a file: only that it is the one that was listed.
"""

import pathlib
import re
from collections.abc import Iterable, Mapping

import pooch

from medmnist_tfds.process import errors, files

NAME = "SHA256SUMS"


def sha256(path: pathlib.Path) -> str:
    """Of a file, as 64 hexadecimal digits."""
    return pooch.file_hash(str(path), alg="sha256")


def write(folder: pathlib.Path, names: Iterable[str]) -> dict[str, str]:
    """Lists these files of the folder; returns the sum of each."""
    sums = {name: sha256(folder / name) for name in sorted(names)}
    lines = [f"{value}  {name}\n" for name, value in sums.items()]
    with files.replacing(folder / NAME) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    return sums


def read(folder: pathlib.Path) -> Mapping[str, str]:
    """The listed sum of each file; empty where there is no list.

    Raises:
      MedMNISTError: the list is damaged.
    """
    try:
        lines = (folder / NAME).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        lines = [""]
    matches = [re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line) for line in lines]
    if not all(matches):
        raise errors.MedMNISTError(
            f"{folder / NAME} is damaged. Expected lines of a SHA-256 and a file's "
            "name, as `sha256sum` writes them. Copy the folder again."
        )
    return {match[2]: match[1] for match in matches}


def verify(folder: pathlib.Path, *, needed: str) -> None:
    """Compares all listed files that are there; of a folder without a list, none.

    Args:
      folder: with the files.
      needed: the file that must be among them.

    Raises:
      MedMNISTError: a file is another one, or `needed` is not listed.
    """
    sums = read(folder)
    if sums and needed not in sums:
        raise errors.MedMNISTError(
            f"{folder / NAME} does not list {needed}. Expected its SHA-256 there. Copy "
            "the folder again."
        )
    for name, expected in sums.items():
        path = folder / name
        if path.is_file() and sha256(path) != expected:
            raise errors.MedMNISTError(
                f"{path} is not the file that {NAME} lists: it was changed or damaged. "
                "Expected the same SHA-256. Copy or download it again."
            )
