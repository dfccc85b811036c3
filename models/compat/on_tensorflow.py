"""What Keras 2 and Keras 3 have in common on TensorFlow."""

import tensorflow as tf

BACKEND = "tensorflow"


def tensors(variables) -> list[tf.Tensor]:
    return [tf.convert_to_tensor(variable) for variable in variables]


def device_kinds() -> set[str]:
    """Of what there is to compute on: CPU, GPU, TPU; starts the devices."""
    return {device.device_type for device in tf.config.list_logical_devices()}


def device_names() -> list[str]:
    return [device.name for device in tf.config.list_logical_devices()]


def has_slow_kernel_gradients() -> bool:
    """Whether convolutions in bfloat16 learn slowly here: by oneDNN, on a CPU."""
    return not device_kinds() & {"GPU", "TPU"}


def batch_normalization(
    inputs, *, gamma, beta, mean, variance, epsilon: float, is_training: bool
):
    """Outputs, and mean and unbiased variance of the batch, by the fused kernel.

    Statistics are float32 whatever the dtype of the images; a `gamma` or `beta` of None
    is none. To the kernel, a volume's slices are images.
    """
    shape = tf.shape(inputs)
    images = inputs
    if inputs.shape.rank == 5:
        images = tf.reshape(inputs, tf.concat([[-1], shape[2:]], axis=0))
    outputs, batch_mean, batch_variance = tf.compat.v1.nn.fused_batch_norm(
        images,
        tf.ones_like(mean) if gamma is None else gamma,
        tf.zeros_like(mean) if beta is None else beta,
        mean=None if is_training else mean,
        variance=None if is_training else variance,
        epsilon=epsilon,
        is_training=is_training,
    )
    if inputs.shape.rank == 5:
        outputs = tf.ensure_shape(tf.reshape(outputs, shape), inputs.shape)
    return outputs, batch_mean, batch_variance


def pad(inputs, sizes: list[tuple[int, int]]) -> tf.Tensor:
    """Zeros before and after each axis, by an operation that others do not take in."""
    # A tensor makes it PadV2, of which grappler keeps its hands off.
    return tf.pad(inputs, sizes, constant_values=tf.zeros((), inputs.dtype))


def in_float32(values) -> tf.Tensor:
    return tf.cast(values, tf.float32)
