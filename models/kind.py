"""How far an image lies from those a network has learned from, in numbers.

The distance to the nearest training images, by layout and detail at 28 pixels; no
network is asked, so that it is the same for all. Never says that an answer is right:
an image may look like those of training and show what none of them shows.
"""

import dataclasses
import os
import zipfile

import numpy as np
from PIL import Image
from scipy.spatial import distance

from medmnist_tfds.process import errors, files

NAME = "kind.npz"  # in a run's folder
IMAGES = 2_000  # of training, that are remembered, and of validation: some 300 kB
FAR = 0.99  # of the validation images lie nearer: the image is of another kind
_SIDE, _CELLS = 28, 7  # pixels, and the parts of each side that features are of
_AXES, _NEIGHBOURS = 32, 5
_SCALES = 2  # of detail: 2 and 4 pixels
_FLAT = 1e-4  # of variances of levels from 0 to 1: below, there is no detail


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """What training images look like.

    Attributes:
      middle, scale: float32 (features,), by which features are standardized.
      axes: float32 (features, axes): principal axes, divided by the spread along them.
      training: float32 (images, axes): where training images lie.
      validation: float32 (images,), rising: how far those of validation lie from them.
    """

    middle: np.ndarray
    scale: np.ndarray
    axes: np.ndarray
    training: np.ndarray
    validation: np.ndarray

    @classmethod
    def of(cls, training: np.ndarray, validation: np.ndarray) -> "Kind":
        """Of uint8 images (examples, size, size, channels); all are read."""
        found = features(training)
        middle, scale = found.mean(axis=0), found.std(axis=0) + 1e-3
        _, spread, rows = np.linalg.svd((found - middle) / scale, full_matrices=False)
        spread, rows = spread[:_AXES], rows[:_AXES]
        per_axis = np.maximum(
            spread / np.sqrt(len(found)), 1e-3
        )  # phantoms may be flat
        axes = (rows / per_axis[:, None]).T
        places = ((found - middle) / scale) @ axes
        fields = {"middle": middle, "scale": scale, "axes": axes, "training": places}
        fields = {name: array.astype(np.float32) for name, array in fields.items()}
        kind = cls(**fields, validation=np.zeros(0, np.float32))
        far = np.sort(kind.distances(validation)).astype(np.float32)
        return dataclasses.replace(kind, validation=far)

    def distances(self, images: np.ndarray) -> np.ndarray:
        """float64 (examples,): the mean of those to the five nearest training images.

        In standard deviations along principal axes; images as for `of`.
        """
        places = ((features(images) - self.middle) / self.scale) @ self.axes
        nearest = min(_NEIGHBOURS, len(self.training))
        blocks = np.array_split(places, -(-len(places) // 256))
        every = (distance.cdist(block, self.training) for block in blocks)
        near = [np.partition(e, nearest - 1, axis=1)[:, :nearest] for e in every]
        return np.concatenate(near).mean(axis=1)

    def nearer(self, images: np.ndarray) -> np.ndarray:
        """float64 (examples,): the share of validation images that lie nearer."""
        far = self.distances(images).astype(np.float32)  # as those of validation are
        count = np.searchsorted(self.validation, far, side="left")
        return count / len(self.validation)

    def write(self, path: str | os.PathLike) -> None:
        """As a `.npz` of numbers alone."""
        with files.replacing(path) as temporary:
            fields = dataclasses.fields(self)
            arrays = {field.name: getattr(self, field.name) for field in fields}
            np.savez_compressed(temporary, **arrays)


def read(path: str | os.PathLike, *, channels: int) -> Kind:
    """What `Kind.write` has written, of images with so many channels.

    Raises:
      MedMNISTError: it is damaged, or another file.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            kind = Kind(**{name: data[name] for name in data.files})
        kind.nearer(np.zeros((1, _SIDE, _SIDE, channels), np.uint8))  # do shapes fit?
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise errors.MedMNISTError(
            f"{path} does not say what training images look like ({error}). Expected "
            "what a run has written. Copy the run's folder again, or delete this file."
        ) from error
    return kind


def features(images: np.ndarray) -> np.ndarray:
    """float32 (examples, features): mean colours and grey detail in 7 x 7 parts.

    Detail is the logarithm of the variance inside squares of two pixels, and of the
    means of those squares inside squares of four.

    Args:
      images: uint8 (examples, size, size, channels).
    """
    levels = np.stack([_small(image) for image in images]).astype(np.float32) / 255
    found = [_parts(levels).reshape(len(levels), -1)]
    grey = levels.mean(axis=3, keepdims=True)
    for _ in range(_SCALES):
        half = grey.shape[1] // 2
        squares = grey.reshape(-1, half, 2, half, 2, 1)
        detail = _parts(squares.var(axis=(2, 4)))
        found.append(np.log(detail + _FLAT).reshape(len(levels), -1))
        grey = squares.mean(axis=(2, 4))
    return np.concatenate(found, axis=1)


def _parts(values: np.ndarray) -> np.ndarray:
    """(n, side, side, channels) -> means (n, 7, 7, channels)."""
    step = values.shape[1] // _CELLS
    parts = values.reshape(len(values), _CELLS, step, _CELLS, step, -1)
    return parts.mean(axis=(2, 4))


def _small(image: np.ndarray) -> np.ndarray:
    """(size, size, channels) -> (28, 28, channels)."""
    if image.shape[0] == _SIDE:
        return image
    squeezed = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    small = squeezed.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small).reshape(_SIDE, _SIDE, -1)
