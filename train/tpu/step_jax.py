"""The training step of Keras on JAX, as a program for TPUs.

Never runs it: the model's variables stay on the CPU.
"""

import jax
import numpy as np
from jax.interpreters import mlir


def lower(model, images, labels, devices) -> tuple[bytes, int]:
    """The step that `fit` compiles, of a batch that the devices share.

    Args:
      model: compiled by Keras, its optimizer built.
      images, labels: shape and dtype of a whole batch.
      devices: of one topology.

    Returns:
      The program as MLIR, and how many of the devices it is for.
    """
    mesh = jax.sharding.Mesh(np.array(devices), ("batch",))
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    shared = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    state = [
        [_like(variable.shape, variable.dtype, whole) for variable in variables]
        for variables in (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
    ]
    batch = [_like(*part, shared) for part in (images, labels)]
    # As Keras does it in `make_train_function`, under DataParallel.
    step = jax.jit(model.train_step, donate_argnums=0, out_shardings=(None, whole))
    module = step.lower(tuple(state), tuple(batch)).compiler_ir("stablehlo")
    return mlir.module_to_bytecode(module), len(devices)


def _like(shape, dtype, sharding) -> jax.ShapeDtypeStruct:
    # JAX has no int64 unless it is told to: class numbers become int32 there.
    known = jax.dtypes.canonicalize_dtype(dtype)
    return jax.ShapeDtypeStruct(shape, known, sharding=sharding)
