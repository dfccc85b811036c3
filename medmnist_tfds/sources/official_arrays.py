"""The official images that sources are looked for: verified, or a file as it is.

Never unpickles, and never says that a user's own file is official.
"""

import os
import zipfile

import numpy as np

from medmnist_tfds.data import archive, catalog
from medmnist_tfds.process import checks, errors
from medmnist_tfds.sources import linking


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
    path = checks.path(file)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = [f"{s}_{kind}" for s in catalog.SPLITS for kind in _KINDS]
            held = {name: arrays[name] for name in names}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _not_official(path, str(error)) from error
    return linking.Official(
        splits={s: _checked(path, variant, s, held) for s in catalog.SPLITS}
    )


_KINDS = ("images", "labels")


def _checked(path, variant: catalog.Variant, split: str, held) -> tuple:
    images, labels = (held[f"{split}_{kind}"] for kind in _KINDS)
    dataset, size = variant.dataset, variant.size
    shape = (len(images), size, size, *([3] if dataset.channels == 3 else []))
    if images.shape != shape or images.dtype != np.uint8:
        raise _not_official(path, f"{split}_images is {images.dtype} {images.shape}")
    if labels.shape != (len(images), dataset.label_columns) or labels.dtype.kind != "u":
        raise _not_official(path, f"{split}_labels is {labels.dtype} {labels.shape}")
    return images.reshape(len(images), size, size, -1), labels


def _not_official(path, reason: str) -> errors.MedMNISTError:
    return errors.MedMNISTError(
        f"{path} has not the form of an official file: {reason}. Expected the arrays "
        "train_images, train_labels, and so on, with uint8 images of this size."
    )
