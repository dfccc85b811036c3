"""BatchNormalization by TensorFlow's fused kernel: same numbers, less time.

Keras 3 composes its BatchNormalization of small operations, which on TensorFlow costs
up to half of a training step in bfloat16. Never changes what is saved: the weights and
the configuration are those of `keras.layers.BatchNormalization`.
"""

import keras

from medmnist_tfds.models import compat


@keras.saving.register_keras_serializable("medmnist_tfds")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Normalizes images or volumes over all but the channels, in one operation.

    (batch, h, w, channels) or (batch, d, h, w, channels).

    As in PyTorch, the moving variance is fed with the unbiased variance of the batch.
    Statistics are of one replica's part of the batch; `XLAModel` averages the moving
    ones over replicas.

    Raises:
      ValueError: inputs that are neither, channels that are not last, a mask, `renorm`
        or `synchronized`: the fused kernel knows none of them.
    """

    def build(self, input_shape):
        renorm = getattr(self, "renorm", False)  # older Keras does not have it
        axis = self.axis if isinstance(self.axis, int) else self.axis[0]
        rank = len(input_shape)
        is_known = rank in (4, 5) and axis in (-1, rank - 1)
        if not is_known or renorm or self.synchronized:
            raise ValueError(
                f"{self.name} got inputs of shape {input_shape}, axis={self.axis}, "
                f"renorm={renorm}, synchronized={self.synchronized}. Expected shape "
                "(batch, h, w, channels) or (batch, d, h, w, channels), axis=-1, and "
                "both of the others False. Use keras.layers.BatchNormalization here."
            )
        super().build(input_shape)

    def call(self, inputs, training=None, mask=None):
        if mask is not None:
            raise ValueError(
                f"{self.name} got a mask. Expected none. Use "
                "keras.layers.BatchNormalization here."
            )
        is_training = bool(training) and self.trainable
        read = compat.in_float32
        mean, variance = read(self.moving_mean), read(self.moving_variance)
        outputs, batch_mean, batch_variance = compat.batch_normalization(
            inputs,
            gamma=read(self.gamma) if self.scale else None,
            beta=read(self.beta) if self.center else None,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=is_training,
        )
        if is_training:
            keep = self.momentum
            self.moving_mean.assign(mean * keep + batch_mean * (1 - keep))
            self.moving_variance.assign(variance * keep + batch_variance * (1 - keep))
        return outputs
