"""Models of Keras' own layers only, which load where this package is not installed."""

import keras

from medmnist_tfds.models import convolution, normalization

_KERAS = {
    convolution.MatmulGradientConv2D: keras.layers.Conv2D,
    normalization.FusedBatchNormalization: keras.layers.BatchNormalization,
}


def copy(model: keras.Model) -> keras.Model:
    """A copy of a functional model with Keras' own layers in place of ours."""

    def own(layer: keras.layers.Layer) -> keras.layers.Layer:
        return _KERAS.get(type(layer), type(layer)).from_config(layer.get_config())

    plain = keras.models.clone_model(model, clone_function=own)
    plain.set_weights(model.get_weights())
    return plain
