"""Files appear whole or not at all, and folders of results have one writer.

Never leaves a half-written file under its final name.
"""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator

import filelock

from medmnist_tfds.process import errors


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A temporary path beside `path`, moved there if the body succeeds."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: pathlib.Path, content: dict) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_json(path: pathlib.Path) -> dict:
    """The JSON object in a file; empty where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def mark_phantom(folder: pathlib.Path) -> None:
    """Says in a folder of results that they come from synthetic images."""
    (folder / "PHANTOM.txt").write_text(
        "These results come from synthetic images. They say nothing about the real "
        "datasets.\n"
    )


def lock(path: str | os.PathLike):
    """A context manager: meanwhile no second process works in the folder.

    Args:
      path: of the folder, which need not be there yet.

    Raises:
      MedMNISTError: one does already, or there can be no such folder.
    """
    folder = pathlib.Path(path).resolve()  # `.` has no name, and `..` another's
    nearest = next((p for p in (folder, *folder.parents) if p.exists()), folder)
    if not folder.name or not nearest.is_dir():
        raise errors.MedMNISTError(
            f"{path} cannot be a folder of results: {nearest} is "
            f"{'a file' if folder.name else 'the root'}. Choose another --out."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        return lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise errors.MedMNISTError(
            f"Another process is at work in {folder}. Expected one at a time. Wait for "
            "it, or choose another --out."
        ) from error
