"""Pictures of a dataset's page: images of each class, and how many there are.

Never chooses by looks, and never goes online: what is not at hand is its phantom.
"""

import pathlib

import numpy as np
from matplotlib import figure

from medmnist_tfds.commands import montage
from medmnist_tfds.data import arrays, catalog, finding, pipeline

_COLOURS = {"train": "#3949ab", "val": "#00897b", "test": "#d81b60"}


def at_hand(name: str) -> catalog.Variant:
    """Of the first release of which the official file is here, or the phantom."""
    dataset = catalog.DATASETS[name]
    for version in dataset.releases:
        official = catalog.variant(name, version=version)
        if finding.is_here(official):
            return official
    return catalog.variant(name, phantom=True)


def draw(
    variant: catalog.Variant, *, images: pathlib.Path, counts: pathlib.Path
) -> None:
    """Writes both pictures as PNG.

    Args:
      variant: whose arrays are at hand.
      images: where the montage goes, of the training split.
      counts: where the plot of labels per split goes.
    """
    source = arrays.find(variant)
    split = pipeline.Split.from_arrays(
        source.images("train"), source.labels("train"), name="train"
    )
    montage.write(split, variant, path=images)
    labels = {split: source.labels(split) for split in catalog.SPLITS}
    _plot({s: count(of, variant.dataset) for s, of in labels.items()}, variant, counts)


def count(labels: np.ndarray, dataset: catalog.Dataset) -> np.ndarray:
    """Examples of each label, int64 (labels,), of labels as in the official files."""
    if dataset.task is catalog.Task.MULTILABEL:
        return labels.sum(axis=0, dtype=np.int64)
    return np.bincount(labels.ravel(), minlength=dataset.num_labels)


def _plot(
    counts: dict[str, np.ndarray], variant: catalog.Variant, path: pathlib.Path
) -> None:
    names = [_short(label) for label in variant.dataset.labels]
    size = (9, 1.1 + 0.28 * len(names))
    page = figure.Figure(figsize=size, layout="constrained")
    page.suptitle(f"{variant.title}: {variant.dataset.form} of each label", fontsize=11)
    places = page.subplots(1, len(counts), sharey=True)
    for place, (split, numbers) in zip(places, counts.items(), strict=True):
        bars = place.barh(names, numbers, color=_COLOURS[split])
        place.bar_label(bars, [f"{number:,}" for number in numbers], padding=2)
        place.set_title(split, fontsize=10)
        place.set_xlim(0, 1.3 * max(numbers))
        place.set_xticks([])
        place.spines[["top", "right", "bottom"]].set_visible(False)
    places[0].invert_yaxis()  # shared: the first label is at the top of all
    page.savefig(path, dpi=120)


def _short(label: str) -> str:
    return label if len(label) <= 32 else f"{label[:30]}..."
