"""Batches are there before the device wants them: nothing waits for a step's end."""

import keras
import numpy as np

from medmnist_tfds import train
from medmnist_tfds.data import pipeline
from medmnist_tfds.train import callbacks

DRAWN = np.random.default_rng(0)
IMAGES = DRAWN.integers(256, size=(40, 28, 28, 1), dtype=np.uint8)
LABELS = DRAWN.integers(2, size=40)


class _NotYet:
    """The loss of a step that the device has not done: who reads it, waits."""

    def _wait(self, *arguments, **options):
        raise AssertionError("the loss of the step that runs was read")

    __array__ = __bool__ = __dlpack__ = __float__ = __format__ = __int__ = _wait


class _Running(callbacks.UnreadLogs):
    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, dict.fromkeys(logs, _NotYet()))


def test_tensorboard_gets_the_loss_of_epochs_and_does_not_wait_for_steps(tmp_path):
    inputs = keras.Input((28, 28, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    network = keras.Model(inputs, keras.layers.Dense(2)(x))
    model = train.XLAModel.from_functional(network)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss)
    board = callbacks.TensorBoard(tmp_path, write_graph=False)
    split = pipeline.Split.from_arrays(IMAGES, LABELS, name="train")
    about = {"add_history": True, "model": model, "epochs": 2, "steps": 3}
    watching = _Running([board], **about)
    model.fit(
        split.train_batches(8, seed=0),
        steps_per_epoch=3,
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=watching,
    )
    (events,) = (tmp_path / "train").glob("events.*")
    written = events.read_bytes()
    assert written.count(b"epoch_loss") == 2 and b"batch_loss" not in written
