"""Zero padding of volumes whose training step TensorFlow can still optimize.

Its graph optimizer takes a padding into the Conv3D behind it, and gives the whole step
up, with an error on the terminal, where the gradient needs the padded volume as well
(seen in 2.15 and 2.21). Never changes what is saved: the configuration is that of
`keras.layers.ZeroPadding3D`.
"""

import keras

from medmnist_tfds.models import compat


@keras.saving.register_keras_serializable("medmnist_tfds")
class SeparateZeroPadding3D(keras.layers.ZeroPadding3D):
    """Pads (batch, d, h, w, channels), by an operation of its own in training too."""

    def call(self, inputs):
        return compat.pad(inputs, [(0, 0), *self.padding, (0, 0)])
