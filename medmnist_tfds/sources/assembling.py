"""The rows of a rebuilt file: on disk, in any order, until all of them are there.

Never knows where an image comes from; memory stays small however many there are.
"""

import dataclasses
import pathlib
import tempfile
import zipfile
from collections.abc import Iterator

import numpy as np

import medmnist_tfds
from medmnist_tfds.data import archive, catalog, finding
from medmnist_tfds.data import rebuilt as form
from medmnist_tfds.process import files

STATES = ("equal", "within one level", "farther")
_BLOCK_BYTES = 16 * 2**20

Row = tuple[str, int]  # split, official index


class Rows:
    """Rows of the splits on disk, written in any order."""

    def __init__(self, variant: catalog.Variant, path: pathlib.Path):
        self.variant = variant
        channels = (3,) if variant.dataset.channels == 3 else ()
        self._shape = (variant.size, variant.size, *channels)
        self._path = path
        self._there = {
            split: np.zeros(count, bool)
            for split, count in variant.release.splits.items()
        }

    def __enter__(self) -> "Rows":
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(dir=folder, prefix=".rebuild-")
        self._files = {
            split: open(pathlib.Path(self._folder.name, split), "w+b")
            for split in self._there
        }
        return self

    def __exit__(self, *_) -> None:
        for file in self._files.values():
            file.close()
        self._folder.cleanup()

    @property
    def counts(self) -> dict[str, int]:
        return {split: int(there.sum()) for split, there in self._there.items()}

    @property
    def missing(self) -> list[Row]:
        return [
            (split, int(row))
            for split, there in self._there.items()
            for row in np.flatnonzero(~there)
        ]

    def put(self, place: Row, image: np.ndarray) -> None:
        split, row = place
        # Not a memory map: on a full disk that ends in a crash, not in an error.
        self._files[split].seek(row * image.nbytes)
        self._files[split].write(image.tobytes())
        self._there[split][row] = True

    def index(self, split: str) -> np.ndarray:
        return np.flatnonzero(self._there[split])

    def blocks(self, split: str) -> Iterator[np.ndarray]:
        """The images that are there, in order."""
        row_bytes = int(np.prod(self._shape))
        rows = max(1, _BLOCK_BYTES // row_bytes)
        file, there = self._files[split], self._there[split]
        for start in range(0, len(there), rows):
            here = there[start : start + rows]
            last = start + int(np.flatnonzero(here)[-1]) + 1 if here.any() else start
            file.seek(start * row_bytes)
            content = file.read((last - start) * row_bytes)
            images = np.frombuffer(content, np.uint8).reshape(-1, *self._shape)
            if here.any():
                yield images[here[: len(images)]]

    def write(self, path: pathlib.Path, official: archive.Archive, recipe) -> None:
        about = form.about(
            self.variant,
            splits=self.counts,
            recipe=str(recipe),
            made_by=f"medmnist-tfds {medmnist_tfds.__version__}",
        )
        with files.replacing(path) as temporary, _npz(temporary) as members:
            for split, count in self.counts.items():
                index = self.index(split)
                header = (count, *self._shape)
                _member(members, f"{split}_images", header, self.blocks(split))
                labels = official.labels(split)[index]
                _member(members, f"{split}_labels", labels.shape, [labels])
                if count != len(self._there[split]):
                    arrays = (f"{split}_index", index.shape, [index])
                    _member(members, *arrays, dtype=index.dtype)
            _member(members, form.NAME, (), [about], dtype=about.dtype)


def _npz(path: pathlib.Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)


def _member(members, name: str, shape, blocks, *, dtype=np.uint8) -> None:
    """An array, written by blocks: 112,120 images of 224 pixels are 5.6 GB."""
    descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    with members.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block).tobytes())


def compare(rows: Rows, official: archive.Archive | None) -> dict:
    """Beside the official file of this size, if there is one: counts, farthest rows."""
    if official is None:
        return {"compared": None, "farthest": ()}
    compared, farthest = {}, []
    for split in rows.counts:
        counts, index = dict.fromkeys(STATES, 0), rows.index(split).tolist()
        there = set(index)
        ours = (image for block in rows.blocks(split) for image in block)
        theirs = enumerate(i for block in official.image_blocks(split) for i in block)
        others = (image for row, image in theirs if row in there)
        for row, image, other in zip(index, ours, others, strict=True):
            largest, _ = levels(image, other)
            counts[STATES[min(largest, 2)]] += 1
            if largest > 1:
                farthest.append(((split, row), largest))
        compared[split] = counts
    return {"compared": compared, "farthest": farthest}


def official(
    labelled: archive.Archive, size: int, manual_dir
) -> archive.Archive | None:
    """The official file of that size and the same rows, if it is at hand."""
    variant = labelled.variant
    if size == variant.size:
        return labelled
    for release in variant.dataset.releases.values():
        same = dataclasses.replace(variant, release=release, size=size)
        fits = size in release.files and release.splits == variant.release.splits
        if fits and finding.look(same, folder=manual_dir):
            return archive.Archive(same, folder=manual_dir)
    return None


def chosen(official: archive.Archive, places: list[Row]) -> dict[Row, np.ndarray]:
    """These official images; read by blocks, as there may be many."""
    found, wanted = {}, set(places)
    for split in {split for split, _ in wanted}:
        row = 0
        for block in official.image_blocks(split):
            for image in block:
                if (split, row) in wanted:
                    found[split, row] = image.copy()
                row += 1
    return found


def levels(image: np.ndarray, other: np.ndarray) -> tuple[int, int]:
    """Largest difference, and the sum of squares."""
    difference = image.astype(np.int64).ravel() - other.astype(np.int64).ravel()
    return int(np.abs(difference).max()), int((difference**2).sum())
