"""A picture of a split: some images of each class, with the class's name.

Never chooses by looks: it shows the first images of each class, in the official order.
"""

import pathlib
import textwrap

import numpy as np
from matplotlib import axes, figure

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.process import errors, files

_COLUMNS = 10  # images per class at the most


def write(
    split: pipeline.Split, variant: catalog.Variant, *, path: pathlib.Path
) -> None:
    """Draws one row of images per class into `path`, in the format of its suffix.

    Raises:
      MedMNISTError: a suffix that no picture has.
    """
    names = variant.dataset.labels
    size = (3.2 + 0.62 * _COLUMNS, 0.7 + 0.66 * len(names))
    picture = figure.Figure(figsize=size, layout="constrained")
    form = _format(picture, path)
    picture.suptitle(f"{variant.title}, {split.name}")
    cells = picture.subplots(len(names), _COLUMNS, squeeze=False)
    rows = choose(split.labels, classes=len(names))
    every = np.unique(np.concatenate(rows))  # read together: that is one pass
    images = dict(zip(every.tolist(), split.rows(every), strict=True))
    for number, (name, row) in enumerate(zip(names, rows, strict=True)):
        for cell in cells[number]:
            cell.set(xticks=[], yticks=[])
            cell.axis("off")
        for cell, index in zip(cells[number], row.tolist(), strict=False):
            _show(cell, images[index])
        _name(cells[number][0], name if name.isdigit() else f"{number}: {name}")
    with files.replacing(path) as temporary:
        picture.savefig(temporary, dpi=120, format=form)


def _format(picture: figure.Figure, path: pathlib.Path) -> str:
    known = picture.canvas.get_supported_filetypes()
    form = path.suffix.removeprefix(".").lower() or "png"
    if form not in known:
        raise errors.MedMNISTError(
            f"{path} ends in .{form}, which is no format of pictures. Expected one of "
            f"{', '.join(known)}."
        )
    return form


def choose(labels: np.ndarray, *, classes: int) -> list[np.ndarray]:
    """For each class, the row numbers of its first examples."""
    belongs = labels == 1 if labels.ndim == 2 else labels[:, None] == range(classes)
    return [np.flatnonzero(column)[:_COLUMNS] for column in belongs.T]


def _show(cell: axes.Axes, image: np.ndarray) -> None:
    pixels = image if image.shape[-1] == 3 else image[..., 0]
    cell.imshow(pixels, cmap="gray", vmin=0, vmax=255)


def _name(cell: axes.Axes, text: str) -> None:
    """Writes beside the first image of a row."""
    cell.axis("on")
    cell.spines[:].set_visible(False)
    label = textwrap.fill(text, 26, max_lines=3)
    cell.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
