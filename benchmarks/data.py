"""Synthetic files of the official form and size, for both sides of a comparison.

Random bytes, not phantoms: what is measured here does not depend on what is seen.
"""

import pathlib

import numpy as np

from medmnist_tfds.data import catalog


def write(folder: pathlib.Path, name: str, **sizes: int) -> pathlib.Path:
    """An `.npz` named and shaped as the official file of a dataset; returns its path.

    Args:
      folder: where.
      name: of the dataset.
      sizes: examples of each split; the official ones if not given.
    """
    variant = catalog.variant(name)
    dataset, rng = variant.dataset, np.random.default_rng(0)
    arrays = {}
    for split, count in {**variant.release.splits, **sizes}.items():
        shape = (count, 28, 28) + ((3,) if dataset.channels == 3 else ())
        images = rng.integers(256, size=shape, dtype=np.uint8)
        labels = _labels(rng, dataset, count)
        arrays |= {f"{split}_images": images, f"{split}_labels": labels}
    path = folder / variant.file.name
    np.savez(path, **arrays)
    return path


def _labels(rng, dataset: catalog.Dataset, count: int) -> np.ndarray:
    if dataset.task is catalog.Task.MULTILABEL:
        return (rng.random((count, dataset.num_labels)) < 0.1).astype(np.uint8)
    return (rng.permutation(count) % dataset.num_labels).astype(np.uint8)[:, None]


def write_scores(folder: pathlib.Path, name: str, split: str) -> None:
    """`scores_NAME.npy` and `targets_NAME.npy` of a whole split, at random."""
    variant, rng = catalog.variant(name), np.random.default_rng(1)
    targets = _labels(rng, variant.dataset, variant.release.splits[split])
    scores = rng.random((len(targets), variant.dataset.num_labels))
    if variant.dataset.task is not catalog.Task.MULTILABEL:
        scores /= scores.sum(axis=1, keepdims=True)
    np.save(folder / f"targets_{name}.npy", targets)
    np.save(folder / f"scores_{name}.npy", scores)
