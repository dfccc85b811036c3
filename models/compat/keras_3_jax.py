"""Keras 3 on JAX, by KERAS_BACKEND=jax: the way to a TPU.

JAX trains; TensorFlow reads and stays on the CPU. Keras compiles the whole step.
"""

import math
import os
import pathlib
import subprocess
import sys
import warnings

import jax
import keras

from medmnist_tfds.models.compat.on_keras_3 import (  # noqa: F401
    IS_KERAS_2,
    Functional,
    addons,
    build,
    need_addons,
    optimizer_variables,
    path,
)
from medmnist_tfds.process import errors

BACKEND = "jax"


def device_kinds() -> set[str]:
    """Of what there is to compute on: CPU, GPU, TPU; starts the devices."""
    return {device.platform.upper() for device in jax.devices()}


def device_names() -> list[str]:
    return [str(device) for device in jax.devices()]


def has_slow_kernel_gradients() -> bool:
    """Whether convolutions in bfloat16 have a faster form of ours: on TensorFlow."""
    return False


def batch_normalization(
    inputs, *, gamma, beta, mean, variance, epsilon: float, is_training: bool
):
    """Outputs, and mean and unbiased variance of the batch; XLA fuses it.

    Statistics are float32 whatever the dtype of the images; a `gamma` or `beta` of None
    is none. Where several devices share a batch, they are those of all of it.
    """
    images = in_float32(inputs)
    if is_training:
        count = math.prod(images.shape[:-1])
        mean, variance = keras.ops.moments(images, axes=tuple(range(images.ndim - 1)))
        unbiased = variance * (count / max(count - 1, 1))
    else:
        unbiased = variance
    scale = keras.ops.rsqrt(variance + epsilon)
    scale = scale if gamma is None else scale * gamma
    shift = -mean * scale if beta is None else beta - mean * scale
    return keras.ops.cast(images * scale + shift, inputs.dtype), mean, unbiased


def pad(inputs, sizes: list[tuple[int, int]]):
    """Zeros before and after each axis."""
    return keras.ops.pad(inputs, sizes)


def in_float32(values):
    return keras.ops.cast(values, "float32")


_EXPORT = """
import sys
import keras
from medmnist_tfds.models import compat, plain  # Keras must know layers of ours
model = keras.models.load_model(sys.argv[1], compile=False)
compat.export_saved_model(model, sys.argv[2])
"""


def export_saved_model(model: keras.Model, folder: str | pathlib.Path) -> None:
    """Writes what serves a model without Keras; says nothing.

    By a process of Keras on TensorFlow: what JAX itself exports is one operation of
    XLA's, which TensorFlow Lite does not have.

    Raises:
      MedMNISTError: a model with layers that are not known there.
    """
    whole = pathlib.Path(folder, "model.keras")
    whole.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy, for Keras
        model.save(whole)
    done = subprocess.run(
        [sys.executable, "-c", _EXPORT, whole, folder],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    whole.unlink()
    if done.returncode:
        raise errors.MedMNISTError(
            f"Keras on TensorFlow could not export {model.name}: "
            f"{(done.stderr.splitlines() or ['no reason given'])[-1]}. Expected layers "
            "of Keras or of this package. Export it with KERAS_BACKEND=tensorflow."
        )
