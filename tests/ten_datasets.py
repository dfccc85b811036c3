"""A Decathlon on all ten phantoms that nobody has run: its scores are drawn here."""

import pathlib

import numpy as np

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.decathlon.report import collect
from medmnist_tfds.score import scoring

# Those of the methods that come with the package.
NAMES = (
    "ResNet-18 (28)",
    "ResNet-18 (224)",
    "ResNet-50 (28)",
    "ResNet-50 (224)",
    "auto-sklearn",
    "AutoKeras",
    "Google AutoML Vision",
    "Class frequencies",
    "Recipe fast (ours)",
    "Recipe best (ours)",
)
PRETRAINED = {"Recipe best (ours)": "ImageNet (EfficientNet-Lite0)"}
FACTS = {
    "seconds": 5400.0,
    "training_images": 500_000,
    "peak_memory_bytes": 3 * 2**30,
    "cores": 4,
    "ended": "2026-11-23T23:15:40+00:00",
    "is_resumed": False,
    "packages": ["keras==3.15.1", "numpy==2.4.6"],
    "changed": {"epochs": [100, 2]},
    "machine": {
        "cpu": "EPYC 7B13",
        "cpu_cores": 8,
        "memory_gib": 31.3,
        "gpus": ["NVIDIA L4", "NVIDIA L4"],
        "system": "Linux 6.1 x86_64",
        "python": "3.11.9",
    },
}


def decathlon(
    *,
    names=NAMES,
    seeds=(0, 1),
    datasets=catalog.SUITES["decathlon"],
    skill: dict[str, float] | None = None,
    **facts,
):
    """With `facts` over FACTS in each result.

    Scores are noise from 0 to 1, and for what is true a method's `skill` more.
    """
    sources = {n: arrays.find(catalog.variant(n, phantom=True)) for n in datasets}
    targets = {n: sources[n].labels("test") for n in datasets}
    entries = [
        _entry(name, dataset, seed, sources[dataset], skill or {}, FACTS | facts)
        for dataset in datasets
        for name in names
        for seed in seeds
    ]
    return collect.Decathlon(
        root=pathlib.Path("none"),
        phantom=True,
        release="phantom",
        budget="smoke",
        entries=tuple(entries),
        targets=targets,
        sources=sources,
    )


def _entry(name, dataset: str, seed: int, source, skill, facts) -> collect.Entry:
    variant = catalog.variant(dataset, phantom=True)
    scores, predicted = {}, {}
    for number, split in enumerate(("test", "val")):
        rng = np.random.default_rng([seed, len(name), number])
        labels = source.labels(split)
        values = rng.random((len(labels), variant.dataset.num_labels))
        if skill:
            values += skill[name] * _true(labels, variant.dataset)
            values /= values.sum(axis=1, keepdims=True)
        scores[split] = scoring.score(labels, values, task=variant.dataset.task)
        predicted[split] = values
    scores["train"] = scores["test"]
    epochs = [1.0, 2.0, 3.0]
    result = {
        "dataset": variant.tfds_name,
        "method": name,
        "display_name": name,
        "paper_row": name,
        "pretrained": PRETRAINED.get(name, ""),
        "seed": seed,
        "status": "done",
        "budget": {"epochs": 2},
        "settings": {"batch_size": 128},
    }
    return collect.Entry(
        result=result | facts,
        folder=pathlib.Path("none"),
        variant=variant,
        scores=scores,
        predicted=predicted,
        history={"epoch": epochs, "loss": [3.0, 2.0, 1.0], "val_auc": [0.5, 0.7, 0.6]},
    )


def _true(labels: np.ndarray, dataset: catalog.Dataset) -> np.ndarray:
    """1 for what is true of each image, (examples, labels)."""
    if dataset.task is catalog.Task.MULTILABEL:
        return labels
    return np.eye(dataset.num_labels)[labels[:, 0]]
