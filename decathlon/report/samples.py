"""Test images beside what they show and what a method said, as small PNGs.

Never chooses by looks: the first of the official order, then the first wrong ones.
"""

import base64
import dataclasses

import numpy as np

from medmnist_tfds.data import arrays, catalog, png
from medmnist_tfds.decathlon.report import collect
from medmnist_tfds.score import scoring

FIRST, _WRONG = 4, 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """One image of the test split."""

    row: int  # in the official array
    address: str  # a data URI
    true: str
    predicted: str
    is_right: bool


def choose(decathlon: collect.Decathlon, method: str, dataset: str) -> list[Sample]:
    """The first images, then the first others that the method's first seed got wrong.

    Where an image has several labels, wrong is one that has any of them wrong.
    """
    entry = decathlon.done(method, dataset)[0]
    targets, facts = decathlon.targets[dataset], catalog.DATASETS[dataset]
    decided = scoring.decide(entry.predicted["test"], task=facts.task)
    decided = decided.reshape(len(targets), -1).astype(targets.dtype)
    is_right = (decided == targets).all(axis=1)
    wrong = np.flatnonzero(~is_right[FIRST:])[:_WRONG] + FIRST
    rows = [*range(min(FIRST, len(targets))), *wrong.tolist()]
    source = decathlon.sources[dataset]
    images = arrays.pictures(source.images("test")[rows])
    index = arrays.index(source, "test")
    return [
        Sample(
            row=int(index[row]),
            address=f"data:image/png;base64,{base64.b64encode(content).decode()}",
            true=_names(targets[row], facts),
            predicted=_names(decided[row], facts),
            is_right=bool(is_right[row]),
        )
        for row, content in zip(rows, png.encode(images), strict=True)
    ]


def _names(labels: np.ndarray, dataset: catalog.Dataset) -> str:
    if dataset.task is not catalog.Task.MULTILABEL:
        return dataset.labels[int(labels[0])]
    return ", ".join(np.array(dataset.labels)[labels.astype(bool)]) or "none"
