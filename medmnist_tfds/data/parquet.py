"""Examples as Parquet files, which readers of Croissant, pandas and others can read.

Never changes a pixel, a label or the order, and never imports TensorFlow.
"""

import dataclasses
import os
import pathlib

import numpy as np
import pyarrow
from pyarrow import parquet

from medmnist_tfds.data import arrays, catalog, png
from medmnist_tfds.process import checksums, files


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """One file that was written: the examples of a split."""

    split: str
    path: pathlib.Path
    examples: int
    sha256: str


def write(
    variant: catalog.Variant,
    folder: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
) -> list[Table]:
    """One file per split, such as `breastmnist_train.parquet`, in the official order.

    Columns: `image`, a PNG file, or the voxels of a volume as lists of lists of lists;
    `label`, int64, or a list of uint8 for the multi-label task; `index`, int64.

    Raises:
      MedMNISTError: as `arrays.find` says.
    """
    source = arrays.find(variant, data_dir=data_dir, manual_dir=manual_dir)
    return [_write(source, variant, split, folder) for split in catalog.SPLITS]


def _write(source: arrays.Arrays, variant, split: str, folder) -> Table:
    labels, index = source.labels(split), arrays.index(source, split)
    path = pathlib.Path(folder, f"{variant.flag}_{split}.parquet")
    schema, start = _schema(variant), 0
    with files.replacing(path) as temporary:
        with parquet.ParquetWriter(temporary, schema) as writer:
            for images in arrays.blocks(source, split):
                rows = slice(start, start + len(images))
                columns = {
                    "image": _images(images),
                    "label": _labels(labels[rows]),
                    "index": pyarrow.array(index[rows]),
                }
                writer.write_table(pyarrow.table(columns).cast(schema))
                start = rows.stop
    sha256 = checksums.sha256(path)
    return Table(split=split, path=path, examples=len(labels), sha256=sha256)


def _schema(variant: catalog.Variant) -> pyarrow.Schema:
    dataset, voxels = variant.dataset, pyarrow.uint8()
    for _ in range(3):
        voxels = pyarrow.list_(voxels)
    labels = pyarrow.list_(pyarrow.uint8())
    is_multilabel = dataset.task is catalog.Task.MULTILABEL
    return pyarrow.schema(
        {
            "image": pyarrow.binary() if dataset.form == "images" else voxels,
            "label": labels if is_multilabel else pyarrow.int64(),
            "index": pyarrow.int64(),
        }
    )


def _images(images: np.ndarray) -> pyarrow.Array:
    """A PNG file each of (rows, height, width, channels), or lists of voxels."""
    if images.ndim == 4:
        return pyarrow.array(png.encode(images), pyarrow.binary())
    return _lists(images[..., 0])


def _labels(labels: np.ndarray) -> pyarrow.Array:
    return _lists(labels) if labels.shape[1] > 1 else pyarrow.array(labels[:, 0])


def _lists(values: np.ndarray) -> pyarrow.Array:
    """Row by row, as lists of lists of the lengths of the other axes."""
    nested = pyarrow.array(values.reshape(-1))
    for length in values.shape[:0:-1]:
        nested = pyarrow.FixedSizeListArray.from_arrays(nested, length)
    return nested
