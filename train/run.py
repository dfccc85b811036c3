"""One run, from a dataset's name to a scored model in a folder.

Validation chooses the epoch; the test split is read once, after that. Never touches
another run's folder.
"""

import dataclasses
import os
import pathlib

import keras
import tensorflow_datasets as tfds
from rich import console as rich_console

from medmnist_tfds import catalog, models, pipeline, predictions, scoring
from medmnist_tfds.train import callbacks, curves, folder, heads, metrics
from medmnist_tfds.train import recipe as recipes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What a run came to; `scores` holds AUC and ACC per split."""

    folder: pathlib.Path
    scores: dict[str, dict[str, float]]
    best_epoch: int  # counted from 1
    epochs: int  # how many were trained
    interrupted: bool


def fit(
    dataset: str,
    *,
    recipe: recipes.Recipe = recipes.PAPER,
    seed: int = 0,
    out: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    console: rich_console.Console | None = None,
) -> Result:
    """Trains a network on one dataset and scores it on its three splits.

    The folder then holds config.json, history.csv, model.keras (the epoch with the
    best validation AUC), three standard prediction files, result.json and curves.png.
    A run that stands finished in its folder is not run again. An interrupt (Ctrl-C)
    ends training; the best epoch so far is scored.

    Args:
      dataset: as `tfds.load` takes it: `breast`, `medmnist_phantom/breast`.
      recipe: settings of the training.
      seed: decides initial weights and the order of images.
      out: the run's folder; `runs/<dataset>_<model>_seed<seed>` if not given.
      data_dir: TFDS's folder of prepared data.
      console: where progress goes; standard output if not given.

    Raises:
      MedMNISTError: no such dataset, data that cannot be had, a folder of another run.
      KeyboardInterrupt: interrupted before the first epoch ended.
    """
    console = console or rich_console.Console()
    variant = catalog.parse(dataset)
    config = {
        "dataset": variant.tfds_name,
        "phantom": variant.phantom,
        "seed": seed,
        "recipe": dataclasses.asdict(recipe),
    }
    path, finished = folder.claim(out or default_folder(variant, recipe, seed), config)
    if finished:
        console.print(
            f"{path} holds this run already, finished: not run again.", soft_wrap=True
        )
        return _result(path, finished)
    builder = tfds.builder(variant.tfds_name, data_dir=data_dir)
    builder.download_and_prepare()
    splits = {name: pipeline.Split(builder, name) for name in catalog.SPLITS}
    keras.utils.set_random_seed(seed)
    model = build(variant, recipe)
    result = config | _train(model, splits, recipe, config, path, console)
    best_model = keras.models.load_model(path / "model.keras")
    result["scores"] = {
        name: _score(best_model, split, variant, path, recipe, seed)
        for name, split in splits.items()
    }
    curves.draw(
        path / "history.csv",
        path / "curves.png",
        title=f"{variant.title}, {model.name}, seed {seed}",
        best_epoch=result["best_epoch"],
    )
    folder.write_json(path / "result.json", result)  # last: it marks the run finished
    return _result(path, result)


def default_folder(
    variant: catalog.Variant, recipe: recipes.Recipe, seed: int
) -> pathlib.Path:
    """`runs/phantom-breast_resnet18-28_seed0`."""
    version = variant.release.version
    data = f"{'phantom-' if variant.phantom else ''}{variant.config}"
    data += "" if version == catalog.DEFAULT_VERSION else f"-{version}"
    return pathlib.Path("runs", f"{data}_{recipe.model}-{recipe.resolution}_seed{seed}")


def build(variant: catalog.Variant, recipe: recipes.Recipe) -> keras.Model:
    """The recipe's network for a dataset, compiled."""
    network = getattr(models, recipe.model)
    dataset = variant.dataset
    model = network(dataset.num_labels, dataset.channels, recipe.resolution)
    optimizer = keras.optimizers.SGD(recipe.learning_rate, recipe.momentum)
    model.compile(optimizer, heads.loss(dataset.task))
    return model


def _train(model, splits, recipe, config, path, console) -> dict:
    """Trains until the recipe's end or an interrupt; says what it came to."""
    task = catalog.parse(config["dataset"]).dataset.task
    steps = splits["train"].steps(recipe.batch_size)
    best = callbacks.KeepBest(path / "model.keras")
    progress = callbacks.Progress(
        console, best=best, epochs=recipe.epochs, steps=steps, batch=recipe.batch_size
    )
    counter = callbacks.History(path / "history.csv")
    interrupted = False
    try:
        model.fit(
            splits["train"].train_batches(recipe.batch_size, seed=config["seed"]),
            steps_per_epoch=steps,
            epochs=recipe.epochs,
            shuffle=False,  # the pipeline has shuffled
            verbose=0,
            callbacks=[
                metrics.TaskMetrics(
                    splits["val"],
                    task=task,
                    from_logits=True,
                    batch_size=recipe.batch_size,
                ),
                best,
                counter,
                progress,
            ],
        )
    except KeyboardInterrupt:
        if not best.best_epoch:
            raise
        interrupted = True
        console.print(
            f"Interrupted: scoring the best epoch so far ({best.best_epoch}). "
            "Press Ctrl-C again to leave without scores.",
            soft_wrap=True,
        )
    finally:
        progress.close()
        counter.on_train_end()
    return {
        "epochs": progress.epochs_done,
        "best_epoch": best.best_epoch,
        "interrupted": interrupted,
    }


def _score(model, split, variant, path, recipe, seed) -> dict[str, float]:
    """Scores a model on a split and writes its prediction file."""
    scorer = metrics.Scorer(
        split,
        task=variant.dataset.task,
        from_logits=True,
        batch_size=recipe.batch_size,
    )
    found = scorer.predict(model)
    predictions.write(
        path,
        dataset=variant,
        split=split.name,
        scores=found,
        run=f"{model.name}_seed{seed}",
        targets=scorer.labels,
    )
    result = scoring.score(scorer.labels, found, task=variant.dataset.task)
    return {"auc": result.auc, "acc": result.acc}


def _result(path: pathlib.Path, result: dict) -> Result:
    names = ("scores", "best_epoch", "epochs", "interrupted")
    return Result(folder=path, **{name: result[name] for name in names})
