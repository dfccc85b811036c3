"""Which lane the tests run in: what is of TensorFlow alone, and gradients in any."""

import numpy as np
import pytest

from medmnist_tfds.models import compat


def needs_tensorflow(why: str) -> pytest.MarkDecorator:
    """Skips a test, in the lane of Keras on JAX, of what is not there."""
    reason = f"Keras on TensorFlow only: {why}"
    return pytest.mark.skipif(compat.BACKEND != "tensorflow", reason=reason)


def gradients(layer, inputs: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Of the sum of weights * layer(inputs)^2 in training: inputs' and variables'."""
    if compat.BACKEND == "jax":
        import jax

        def loss(x, variables):
            others = [v.value for v in layer.non_trainable_variables]
            outputs, _ = layer.stateless_call(variables, others, x, training=True)
            return (weights * outputs**2).sum()

        variables = [variable.value for variable in layer.trainable_variables]
        of_inputs, others = jax.grad(loss, (0, 1))(np.asarray(inputs), variables)
        return [np.asarray(value) for value in (of_inputs, *others)]
    import tensorflow as tf

    x = tf.constant(inputs)
    variables = map(compat.tf_variable, layer.trainable_variables)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(weights * layer(x, training=True) ** 2)
    return [value.numpy() for value in tape.gradient(loss, [x, *variables])]
