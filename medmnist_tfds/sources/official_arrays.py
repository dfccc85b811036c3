"""The official images that sources are looked for: verified, or a file as it is.

Never unpickles, and never says that a user's own file is official.
"""

import dataclasses
import json
import os
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from medmnist_tfds.data import archive, catalog, rebuilt
from medmnist_tfds.process import checks, errors
from medmnist_tfds.sources import linking


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """What a .npz of the official form holds, by split.

    Attributes:
      images: uint8 (n, size, size, channels).
      labels: integers (n, columns).
      index: int64 (n,), of splits that lack images: the official row of each.
      about: what a rebuilt file says of itself; empty of others.
    """

    images: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    index: Mapping[str, np.ndarray]
    about: Mapping[str, object]


def find(
    variant: catalog.Variant,
    *,
    file: str | os.PathLike | None = None,
    folder: str | os.PathLike | None = None,
) -> linking.Official:
    """Of the official file, or of `file`, a .npz of that form.

    Raises:
      MedMNISTError: there is none, or it has another form.
    """
    if file is None:
        arrays = archive.Archive(variant, folder=folder)
        return linking.Official(
            splits={s: (arrays.images(s), arrays.labels(s)) for s in catalog.SPLITS}
        )
    held = read(file, variant.dataset, size=variant.size)
    return linking.Official(
        splits={s: (held.images[s], held.labels[s]) for s in catalog.SPLITS}
    )


def read(
    path: str | os.PathLike, dataset: catalog.Dataset, *, size: int | None = None
) -> File:
    """A file as it is, at one size; at any if none is given.

    Raises:
      MedMNISTError: there is none, or it has another form.
    """
    path = checks.path(path)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            held = {
                f"{s}_{kind}": arrays[f"{s}_{kind}"]
                for s in catalog.SPLITS
                for kind in ("images", "labels", "index")
                if kind != "index" or f"{s}_index" in arrays
            }
            said = rebuilt.NAME in arrays and json.loads(arrays[rebuilt.NAME].item())
    except FileNotFoundError as error:
        raise errors.MedMNISTError(errors.said_by_system(error)) from error
    except (
        *(ValueError, KeyError, OSError, EOFError, TypeError),
        *(AttributeError, zipfile.BadZipFile, zlib.error),
    ) as error:
        raise _not_official(path, str(error)) from error
    size = size or max(held["train_images"].shape[1:2], default=0)
    for split in catalog.SPLITS:
        _check(path, dataset, size, split, held)
    shape = (-1, size, size, dataset.channels)
    return File(
        images={s: held[f"{s}_images"].reshape(shape) for s in catalog.SPLITS},
        labels={s: held[f"{s}_labels"] for s in catalog.SPLITS},
        index={s: held[f"{s}_index"] for s in catalog.SPLITS if f"{s}_index" in held},
        about=said or {},
    )


def _check(path, dataset: catalog.Dataset, size: int, split: str, held) -> None:
    images, labels = held[f"{split}_images"], held[f"{split}_labels"]
    shape = (size, size, *([3] if dataset.channels == 3 else []))
    grey = (size, size, 1) if dataset.channels == 1 else shape
    if images.shape[1:] not in (shape, grey) or images.dtype != np.uint8:
        expected = f"uint8 {('n', *shape)}".replace("'", "")
        said = f"{split}_images is {images.dtype} {images.shape}, not {expected}"
        raise _not_official(path, f"{said} as of {dataset.name}")
    expected = (len(images), dataset.label_columns)
    if labels.shape != expected or labels.dtype.kind not in "ui":
        said = f"{split}_labels is {labels.dtype} {labels.shape}"
        raise _not_official(path, f"{said}, not {expected} as of {dataset.name}")
    index = held.get(f"{split}_index", np.arange(len(images)))
    is_row_each = index.shape == labels.shape[:1] and index.dtype.kind in "ui"
    steps = np.diff(index.astype(np.int64), prepend=-1) if is_row_each else [0]
    if np.any(np.less_equal(steps, 0)):
        raise _not_official(path, f"{split}_index does not name a row for each image")


def _not_official(path, reason: str) -> errors.MedMNISTError:
    return errors.MedMNISTError(
        f"{path} has not the form of an official file: {reason}. Expected the arrays "
        "train_images, train_labels, and so on, with uint8 images of one size."
    )
