"""The arrays of an official or rebuilt `.npz` file, checked one by one.

Reads nothing from an official file whose MD5 is not the official one (`finding.py`),
never unpickles, and never imports TensorFlow. What a rebuilt file says of itself stands
in `rebuilt.py`.
"""

import contextlib
import math
import os
import zipfile
from collections.abc import Iterator

import numpy as np

from medmnist_tfds.data import catalog, finding, rebuilt
from medmnist_tfds.process import errors

_BLOCK_BYTES = 16 * 2**20  # 224-pixel splits exceed a laptop's memory: read in pieces


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
        found = finding.look(variant, folder=folder)
        self.path = found or finding.find(variant, folder=folder, download=download)
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
        """uint8 (examples, *variant.image_shape), in the official order."""
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
        shape = self.variant.image_shape
        row_bytes = math.prod(shape)
        rows = max(1, _BLOCK_BYTES // row_bytes)
        with self._damage_named(), zipfile.ZipFile(self.path) as members:
            with members.open(f"{split}_images.npy") as content:
                (count, *_), is_fortran, _ = _header(content)
                if is_fortran:  # rows do not lie together: nothing to stream
                    whole = self._array(f"{split}_images")
                    yield whole.reshape(-1, *shape)
                    return
                for start in range(0, count, rows):
                    block = content.read(row_bytes * min(rows, count - start))
                    flat = np.frombuffer(block, np.uint8)
                    yield flat.reshape(-1, *shape)

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
        if name.endswith("_images"):
            *pixels, channels = self.variant.image_shape
            expected = (examples, *pixels, *([channels] if channels > 1 else []))
            fits = dtype == np.uint8
        else:
            expected = (examples, self.variant.dataset.label_columns)
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
