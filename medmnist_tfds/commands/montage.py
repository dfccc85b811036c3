"""A picture of a split: some images of each class, with the class's name.

A volume is shown by its middle slices in three planes, or moving through its depth.
Never chooses by looks: it shows the first images of each class, in the official order.
"""

import io
import pathlib
import textwrap

import numpy as np
from matplotlib import axes, figure
from PIL import Image

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.process import errors, files

_COLUMNS = 10  # images per class at the most
_VOLUMES = 4  # of which each takes the room of three
_MILLISECONDS = 120  # for which a moving picture shows a slice


def write(
    split: pipeline.Split, variant: catalog.Variant, *, path: pathlib.Path
) -> None:
    """Draws one row of images per class into `path`, in the format of its suffix.

    Raises:
      MedMNISTError: a suffix that no picture has.
    """
    is_volume = variant.dataset.form == "volumes"
    page = _Page(split, variant, columns=_VOLUMES if is_volume else _COLUMNS)
    form = _format(page.figure, path)
    page.show(_planes if is_volume else _pixels)
    with files.replacing(path) as temporary:
        page.figure.savefig(temporary, dpi=120, format=form)


def write_moving(
    split: pipeline.Split, variant: catalog.Variant, *, path: pathlib.Path
) -> None:
    """As `write`, of volumes: a GIF of all slices, from the first in depth to the last.

    Raises:
      MedMNISTError: the data are no volumes.
    """
    if variant.dataset.form != "volumes":
        volumes = [n for n, each in catalog.DATASETS.items() if each.form == "volumes"]
        raise errors.MedMNISTError(
            f"{variant.dataset.name} has images, which do not move. Expected volumes: "
            f"{', '.join(volumes)}. Leave --gif out."
        )
    page, frames = _Page(split, variant, columns=_COLUMNS), []
    for depth in range(variant.size):
        page.show(lambda volume, depth=depth: volume[depth, ..., 0])
        frames.append(page.frame())
    with files.replacing(path) as temporary:
        options = {"duration": _MILLISECONDS, "loop": 0}
        first, *others = frames
        first.save(temporary, "gif", save_all=True, append_images=others, **options)


class _Page:
    """A row per class, whose images are drawn in one way after another."""

    def __init__(self, split: pipeline.Split, variant: catalog.Variant, *, columns):
        names = variant.dataset.labels
        size = (3.2 + 0.62 * _COLUMNS, 0.7 + 0.66 * len(names))
        self.figure = figure.Figure(figsize=size, layout="constrained")
        self.figure.suptitle(f"{variant.title}, {split.name}")
        cells = self.figure.subplots(len(names), columns, squeeze=False)
        rows = choose(split.labels, classes=len(names), most=columns)
        every = np.unique(np.concatenate(rows))  # read together: that is one pass
        images = dict(zip(every.tolist(), split.rows(every), strict=True))
        self._shown = []
        for number, (name, row) in enumerate(zip(names, rows, strict=True)):
            for cell in cells[number]:
                cell.set(xticks=[], yticks=[])
                cell.axis("off")
            for cell, index in zip(cells[number], row.tolist(), strict=False):
                self._shown.append((cell, images[index]))
            _name(cells[number][0], name if name.isdigit() else f"{number}: {name}")

    def show(self, look) -> None:
        """Each image as `look` makes it pixels (height, width) or (..., 3)."""
        for cell, image in self._shown:
            for old in cell.images:
                old.remove()
            cell.imshow(look(image), cmap="gray", vmin=0, vmax=255)

    def frame(self) -> Image.Image:
        file = io.BytesIO()
        self.figure.savefig(file, dpi=80, format="png")
        return Image.open(file).convert("P", palette=Image.Palette.ADAPTIVE)


def _pixels(image: np.ndarray) -> np.ndarray:
    return image if image.shape[-1] == 3 else image[..., 0]


def _planes(volume: np.ndarray) -> np.ndarray:
    """The middle slices across depth, height and width, side by side."""
    middle = len(volume) // 2
    slices = [np.take(volume[..., 0], middle, axis=axis) for axis in range(3)]
    gap = np.full((len(volume), 1), 255, np.uint8)
    return np.hstack([slices[0], gap, slices[1], gap, slices[2]])


def _format(picture: figure.Figure, path: pathlib.Path) -> str:
    known = picture.canvas.get_supported_filetypes()
    form = path.suffix.removeprefix(".").lower() or "png"
    if form not in known:
        raise errors.MedMNISTError(
            f"{path} ends in .{form}, which is no format of pictures. Expected one of "
            f"{', '.join(known)}."
        )
    return form


def choose(labels: np.ndarray, *, classes: int, most=_COLUMNS) -> list[np.ndarray]:
    """For each class, the row numbers of its first examples."""
    belongs = labels == 1 if labels.ndim == 2 else labels[:, None] == range(classes)
    return [np.flatnonzero(column)[:most] for column in belongs.T]


def _name(cell: axes.Axes, text: str) -> None:
    """Writes beside the first image of a row."""
    cell.axis("on")
    cell.spines[:].set_visible(False)
    label = textwrap.fill(text, 26, max_lines=3)
    cell.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
