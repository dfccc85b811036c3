"""Keras 2 on TensorFlow 2.15, with TensorFlow Addons.

In a training step the variables themselves are read and assigned.
"""

import contextlib
import functools
import io
import pathlib
import types
import warnings

import keras
import tensorflow as tf

from medmnist_tfds.models.compat.on_tensorflow import (  # noqa: F401
    BACKEND,
    batch_normalization,
    device_kinds,
    device_names,
    has_slow_kernel_gradients,
    in_float32,
    pad,
    tensors,
)

IS_KERAS_2 = True


@functools.cache
def addons() -> types.ModuleType:
    """TensorFlow Addons."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of its end of life, each time
        import tensorflow_addons
    return tensorflow_addons


def need_addons(what: str) -> types.ModuleType:
    """TensorFlow Addons, for something that Keras 3 has not."""
    return addons()


def path(variable) -> str:
    """`stem_conv/kernel`, with the names of nested layers before it."""
    return variable.name.split(":")[0]


def tf_variable(variable) -> tf.Variable:
    """TensorFlow's variable behind a layer's."""
    return variable


def export_saved_model(model: keras.Model, folder: str | pathlib.Path) -> None:
    """Writes what serves a model without Keras; says nothing."""
    with contextlib.redirect_stdout(io.StringIO()):
        model.export(folder)


def old_sgd(learning_rate: float, momentum: float):
    """SGD of the kind that Addons' optimizers wrap."""
    return keras.optimizers.legacy.SGD(learning_rate, momentum)


# What `keras.Model(inputs, outputs)` is an instance of; it has no public name.
Functional: type = type(keras.Model.__new__(keras.Model, inputs=None, outputs=None))


def values(variables) -> list:
    """What is handed to the compiled part of a step."""
    return []


def stateless(variables, values: list):
    """A context in which variables have those values, and assignments go to it."""
    return contextlib.nullcontext()


def new_values(scope, variables) -> list[tf.Tensor]:
    """The variables' values at the end of such a context."""
    return tensors(variables)


def compute_loss(model: keras.Model, x, y, y_pred, sample_weight) -> tf.Tensor:
    """Of this replica's part of a batch, divided by the replicas."""
    return model.compute_loss(x, y, y_pred, sample_weight)


def track_loss(model: keras.Model, loss: tf.Tensor, *, examples) -> None:
    """Adds to the loss in the logs; `compute_loss` has done it."""


def track_losses_of_outputs(model: keras.Model, x, y, y_pred, sample_weight) -> None:
    """Adds to the losses of single outputs; `compute_loss` has done it."""


def build(optimizer, variables) -> None:
    """Makes an optimizer's variables; those of Addons make them by themselves."""
    if getattr(optimizer, "built", False) or not hasattr(optimizer, "build"):
        return
    with tf.init_scope():  # made inside a step, several replicas cannot fill them
        optimizer.build(variables)


def optimizer_variables(optimizer) -> list:
    """All that an optimizer remembers; Keras leaves out the scale of the loss."""
    variables = list(optimizer.variables)
    if not hasattr(optimizer, "get_unscaled_gradients"):
        return variables
    known = {id(variable) for variable in variables}
    tracked = tf.train.TrackableView(optimizer).descendants()
    others = [part for part in tracked if isinstance(part, tf.Variable)]
    return variables + [other for other in others if id(other) not in known]


def loss_scale(optimizer) -> tf.Tensor:
    """By which a loss is multiplied: 1 but under mixed_float16."""
    if hasattr(optimizer, "get_scaled_loss"):
        return optimizer.get_scaled_loss(tf.ones(()))
    return tf.ones(())


def apply_gradients(optimizer, gradients, variables) -> None:
    """Applies gradients of a loss that was multiplied by `loss_scale`."""
    if hasattr(optimizer, "get_unscaled_gradients"):
        gradients = optimizer.get_unscaled_gradients(gradients)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))


class BuildsFromLocalBatch:
    """Nothing: several workers, for which Keras 3 needs it, are not for this lane."""


def check_build(what: str) -> None:
    """Nothing is asked of this Keras."""
