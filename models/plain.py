"""Models of Keras' own layers only, which load where this package is not installed.

Never changes a weight.
"""

import keras

from medmnist_tfds.models import convolution, normalization

_KERAS = {
    convolution.MatmulGradientConv2D: keras.layers.Conv2D,
    normalization.FusedBatchNormalization: keras.layers.BatchNormalization,
}


def copy(model: keras.Model) -> keras.Model:
    """A copy of a functional model, nested ones too, with Keras' layers for ours."""

    def own(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.Model):
            return copy(layer)
        return _KERAS.get(type(layer), type(layer)).from_config(layer.get_config())

    plain = keras.models.clone_model(model, clone_function=own)
    plain.set_weights(model.get_weights())
    return plain
