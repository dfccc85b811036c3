"""The lane: which Keras, and what computes beneath it. Chosen here, once.

`keras_3` is Keras 3 on TensorFlow, `keras_3_jax` Keras 3 on JAX (KERAS_BACKEND=jax),
`keras_2` Keras 2 with TensorFlow Addons. A name of this package is that of the lane;
all lanes have those that all need. What they have in common, others take from Keras
itself. Never trains.
"""

import importlib

from medmnist_tfds.process import backend

_ON_KERAS_3 = {"tensorflow": "keras_3", "jax": "keras_3_jax"}


def _name() -> str:
    if backend.is_keras_2():
        return "keras_2"
    backend.check()  # before it starts
    import keras

    backend.check_started(started := keras.backend.backend())
    backend.check(started)  # of a configuration file
    return _ON_KERAS_3[started]


_lane = importlib.import_module(f"{__name__}.{_name()}")


def __getattr__(name: str):
    return getattr(_lane, name)
