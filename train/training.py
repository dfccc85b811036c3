"""Training itself: two splits in, the network of the kept epoch out.

Validation chooses the epoch, or it is the last one. Never reads the test split, and
never scores what is returned: that is `train.run`, or whoever called.
"""

import contextlib
import dataclasses
import pathlib

import keras
import tensorflow as tf
from rich import console as rich_console

from medmnist_tfds.data import catalog, pipeline, shuffle
from medmnist_tfds.process import errors, terminal
from medmnist_tfds.train import callbacks, lessons, metrics, networks
from medmnist_tfds.train import recipe as recipes
from medmnist_tfds.train.lane import strategy as strategies


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trained:
    """What training came to."""

    model: keras.Model | None  # None on workers other than the first
    best_epoch: int  # counted from 1
    epochs: int  # how many were trained
    images: int  # that they went through, each pass counted
    interrupted: bool


def train_best(
    train: pipeline.Split,
    val: pipeline.Split,
    *,
    variant: catalog.Variant,
    recipe: recipes.Recipe,
    seed: int,
    folder: pathlib.Path,
    strategy: tf.distribute.Strategy | None,
    console: rich_console.Console,
    model_path: pathlib.Path | None = None,
) -> Trained:
    """Trains the recipe's network, and keeps the epoch that the recipe says.

    The folder gets state.npz, from which the same call goes on, also to more epochs,
    history.csv, TensorBoard's logs, and model.keras if `model_path` is not given.

    Raises:
      MedMNISTError: images of another size than the networks take, a batch that the
        replicas cannot share, a loss that is not finite, or another worker that has
        gone.
      OSError: the state could not be written.
      KeyboardInterrupt: interrupted before the first epoch ended.
    """
    recipe = recipe.of_size(train.examples)
    networks.check(variant, recipe)
    strategies.check_batch_size(recipe.batch_size, strategy)
    _make_repeatable(recipe, seed, console)
    is_chief = strategies.is_chief(strategy)
    history = callbacks.RunHistory()
    best = callbacks.KeepBest(any_later=recipe.keep == "last")
    patience = callbacks.StopWithoutBetter(best, patience=recipe.patience)
    state = callbacks.SaveState(folder, history, best)
    scores = metrics.TaskMetrics(
        val,
        task=variant.dataset.task,
        from_logits=True,
        batch_size=recipe.scoring_batch_size,
    )
    interrupted = False
    with strategy.scope() if strategy else contextlib.nullcontext():
        steps = train.steps(recipe.batch_size) * recipe.epochs
        model = networks.compiled(variant, recipe, steps=steps)
        state.restore(model)
        if done := len(history.epochs):
            terminal.say(
                f"Going on after epoch {done}, from {folder}.", console=console
            )
        # Each reads what those before it leave.
        watchers = [callbacks.StopAtNonFiniteLoss(), *_statistics(train, recipe, seed)]
        watchers += [scores, history, best, patience]
        if is_chief:
            logs = folder / "tensorboard"
            watchers += [callbacks.TensorBoard(logs, write_graph=False), state]
        if not _is_spent(recipe, history, best):
            interrupted = _fit(
                model, train, watchers, state, variant, recipe, seed, console
            )
    ended = len(history.epochs)
    if _is_spent(recipe, history, best) and ended < recipe.epochs:
        terminal.say(
            f"Stopped after epoch {ended} of {recipe.epochs}: no better validation AUC "
            f"since epoch {best.epoch} (patience={recipe.patience}).",
            console=console,
        )
    kept = None
    if is_chief:
        path = model_path or folder / "model.keras"
        kept = networks.save_best(variant, recipe, best.weights, path)
    return Trained(
        model=kept,
        best_epoch=best.epoch,
        epochs=ended,
        images=ended * train.steps(recipe.batch_size) * recipe.batch_size,
        interrupted=interrupted,
    )


def _is_spent(recipe, history, best) -> bool:
    done = {"epochs": len(history.epochs), "best_epoch": best.epoch}
    return callbacks.is_spent(recipe.patience, **done)


def _statistics(train, recipe, seed: int) -> list[keras.callbacks.Callback]:
    if not recipe.statistics_images:
        return []
    drawn = shuffle.order(train.examples, seed=seed, epoch=0)
    rows = drawn[: recipe.statistics_images]
    return [callbacks.FreshStatistics(train.rows(rows))]


def _make_repeatable(recipe: recipes.Recipe, seed: int, console) -> None:
    keras.utils.set_random_seed(seed)
    if recipe.deterministic:
        strategies.make_deterministic()
        terminal.say(
            "Deterministic: two runs give equal bits. XLA is off.", console=console
        )


def _fit(model, train, watchers, state, variant, recipe, seed, console) -> bool:
    """Trains to the recipe's end; returns whether an interrupt came before."""
    done, steps = len(state.history.epochs), train.steps(recipe.batch_size)
    size = {"epochs": recipe.epochs, "steps": steps, "batch": recipe.batch_size}
    progress = callbacks.Progress(console, best=state.best, **size)
    watching = callbacks.UnreadLogs(
        [*watchers, progress],
        add_history=True,
        model=model,
        epochs=recipe.epochs,
        steps=steps,
        verbose=0,
    )
    batches = lessons.batches(
        train, variant=variant, recipe=recipe, seed=seed, first_step=done * steps
    )
    try:
        model.fit(
            batches,
            steps_per_epoch=steps,
            initial_epoch=done,
            epochs=recipe.epochs,
            shuffle=False,  # the pipeline has shuffled
            verbose=0,
            callbacks=watching,
        )
        state.wait()
    except KeyboardInterrupt:
        if not state.best.epoch:
            raise
        return True
    except strategies.WORKER_ERRORS as error:
        if not strategies.is_multi_worker(model.distribute_strategy):
            raise
        raise errors.MedMNISTError(
            f"Another worker has gone, or cannot be reached ({type(error).__name__}). "
            "Expected all workers of TF_CONFIG to the end. Start the same command on "
            "all of them again: it goes on after the last whole epoch."
        ) from error
    finally:
        progress.close()
        state.close()  # raises what went wrong in writing, after an interrupt too
    return False
