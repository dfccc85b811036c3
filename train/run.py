"""One run, from a dataset's name to a scored model in a folder.

Validation chooses the epoch; the test split is read once, after that. Never touches
another run's folder.
"""

import dataclasses
import os
import pathlib

import tensorflow as tf
import tensorflow_datasets as tfds
from rich import console as rich_console

from medmnist_tfds.data import builders, catalog, pipeline
from medmnist_tfds.process import errors, files, terminal
from medmnist_tfds.score import predictions, scoring
from medmnist_tfds.train import curves, folder, metrics, training
from medmnist_tfds.train import recipe as recipes
from medmnist_tfds.train import strategy as strategies


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
    strategy: tf.distribute.Strategy | None = None,
    console: rich_console.Console | None = None,
) -> Result:
    """Trains a network on one dataset and scores it on its three splits.

    The folder then holds config.json, history.csv, model.keras (the epoch with the
    best validation AUC), three standard prediction files, result.json, curves.png and
    TensorBoard's logs. A run that was killed goes on after its last whole epoch when it
    is started again; one that stands finished in its folder is not run again. An
    interrupt (Ctrl-C) ends training; the best epoch so far is scored.

    Args:
      dataset: as `tfds.load` takes it: `breast`, `medmnist_phantom/breast`.
      recipe: settings of the training.
      seed: decides initial weights and the order of images.
      out: the run's folder; `runs/<dataset>_<model>_seed<seed>` if not given. With
        several workers all must see it; the first one writes.
      data_dir: TFDS's folder of prepared data.
      strategy: the devices; the default strategy if not given.
      console: where progress goes; standard output if not given.

    Raises:
      MedMNISTError: no such dataset, data that cannot be had, a folder of another run,
        a loss that is not finite.
      KeyboardInterrupt: interrupted before the first epoch ended.

    Returns:
      The result; without scores on workers other than the first.
    """
    console = console or rich_console.Console()
    variant = check(dataset, seed=seed)
    builders.warn_of(variant)
    config = {
        "dataset": variant.tfds_name,
        "phantom": variant.phantom,
        "seed": seed,
        "recipe": dataclasses.asdict(recipe),
    }
    out = pathlib.Path(out or default_folder(variant, recipe, seed))
    if not strategies.is_chief(strategy):
        if finished := folder.finished(out):
            return _result(out, finished)
        console = rich_console.Console(quiet=True)
        return _run(variant, recipe, config, out, data_dir, strategy, console)
    with files.lock(out):
        path, finished = folder.claim(out, config)
        if finished:
            terminal.say(
                f"{path} holds this run already, finished: not run again.",
                console=console,
            )
            return _result(path, finished)
        return _run(variant, recipe, config, path, data_dir, strategy, console)


def check(dataset: str, *, seed: int) -> catalog.Variant:
    """What can be known to fail before any data are prepared."""
    variant = catalog.parse(dataset)
    if variant.size != 28:
        raise errors.MedMNISTError(
            f"{dataset} has images of {variant.size} pixels. Expected 28, what the "
            f"networks take. Train {variant.dataset.name}, with resolution=224 for "
            "the larger networks."
        )
    if not 0 <= seed < 2**32:
        raise errors.MedMNISTError(
            f"The seed is {seed}. Expected a whole number from 0 to {2**32 - 1}."
        )
    return variant


def _run(variant, recipe, config, path, data_dir, strategy, console) -> Result:
    builder = tfds.builder(variant.tfds_name, data_dir=data_dir)
    builder.download_and_prepare()
    splits = {name: pipeline.Split(builder, name) for name in catalog.SPLITS}
    trained = training.train_best(
        splits["train"],
        splits["val"],
        variant=variant,
        recipe=recipe,
        seed=config["seed"],
        folder=path,
        strategy=strategy,
        console=console,
    )
    result = config | {
        "scores": {},
        "epochs": trained.epochs,
        "best_epoch": trained.best_epoch,
        "interrupted": trained.interrupted,
    }
    if trained.model is not None:
        _finish(trained.model, splits, variant, recipe, path, result)
    return _result(path, result)


def _finish(kept, splits, variant, recipe, path, result) -> None:
    """Scores the kept model, and writes all that a finished run leaves."""
    seed = result["seed"]
    for name, split in splits.items():
        result["scores"][name] = _score(kept, split, variant, path, recipe, seed)
    curves.draw(
        path / "history.csv",
        path / "curves.png",
        title=f"{variant.title}, {kept.name}, seed {seed}",
        best_epoch=result["best_epoch"],
    )
    files.write_json(path / "result.json", result)  # it marks the run finished
    if not result["interrupted"]:
        (path / "state.npz").unlink()


def default_folder(
    variant: catalog.Variant, recipe: recipes.Recipe, seed: int
) -> pathlib.Path:
    """`runs/phantom-breast_resnet18-28_seed0`."""
    version = variant.release.version
    data = f"{'phantom-' if variant.phantom else ''}{variant.config}"
    data += "" if version == catalog.DEFAULT_VERSION else f"-{version}"
    return pathlib.Path("runs", f"{data}_{recipe.model}-{recipe.resolution}_seed{seed}")


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
