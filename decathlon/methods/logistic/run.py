"""A tabular system on shared features, or on pixels where there are none.

Also runs in environments of other systems, so it imports nothing of medmnist_tfds. A
multi-label task is one binary task for each label, with its share of the budget.
"""

import json
import pathlib
import shutil
import sys
import time

import numpy as np

SPLITS = ("train", "val", "test")


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    tables, labels = _read(folder)
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
    start = time.time()
    predictors, trials = _fit(tables, labels, task, scratch)
    trained_at = time.time()
    for split, table in tables.items():
        np.save(folder / f"{split}.npy", _scores(predictors, table, task["num_labels"]))
    cost = {
        "trials": trials,
        "training": [start, trained_at],
        "prediction": [trained_at, time.time()],
    }
    (folder / "cost.json").write_text(json.dumps(cost))
    shutil.rmtree(scratch, ignore_errors=True)


def _fit(tables: dict, labels: dict, task: dict, scratch: pathlib.Path):
    """A pair of classes and predictor for each label; and how many were tried."""
    import systems  # a module beside this one

    fit = getattr(systems, task["settings"]["system"])
    columns = labels["train"].shape[1]
    budget = dict(task["budget"])
    if "seconds" in budget:
        budget["seconds"] /= columns
    predictors, trials = [], 0
    for column in range(columns):
        classes, predict = np.unique(labels["train"][:, column]), _certain
        if len(classes) > 1:
            known = np.isin(labels["val"][:, column], classes)
            place = scratch / str(column)
            place.mkdir(parents=True)
            predict, classes, count = fit(
                tables | {"val": tables["val"][known]},
                {
                    "train": labels["train"][:, column],
                    "val": labels["val"][known, column],
                },
                task=task,
                budget=budget,
                folder=place,
            )
            trials += count
        predictors.append((np.asarray(classes, int), predict))
        print(f"label {column + 1} of {columns}: {trials} models tried", flush=True)
    return predictors, trials


def _certain(table: np.ndarray) -> np.ndarray:
    """Where training knows one class only."""
    return np.ones((len(table), 1))


def _scores(predictors: list, table: np.ndarray, num_labels: int) -> np.ndarray:
    """float64 (examples, labels); a class that training lacks has probability 0."""
    is_multilabel = len(predictors) > 1
    columns = []
    for classes, predict in predictors:
        scores = np.zeros((len(table), 2 if is_multilabel else num_labels))
        scores[:, classes] = predict(table)
        columns.append(scores)
    return np.stack(columns, axis=2)[:, 1] if is_multilabel else columns[0]


def _read(folder: pathlib.Path) -> tuple[dict, dict]:
    """float32 (examples, features) by split, and labels (examples, columns)."""
    with np.load(folder / "data.npz") as data:
        labels = {split: data[f"{split}_labels"].astype(int) for split in SPLITS[:2]}
        if not (folder / "features.npz").exists():
            images = {split: data[f"{split}_images"] for split in SPLITS}
            return {
                split: x.reshape(len(x), -1).astype(np.float32) / 255
                for split, x in images.items()
            }, labels
    with np.load(folder / "features.npz") as seen:
        return {split: seen[split] for split in SPLITS}, labels


if __name__ == "__main__":  # workers of a system import this file
    main()
