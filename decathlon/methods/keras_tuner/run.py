"""KerasTuner: Hyperband over networks, optimizer and augmentation of this package.

The trial with the best validation AUC predicts. A cell that was killed goes on with the
trial at which it was. Never sees a test label.
"""

import dataclasses
import json
import logging
import pathlib
import shutil
import sys
import time
import warnings

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import backend, memory, quiet


def main() -> None:
    """Searches on FOLDER/data.npz as FOLDER/task.json says; leaves scores per split."""
    folder = pathlib.Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    memory.keep_freed()
    backend.choose()
    quiet.tensorflow_search()
    try:
        import keras_tuner
    except ImportError:
        print('KerasTuner is not installed: pip install "medmnist-tfds[keras-tuner]"')
        sys.exit(69)
    from medmnist_tfds import train
    from medmnist_tfds.data import pipeline
    from medmnist_tfds.train import metrics, networks

    # Each trial has a step and an optimizer of its own, of which both warn.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    variant, settings = catalog.parse(task["variant"]), task["settings"]
    splits = pipeline.of_method(folder / "data.npz", variant.dataset)
    scratch, start = folder / "keras_tuner", time.time()
    search = keras_tuner.Hyperband(
        _trials(splits, variant, settings["models"].split(","), task["seed"]),
        objective=keras_tuner.Objective("val_auc", direction="max"),
        max_epochs=task["budget"]["epochs"],
        seed=task["seed"],
        distribution_strategy=train.choose_strategy(settings["strategy"]),
        directory=scratch,
        project_name="search",
    )
    search.search(verbose=0)  # its table would be printed for each trial
    (best,) = search.oracle.get_best_trials()
    print(f"Best of {len(search.oracle.trials)} trials: {best.hyperparameters.values}")
    kept = networks.save_best(
        variant,
        _recipe(best.hyperparameters),
        search.load_model(best).get_weights(),
        folder / "model.keras",
    )
    trained_at = time.time()
    for name, split in splits.items():
        scorer = metrics.Scorer(split, task=variant.dataset.task, from_logits=True)
        np.save(folder / f"{name}.npy", scorer.predict(kept))
    trials = search.oracle.trials.values()
    cost = {
        "training_images": splits["train"].examples * sum(map(_epochs, trials)),
        "trials": len(trials),
        "training": [start, trained_at],
        "prediction": [trained_at, time.time()],
    }
    (folder / "cost.json").write_text(json.dumps(cost))
    shutil.rmtree(scratch)


def _epochs(trial) -> int:
    """That it was trained for; a trial may go on from where another one ended."""
    values = trial.hyperparameters.values
    return values["tuner/epochs"] - values["tuner/initial_epoch"]


def _recipe(hp):
    """The recipe of a trial; its rate is constant, for it may be trained further."""
    from medmnist_tfds.train import recipe as recipes

    return dataclasses.replace(
        recipes.FAST,
        max_images=0,
        schedule="constant",
        keep="best",
        model=hp.get("model"),
        batch_size=hp.get("batch_size"),
        learning_rate=hp.get("learning_rate"),
        weight_decay=hp.get("weight_decay"),
        label_smoothing=hp.get("label_smoothing"),
        augment=hp.get("augment"),
    )


def _trials(splits: dict, variant: catalog.Variant, models: list[str], seed: int):
    """What KerasTuner searches through, and how one trial is trained and scored."""
    import keras
    import keras_tuner

    from medmnist_tfds.train import callbacks as ours
    from medmnist_tfds.train import lessons, metrics, networks

    train, task = splits["train"], variant.dataset.task

    class Trials(keras_tuner.HyperModel):
        def build(self, hp):
            hp.Choice("model", models)
            hp.Choice("batch_size", [32, 64, 128])
            hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
            hp.Float("weight_decay", 1e-3, 1e-1, sampling="log")
            hp.Choice("label_smoothing", [0.0, 0.1])
            hp.Choice("augment", ["none", "light"])
            keras.utils.set_random_seed(seed)
            return networks.compiled(variant, _recipe(hp))

        def fit(self, hp, model, *, callbacks, epochs, initial_epoch, **_):
            recipe = _recipe(hp)
            steps = train.steps(recipe.batch_size)
            scores = metrics.TaskMetrics(splits["val"], task=task, from_logits=True)
            history = model.fit(
                lessons.batches(
                    train,
                    variant=variant,
                    recipe=recipe,
                    seed=seed,
                    first_step=initial_epoch * steps,
                ),
                steps_per_epoch=steps,
                initial_epoch=initial_epoch,
                epochs=epochs,
                shuffle=False,  # the pipeline has shuffled
                verbose=0,
                callbacks=[ours.StopAtNonFiniteLoss(), scores, *callbacks],
            )
            auc = max(history.history["val_auc"])
            print(f"epoch {epochs} of {recipe.model}: val AUC {auc:.3f}", flush=True)
            return history

    return Trials()


if __name__ == "__main__":
    main()
