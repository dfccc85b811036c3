"""Callbacks of a run: keep the best model, write the history, show progress.

Each does one thing. None scores: `train.metrics` does, and stands before them.
"""

import os
import time

import keras
from rich import console as rich_console
from rich import progress as rich_progress

from medmnist_tfds import files


class KeepBest(keras.callbacks.Callback):
    """Saves the model of the epoch with the highest `val_auc`; the first one on ties.

    Unlike ModelCheckpoint it never leaves a half-written file under the final name.
    """

    def __init__(self, path: str | os.PathLike):
        super().__init__()
        self.path = path

    def on_train_begin(self, logs=None):
        self.best, self.best_epoch = -float("inf"), 0

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_auc"] > self.best:
            with files.replacing(self.path) as temporary:
                self.model.save(temporary)
            self.best, self.best_epoch = logs["val_auc"], epoch + 1


class History(keras.callbacks.CSVLogger):
    """One CSV row per epoch, counted from 1 as the progress shows it."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch + 1, logs)


class Progress(keras.callbacks.Callback):
    """A bar for the running epoch on a terminal, and a line for each that ended."""

    def __init__(
        self,
        console: rich_console.Console,
        *,
        best: KeepBest,
        epochs: int,
        steps: int,
        batch: int,
        clock=time.monotonic,
    ):
        super().__init__()
        self.console, self.clock, self.best = console, clock, best
        self.epochs, self.steps, self.batch = epochs, steps, batch

    def on_train_begin(self, logs=None):
        self.epochs_done = 0
        self.bar = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn("epochs"),
            rich_progress.TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task("training", total=self.epochs)
        self.bar.start()

    def on_epoch_begin(self, epoch, logs=None):
        self.started = self.trained = self.clock()

    def on_train_batch_end(self, batch, logs=None):
        self.trained = self.clock()  # before validation: images/s is of training
        self.bar.advance(self.task, 1 / self.steps)

    def on_epoch_end(self, epoch, logs=None):
        rate = self.steps * self.batch / max(self.trained - self.started, 1e-9)
        mark = "  [green]best[/]" if self.best.best_epoch == epoch + 1 else ""
        self.bar.console.print(
            f"epoch {epoch + 1:>3}/{self.epochs}  loss {logs['loss']:.4f}  "
            f"val AUC {logs['val_auc']:.3f}  val ACC {logs['val_acc']:.3f}  "
            f"{rate:,.0f} images/s{mark}",
            highlight=False,
        )
        self.epochs_done = epoch + 1

    def close(self) -> None:
        """Takes the bar away; Keras says nothing to callbacks after an interrupt."""
        if hasattr(self, "bar"):
            self.bar.stop()
