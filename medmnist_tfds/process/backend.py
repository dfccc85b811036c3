"""Keras' backend: what it may be here, and which one a TPU wants.

Never imports Keras, and only the command line chooses: a library must not change its
user's environment.
"""

import functools
import glob
import importlib.util
import os
from importlib import metadata

from medmnist_tfds.process import errors, terminal

DEFAULT = "tensorflow"
TRAINS = (DEFAULT, "jax")
_CHIPS = ("/dev/accel[0-9]*", "/dev/vfio/[0-9]*")  # TPUs to v4, and from v5e on

USE_JAX = (
    "Set KERAS_BACKEND=jax before Keras is imported (in a notebook: in its first cell, "
    "after a restart)."
)


@functools.cache
def is_keras_2() -> bool:
    """Whether the Keras that is installed is one that knows TensorFlow alone."""
    return metadata.version("keras").startswith("2.")


def check(name: str | None = None) -> None:
    """Refuses a backend on which nothing of this package trains.

    Args:
      name: of the backend; what KERAS_BACKEND says, if Keras has not started.

    Raises:
      MedMNISTError: such a one.
    """
    name = name or os.environ.get("KERAS_BACKEND") or DEFAULT
    if name not in TRAINS and not is_keras_2():
        raise errors.MedMNISTError(
            f"Keras' backend is {name}, on which nothing of this package trains. "
            f"Expected one of {', '.join(TRAINS)}. Set KERAS_BACKEND before Keras "
            "is imported; data, scores and prediction files work with any."
        )


def check_started(name: str) -> None:
    """Refuses a Keras that has started before its backend was chosen.

    Raises:
      MedMNISTError: `name`, on which it computes, is not what KERAS_BACKEND says.
    """
    if (asked_for := os.environ.get("KERAS_BACKEND") or name) != name:
        raise errors.MedMNISTError(
            f"KERAS_BACKEND is {asked_for}, but Keras was imported before it was set "
            f"and computes on {name}. Expected it to be set first. Restart Python (in "
            "a notebook: the runtime) and set it before anything else is imported."
        )


def choose() -> None:
    """JAX where there is a TPU that TensorFlow cannot use, if nothing is set.

    Raises:
      MedMNISTError: a backend is set on which nothing trains.
    """
    if not os.environ.get("KERAS_BACKEND") and is_tpu_for_jax():
        os.environ["KERAS_BACKEND"] = "jax"
        terminal.say("There is a TPU: Keras computes on JAX (KERAS_BACKEND=jax).")
    check()  # before TensorFlow starts: beside some, it crashes


def is_tpu_for_jax() -> bool:
    """Whether this machine has a TPU and its JAX, and no TensorFlow that can use it."""
    if is_keras_2() or not any(map(glob.glob, _CHIPS)):
        return False
    has_jax = all(map(importlib.util.find_spec, ("jax", "libtpu")))
    try:
        return has_jax and not metadata.version("tensorflow-tpu")
    except metadata.PackageNotFoundError:
        return has_jax
