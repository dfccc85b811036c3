"""The training step of Keras on TensorFlow, as a program for one TPU replica.

Never runs it. What TPUStrategy adds, the sums over replicas, is not in it.
"""

import re

import tensorflow as tf
from jaxlib import _jax, xla_client

# An operation of another dialect, which the compiler does not take, and one that does
# the same: nothing. A ResNet-18's step has 167 of them, one for each new value.
_COPY = re.compile(r"mhlo\.copy (%[\w#]+) : (tensor<[^>]*>)")
_SAME = r"stablehlo.reshape \1 : (\2) -> \2"


def lower(model, images, labels, devices) -> tuple[bytes, int]:
    """The whole `train_step` of one replica: its share of a batch.

    Args:
      model: compiled by Keras, its optimizer built, with the layers that a TPU gets.
      images, labels: shape and dtype of a whole batch.
      devices: that share it.

    Returns:
      The program as MLIR, and how many of the devices it is for.
    """
    step = tf.function(
        lambda *batch: model.train_step(batch), jit_compile=True, autograph=False
    )
    share = [
        tf.TensorSpec((shape[0] // len(devices), *shape[1:]), dtype)
        for shape, dtype in (images, labels)
    ]
    program = step.experimental_get_compiler_ir(*share)(stage="hlo_serialized")
    text = _jax.mlir.xla_computation_to_mlir_module(xla_client.XlaComputation(program))
    return _COPY.sub(_SAME, text).encode(), 1
