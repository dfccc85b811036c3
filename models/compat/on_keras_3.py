"""What Keras 3 has in common on TensorFlow and on JAX."""

import types

import keras

from medmnist_tfds.process import errors

IS_KERAS_2 = False

# What `keras.Model(inputs, outputs)` is an instance of; it has no public name.
Functional: type = type(keras.Model.__new__(keras.Model, inputs=None, outputs=None))


def addons() -> None:
    """TensorFlow Addons: there are none."""


def need_addons(what: str) -> types.ModuleType:
    """TensorFlow Addons, for something that Keras 3 has not.

    Raises:
      MedMNISTError: always.
    """
    raise errors.MedMNISTError(
        f"{what} exists in TensorFlow Addons only, which need Keras 2; this is "
        f"Keras {keras.__version__}. Expected something that Keras 3 has. Choose "
        "another, or install `medmnist-tfds[addons]` on Python 3.10 or 3.11."
    )


def path(variable) -> str:
    """`stem_conv/kernel`, with the names of nested layers before it."""
    return variable.path


def build(optimizer, variables) -> None:
    """Makes an optimizer's variables."""
    if not optimizer.built:
        optimizer.build(variables)


def optimizer_variables(optimizer) -> list:
    """All that an optimizer remembers, the scale of the loss, too."""
    return list(optimizer.variables)
