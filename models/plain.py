"""Copies of a model with other kinds of layers, of the same weights and names.

`copy` takes Keras' own layers for ours: what it returns loads where this package is not
installed. Never changes a weight.
"""

from collections.abc import Callable, Iterator, Mapping

import keras

from medmnist_tfds.models import convolution, normalization, padding

_KERAS = {
    convolution.MatmulGradientConv2D: keras.layers.Conv2D,
    normalization.FusedBatchNormalization: keras.layers.BatchNormalization,
    padding.SeparateZeroPadding3D: keras.layers.ZeroPadding3D,
}


def copy(model: keras.Model, kinds: Mapping[type, type] = _KERAS) -> keras.Model:
    """A copy of a functional model, of nested ones too, with the layers of `kinds`."""

    def changed(layer: keras.layers.Layer) -> keras.layers.Layer:
        kind = kinds.get(type(layer), type(layer))
        return kind.from_config(layer.get_config())

    return clone(model, changed)


def layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a functional model, and of nested ones in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers(layer)
        else:
            yield layer


def clone(
    model: keras.Model,
    change: Callable[[keras.layers.Layer], keras.layers.Layer],
) -> keras.Model:
    """A copy of a functional model, its layers and those of nested ones changed."""

    def changed(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.Model):
            return clone(layer, change)
        if not isinstance(layer, keras.layers.Layer):  # Keras 3's operation, as a slice
            return type(layer).from_config(layer.get_config())
        return change(layer)

    cloned = keras.models.clone_model(model, clone_function=changed)
    cloned.set_weights(model.get_weights())
    return cloned


def fast_in_bfloat16(model: keras.Model) -> keras.Model:
    """A copy that learns faster on a CPU in bfloat16, by `MatmulGradientConv2D`."""
    return copy(model, {keras.layers.Conv2D: convolution.MatmulGradientConv2D})
