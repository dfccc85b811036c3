"""How recipes and their parts do on images that no choice may be made by otherwise.

`python -m benchmarks.resplits fast` trains the recipe, and the recipe with each part
left out, on re-splits of training and validation images: folds, of which each is held
out once, scored, and seen by nothing before. The test split is not opened. What has
been measured is kept in `results/resplits.jsonl`, with the scores of all images beside
it, and not measured again.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import pathlib
import re
import statistics
import tempfile
import time

import numpy as np
from rich import console as rich_console
from sklearn import model_selection

from benchmarks import tables
from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.process import memory, quiet
from medmnist_tfds.score import bootstrap, scoring
from medmnist_tfds.train import recipe as recipes

FILE = tables.RESULTS / "resplits.jsonl"
FOLDER = tables.RESULTS / "resplits"
METRICS = ("auc", "acc")
WHOLE = "whole"
FOLDS = 3
_VAL = 8  # one part in so many of what is not held out is for validation


def variants(recipe: recipes.Recipe) -> dict[str, recipes.Recipe]:
    """The recipe whole, and without each of its parts."""
    without = {
        "augmentation": {"augment": "none"},
        "mirror images in prediction": {"views": "one"},
        "label smoothing": {"label_smoothing": 0.0},
        "weight decay": {"weight_decay": 0.0},
        "the falling rate; the best epoch kept": {
            "schedule": "constant",
            "keep": "best",
        },
        "AdamW: SGD, at ten times the rate": {
            "optimizer": "sgd",
            "weight_decay": 0.0,
            "learning_rate": 10 * recipe.learning_rate,
        },
    }
    networks = recipe.model.split("+")
    if len(networks) > 1:
        for network in networks:
            others = "+".join(other for other in networks if other != network)
            without[network] = {"model": others}
    return {WHOLE: recipe} | {
        f"without {part}": dataclasses.replace(recipe, **changes)
        for part, changes in without.items()
    }


def pool(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of train and val, in this order."""
    found = arrays.find(catalog.variant(name))
    splits = ("train", "val")
    return (
        np.concatenate([found.images(split) for split in splits]),
        np.concatenate([found.labels(split) for split in splits]),
    )


def folds(labels: np.ndarray, *, seed: int):
    """Rows for train, for val and held out, for each fold.

    Every class has its share in each.
    """
    strata = labels[:, 0] if labels.shape[1] == 1 else labels.any(axis=1)
    cut = model_selection.StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for rest, held in cut.split(labels, strata):
        train, val = model_selection.train_test_split(
            rest, test_size=1 / _VAL, stratify=strata[rest], random_state=seed
        )
        yield train, val, held


def measure(name: str, recipe: recipes.Recipe, *, seed: int) -> tuple[dict, np.ndarray]:
    """AUC and ACC over all images, each scored when it was held out; seconds a fold.

    And these scores, float32 (images, columns), in the order of `pool`.
    """
    from medmnist_tfds.data import pipeline
    from medmnist_tfds.train import metrics, training

    variant = catalog.variant(name)
    task, (images, labels), seconds = variant.dataset.task, pool(name), []
    predicted = {}
    for fold, parts in enumerate(folds(labels, seed=seed)):
        train, val, held = [
            pipeline.Split.from_arrays(images[rows], labels[rows], name=split)
            for rows, split in zip(parts, catalog.SPLITS, strict=True)
        ]
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            trained = training.train_best(
                train,
                val,
                variant=variant,
                recipe=recipe,
                seed=seed * FOLDS + fold,
                folder=pathlib.Path(folder),
                strategy=None,
                console=rich_console.Console(file=io.StringIO()),
            )
        seconds.append(time.perf_counter() - start)
        scorer = metrics.Scorer(held, task=task, from_logits=True)
        predicted |= zip(parts[-1], scorer.predict(trained.model), strict=True)
    guesses = np.stack([predicted[row] for row in range(len(labels))])
    scores = scoring.score(labels, guesses, task=task)
    found = {metric: getattr(scores, metric) for metric in METRICS}
    return found | {"seconds": statistics.mean(seconds)}, guesses


def known() -> list[dict]:
    if not FILE.exists():
        return []
    return [json.loads(line) for line in FILE.read_text().splitlines()]


def _of(dataset: str, recipe: recipes.Recipe) -> dict[int, dict]:
    """What was measured, by seed."""
    key = {"dataset": dataset, "recipe": dataclasses.asdict(recipe)}
    return {one["seed"]: one for one in known() if key.items() <= one.items()}


def table(name: str, found: dict[str, recipes.Recipe]) -> list[list[str]]:
    """Of each variant AUC and ACC, and how far from those of the whole recipe.

    Mean and range over seeds; of the differences the mean and its 95 % interval over
    resampled images, which does not hold how far another training would move it.
    """
    rows = [["", "seeds", "AUC", "difference", "ACC", "difference"]]
    whole = _of(name, found[WHOLE]) if WHOLE in found else {}
    for label, recipe in found.items():
        mine = _of(name, recipe)
        if not mine:
            continue
        both = sorted(mine.keys() & whole.keys()) if label != WHOLE else []
        less = _differences(name, [(mine[s], whole[s]) for s in both])
        row = [label, str(len(mine))]
        for metric in METRICS:
            row += [_spread([one[metric] for one in mine.values()]), less[metric]]
        rows.append(row)
    return rows


def _differences(name: str, pairs: list[tuple[dict, dict]]) -> dict[str, str]:
    if not pairs:
        return dict.fromkeys(METRICS, "")
    _, labels = pool(name)
    task, texts = catalog.variant(name).dataset.task, {}
    mine, others = (
        bootstrap.resample(
            labels, [np.load(FOLDER / one["predicted"]) for one in side], task=task
        )
        for side in zip(*pairs, strict=True)
    )
    for metric in METRICS:
        mean = statistics.mean(one[metric] - other[metric] for one, other in pairs)
        drawn = (mine[metric] - others[metric]).mean(axis=1)
        low, high = bootstrap.interval(drawn)
        texts[metric] = f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"
    return texts


def _spread(values: list[float]) -> str:
    text = f"{statistics.mean(values):.3f}"
    return text + (f" ({min(values):.3f}-{max(values):.3f})" if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=("fast", "best"))  # they have these parts
    parser.add_argument("--datasets", default="breast,retina")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--only", action="append", help="a variant, such as whole")
    options = parser.parse_args()
    memory.keep_freed()
    quiet.tensorflow_search()
    whole = recipes.RECIPES[options.recipe]
    chosen = variants(whole)
    if options.set:
        chosen = {
            WHOLE: whole,
            " ".join(options.set): recipes.override(whole, options.set),
        }
    for seed in map(int, options.seeds.split(",")):
        for label, recipe in chosen.items():
            if options.only and label not in options.only:
                continue
            for dataset in options.datasets.split(","):
                if seed in _of(dataset, recipe):
                    continue
                with contextlib.redirect_stdout(io.StringIO()):
                    found, guesses = measure(dataset, recipe, seed=seed)
                named = re.sub("[^0-9A-Za-z=.+-]+", "_", label)
                place = f"{dataset}_{options.recipe}_{named}_{seed}.npy"
                FOLDER.mkdir(parents=True, exist_ok=True)
                np.save(FOLDER / place, guesses)
                found |= {
                    "dataset": dataset,
                    "seed": seed,
                    "recipe": dataclasses.asdict(recipe),
                    "predicted": place,
                }
                with FILE.open("a") as file:
                    file.write(json.dumps(found) + "\n")
                print(dataset, label, seed, found, flush=True)
    for dataset in options.datasets.split(","):
        print(dataset, tables.plain(table(dataset, chosen)), sep="\n")


if __name__ == "__main__":
    main()
