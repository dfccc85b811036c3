"""Keras' dtype policies, for a while.

Never leaves another policy behind than it came to.
"""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def policy(name) -> Iterator[None]:
    """What is built meanwhile has this policy: `float32`, `mixed_bfloat16`, ..."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)
