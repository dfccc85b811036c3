"""Keras' backend: what it may be here, and which one a TPU wants.

Never imports Keras, and only the command line chooses: a library must not change its
user's environment.
"""

import functools
import glob
import importlib.util
import os
import pathlib
import sys
from importlib import metadata

from medmnist_tfds.process import errors, files, terminal

DEFAULT = "tensorflow"
TRAINS = (DEFAULT, "jax")
_CHIPS = ("/dev/accel[0-9]*", "/dev/vfio/[0-9]*")  # TPUs to v4, and from v5e on
_VENDORS, _GOOGLE = "/sys/bus/pci/devices/*/vendor", "0x1ae0"  # who made a device

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
      name: of the backend; by default the one that Keras will take. If it has started,
        that is not asked: `check_started` is.

    Raises:
      MedMNISTError: such a one, or one that is not installed.
    """
    if is_keras_2() or (name is None and "keras" in sys.modules):
        return
    name = name or os.environ.get("KERAS_BACKEND") or _configured() or DEFAULT
    if name == "jax" and not importlib.util.find_spec("jax"):
        raise errors.MedMNISTError(
            "Keras' backend is jax, but JAX is not here. Expected it to be installed. "
            'Install "medmnist-tfds[jax]", or unset KERAS_BACKEND.'
        )
    if name not in TRAINS:
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
    if is_keras_2() or "tpu" not in (os.environ.get("JAX_PLATFORMS") or "tpu"):
        return False
    makers = {pathlib.Path(path).read_text().strip() for path in glob.glob(_VENDORS)}
    if _GOOGLE not in makers or not any(map(glob.glob, _CHIPS)):
        return False
    has_jax = all(map(importlib.util.find_spec, ("jax", "libtpu")))
    try:
        return has_jax and not metadata.version("tensorflow-tpu")
    except metadata.PackageNotFoundError:
        return has_jax


def _configured() -> str | None:
    """What Keras' own file of settings says."""
    folder = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    return files.read_json(pathlib.Path(folder, "keras.json")).get("backend")
