"""The `.npz` files: find or download one, verify it, read its arrays.

Reads nothing from an official file whose MD5 is not the official one, never unpickles,
and never imports TensorFlow. What a rebuilt file says of itself stands in `rebuilt.py`.
"""

import contextlib
import math
import os
import pathlib
import zipfile
from collections.abc import Iterator

import numpy as np
import pooch
import requests

from medmnist_tfds.data import catalog, progress, rebuilt
from medmnist_tfds.process import checks, errors

_SHOWN = 8  # names of what lies where a file was expected
_BLOCK_BYTES = 16 * 2**20  # 224-pixel splits exceed a laptop's memory: read in pieces


def root() -> pathlib.Path:
    """`MEDMNIST_ROOT`, or the official package's own folder `~/.medmnist`."""
    return _path(os.environ.get("MEDMNIST_ROOT") or "~/.medmnist")


def is_here(variant: catalog.Variant) -> bool:
    """Whether the file lies where it is looked for; nothing is verified."""
    places = (root(), _path("~/.medmnist"))
    # Not Path.exists: it raises in a home that cannot be entered.
    return any(os.path.exists(place / variant.file.name) for place in places)


def find(
    variant: catalog.Variant,
    *,
    folder: str | os.PathLike | None = None,
    download: bool = True,
    retries: int = 3,
) -> pathlib.Path:
    """The verified official file of `variant`, downloaded where it is not there yet.

    Looked for in `folder`, then in `root()`, then in `~/.medmnist`; downloaded to
    `root()` under a temporary name and moved into place once its MD5 is right.

    Raises:
      MedMNISTError: there is no such file and it cannot be downloaded; or there is one
        that cannot be read or has another MD5.
    """
    path = look(variant, folder=folder)
    if path is not None:
        return path
    looked = ", ".join(map(str, _places(folder))) + _there_instead()
    if variant.rebuilt:
        raise errors.MedMNISTError(rebuilt.missing(variant, looked))
    if not download:
        raise errors.MedMNISTError(
            f"There is no {variant.file.name} in {looked}. {_bring(variant.file)}"
        )
    return _download(variant.file, looked, retries)


def look(
    variant: catalog.Variant, *, folder: str | os.PathLike | None = None
) -> pathlib.Path | None:
    """As `find`, but None where the file would have to be downloaded."""
    for place, is_asked_for in _places(folder).items():
        path = place / variant.file.name
        # A home that cannot be entered, as in some containers, is no one's mistake.
        if _is_readable(path, is_asked_for=is_asked_for):
            _verify(path, variant.file)
            return path
    return None


def _places(folder: str | os.PathLike | None) -> dict[pathlib.Path, bool]:
    """Where a file is looked for, in order, and whether the user asked for it."""
    asked_for = [root()] if folder is None else [_path(folder), root()]
    places = [*asked_for, _path("~/.medmnist")]
    return {place: place in asked_for for place in places}


def _there_instead() -> str:
    """What lies where MEDMNIST_ROOT says, or in the nearest folder that there is."""
    if not os.environ.get("MEDMNIST_ROOT"):
        return ""
    place = root().absolute()
    while not os.path.isdir(place):
        place = place.parent
    if place in (home := _path("~").absolute()).parents or place == home:
        return ""  # what lies in a home is nobody's business
    try:
        names = [name for name in sorted(os.listdir(place)) if name[0] != "."]
    except OSError:
        return ""
    names = names[:_SHOWN]
    return f" ({place} holds {', '.join(names) or 'nothing'})"


def _path(name: str | os.PathLike) -> pathlib.Path:
    # Not Path.expanduser: it raises where there is no home, as in some containers.
    return pathlib.Path(os.path.expanduser(checks.path(name)))


def _is_readable(path: pathlib.Path, *, is_asked_for: bool) -> bool:
    try:
        with path.open("rb"):
            return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if not is_asked_for:
            return False
        raise errors.MedMNISTError(
            f"{path} cannot be read ({error.strerror}). Expected the official "
            ".npz file. Make it readable, or set MEDMNIST_ROOT to another folder."
        ) from error


def _verify(path: pathlib.Path, file: catalog.File) -> None:
    if file.md5 is None:
        return
    md5 = pooch.file_hash(str(path), alg="md5")
    if md5 == file.md5:
        return
    with path.open("rb") as content:
        is_page = (
            content.read(256).lstrip().lower().startswith((b"<!doctype", b"<html"))
        )
    kind = "is a web page saved as .npz" if is_page else "is not the official file"
    raise errors.MedMNISTError(
        f"{path} {kind}: it has {path.stat().st_size} bytes and MD5 {md5}, "
        f"expected {file.bytes or 'the official'} bytes and MD5 {file.md5}. It may be "
        "cut off, changed, or of another release. Delete it and run again to download "
        f"{file.url}"
    )


def _download(file: catalog.File, looked: str, retries: int) -> pathlib.Path:
    source = pooch.create(
        path=root(),
        base_url="",
        registry={file.name: f"md5:{file.md5}"},
        urls={file.name: file.url},
        retry_if_failed=retries,
    )
    if not progress.is_watched():  # by a bar; who reads a log wants to know, too
        progress.say(f"Downloading {file.url} to {root()}")
    try:
        with progress.without_poochs_lines():
            path = source.fetch(file.name, downloader=progress.fetch)
        os.chmod(path, 0o644)  # pooch leaves 0600, no use in a folder that teams share
    except requests.exceptions.HTTPError as error:
        reason = f"the server answered {error.response.status_code}"
    except requests.exceptions.RequestException as error:
        reason = f"the connection failed or was cut ({type(error).__name__})"
    except ValueError:  # pooch's word for a wrong hash
        reason = f"what came is not the file with MD5 {file.md5} (perhaps a login page)"
    except OSError as error:
        raise errors.MedMNISTError(
            f"{file.name} is not in {looked}, and as a download it cannot be written "
            f"to {root()}. {errors.said_by_system(error)} Or set MEDMNIST_ROOT to the "
            "folder where it lies, or to one with room that you may write."
        ) from error
    else:
        return pathlib.Path(path)
    raise errors.MedMNISTError(
        f"{file.name} is not in {looked}, and its download from {file.url} failed "
        f"{retries + 1} times: {reason}. {_bring(file)}"
    )


def _bring(file: catalog.File) -> str:
    return (
        f"Fetch {file.url} on a machine with a network and put it into {root()}, or "
        "set MEDMNIST_ROOT to the folder where it lies."
    )


class Archive:
    """One official file whose MD5 and six arrays have been checked, or a rebuilt one.

    `origin` says where it came from, for a user to read; `about` what a rebuilt file
    says of itself. Of a dataset that is regrouped, splits are those of the variant.
    """

    def __init__(
        self,
        variant: catalog.Variant,
        *,
        folder: str | os.PathLike | None = None,
        download: bool = True,
    ):
        self.variant = variant
        found = look(variant, folder=folder)
        self.path = found or find(variant, folder=folder, download=download)
        where = f"found in {self.path.parent}"
        self.origin = where if found else f"downloaded from {variant.file.url}"
        self.about = self._read_about() if variant.rebuilt else None
        self._sizes = (self.about or {}).get("splits", variant.release.file_splits)
        self._check()

    def labels(self, split: str) -> np.ndarray:
        """uint8 (examples, 1), or (examples, labels) for the multi-label task."""
        with self._damage_named():
            parts = [
                self._array(f"{part}_labels")[slice(None) if rows is None else rows]
                for part, rows in self._parts(split)
            ]
            return np.concatenate(parts).astype(np.uint8)

    def index(self, split: str) -> np.ndarray:
        """int64 (examples,): rows in the official split; those that it has, in order.

        Only a rebuilt file may have fewer than all.
        """
        with self._damage_named():
            if self.about and split in self.about["partial"]:
                return self._array(f"{split}_index").astype(np.int64)
            return np.arange(sum(self._count(*part) for part in self._parts(split)))

    def images(self, split: str) -> np.ndarray:
        """uint8 (examples, size, size, channels), in the official order."""
        return np.concatenate(list(self.image_blocks(split)))

    def image_blocks(self, split: str) -> Iterator[np.ndarray]:
        """`images`, in blocks of some megabytes so that memory stays small."""
        for part, wanted in self._parts(split):
            start = 0
            for block in self._file_blocks(part):
                if wanted is None:
                    yield block
                else:
                    here = (wanted >= start) & (wanted < start + len(block))
                    if here.any():
                        yield block[wanted[here] - start]
                start += len(block)

    def _parts(self, split: str) -> list[tuple[str, np.ndarray | None]]:
        """Which rows of which splits of the file a split is made of; None for all."""
        rows = self.variant.release.rows
        if rows is None:
            return [(split, None)]
        return [(part, np.array(found)) for part, found in rows[split].items()]

    def _count(self, part: str, rows: np.ndarray | None) -> int:
        return self._sizes[part] if rows is None else len(rows)

    def _file_blocks(self, split: str) -> Iterator[np.ndarray]:
        size, channels = self.variant.size, self.variant.dataset.channels
        row_bytes = size * size * channels
        rows = max(1, _BLOCK_BYTES // row_bytes)
        with self._damage_named(), zipfile.ZipFile(self.path) as members:
            with members.open(f"{split}_images.npy") as content:
                shape, is_fortran, _ = _header(content)
                if is_fortran:  # rows do not lie together: nothing to stream
                    whole = self._array(f"{split}_images")
                    yield whole.reshape(-1, size, size, channels)
                    return
                for start in range(0, shape[0], rows):
                    block = content.read(row_bytes * min(rows, shape[0] - start))
                    flat = np.frombuffer(block, np.uint8)
                    yield flat.reshape(-1, size, size, channels)

    def _array(self, name: str) -> np.ndarray:
        with self.path.open("rb") as file:
            with np.load(file, allow_pickle=False) as arrays:
                return arrays[name]

    def _read_about(self) -> dict:
        with self._damage_named():
            text = self._array(rebuilt.NAME).item()
            return rebuilt.check(text, self.variant)

    def _check(self) -> None:
        with self._damage_named():
            with zipfile.ZipFile(self.path) as members:
                for split in catalog.SPLITS:
                    self._check_header(members, f"{split}_images")
                    self._check_header(members, f"{split}_labels")
            for split in catalog.SPLITS:
                self._check_range(split)

    @contextlib.contextmanager
    def _damage_named(self) -> Iterator[None]:
        try:
            yield
        except errors.MedMNISTError:
            raise
        except Exception as error:  # zipfile, zlib and NumPy have many words for it
            raise self._broken(f"is damaged ({error})", "a whole .npz file") from error

    def _check_header(self, members: zipfile.ZipFile, name: str) -> None:
        if f"{name}.npy" not in members.namelist():
            present = ", ".join(members.namelist()) or "nothing"
            raise self._broken(f"has no array {name} (it has {present})", "six arrays")
        with members.open(f"{name}.npy") as content:
            try:
                shape, _, dtype = _header(content)
            except ValueError as error:
                raise self._broken(f"{name}: {error}", "a NumPy array") from error
            length = content.tell() + math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise self._broken(
                f"{name} holds pickled objects, which could run code", "plain numbers"
            )
        examples = self._sizes[name.split("_")[0]]
        dataset, size = self.variant.dataset, self.variant.size
        if name.endswith("_images"):
            expected = (examples, size, size) + ((3,) if dataset.channels == 3 else ())
            fits = dtype == np.uint8
        else:
            expected = (examples, dataset.label_columns)
            fits = dtype.kind in "ui"
        if shape != expected or not fits:
            wanted = "uint8" if name.endswith("_images") else "integers"
            raise self._broken(f"{name} is {dtype} {shape}", f"{wanted} {expected}")
        size_there = members.getinfo(f"{name}.npy").file_size
        if size_there != length:
            raise self._broken(f"{name} has {size_there} bytes", f"{length} bytes")

    def _check_range(self, split: str) -> None:
        labels = self._array(f"{split}_labels")
        dataset = self.variant.dataset
        is_multilabel = dataset.task is catalog.Task.MULTILABEL
        highest = 1 if is_multilabel else dataset.num_labels - 1
        wrong = np.flatnonzero(((labels < 0) | (labels > highest)).any(axis=1))
        if wrong.size:
            raise self._broken(
                f"{split}_labels has {labels[wrong[0]].tolist()} in row {wrong[0]}",
                f"labels from 0 to {highest}",
            )

    def _broken(self, problem: str, expected: str) -> errors.MedMNISTError:
        again = f"run again to download {self.variant.file.url}"
        if self.variant.rebuilt:
            again = "make it again by `medmnist-tfds rebuild`."
        return errors.MedMNISTError(
            f"{self.path}: {problem}; expected {expected}. Delete the file and {again}"
        )


def _header(content) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(content)
    reader = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if reader is None:
        raise ValueError(f"unknown .npy version {version}")
    return reader(content)
