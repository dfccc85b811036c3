"""Callbacks of a run: know its best epoch, save its state, stop it, show progress.

Each does one thing. None scores: `train.metrics` does, and comes before them.
"""

import csv
import math
import pathlib
import time
from concurrent import futures

import keras
import numpy as np
from rich import console as rich_console
from rich import progress as rich_progress

from medmnist_tfds.models import plain
from medmnist_tfds.process import errors, files
from medmnist_tfds.train import checkpoint


class RunHistory(keras.callbacks.Callback):
    """The logs of all epochs, those before a resume too; `epoch` counts from 1."""

    def __init__(self):
        super().__init__()
        self.epochs: list[dict] = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(
            {"epoch": epoch + 1} | {name: float(value) for name, value in logs.items()}
        )


class FreshStatistics(keras.callbacks.Callback):
    """Estimates the statistics of BatchNormalization anew when an epoch has ended.

    Over one batch of training images, by the weights as they are (Wu and Johnson, 2021,
    section 3). Moving averages with momentum 0.9 are those of the last 20 steps, and
    weights that are new move far in them. Does nothing to the training.

    Args:
      images: uint8 (images, height, width, channels).
    """

    def __init__(self, images: np.ndarray):
        super().__init__()
        self.images = images

    def on_epoch_end(self, epoch, logs=None):
        norms = [
            layer
            for layer in plain.layers(self.model)
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        momentum = [norm.momentum for norm in norms]
        try:
            for norm in norms:
                norm.momentum = 0.0  # all of this batch, nothing of those before
            self.model(self.images, training=True)
        finally:
            for norm, value in zip(norms, momentum, strict=True):
                norm.momentum = value


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the highest `val_auc`, the first on ties.

    Or those of the last epoch (`any_later`), which is the best where the learning rate
    falls to zero and validation images are too few to tell.
    """

    def __init__(self, *, any_later: bool = False):
        super().__init__()
        self.any_later = any_later
        self.epoch, self.auc, self.weights = 0, -math.inf, []  # counted from 1

    def on_epoch_end(self, epoch, logs=None):
        if self.any_later or logs["val_auc"] > self.auc:
            self.auc, self.epoch = logs["val_auc"], epoch + 1
            self.weights = checkpoint.values(self.model.variables)


def is_spent(patience: int, *, epochs: int, best_epoch: int) -> bool:
    """Whether patience is at its end after so many epochs; 0 never is."""
    return 0 < patience <= epochs - best_epoch


class StopWithoutBetter(keras.callbacks.Callback):
    """Stops after `patience` epochs without a better one.

    Keras' EarlyStopping forgets the best epoch when a run goes on after a kill.
    """

    def __init__(self, best: KeepBest, *, patience: int):
        super().__init__()
        self.best, self.patience = best, patience

    def on_epoch_end(self, epoch, logs=None):
        done = {"epochs": epoch + 1, "best_epoch": self.best.epoch}
        self.model.stop_training |= is_spent(self.patience, **done)


class SaveState(keras.callbacks.Callback):
    """Writes `state.npz`, all that it takes to go on, and `history.csv` in a folder.

    After each epoch, while the next one is trained. Comes after `RunHistory` and
    `KeepBest`, which it saves.
    """

    def __init__(self, folder: pathlib.Path, history: RunHistory, best: KeepBest):
        super().__init__()
        self.folder, self.history, self.best = folder, history, best
        self._writer = futures.ThreadPoolExecutor(1)
        self._writing: futures.Future | None = None

    def restore(self, model: keras.Model) -> None:
        """Goes on from the state that an earlier process has left, if any."""
        path = self.folder / "state.npz"
        if not path.exists():
            return
        self.best.weights, progress = checkpoint.restore(path, model)
        self.history.epochs = progress["history"]
        self.best.epoch = progress["best_epoch"]
        self.best.auc = self.history.epochs[self.best.epoch - 1]["val_auc"]

    def on_epoch_end(self, epoch, logs=None):
        self.wait()  # memory holds two states, not more
        epochs = list(self.history.epochs)
        progress = {"history": epochs, "best_epoch": self.best.epoch}
        state = checkpoint.snapshot(
            self.model, best=self.best.weights, progress=progress
        )
        self._writing = self._writer.submit(self._write, state, epochs)

    def wait(self) -> None:
        """Waits until the last state is on disk; raises what went wrong there."""
        if self._writing:
            writing, self._writing = self._writing, None
            writing.result()

    def close(self) -> None:
        """Takes no more; as `wait`."""
        self._writer.shutdown()
        self.wait()

    def _write(self, state: dict, epochs: list[dict]) -> None:
        # The state last: one that lags behind writes the other file again.
        with files.replacing(self.folder / "history.csv") as temporary:
            with temporary.open("w", newline="") as file:
                writer = csv.DictWriter(file, epochs[0])
                writer.writeheader()
                writer.writerows(epochs)
        checkpoint.save(self.folder / "state.npz", state)


def read_history(path: pathlib.Path) -> list[dict[str, str]]:
    """The rows of a `history.csv`."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class UnreadLogs(keras.callbacks.CallbackList):
    """Keras' list of callbacks, which gets the logs of a step as the device has them.

    Keras makes numbers of them for all callbacks after each step, for which it waits,
    and loses an interrupt that comes meanwhile.
    """

    def on_train_batch_end(self, batch, logs=None):
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras', of epochs. It reads the loss of each step, too, and writes nothing of it.

    On JAX the device then waited for Python after each step.
    """

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch)


class StopAtNonFiniteLoss(keras.callbacks.Callback):
    """Ends `fit` with an error that says where the loss was lost and what to try.

    A step's loss is read when the next step has begun: who reads it at once, waits for
    a device that could go on.
    """

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self._last = epoch + 1, None

    def on_train_batch_end(self, batch, logs=None):
        before, self._last = self._last, (batch + 1, logs["loss"])
        self._check(before)

    def on_epoch_end(self, epoch, logs=None):
        self._check(self._last)

    def _check(self, last: tuple | None) -> None:
        step, loss = last or (0, 0.0)
        if not math.isfinite(loss):
            raise errors.MedMNISTError(
                f"The loss is {float(loss)} in epoch {self.epoch}, step {step}. "
                "Expected a finite number: training has diverged. Try a smaller "
                "learning_rate, or precision=float32."
            )


class Progress(keras.callbacks.Callback):
    """A bar for the running epoch on a terminal, and a line for each that ended.

    Args:
      console: where they go.
      best: comes before this one; its epoch is marked.
      epochs, steps, batch: of the whole run, of an epoch, and images of a step.
      clock: seconds.
    """

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
        self.bar = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("training steps", total=steps * epochs)

    def on_epoch_begin(self, epoch, logs=None):
        self.bar.update(self.task, completed=epoch * self.steps)
        self.bar.start()
        self.started = self.trained = self.clock()

    def on_train_batch_end(self, batch, logs=None):
        self.trained = self.clock()  # before validation: images/s is of training
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch, logs=None):
        rate = self.steps * self.batch / max(self.trained - self.started, 1e-9)
        is_best = self.best.epoch == epoch + 1 and not self.best.any_later
        mark = "  [green]best[/]" if is_best else ""
        names = {"val AUC": "val_auc", "val ACC": "val_acc", "kappa": "val_kappa"}
        scores = [f"{k} {logs[v]:.3f}" for k, v in names.items() if v in logs]
        line = f"epoch {epoch + 1:>3}/{self.epochs}  loss {logs['loss']:.4f}  "
        line += "  ".join(scores)
        speed = f"  {rate:,.0f} images/s"
        if len(f"{line}{speed}  best") <= self.console.width:  # kappa goes first
            line += speed
        self.console.print(f"{line}{mark}", highlight=False)

    def close(self) -> None:
        """Takes the bar away; Keras says nothing to callbacks after an interrupt."""
        self.bar.stop()
