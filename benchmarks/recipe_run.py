"""One training run by a recipe, with a clock: what it scored, and when.

`python -m benchmarks.recipe_run FOLDER --recipe fast --name breast --seed 0` leaves
scores of the test split in FOLDER and prints one line of JSON. The test split is read
once, at the end.
"""

import argparse
import contextlib
import io
import json
import pathlib
import re
import sys
import tempfile
import time

import numpy as np
from rich import console as rich_console

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.process import memory, quiet
from medmnist_tfds.score import scoring
from medmnist_tfds.train import recipe as recipes


class Clock(io.StringIO):
    """Takes the lines of a run's progress; notes when each epoch ended.

    Ends the run, as Ctrl-C does, once validation AUC has come to `until`.
    """

    def __init__(self, until: float):
        super().__init__()
        self.until, self.start, self.ends = until, time.perf_counter(), []

    def write(self, text: str) -> int:
        found = re.search(r"epoch +\d+/.*val AUC (\d\.\d+)", text)
        if found:
            auc = float(found[1])
            self.ends.append((time.perf_counter() - self.start, auc))
            if auc >= self.until:
                raise KeyboardInterrupt
        return len(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--recipe", choices=recipes.RECIPES, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--until", type=float, default=2.0, help="validation AUC")
    options = parser.parse_args()
    memory.keep_freed()
    quiet.tensorflow_search()
    with contextlib.redirect_stdout(sys.stderr):
        found = run(options)
    print(json.dumps(found))


def run(options) -> dict:
    from medmnist_tfds.data import pipeline
    from medmnist_tfds.train import metrics, training

    variant = catalog.variant(options.name)
    recipe, task = recipes.RECIPES[options.recipe], variant.dataset.task
    source = arrays.find(variant)
    splits = {
        split: pipeline.Split.from_arrays(
            source.images(split), source.labels(split), name=split
        )
        for split in catalog.SPLITS
    }
    clock = Clock(options.until)
    with tempfile.TemporaryDirectory() as folder:
        trained = training.train_best(
            splits["train"],
            splits["val"],
            variant=variant,
            recipe=recipe,
            seed=options.seed,
            folder=pathlib.Path(folder),
            strategy=None,
            console=rich_console.Console(file=clock, width=100),
        )
    seconds = time.perf_counter() - clock.start
    scorer = metrics.Scorer(splits["test"], task=task, from_logits=True)
    predicted = scorer.predict(trained.model)
    options.folder.mkdir(parents=True, exist_ok=True)
    place = f"{options.name}_{options.recipe}_{options.seed}_{options.until}.npy"
    np.save(options.folder / place, predicted)
    scores = scoring.score(splits["test"].labels, predicted, task=task)
    return {
        "epochs": recipe.of_size(splits["train"].examples).epochs,
        "images_per_epoch": splits["train"].steps(recipe.batch_size)
        * recipe.batch_size,
        "ends": clock.ends,  # seconds, validation AUC
        "seconds": seconds,
        "predicted": place,
        "auc": scores.auc,
        "acc": scores.acc,
    }


if __name__ == "__main__":
    main()
