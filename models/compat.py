"""The two lanes: Keras 3 on today's TensorFlow, Keras 2 with TensorFlow Addons.

The only module that asks which of them is installed. What both have in common, others
take from Keras itself. Never trains.
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
    """TensorFlow Addons, in the Keras 2 lane; None in the other."""
    if not IS_KERAS_2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of its end of life, each time
        import tensorflow_addons
    return tensorflow_addons


def need_addons(what: str) -> types.ModuleType:
    """TensorFlow Addons, for something that Keras 3 has not.

    Raises:
      MedMNISTError: in the Keras 3 compat.
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


def held(variable) -> tf.Variable:
    """TensorFlow's variable behind a layer's."""
    return variable if IS_KERAS_2 else variable.value


def clone(model: keras.Model, clone_function) -> keras.Model:
    """`keras.models.clone_model`, of the layers of nested models too."""
    nested = {} if IS_KERAS_2 else {"recursive": True}
    return keras.models.clone_model(model, clone_function=clone_function, **nested)


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
        model._loss_tracker.update_state(loss, sample_weight=examples)


def build(optimizer, variables) -> None:
    """Makes an optimizer's variables; those of Addons make them by themselves."""
    if getattr(optimizer, "built", False) or not hasattr(optimizer, "build"):
        return
    # As Keras 2 does itself: made inside a step, several replicas cannot fill them.
    with tf.init_scope() if IS_KERAS_2 else contextlib.nullcontext():
        optimizer.build(variables)


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
    return [tf.convert_to_tensor(held(variable)) for variable in variables]
