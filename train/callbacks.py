"""Callbacks of a run: keep its state, stop it when it is lost, show progress.

Each does one thing. None scores: `train.metrics` does, and stands before them.
"""

import csv
import math
import pathlib
import time
from concurrent import futures

import keras
from rich import console as rich_console
from rich import progress as rich_progress

from medmnist_tfds.process import errors, files
from medmnist_tfds.train import checkpoint


class KeepState(keras.callbacks.Callback):
    """Keeps the epoch with the highest `val_auc`, the first on ties, and the state.

    After each epoch `state.npz` gets all that it takes to go on, and `history.csv` a
    row for each epoch, counted from 1; both while the next epoch is trained.

    Args:
      folder: the run's folder.
      patience: stops after so many epochs without a better one; 0 never stops.
      is_writing: False keeps nothing on disk: only one of several workers writes.
    """

    def __init__(
        self, folder: pathlib.Path, *, patience: int = 0, is_writing: bool = True
    ):
        super().__init__()
        self.folder, self.patience, self.is_writing = folder, patience, is_writing
        self.history: list[dict] = []
        self.best_epoch, self.best_auc, self.best_weights = 0, -math.inf, []
        self._writer = futures.ThreadPoolExecutor(1)
        self._writing: futures.Future | None = None

    @property
    def is_spent(self) -> bool:
        """Whether patience is at its end."""
        waited = len(self.history) - self.best_epoch
        return bool(self.patience) and waited >= self.patience

    def restore(self, path: pathlib.Path, model: keras.Model) -> None:
        """Goes on from a state that an earlier process has left."""
        self.best_weights, progress = checkpoint.restore(path, model)
        self.history, self.best_epoch = progress["history"], progress["best_epoch"]
        self.best_auc = self.history[self.best_epoch - 1]["val_auc"]

    def on_epoch_end(self, epoch, logs=None):
        self.history.append(
            {"epoch": epoch + 1} | {k: float(v) for k, v in logs.items()}
        )
        if logs["val_auc"] > self.best_auc:
            self.best_auc, self.best_epoch = logs["val_auc"], epoch + 1
            self.best_weights = checkpoint.values(self.model.variables)
        self.model.stop_training |= self.is_spent
        if not self.is_writing:
            return
        self.wait()  # memory holds two states, not more
        progress = {"history": self.history, "best_epoch": self.best_epoch}
        state = checkpoint.snapshot(
            self.model, best=self.best_weights, progress=progress
        )
        self._writing = self._writer.submit(self._write, state, list(self.history))

    def wait(self) -> None:
        """Waits until the last state is on disk; raises what went wrong there."""
        if self._writing:
            self._writing.result()

    def close(self) -> None:
        """Lets the last state come to disk, and takes no more."""
        self._writer.shutdown()

    def _write(self, state: dict, history: list[dict]) -> None:
        checkpoint.save(self.folder / "state.npz", state)
        with files.replacing(self.folder / "history.csv") as temporary:
            with temporary.open("w", newline="") as file:
                writer = csv.DictWriter(file, history[0])
                writer.writeheader()
                writer.writerows(history)


class StopAtNonFiniteLoss(keras.callbacks.Callback):
    """Ends `fit` with an error that says where the loss was lost and what to try."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            raise errors.MedMNISTError(
                f"The loss is {logs['loss']} in epoch {self.epoch}, step {batch + 1}. "
                "Expected a finite number: training has diverged. Try a smaller "
                "learning_rate, or precision=float32."
            )


class Progress(keras.callbacks.Callback):
    """A bar for the running epoch on a terminal, and a line for each that ended."""

    def __init__(
        self,
        console: rich_console.Console,
        *,
        state: KeepState,
        epochs: int,
        steps: int,
        batch: int,
        clock=time.monotonic,
    ):
        super().__init__()
        self.console, self.clock, self.state = console, clock, state
        self.epochs, self.steps, self.batch = epochs, steps, batch

    def on_train_begin(self, logs=None):
        self.bar = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        total = self.steps * self.epochs
        done = self.steps * len(self.state.history)
        self.task = self.bar.add_task("training steps", total=total, completed=done)
        self.bar.start()

    def on_epoch_begin(self, epoch, logs=None):
        self.started = self.trained = self.clock()

    def on_train_batch_end(self, batch, logs=None):
        self.trained = self.clock()  # before validation: images/s is of training
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch, logs=None):
        rate = self.steps * self.batch / max(self.trained - self.started, 1e-9)
        mark = "  [green]best[/]" if self.state.best_epoch == epoch + 1 else ""
        self.console.print(
            f"epoch {epoch + 1:>3}/{self.epochs}  loss {logs['loss']:.4f}  "
            f"val AUC {logs['val_auc']:.3f}  val ACC {logs['val_acc']:.3f}  "
            f"{rate:,.0f} images/s{mark}",
            highlight=False,
        )

    def close(self) -> None:
        """Takes the bar away; Keras says nothing to callbacks after an interrupt."""
        if hasattr(self, "bar"):
            self.bar.stop()
