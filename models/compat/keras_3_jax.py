"""Keras 3 on JAX, by KERAS_BACKEND=jax: the way to a TPU.

JAX trains; TensorFlow reads and stays on the CPU. Keras compiles the whole step.
"""

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
        count = images.shape[0] * images.shape[1] * images.shape[2]
        mean, variance = keras.ops.moments(images, axes=(0, 1, 2))
        unbiased = variance * (count / max(count - 1, 1))
    else:
        unbiased = variance
    scale = keras.ops.rsqrt(variance + epsilon)
    scale = scale if gamma is None else scale * gamma
    shift = -mean * scale if beta is None else beta - mean * scale
    return keras.ops.cast(images * scale + shift, inputs.dtype), mean, unbiased


def in_float32(values):
    return keras.ops.cast(values, "float32")
