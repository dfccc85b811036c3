"""The files in folders, `.zip` and `.tar.gz` archives, in a stable order, in place.

Never unpacks to disk, never asks for a password, and never follows a name that leaves
its archive. What cannot be read is a sentence in `problems`; the rest goes on.
"""

import dataclasses
import functools
import io
import os
import pathlib
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator

from medmnist_tfds.process import checks, errors

_SUFFIXES = (".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz")
# What the libraries raise at bytes that are damaged or cut off.
DAMAGE = (EOFError, OSError, zipfile.BadZipFile, tarfile.TarError, zlib.error)
_Member = tuple[str, Callable[[], bytes]]  # path inside of an archive


@dataclasses.dataclass(frozen=True)
class Item:
    """A file in a folder or an archive.

    `name` starts with the name of the folder or archive (without `.zip`), then comes
    the path inside, with `/`. Reading in the order of the reader is fast; `.tar.gz`
    files are rewound where it is left. `shown` is the same for people, with the `.zip`.
    `path` is None inside of an archive.
    """

    name: str
    read: Callable[[], bytes]
    shown: str
    path: pathlib.Path | None = None

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.read())


def open(*paths: str | os.PathLike) -> "Reader":  # noqa: A001
    """The files of folders and archives; archives that lie in a folder are read, too.

    A path may also be a file itself, as a table that lies apart from its images.

    Raises:
      MedMNISTError: a path is not there, comes twice, or is another kind of archive.
    """
    return Reader(*paths)


class Reader:
    """An iterable of `Item`.

    Attributes:
      problems: sentences, filled while reading: what could not be read, and why.
      total_bytes, done_bytes: on disk, to tell how much is left.
    """

    def __init__(self, *paths: str | os.PathLike):
        self.paths = [checks.path(path) for path in paths]
        self.problems: list[str] = []
        self.done_bytes = 0
        seen: set[pathlib.Path] = set()
        for path in self.paths:
            _check(path)
            if path.resolve() in seen:
                raise errors.MedMNISTError(
                    f"{path} was given twice. Expected every source once."
                )
            seen.add(path.resolve())
        self.total_bytes = sum(map(_bytes, self.paths))

    def __iter__(self) -> Iterator[Item]:
        self.problems.clear()
        self.done_bytes = 0
        for path in self.paths:
            if path.is_dir():
                yield from self._folder(path)
            elif suffix := _suffix(path):
                yield from self._archive(path, path.name, suffix)
            else:
                yield Item(path.name, path.read_bytes, path.name, path)
                self.done_bytes += _size(path)

    def _folder(self, root: pathlib.Path) -> Iterator[Item]:
        top = root.resolve().name  # `.` has none
        for path in _files(root):
            name = f"{top}/{path.relative_to(root).as_posix()}"
            if suffix := _suffix(path):
                yield from self._archive(path, name, suffix)
            else:
                yield Item(name, path.read_bytes, name, path)
                self.done_bytes += _size(path)

    def _archive(self, path: pathlib.Path, name: str, suffix: str) -> Iterator[Item]:
        start, any_ = self.done_bytes, False
        members = self._zip if suffix == ".zip" else self._tar
        try:
            for inner, read in members(path):
                any_ = True
                top = name[: -len(suffix)]
                yield Item(f"{top}/{inner}", read, f"{name}/{inner}")
        except DAMAGE as error:
            before = "What comes before" if any_ else "Nothing of it"
            self.problems.append(
                f"{path} is damaged or cut off ({error}). {before} was read. Expected "
                "a whole archive. Fetch it again."
            )
        self.done_bytes = start + _size(path)

    def _zip(self, path: pathlib.Path) -> Iterator[_Member]:
        archive = zipfile.ZipFile(path)  # kept open by the items that are read later
        members = [member for member in archive.infolist() if not member.is_dir()]
        locked = sum(member.flag_bits & 1 for member in members)
        if locked:
            self.problems.append(
                f"{path}: {locked:,} of its {len(members):,} files are encrypted, and "
                "were passed over. Unpack it with its password, and give the folder."
            )
        for member in sorted(members, key=lambda member: member.filename):
            if not member.flag_bits & 1 and self._is_wanted(path, member.filename):
                read = functools.partial(archive.read, member)
                yield _inner(member.filename), read
            self.done_bytes += member.compress_size

    def _tar(self, path: pathlib.Path) -> Iterator[_Member]:
        start, lock = self.done_bytes, threading.Lock()
        raw = io.FileIO(path)  # kept open by the items that are read later
        archive = tarfile.open(fileobj=io.BufferedReader(raw))
        for member in archive:
            if member.isfile() and self._is_wanted(path, member.name):
                read = functools.partial(_read_member, archive, member, lock)
                yield _inner(member.name), read
            self.done_bytes = start + raw.tell()

    def _is_wanted(self, path: pathlib.Path, name: str) -> bool:
        parts = name.replace("\\", "/").split("/")
        if not parts[0] or ":" in parts[0] or ".." in parts:
            self.problems.append(
                f"{path}: the name {name!r} leads out of the archive, and was passed "
                "over. Expected names inside of it. Fetch the archive from where it is "
                "published."
            )
            return False
        if _suffix(pathlib.PurePath(name)):
            self.problems.append(
                f"{path} holds the archive {name}, which was passed over. Expected "
                "archives that lie in folders. Unpack the outer one."
            )
            return False
        return True


def _check(path: pathlib.Path) -> None:
    if not path.exists():
        raise errors.MedMNISTError(
            f"There is no {path}. Expected images, a folder of them, or an archive."
        )
    if path.suffix.lower() in (".rar", ".7z") and not _suffix(path):
        raise errors.MedMNISTError(
            f"{path} is an archive of a kind that is not read. Expected a folder, or a "
            f"name that ends in {', '.join(_SUFFIXES)}. Unpack it, and give the folder."
        )


def _suffix(path: pathlib.PurePath) -> str:
    """Of an archive; empty for any other file."""
    name = path.name.lower()
    return next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), "")


def _files(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """All in a folder, in order; links to folders are not followed."""
    for place, folders, names in os.walk(root):
        folders.sort()
        yield from (pathlib.Path(place, name) for name in sorted(names))


def _bytes(path: pathlib.Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum(_size(file) for file in _files(path))


def _size(path: pathlib.Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a link to nowhere: reading it will say so
        return 0


def _read_member(archive: tarfile.TarFile, member, lock: threading.Lock) -> bytes:
    with lock:
        return archive.extractfile(member).read()


def _inner(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")
