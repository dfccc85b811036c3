"""Files appear whole or not at all, and folders of results have one writer.

Never leaves a half-written file under its final name.
"""

import contextlib
import errno
import json
import os
import pathlib
import shutil
from collections.abc import Iterator

import filelock

from medmnist_tfds.process import checks, errors


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A temporary path beside `path`, moved there if the body succeeds.

    Raises:
      MedMNISTError: its folder cannot be made, or it is no path.
      IsADirectoryError: it is a folder.
    """
    path = checks.path(path)
    if os.path.isdir(path):  # which a long name does not make raise
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.MedMNISTError(
            f"There can be no folder {path.parent}. {errors.said_by_system(error)}"
        ) from error
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: pathlib.Path, *, such_as: str) -> None:
    """Before hours of work, not after them; `such_as` is a name that is expected.

    Raises:
      MedMNISTError: no file can be written there.
    """
    if os.path.isdir(path):  # which a long name does not make raise
        raise errors.MedMNISTError(
            f"{path} is a folder. Expected a file's name, such as {path / such_as}."
        )
    trial = path.with_name(f".{path.name}.trial")
    try:
        with replacing(trial) as temporary:
            temporary.touch()
        trial.unlink()
    except OSError as error:
        said = errors.said_by_system(OSError(error.errno, error.strerror))
        raise errors.MedMNISTError(f"{path} cannot be written: {said}") from error


def write_json(path: pathlib.Path, content: dict) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_json(path: pathlib.Path) -> dict:
    """The JSON object in a file; empty where there is no file.

    Raises:
      MedMNISTError: the file holds something else. We write none by halves, so that it
        was damaged or changed by others.
    """
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, RecursionError) as error:  # text that is no UTF-8 is the former
        raise _no_object(path, str(error)) from error
    if not isinstance(content, dict):
        raise _no_object(path, f"it holds a {type(content).__name__}")
    return content


def _no_object(path: pathlib.Path, reason: str) -> errors.MedMNISTError:
    return errors.MedMNISTError(
        f"{path} holds no JSON object ({reason}). Expected one, as this package writes "
        "it: this file was damaged, or is another program's. Bring it back or move it "
        "away, or choose another folder."
    )


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
