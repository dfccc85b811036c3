"""How recipes and their parts do on images that no choice may be made by otherwise.

`python -m benchmarks.resplits fast` trains the recipe, and the recipe with each part
left out, on re-splits of training and validation images: folds, of which each is held
out once, scored, and seen by nothing before. The test split is not opened. What has
been measured is kept in `results/resplits.jsonl`, and not measured again.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import pathlib
import statistics
import tempfile
import time

import numpy as np
from rich import console as rich_console
from sklearn import model_selection

from benchmarks import tables
from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.process import memory, quiet
from medmnist_tfds.score import scoring
from medmnist_tfds.train import recipe as recipes

FILE = tables.RESULTS / "resplits.jsonl"
_VAL = 8  # one part in so many of what is not held out is for validation
# What is left out of a recipe, by the fields that leave it out.
PARTS = {
    "fast": {
        "augmentation": {"augment": "none"},
        "mirror images in prediction": {"views": "one"},
        "label smoothing": {"label_smoothing": 0.0},
        "weight decay": {"weight_decay": 0.0},
        "falling rate, last epoch": {"schedule": "constant", "keep": "best"},
        "AdamW (SGD at 0.02)": {
            "optimizer": "sgd",
            "weight_decay": 0.0,
            "learning_rate": 0.02,
        },
        "the second network": {"model": "resnet10"},
    },
    "best": {
        "augmentation": {"augment": "none"},
        "mirror images in prediction": {"views": "one"},
        "label smoothing": {"label_smoothing": 0.0},
        "what was learned on ImageNet": {"model": recipes.FAST.model},
        "all but that": {"model": "efficientnet"},
    },
}


def folds(name: str, *, count: int, seed: int):
    """(train, val, held out): images and labels each, for each fold.

    Every class has its share in each.
    """
    found = arrays.find(catalog.variant(name))
    images = np.concatenate([found.images(split) for split in ("train", "val")])
    labels = np.concatenate([found.labels(split) for split in ("train", "val")])
    strata = labels[:, 0] if labels.shape[1] == 1 else labels.any(axis=1)
    cut = model_selection.StratifiedKFold(count, shuffle=True, random_state=seed)
    for rest, held in cut.split(images, strata):
        train, val = model_selection.train_test_split(
            rest, test_size=1 / _VAL, stratify=strata[rest], random_state=seed
        )
        yield [(images[rows], labels[rows]) for rows in (train, val, held)]


def measure(name: str, recipe: recipes.Recipe, *, count: int, seed: int) -> dict:
    """AUC and ACC over all images, each scored when it was held out; seconds a fold."""
    from medmnist_tfds.data import pipeline
    from medmnist_tfds.train import metrics, training

    variant = catalog.variant(name)
    task, seconds, truth, guesses = variant.dataset.task, [], [], []
    for fold, parts in enumerate(folds(name, count=count, seed=seed)):
        train, val, held = [
            pipeline.Split.from_arrays(*part, name=split)
            for part, split in zip(parts, catalog.SPLITS, strict=True)
        ]
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            trained = training.train_best(
                train,
                val,
                variant=variant,
                recipe=recipe,
                seed=seed * count + fold,
                folder=pathlib.Path(folder),
                strategy=None,
                console=rich_console.Console(file=io.StringIO()),
            )
        seconds.append(time.perf_counter() - start)
        scorer = metrics.Scorer(held, task=task, from_logits=True)
        truth.append(held.labels)
        guesses.append(scorer.predict(trained.model))
    scores = scoring.score(np.concatenate(truth), np.concatenate(guesses), task=task)
    return {"auc": scores.auc, "acc": scores.acc, "seconds": statistics.mean(seconds)}


def known() -> list[dict]:
    if not FILE.exists():
        return []
    return [json.loads(line) for line in FILE.read_text().splitlines()]


def _variants(name: str) -> dict[str, recipes.Recipe]:
    whole = recipes.RECIPES[name]
    parts = {
        f"without {part}": dataclasses.replace(whole, **changes)
        for part, changes in PARTS.get(name, {}).items()
    }
    return {"whole": whole} | {
        part: recipe for part, recipe in parts.items() if recipe != whole
    }


def table(name: str, datasets: list[str]) -> list[list[str]]:
    """Per variant and dataset, mean and range over seeds of AUC and ACC."""
    rows, measured = [["", *datasets]], known()
    for label, recipe in _variants(name).items():
        cells = [label]
        for dataset in datasets:
            found = [
                one
                for one in measured
                if one["dataset"] == dataset
                and one["recipe"] == dataclasses.asdict(recipe)
            ]
            texts = [_spread([one[metric] for one in found]) for metric in _METRICS]
            cells.append(" / ".join(texts) if found else "-")
        rows.append(cells)
    return rows


_METRICS = ("auc", "acc")


def _spread(values: list[float]) -> str:
    if not values:
        return "-"
    text = f"{statistics.mean(values):.3f}"
    return text + (f" ({min(values):.3f}-{max(values):.3f})" if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=recipes.RECIPES)
    parser.add_argument("--datasets", default="breast,retina")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--only", action="append", help="a variant, such as whole")
    options = parser.parse_args()
    memory.keep_freed()
    quiet.tensorflow_search()
    variants = _variants(options.recipe)
    if options.set:
        changed = recipes.override(recipes.RECIPES[options.recipe], options.set)
        variants = {" ".join(options.set): changed}
    for seed in map(int, options.seeds.split(",")):
        for label, recipe in variants.items():
            if options.only and label not in options.only:
                continue
            for dataset in options.datasets.split(","):
                key = {
                    "dataset": dataset,
                    "folds": options.folds,
                    "seed": seed,
                    "recipe": dataclasses.asdict(recipe),
                }
                if any(key.items() <= one.items() for one in known()):
                    continue
                with contextlib.redirect_stdout(io.StringIO()):
                    found = measure(dataset, recipe, count=options.folds, seed=seed)
                FILE.parent.mkdir(exist_ok=True)
                with FILE.open("a") as file:
                    file.write(json.dumps(key | found | {"label": label}) + "\n")
                print(dataset, label, seed, found, flush=True)
    print(tables.plain(table(options.recipe, options.datasets.split(","))))


if __name__ == "__main__":
    main()
