"""Conv2D that learns faster in bfloat16 on a CPU: same numbers, less time.

oneDNN's gradient of the kernel is slow for small images there: at 4x4 pixels it takes
twice as long as the same numbers by matrix products, with strides up to 17 times. A run
takes it in only there, by `plain.fast_in_bfloat16`. Never changes what is saved: the
weights and the configuration are those of `keras.layers.Conv2D`.
"""

import keras
import tensorflow as tf

from medmnist_tfds.models import compat

_PIXELS = 64  # of an output image, up to which matrix products were measured as faster


@keras.saving.register_keras_serializable("medmnist_tfds")
class MatmulGradientConv2D(keras.layers.Conv2D):
    """Convolves (batch, h, w, channels); its kernel's gradient may be matrix products.

    They are used in training in bfloat16 without a GPU or TPU, if kernel and stride are
    square and the outputs of at most 64 pixels. All else is left to Keras: groups,
    dilation, channels first, and the padding "same" with a stride.
    """

    def call(self, inputs, training=None):
        if not training or not self._is_faster(inputs.shape):
            return super().call(inputs)
        kernel = tf.convert_to_tensor(self.kernel)
        outputs = _convolve(inputs, kernel, self.strides[0], self.padding.upper())
        if self.use_bias:
            outputs += tf.convert_to_tensor(self.bias)
        return self.activation(outputs)

    def _is_faster(self, input_shape) -> bool:
        (size, width), (stride, across) = self.kernel_size, self.strides
        options = self.data_format, self.groups, *self.dilation_rate
        is_plain = options == ("channels_last", 1, 1, 1)
        is_square = size == width and stride == across
        # "same" with a stride pads by the size of the image.
        is_fixed = self.padding == "valid" or 1 in (size, stride)
        if not (is_plain and is_square and is_fixed):
            return False
        if self.compute_dtype != "bfloat16" or not compat.has_slow_kernel_gradients():
            return False
        rows, columns = self.compute_output_shape(input_shape)[1:3]
        return None not in (rows, columns) and rows * columns <= _PIXELS


def _convolve(images, kernel, stride: int, padding: str):
    @tf.custom_gradient
    def convolve(images, kernel):
        outputs = tf.nn.conv2d(images, kernel, stride, padding)

        def gradients(upstream):
            upstream = tf.ensure_shape(upstream, outputs.shape)
            to_images = tf.nn.conv2d_transpose(
                upstream, kernel, tf.shape(images), stride, padding
            )
            to_kernel = _kernel_gradient(
                images, upstream, kernel.shape, stride, padding
            )
            return to_images, to_kernel

        return outputs, gradients

    return convolve(images, kernel)


def _kernel_gradient(images, upstream, shape, stride: int, padding: str):
    """For each place in the kernel, the images under it times what came from above."""
    size, _, channels, filters = shape
    height, width = upstream.shape[1:3]
    before = (size - 1) // 2 if padding == "SAME" else 0
    # From the first pixel that the kernel touches to the last, in whole strides.
    rows, columns = (side + (size - 1) // stride for side in (height, width))
    images = images[:, : rows * stride - before, : columns * stride - before]
    after_rows = rows * stride - before - images.shape[1]
    after_columns = columns * stride - before - images.shape[2]
    images = tf.pad(
        images, [[0, 0], [before, after_rows], [before, after_columns], [0, 0]]
    )
    # Pixels that one place of the kernel meets lie a stride apart: put them together.
    if stride > 1:
        images = tf.reshape(images, [-1, rows, stride, columns, stride, channels])
        images = tf.transpose(images, [2, 4, 0, 1, 3, 5])
    else:  # the same, without a copy
        images = images[None, None]
    upstream = tf.reshape(upstream, [-1, filters])
    products = []
    for row in range(size):
        for column in range(size):
            top, left = row // stride, column // stride
            seen = images[row % stride, column % stride]
            seen = seen[:, top : top + height, left : left + width]
            seen = tf.reshape(seen, [-1, channels])
            products.append(tf.matmul(seen, upstream, transpose_a=True))
    return tf.reshape(tf.stack(products), shape)
