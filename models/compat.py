"""The two versions of Keras: 3 on today's TensorFlow, 2 with TensorFlow Addons.

The only module that asks which of them is installed, and the only one that uses a
private name of Keras: there is one, see `BuildsFromLocalBatch`. What both versions have
in common, others take from Keras itself. Never trains.
"""

import contextlib
import functools
import io
import pathlib
import types
import warnings

import keras
import tensorflow as tf

from medmnist_tfds.process import errors

IS_KERAS_2 = keras.__version__.startswith("2.")


@functools.cache
def addons() -> types.ModuleType | None:
    """TensorFlow Addons, with Keras 2; None with Keras 3."""
    if not IS_KERAS_2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of its end of life, each time
        import tensorflow_addons
    return tensorflow_addons


def need_addons(what: str) -> types.ModuleType:
    """TensorFlow Addons, for something that Keras 3 has not.

    Raises:
      MedMNISTError: with Keras 3.
    """
    if not IS_KERAS_2:
        raise errors.MedMNISTError(
            f"{what} exists in TensorFlow Addons only, which need Keras 2; this is "
            f"Keras {keras.__version__}. Expected something that Keras 3 has. Choose "
            "another, or install `medmnist-tfds[addons]` on Python 3.10 or 3.11."
        )
    return addons()


def path(variable) -> str:
    """`stem_conv/kernel`, with the names of nested layers before it."""
    return variable.name.split(":")[0] if IS_KERAS_2 else variable.path


def tf_variable(variable) -> tf.Variable:
    """TensorFlow's variable behind a layer's."""
    return variable if IS_KERAS_2 else variable.value


def export_saved_model(model: keras.Model, folder: str | pathlib.Path) -> None:
    """Writes what serves a model without Keras; says nothing."""
    if IS_KERAS_2:
        with contextlib.redirect_stdout(io.StringIO()):
            model.export(folder)
    else:
        model.export(folder, format="tf_saved_model", verbose=False)


def old_sgd(learning_rate: float, momentum: float):
    """SGD of the kind that Addons' optimizers wrap."""
    return keras.optimizers.legacy.SGD(learning_rate, momentum)


def transform(images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Images moved by projective transforms (images, 8), bilinear; zeros come in."""
    if IS_KERAS_2:
        return addons().image.transform(images, matrices, "bilinear")
    return keras.ops.image.affine_transform(
        images, matrices, "bilinear", "constant", data_format="channels_last"
    )


# What `train.model.XLAModel` does differently. In Keras 3 a step is a pure function of
# its variables' values; in Keras 2 it reads and assigns the variables themselves.


# What `keras.Model(inputs, outputs)` is an instance of; it has no public name.
Functional: type = type(keras.Model.__new__(keras.Model, inputs=None, outputs=None))


def values(variables) -> list:
    """What is handed to the compiled part of a step."""
    return [] if IS_KERAS_2 else _tensors(variables)


def stateless(variables, values: list):
    """A context in which variables have those values, and assignments go to it."""
    if IS_KERAS_2:
        return contextlib.nullcontext()
    mapping = list(zip(variables, values, strict=True))
    return keras.StatelessScope(state_mapping=mapping)


def new_values(scope, variables) -> list[tf.Tensor]:
    """The variables' values at the end of such a context."""
    if IS_KERAS_2:
        return _tensors(variables)
    return [scope.get_current_value(variable) for variable in variables]


def compute_loss(model: keras.Model, x, y, y_pred, sample_weight) -> tf.Tensor:
    """Of this replica's part of a batch, divided by the replicas."""
    if IS_KERAS_2:
        return model.compute_loss(x, y, y_pred, sample_weight)
    return model.compute_loss(x, y, y_pred, sample_weight, training=True)


def track_loss(model: keras.Model, loss: tf.Tensor, *, examples) -> None:
    """Adds to the loss in the logs; Keras 2 has done it in `compute_loss`."""
    if not IS_KERAS_2:
        tracker = next(metric for metric in model.metrics if metric.name == "loss")
        tracker.update_state(loss, sample_weight=examples)


def build(optimizer, variables) -> None:
    """Makes an optimizer's variables; those of Addons make them by themselves."""
    if getattr(optimizer, "built", False) or not hasattr(optimizer, "build"):
        return
    # As Keras 2 does itself: made inside a step, several replicas cannot fill them.
    with tf.init_scope() if IS_KERAS_2 else contextlib.nullcontext():
        optimizer.build(variables)


def optimizer_variables(optimizer) -> list:
    """All that an optimizer remembers; Keras 2 leaves out the scale of the loss."""
    variables = list(optimizer.variables)
    if not hasattr(optimizer, "get_unscaled_gradients"):
        return variables
    known = {id(variable) for variable in variables}
    tracked = tf.train.TrackableView(optimizer).descendants()
    others = [part for part in tracked if isinstance(part, tf.Variable)]
    return variables + [other for other in others if id(other) not in known]


def loss_scale(optimizer) -> tf.Tensor:
    """By which a loss is multiplied: 1 but under mixed_float16."""
    if not IS_KERAS_2:
        return optimizer.scale_loss(tf.ones(()))
    if hasattr(optimizer, "get_scaled_loss"):
        return optimizer.get_scaled_loss(tf.ones(()))
    return tf.ones(())


def apply_gradients(optimizer, gradients, variables) -> None:
    """Applies gradients of a loss that was multiplied by `loss_scale`."""
    if hasattr(optimizer, "get_unscaled_gradients"):  # Keras 3 unscales by itself
        gradients = optimizer.get_unscaled_gradients(gradients)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))


def _tensors(variables) -> list[tf.Tensor]:
    return [tf.convert_to_tensor(tf_variable(variable)) for variable in variables]


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
        if build := getattr(super(), _BUILD, None):
            build(iterator=iterator, data_batch=data_batch)


def check_build(what: str) -> None:
    """Refuses what works by `BuildsFromLocalBatch` only, if this Keras has it not.

    Raises:
      MedMNISTError: Keras 3 without the private method.
    """
    if not IS_KERAS_2 and not hasattr(keras.Model, _BUILD):
        raise errors.MedMNISTError(
            f"{what} works by `keras.Model.{_BUILD}`, which Keras {keras.__version__} "
            "does not have. Expected Keras 3.12 to 3.15. Install one of these."
        )
