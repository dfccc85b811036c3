"""AutoKeras: the trial with the best validation AUC (paper section 3.2).

Runs in its own environment, so it imports nothing of medmnist_tfds. Trials run on all
devices that MirroredStrategy finds.
"""

import json
import os
import pathlib
import shutil
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"  # the only one it has
import autokeras as ak  # noqa: E402
import keras  # noqa: E402
import keras_tuner  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    budget, is_multilabel = task["budget"], task["task"].startswith("multi-label")
    with np.load(folder / "data.npz") as data:
        images = {s: data[f"{s}_images"] for s in ("train", "val", "test")}
        targets = {
            s: _targets(data[f"{s}_labels"], task["num_labels"], is_multilabel)
            for s in ("train", "val")
        }
    keras.utils.set_random_seed(task["seed"])
    scratch = folder / "autokeras"
    shutil.rmtree(scratch, ignore_errors=True)
    search = ak.ImageClassifier(
        num_classes=task["num_labels"],
        multi_label=is_multilabel,
        max_trials=budget["trials"],
        metrics=[keras.metrics.AUC(name="auc", multi_label=task["num_labels"] > 2)],
        objective=keras_tuner.Objective("val_auc", direction="max"),
        distribution_strategy=tf.distribute.MirroredStrategy(),
        directory=scratch,
        seed=task["seed"],
    )
    start = time.time()
    search.fit(
        images["train"],
        targets["train"],
        validation_data=(images["val"], targets["val"]),
        epochs=budget["epochs"],
        batch_size=task["settings"]["batch_size"],
        # Without one of ours it would train the chosen model anew, to its last epoch.
        callbacks=[keras.callbacks.EarlyStopping(patience=budget["epochs"])],
        verbose=2,
    )
    best = search.export_model()
    trained_at = time.time()
    for split, pixels in images.items():
        np.save(folder / f"{split}.npy", best.predict(pixels, verbose=0))
    cost = {
        "trials": len(search.tuner.oracle.trials),
        "training": [start, trained_at],
        "prediction": [trained_at, time.time()],
    }
    (folder / "cost.json").write_text(json.dumps(cost))
    best.save(folder / "model.keras")
    shutil.rmtree(scratch)


def _targets(labels: np.ndarray, num_labels: int, is_multilabel: bool) -> np.ndarray:
    """Columns as AutoKeras' head takes them: it would sort class numbers as text."""
    if is_multilabel or num_labels == 2:
        return labels.astype(np.float32)
    return (labels == np.arange(num_labels)).astype(np.float32)


main()
