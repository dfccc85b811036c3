"""Gives every example the class frequencies of the training split."""

import json
import pathlib
import sys

import numpy as np

folder = pathlib.Path(sys.argv[1])
task = json.loads((folder / "task.json").read_text())
data = np.load(folder / "data.npz")
labels = data["train_labels"]
if labels.shape[1] == 1:
    labels = labels == np.arange(task["num_labels"])
for split in ("train", "val", "test"):
    examples = len(data[f"{split}_images"])
    np.save(folder / f"{split}.npy", np.tile(labels.mean(axis=0), (examples, 1)))
