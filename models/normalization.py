"""BatchNormalization by TensorFlow's fused kernel: same numbers, less time.

Keras 3 composes its BatchNormalization of small operations, which on TensorFlow costs
up to half of a training step in bfloat16. Never changes what is saved: the weights and
the configuration are those of `keras.layers.BatchNormalization`.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("medmnist_tfds")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Normalizes (batch, h, w, channels) over all but the channels, in one operation.

    As in PyTorch, the moving variance is fed with the unbiased variance of the batch.
    Statistics are of one replica's part of the batch; `XLAModel` averages the moving
    ones over replicas.
    """

    def call(self, inputs, training=None):
        is_training = bool(training) and self.trainable
        read = keras.ops.convert_to_tensor
        mean, variance = read(self.moving_mean), read(self.moving_variance)
        outputs, batch_mean, batch_variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            read(self.gamma),
            read(self.beta),
            mean=None if is_training else mean,
            variance=None if is_training else variance,
            epsilon=self.epsilon,
            is_training=is_training,
        )
        if is_training:
            keep = self.momentum
            self.moving_mean.assign(mean * keep + batch_mean * (1 - keep))
            self.moving_variance.assign(variance * keep + batch_variance * (1 - keep))
        return outputs
