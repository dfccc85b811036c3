"""auto-sklearn on flattened pixels, within the budget's seconds (paper section 3.2).

Runs in its own environment (Python 3.9), so it imports nothing of medmnist_tfds. As in
the paper it is given the training split alone, of which it holds a third out by itself.
"""

import json
import pathlib
import shutil
import sys
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")  # of the old libraries about themselves
from autosklearn.classification import AutoSklearnClassifier  # noqa: E402


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    with np.load(folder / "data.npz") as data:
        pixels = {
            split: data[f"{split}_images"].reshape(len(data[f"{split}_images"]), -1)
            for split in ("train", "val", "test")
        }
        labels = data["train_labels"]
    scratch = folder / "autosklearn"
    shutil.rmtree(scratch, ignore_errors=True)  # it refuses a folder that is there
    model = AutoSklearnClassifier(
        time_left_for_this_task=task["budget"]["seconds"],
        seed=task["seed"],
        memory_limit=task["settings"]["memory_mib"],
        tmp_folder=str(scratch),
    )
    start = time.time()
    model.fit(pixels["train"], labels[:, 0] if labels.shape[1] == 1 else labels)
    print(model.sprint_statistics())
    (folder / "leaderboard.txt").write_text(model.leaderboard().to_string() + "\n")
    trained_at = time.time()
    for split, values in pixels.items():
        np.save(folder / f"{split}.npy", model.predict_proba(values))
    cost = {
        "trials": len(model.cv_results_["params"]),
        "training": [start, trained_at],
        "prediction": [trained_at, time.time()],
    }
    (folder / "cost.json").write_text(json.dumps(cost))
    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":  # its workers import this file
    main()
