"""The program of the ResNet and recipe methods: one of the recipes, through `train`.

A cell that was killed goes on after its last whole epoch. Never sees a test label.
"""

import json
import pathlib
import sys
import time

import numpy as np
from rich import console as rich_console

from medmnist_tfds.data import catalog
from medmnist_tfds.process import backend, errors, memory, quiet


def main() -> None:
    """Trains on FOLDER/data.npz as FOLDER/task.json says; leaves scores per split."""
    folder = pathlib.Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    memory.keep_freed()
    backend.choose()
    quiet.tensorflow_search()
    from medmnist_tfds import train
    from medmnist_tfds.data import pipeline
    from medmnist_tfds.train import metrics, training

    settings = task["settings"] | task["budget"]
    strategy = train.choose_strategy(settings.pop("strategy"))
    variant = catalog.parse(task["variant"])
    splits = pipeline.of_method(folder / "data.npz", variant.dataset)
    start = time.time()
    try:
        trained = training.train_best(
            splits["train"],
            splits["val"],
            variant=variant,
            recipe=train.Recipe(**settings),
            seed=task["seed"],
            folder=folder,
            strategy=strategy,
            console=rich_console.Console(width=100),
        )
    except errors.MedMNISTError as error:
        sys.exit(str(error))
    trained_at = time.time()
    for name, split in splits.items():
        scorer = metrics.Scorer(split, task=variant.dataset.task, from_logits=True)
        np.save(folder / f"{name}.npy", scorer.predict(trained.model))
    cost = {
        "training_images": trained.images,
        "training": [start, trained_at],
        "prediction": [trained_at, time.time()],
    }
    (folder / "cost.json").write_text(json.dumps(cost))
    (folder / "state.npz").unlink()


main()
