"""A picture of a split: some images of each class, with the class's name.

Never chooses by looks: it shows the first images of each class, in the official order.
"""

import os
import pathlib
import textwrap

import numpy as np
from matplotlib import figure

from medmnist_tfds.process import files


def choose(labels: np.ndarray, *, columns: int) -> np.ndarray:
    """Row numbers of the first `columns` examples of each class, each once, sorted."""
    count = labels.shape[1] if labels.ndim == 2 else labels.max() + 1
    chosen = [
        np.flatnonzero(_belongs(labels, number))[:columns] for number in range(count)
    ]
    return np.unique(np.concatenate(chosen))


def _belongs(labels: np.ndarray, number: int) -> np.ndarray:
    return labels[:, number] == 1 if labels.ndim == 2 else labels == number


def draw(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    names: tuple[str, ...],
    title: str,
    path: str | os.PathLike,
    columns: int = 10,
) -> pathlib.Path:
    """Draws a PNG with one row per class; returns its path.

    Args:
      images: uint8 (examples, height, width, channels).
      labels: class numbers (examples,), or 0 and 1 (examples, labels).
      names: of the classes or labels, in their order.
      title: stands above the picture.
      path: of the PNG.
      columns: images per class at the most.
    """
    grid = figure.Figure(
        figsize=(3.2 + 0.62 * columns, 0.7 + 0.66 * len(names)), layout="constrained"
    )
    grid.suptitle(title)
    cells = grid.subplots(len(names), columns, squeeze=False)
    for number, (name, row) in enumerate(zip(names, cells, strict=True)):
        chosen = np.flatnonzero(_belongs(labels, number))[:columns]
        for cell in row:
            cell.set(xticks=[], yticks=[])
            cell.axis("off")
        for cell, index in zip(row, chosen, strict=False):
            image = images[index]
            cell.imshow(
                image if image.shape[-1] == 3 else image[..., 0],
                cmap="gray",
                vmin=0,
                vmax=255,
            )
        row[0].axis("on")
        row[0].spines[:].set_visible(False)
        label = textwrap.fill(
            name if name.isdigit() else f"{number}: {name}", 26, max_lines=3
        )
        row[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
    with files.replacing(path) as temporary:
        grid.savefig(temporary, dpi=120, format="png")
    return pathlib.Path(path)
