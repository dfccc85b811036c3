"""Keras 3 on TensorFlow.

In a training step the model is a pure function of its variables' values. Uses the only
private name of Keras that there is in this package: see `BuildsFromLocalBatch`.
"""

import pathlib

import keras
import tensorflow as tf

from medmnist_tfds.models.compat.on_keras_3 import (  # noqa: F401
    IS_KERAS_2,
    Functional,
    addons,
    build,
    need_addons,
    optimizer_variables,
    path,
)
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
from medmnist_tfds.process import errors


def tf_variable(variable) -> tf.Variable:
    """TensorFlow's variable behind a layer's."""
    return variable.value


def export_saved_model(model: keras.Model, folder: str | pathlib.Path) -> None:
    """Writes what serves a model without Keras; says nothing."""
    model.export(folder, format="tf_saved_model", verbose=False)


def values(variables) -> list:
    """What is handed to the compiled part of a step."""
    return tensors(variables)


def stateless(variables, values: list):
    """A context in which variables have those values, and assignments go to it."""
    mapping = list(zip(variables, values, strict=True))
    return keras.StatelessScope(state_mapping=mapping)


def new_values(scope, variables) -> list[tf.Tensor]:
    """The variables' values at the end of such a context."""
    return [scope.get_current_value(variable) for variable in variables]


def compute_loss(model: keras.Model, x, y, y_pred, sample_weight) -> tf.Tensor:
    """Of this replica's part of a batch, divided by the replicas."""
    return model.compute_loss(x, y, y_pred, sample_weight, training=True)


def track_loss(model: keras.Model, loss: tf.Tensor, *, examples) -> None:
    """Adds to the loss in the logs."""
    tracker = next(metric for metric in model.metrics if metric.name == "loss")
    tracker.update_state(loss, sample_weight=examples)


def track_losses_of_outputs(model: keras.Model, x, y, y_pred, sample_weight) -> None:
    """Adds to the losses of single outputs in the logs, where there are several.

    Keras does so whenever it computes the loss. What it does in a stateless context, of
    the compiled part, is lost.
    """
    losses = [metric for metric in model.metrics if metric.name.endswith("_loss")]
    if losses:
        model.compute_loss(x, y, y_pred, sample_weight, training=True)


def loss_scale(optimizer) -> tf.Tensor:
    """By which a loss is multiplied: 1 but under mixed_float16."""
    return optimizer.scale_loss(tf.ones(()))


def apply_gradients(optimizer, gradients, variables) -> None:
    """Applies gradients of a loss that was multiplied by `loss_scale`."""
    optimizer.apply_gradients(zip(gradients, variables, strict=True))


_BUILD = "_maybe_symbolic_build"


class BuildsFromLocalBatch:
    """A `keras.Model` that `fit` builds by one replica's part of a batch.

    Keras 3 adds the parts of all replicas up, only to see their shape: this fails among
    several workers, and where one part has fewer examples. For that it has one private
    method, seen in Keras 3.12 to 3.15, which nothing public replaces. A Keras without
    it trains as it did, but for these two cases: see `check_build`.
    """

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        strategy = self.distribute_strategy
        if iterator is not None and strategy.num_replicas_in_sync > 1:
            _, _, batches = next(iter(iterator))
            data_batch = tf.nest.map_structure(
                lambda part: strategy.experimental_local_results(part)[0], next(batches)
            )
            iterator = None
        if kerass := getattr(super(), _BUILD, None):
            kerass(iterator=iterator, data_batch=data_batch)


def check_build(what: str) -> None:
    """Refuses what works by `BuildsFromLocalBatch` only, if this Keras has it not.

    Raises:
      MedMNISTError: Keras 3 without the private method.
    """
    if not hasattr(keras.Model, _BUILD):
        raise errors.MedMNISTError(
            f"{what} works by `keras.Model.{_BUILD}`, which Keras {keras.__version__} "
            "does not have. Expected Keras 3.12 to 3.15. Install one of these."
        )
