"""One run, from a dataset's name to a scored model in a folder.

Validation chooses the epoch; the test split is read once, after that. Never touches
another run's folder.
"""

import contextlib
import dataclasses
import os
import pathlib

import numpy as np
import tensorflow as tf
from rich import console as rich_console

from medmnist_tfds.data import builders, catalog, pipeline, shuffle
from medmnist_tfds.data.medmnist_phantom import medmnist_phantom_dataset_builder
from medmnist_tfds.models import kind
from medmnist_tfds.process import errors, files, terminal
from medmnist_tfds.train import curves, ending, folder, networks, results, training
from medmnist_tfds.train import recipe as recipes
from medmnist_tfds.train.lane import strategy as strategies


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What a run came to.

    Attributes:
      folder: where its files lie.
      scores: by split: `auc` and `acc`, 0 to 1.
      best_epoch: the one that was kept, counted from 1.
      epochs: how many were trained.
      interrupted: it was ended by Ctrl-C.
    """

    folder: pathlib.Path
    scores: dict[str, dict[str, float]]
    best_epoch: int
    epochs: int
    interrupted: bool


def fit(
    dataset: str | catalog.Variant,
    *,
    recipe: recipes.Recipe = recipes.PAPER,
    seed: int = 0,
    out: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    strategy: tf.distribute.Strategy | None = None,
    console: rich_console.Console | None = None,
) -> Result:
    """Trains a network on one dataset and scores it on its three splits.

    The folder then holds config.json, history.csv, model.keras (of the epoch with the
    best validation AUC, or of the last, as the recipe says), three standard prediction
    files, result.json, curves.png, README.md (its model card, with SHA256SUMS),
    kind.npz (of images: what those of training look like, for `predict`), TensorBoard's
    logs and state.npz. A run that was killed goes on after its last whole epoch when it
    is started again; one that is finished in its folder is not run again. An interrupt
    (Ctrl-C) ends training; the best epoch so far is scored, or the last, and there is
    no card.

    A run goes on to more epochs, or with more patience, from state.npz, and comes to
    what it would have come to at once; a result that was finished stays until the new
    one is (config.json and history.csv are the longer run's at once). It does not go on
    to more epochs where the learning rate has fallen to 0. The file holds the weights
    thrice (134 MB for ResNet-18, 282 MB for ResNet-50) and serves nothing else: delete
    it where that is too much.

    Args:
      dataset: as `tfds.load` takes it: `breast`, `medmnist_phantom/breast`; or what
        `catalog.parse` made of that.
      recipe: settings of the training.
      seed: decides initial weights and the order of images.
      out: the run's folder; `runs/<dataset>_<model>_seed<seed>` if not given. With
        several workers all must see it; the first one writes.
      data_dir: TFDS's folder of prepared data.
      manual_dir: where official files lie; then as `finding.find` looks for them.
      strategy: the devices; the default strategy if not given.
      console: where progress goes; standard output if not given.

    Raises:
      MedMNISTError: no such dataset, data that cannot be had, a folder of another run
        or of more epochs, a batch that the replicas cannot share, a loss that is not
        finite.
      KeyboardInterrupt: interrupted before the first epoch ended.

    Returns:
      The result; without scores on workers other than the first.
    """
    variant = catalog.parse(dataset) if isinstance(dataset, str) else dataset
    recipe = recipe.of_size(_examples(variant))
    _check(variant, recipe, seed, strategy)
    path = pathlib.Path(out or _default_folder(variant, recipe, seed))
    config = {
        "dataset": variant.tfds_name,
        "phantom": variant.phantom,
        "seed": seed,
        "recipe": dataclasses.asdict(recipe),
    }
    is_chief = strategies.is_chief(strategy)
    console = console or rich_console.Console()
    if not is_chief:
        console = rich_console.Console(quiet=True)
    with files.lock(path) if is_chief else contextlib.nullcontext():
        find = folder.claim if is_chief else folder.finished
        if finished := find(path, config):
            _say_finished(path, finished, recipe, console)
            return _result(path, finished)
        builder = builders.prepared(variant, data_dir, manual_dir)
        splits = {name: pipeline.Split(builder, name) for name in catalog.SPLITS}
        trained = training.train_best(
            splits["train"],
            splits["val"],
            variant=variant,
            recipe=recipe,
            seed=seed,
            folder=path,
            strategy=strategy,
            console=console,
            model_path=results.new(path) / "model.keras",
        )
        if trained.interrupted:
            earlier = folder.any_finished(path)
            _say_interrupted(path, trained, earlier, console)
            if earlier:  # it stays: an interrupted result must not take its place
                if is_chief:
                    results.complete(path)
                return _result(path, earlier | {"interrupted": True})
        result = config | {
            "scores": {},
            "epochs": trained.epochs,
            "best_epoch": trained.best_epoch,
            "interrupted": trained.interrupted,
        }
        if is_chief:
            _finish(trained.model, splits, variant, recipe, path, result)
        return _result(path, result)


def _say_finished(path, finished, recipe, console) -> None:
    text = f"{path} holds this run already, finished: not run again."
    if finished["epochs"] < recipe.epochs:
        text += (
            f" Patience ended it after epoch {finished['epochs']}: it goes on with "
            f"more than patience={recipe.patience}."
        )
    terminal.say(text, console=console)


def _say_interrupted(path, trained, earlier, console) -> None:
    text = (
        f"Interrupted: scoring the best epoch so far ({trained.best_epoch}). Press "
        "Ctrl-C again to leave without scores."
    )
    if earlier:
        text = (
            f"Interrupted after epoch {trained.epochs}. {path} keeps the results of "
            f"{earlier['epochs']} epochs until a longer run ends; "
            f"epochs={trained.epochs} scores what there is."
        )
    terminal.say(text, console=console)


def _examples(variant: catalog.Variant) -> int:
    """Training images, of which is known before they are there."""
    if variant.phantom:
        return medmnist_phantom_dataset_builder.SPLITS["train"]
    return variant.release.splits["train"]


def _check(variant, recipe, seed, strategy) -> None:
    """Refuses what can be known to fail before any data are prepared."""
    networks.check(variant, recipe)
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise errors.MedMNISTError(
            f"The seed is {seed!r}. Expected a whole number from 0 to {2**32 - 1}."
        )
    strategies.check_batch_size(recipe.batch_size, strategy)


def _finish(kept, splits, variant, recipe, path, result) -> None:
    """Scores the kept model, and writes all that a run leaves."""
    seed, new, targets = result["seed"], results.new(path), {}
    result["network"] = kept.name
    for name, split in splits.items():
        result["scores"][name], targets[name] = ending.score(
            kept,
            split,
            variant=variant,
            split=name,
            folder=new,
            run=f"{kept.name}_seed{seed}",
            batch_size=recipe.scoring_batch_size,
        )
    if variant.dataset.form == "images":
        seen = [_some(splits[name], seed) for name in ("train", "val")]
        kind.Kind.of(*seen).write(new / kind.NAME)
    curves.draw(
        path / "history.csv",
        new / "curves.png",
        title=f"{variant.title}, {kept.name}, seed {seed}",
        best_epoch=result["best_epoch"],
    )
    if not result["interrupted"]:
        environment = files.read_json(path / "config.json")["environment"]
        ending.write_card(new, variant, result, targets, environment=environment)
    files.write_json(new / "result.json", result)
    results.complete(path)


def _some(split: pipeline.Split, seed: int) -> np.ndarray:
    """As many images as it takes to know how they look, drawn by the seed."""
    drawn = shuffle.order(split.examples, seed=seed, epoch=0)[: kind.IMAGES]
    return split.rows(np.sort(drawn))


def _default_folder(variant, recipe, seed) -> pathlib.Path:
    """`runs/phantom-breast_resnet18-28_seed0`, `.../organ_3d_resnet18-acs-28_seed0`."""
    dataset, version = variant.dataset, variant.release.version
    data = f"{variant.prefix}{variant.config}"
    data += "" if version == dataset.default_version(variant.size) else f"-{version}"
    pixels = str(variant.size if recipe.resolution == 28 else recipe.resolution)
    if dataset.form == "volumes":
        pixels = f"{recipe.convolution}-{pixels}"
    return pathlib.Path("runs", f"{data}_{recipe.model}-{pixels}_seed{seed}")


def _result(path: pathlib.Path, result: dict) -> Result:
    names = ("scores", "best_epoch", "epochs", "interrupted")
    return Result(folder=path, **{name: result[name] for name in names})
