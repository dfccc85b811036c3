"""Where a network looked: how its answer changes when parts of an image are hidden.

Occlusion (Zeiler and Fergus, 2014, section 4.2): it needs no gradients and no layer's
name, so that it is the same for any network on any backend. Never says why.
"""

import os
import pathlib
import textwrap

import numpy as np
from matplotlib import cm, colors, figure

from medmnist_tfds.data import catalog
from medmnist_tfds.models import predicting
from medmnist_tfds.process import errors, files

CELLS = 14  # of each side, in each of which the picture has one value
_HIDDEN = 4  # cells of each side that are hidden at once
_LEAST = 0.05  # of the scale's ends: smaller changes are not blown up
_WIDTH = 42  # letters of a panel's title
_COLOURS = "RdBu_r"  # red: speaks for the label; blue: against it


def occlusion(
    predictor: predicting.Predictor, image: np.ndarray, label: int
) -> np.ndarray:
    """How much of a label's probability hiding each part of an image takes away.

    A square of 4 x 4 cells is filled with the image's mean colour, at every place in
    turn, also partly outside of it: 289 images are asked about.

    Args:
      predictor: of which network.
      image: uint8 (size, size, channels), as the network sees it.
      label: whose probability, by its number.

    Returns:
      float64 (14, 14), from -1 to 1: for each cell the mean drop over the 16 squares
      that hide it. What is negative spoke against the label.

    Raises:
      MedMNISTError: no such label, or an image of another shape.
    """
    _check(predictor, image, label)
    whole, *others = predictor.probabilities(np.stack([image, *_hidden(image)]))
    drops = whole[label] - np.array(others)[:, label]
    places = CELLS + _HIDDEN - 1
    drops = drops.reshape(places, places)
    windows = np.lib.stride_tricks.sliding_window_view(drops, (_HIDDEN, _HIDDEN))
    return windows.mean(axis=(2, 3))


def explain(
    predictor: predicting.Predictor,
    prediction: predicting.Prediction,
    path: str | os.PathLike,
) -> np.ndarray:
    """Draws an image, what the network saw, and where it looked, into a PNG file.

    Args:
      predictor: that made the prediction.
      prediction: of an image that could be read; with `shown`, the picture is of that.
      path: of the file.

    Returns:
      What `occlusion` gives, for the most probable label.
    """
    if prediction.probabilities is None:
        raise errors.MedMNISTError(f"{prediction.problem} There is nothing to explain.")
    label = int(prediction.probabilities.argmax())
    drops = occlusion(predictor, prediction.image, label)
    picture = _draw(predictor, prediction, label, drops)
    with files.replacing(pathlib.Path(path)) as temporary:
        picture.savefig(temporary, dpi=110, format="png")
    return drops


def _check(predictor, image: np.ndarray, label: int) -> None:
    wanted, count = predictor.variant.image_shape, len(predictor.labels)
    if np.shape(image) != wanted or image.dtype != np.uint8:
        raise errors.MedMNISTError(
            f"The image is {np.shape(image)}. Expected uint8 {wanted}, as the network "
            "sees it: the `image` of a prediction."
        )
    if not 0 <= label < count:
        raise errors.MedMNISTError(
            f"There is no label {label}. Expected 0 to {count - 1}."
        )


def _hidden(image: np.ndarray) -> list[np.ndarray]:
    """The image with a square hidden, from the top left to the bottom right."""
    edges = np.rint(np.linspace(0, image.shape[0], CELLS + 1)).astype(int)
    mean = np.rint(image.mean(axis=(0, 1))).astype(np.uint8)
    spans = [
        slice(edges[max(0, last - _HIDDEN + 1)], edges[min(CELLS, last + 1)])
        for last in range(CELLS + _HIDDEN - 1)
    ]
    made = []
    for rows in spans:
        for columns in spans:
            hidden = image.copy()
            hidden[rows, columns] = mean
            made.append(hidden)
    return made


def _draw(predictor, prediction, label: int, drops: np.ndarray) -> figure.Figure:
    picture = figure.Figure(figsize=(9.6, 3.7), layout="constrained")
    left, middle, right = picture.subplots(1, 3)
    name = predictor.labels[label]
    percent = f"{100 * prediction.probabilities[label]:.0f} %"
    title = f"{prediction.name.rsplit('/', 1)[-1]}: {percent} “{name}”"
    picture.suptitle("\n".join(textwrap.wrap(title, 3 * _WIDTH)), fontsize=11)
    square = prediction.image if prediction.shown is None else prediction.shown
    size = predictor.variant.size
    _show(left, square, "The image's square")
    _show(middle, prediction.image, f"What the network sees, {size} pixels")
    _show(right, square, f"What speaks for “{name}”")
    end = max(_LEAST, np.abs(drops).max())
    height, width = square.shape[:2]
    right.imshow(
        drops,
        cmap=_COLOURS,
        norm=colors.Normalize(-end, end),
        alpha=0.7 * np.abs(drops) / end,  # what changes nothing is left as it is
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        interpolation="bilinear",
    )
    scale = cm.ScalarMappable(colors.Normalize(-end, end), _COLOURS)
    bar = picture.colorbar(scale, ax=right, shrink=0.8)
    bar.set_label("drop of probability when hidden", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    picture.supxlabel(_foot(predictor, prediction), fontsize=8)
    return picture


def _show(axes, image: np.ndarray, title: str) -> None:
    axes.set_title("\n".join(textwrap.wrap(title, _WIDTH)), fontsize=9)
    axes.set_axis_off()
    grey = image.ndim == 2 or image.shape[-1] == 1
    options = {"cmap": "gray", "vmin": 0, "vmax": 255} if grey else {}
    axes.imshow(image[..., 0] if image.ndim == 3 and grey else image, **options)


def _foot(predictor, prediction) -> str:
    words = [f"Network of {predictor.variant.title}."]
    if prediction.is_other_kind:
        words.append(
            "The image is of another kind than the training data: farther from them "
            f"than {100 * prediction.nearer:.0f} % of the validation images."
        )
    if predictor.variant.dataset.task is catalog.Task.MULTILABEL:
        words.append("The most probable of several labels.")
    return "\n".join(textwrap.wrap(" ".join([*words, "Not for clinical use."]), 130))
