"""Files appear whole or not at all, and folders of results have one writer.

Never leaves a half-written file under its final name.
"""

import contextlib
import json
import os
import pathlib
import shutil
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


def remove(path: pathlib.Path) -> None:
    """Removes a file, a link or a whole folder, also one whose mode forbids it.

    Raises:
      MedMNISTError: it cannot be removed.
    """
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return
        with contextlib.suppress(OSError):
            shutil.rmtree(path)
            return
        folders = [str(path)]
        while folders:
            os.chmod(folders[-1], 0o700)
            with os.scandir(folders.pop()) as entries:
                inner = [e.path for e in entries if e.is_dir(follow_symlinks=False)]
            folders += inner
        shutil.rmtree(path)
    except (OSError, RecursionError) as error:
        raise errors.MedMNISTError(
            f"{path} cannot be removed ({error}). Expected to make room there. Remove "
            "it yourself."
        ) from error


def mark_phantom(folder: pathlib.Path) -> None:
    """Says in a folder of results that they come from synthetic images."""
    (folder / "PHANTOM.txt").write_text(
        "These results come from synthetic images. They say nothing about the real "
        "datasets.\n"
    )


def lock(path: str | os.PathLike):
    """A context manager: meanwhile no second process works in the folder.

    Raises:
      MedMNISTError: one does already.
    """
    folder = pathlib.Path(path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    held = filelock.FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        return held.acquire(timeout=0)
    except filelock.Timeout as error:
        raise errors.MedMNISTError(
            f"Another process is at work in {folder}. Expected one at a time. Wait for "
            "it, or choose another --out."
        ) from error
