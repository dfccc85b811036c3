"""A small file of BreastMNIST's form with smooth drawn images and known duplicates."""

import io
import pathlib

import numpy as np
from PIL import Image

COUNTS = {"train": 40, "val": 20, "test": 30}


def images(count: int, *, size: int = 28, channels: int = 1, seed: int = 0):
    """uint8 (count, size, size, channels), smooth, none like another."""
    rng = np.random.default_rng(seed)
    small = rng.random((count * channels, 7, 7)).astype(np.float32)
    large = [Image.fromarray(each).resize((size, size)) for each in small]
    pixels = np.stack([np.asarray(each) for each in large])
    pixels = (255 * pixels).astype(np.uint8).reshape(count, channels, size, size)
    return pixels.transpose(0, 2, 3, 1)


def as_jpeg(image: np.ndarray) -> np.ndarray:
    stored = io.BytesIO()
    Image.fromarray(image).save(stored, "JPEG", quality=75)
    return np.asarray(Image.open(stored))


def arrays(*, size: int = 28, counts=COUNTS) -> dict[str, np.ndarray]:
    """Three splits without a duplicate; every second image has label 1."""
    every = images(sum(counts.values()), size=size)[..., 0]
    parts = np.split(every, np.cumsum(list(counts.values()))[:-1])
    found = {}
    for (split, count), part in zip(counts.items(), parts, strict=True):
        found[f"{split}_images"] = part.copy()
        found[f"{split}_labels"] = (np.arange(count) % 2)[:, None].astype(np.uint8)
    return found


def with_duplicates(*, size: int = 28) -> dict[str, np.ndarray]:
    """As `arrays`, with the pairs that are named in KNOWN."""
    found = arrays(size=size)
    train, val, test = (found[f"{split}_images"] for split in COUNTS)
    test[2] = train[1]
    val[4] = train[2][:, ::-1]
    test[6] = as_jpeg(np.rot90(train[6]))
    train[8] = (train[10] * 0.6 + 30).astype(np.uint8)
    test[9] = as_jpeg(val[1])
    test[12] = test[10]
    return found


# (split, index, other split, other index): (symmetry, the same pixels, two labels)
KNOWN = {
    ("train", 1, "test", 2): ("none", True, True),
    ("train", 2, "val", 4): ("mirrored", True, False),
    ("train", 6, "test", 6): ("turned right", False, False),
    ("train", 8, "train", 10): ("none", False, False),
    ("val", 1, "test", 9): ("none", False, False),
    ("test", 10, "test", 12): ("none", True, False),
}


def write(path: pathlib.Path, content: dict, *, first_row: int = 0) -> pathlib.Path:
    """As `rebuild` writes a part of a dataset, its images from an official row on."""
    rows = {f"{s}_index": np.arange(n) + first_row for s, n in COUNTS.items()}
    np.savez(path, **rows | content)
    return path
