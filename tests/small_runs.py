"""Runs of `train.fit` with a network that takes no time, and what they print."""

import dataclasses
import io
import signal

import keras
import numpy as np
from rich import console as rich_console

from medmnist_tfds.models import FusedBatchNormalization
from medmnist_tfds.train import PAPER, fit

BREAST = "medmnist_phantom/breast"


def small(num_classes, channels, *, size=28, convolution=None) -> keras.Model:
    """For images, or for volumes if a convolution is asked for."""
    axes = 3 if convolution else 2
    images = keras.Input((*axes * (size,), channels))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(images)
    pool = keras.layers.AveragePooling3D if axes == 3 else keras.layers.AveragePooling2D
    conv = keras.layers.Conv3D if axes == 3 else keras.layers.Conv2D
    x = conv(4, 3, use_bias=False)(pool(7)(x))
    x = FusedBatchNormalization(momentum=0.9)(x)
    x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(num_classes, dtype="float32")(x)
    return keras.Model(images, outputs, name="small")


class Lines(io.StringIO):
    """What a run prints; calls `after` with the number of each epoch that has ended."""

    def __init__(self, after=lambda epoch: None):
        super().__init__()
        self.after, self.ended = after, 0

    def write(self, text: str) -> int:
        epoch = int(text.split()[1].split("/")[0]) if text.startswith("epoch") else 0
        if epoch > self.ended:  # an interrupted line is written again
            self.ended = epoch
            self.after(epoch)
        return super().write(text)


def run(
    folder,
    data_dir,
    *,
    after=lambda epoch: None,
    seed=0,
    recipe=PAPER,
    dataset=BREAST,
    **settings,
):
    recipe = dataclasses.replace(recipe, **settings)
    lines = Lines(after)
    options = {"data_dir": data_dir, "console": rich_console.Console(file=lines)}
    result = fit(dataset, recipe=recipe, seed=seed, out=folder, **options)
    return result, lines.getvalue()


def check_statistics(model: keras.Model, images: np.ndarray) -> None:
    """Fails if those of the `small` network's normalization are not of the images."""
    (norm,) = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    values = keras.Model(model.inputs, norm.input).predict(images, verbose=0)
    values = values.reshape(-1, values.shape[-1])
    np.testing.assert_allclose(norm.moving_mean, values.mean(axis=0), atol=1e-5)
    variance = values.var(axis=0, ddof=1)  # unbiased, as PyTorch has it
    np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-4)


def interrupt(epoch: int, at: int) -> None:
    if epoch == at:
        signal.raise_signal(signal.SIGINT)
