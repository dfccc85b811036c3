"""The lane: which Keras, and what computes beneath it. Chosen here, once.

`keras_3` is Keras 3 on TensorFlow, `keras_3_jax` Keras 3 on JAX (KERAS_BACKEND=jax),
`keras_2` Keras 2 with TensorFlow Addons. A name of this package is that of the lane;
all lanes have those that all need. What they have in common, others take from Keras
itself. Never trains.
"""

import importlib
import os
from importlib import metadata

from medmnist_tfds.process import errors

_ON_KERAS_3 = {"tensorflow": "keras_3", "jax": "keras_3_jax"}


def _name() -> str:
    if metadata.version("keras").startswith("2."):
        return "keras_2"
    _check(os.environ.get("KERAS_BACKEND") or "tensorflow")  # before it starts
    import keras

    _check(backend := keras.backend.backend())  # of a configuration file
    return _ON_KERAS_3[backend]


def _check(backend: str) -> None:
    if backend not in _ON_KERAS_3:
        raise errors.MedMNISTError(
            f"Keras' backend is {backend}, on which nothing of this package trains. "
            f"Expected one of {', '.join(_ON_KERAS_3)}. Set KERAS_BACKEND before Keras "
            "is imported; data, scores and prediction files work with any."
        )


_lane = importlib.import_module(f"{__name__}.{_name()}")


def __getattr__(name: str):
    return getattr(_lane, name)
