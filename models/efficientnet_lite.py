"""EfficientNet-Lite0 from what was learned on ImageNet, to be trained further.

Follows Google's network (Tan and Le, 2019; tensorflow/tpu, efficientnet/lite): no
squeeze-and-excitation, ReLU6, padding as TensorFlow's "same". Its weights, of which the
file beside this one holds those that are used, are under Apache 2.0. Knows no dataset.
"""

import importlib.resources

import keras
import numpy as np

from medmnist_tfds.models import compat, normalization, precision

# Repeats, kernel, stride, expansion and filters of each stage.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_SEEN = 4  # stages, the last ones, whose means over the image are the features
_KEPT = 5  # blocks, the first ones, that are not trained further: three stages
_STEM = 32  # filters
_ENLARGED = 84  # pixels that the network sees
_PREFIX = "efficientnet_"  # of the names of its layers
_WEIGHTS = "efficientnet_lite0.npz"  # float16, by `layer/variable`


def efficientnet(num_classes: int, channels: int = 3, size: int = 28) -> keras.Model:
    """A linear layer on features of EfficientNet-Lite0, with weights from ImageNet.

    The image is enlarged inside the model. The first three stages stay as they are,
    which saves a third of a step; so does normalization: a batch of small images of
    one kind tells little of statistics. float32 under every policy:
    depthwise convolutions take three times as long in bfloat16 on a CPU.

    Args:
      num_classes: classes, or labels of a multi-label task: width of the logits.
      channels: 1 for grey images, 3 for RGB.
      size: pixels of the images.

    Returns:
      A model from uint8 or float images (batch, size, size, channels) in 0..255 to
      float32 logits (batch, num_classes).
    """
    with precision.policy("float32"):
        inputs = keras.Input((size, size, channels), name="image")
        enlarge = keras.layers.Resizing(_ENLARGED, _ENLARGED, name=f"{_PREFIX}enlarge")
        # Keras 3's Resizing means training=True where nobody says, as in an export, and
        # then all layers after it do.
        x = enlarge(inputs, **({} if compat.IS_KERAS_2 else {"training": False}))
        x = keras.layers.Rescaling(1 / 128, offset=-127 / 128, name=f"{_PREFIX}scale")(
            x
        )
        if channels == 1:
            x = keras.layers.Concatenate(name=f"{_PREFIX}rgb")([x, x, x])
        stages = features(x)
        x = keras.layers.Concatenate(name=f"{_PREFIX}features")(stages[-_SEEN:])
        x = keras.layers.BatchNormalization(
            center=False, scale=False, momentum=0.9, name=f"{_PREFIX}standardize"
        )(x)
        x = keras.layers.Dropout(0.2, name=f"{_PREFIX}dropout")(x)
        logits = keras.layers.Dense(
            num_classes, kernel_initializer="zeros", name=f"{_PREFIX}linear"
        )(x)
        model = keras.Model(inputs, logits, name=f"efficientnet_{size}")
    _load(model)
    return model


def features(x) -> list:
    """(batch, h, w, 3) in -1..1 -> the means (batch, filters) of each stage."""
    x = _conv_bn(x, _STEM, 3, 2, name=f"{_PREFIX}stem")
    means, number = [], 0
    for repeats, kernel, stride, expansion, filters in _STAGES:
        for repeat in range(repeats):
            x = _block(
                x,
                filters=filters,
                kernel=kernel,
                stride=stride if repeat == 0 else 1,
                expansion=expansion,
                name=f"{_PREFIX}block{number}",
            )
            number += 1
        mean = keras.layers.GlobalAveragePooling2D(name=f"{_PREFIX}mean{number - 1}")
        means.append(mean(x))
    return means


def _load(model: keras.Model) -> None:
    """Sets the weights from ImageNet, and freezes what is not trained further."""
    first = ("stem", *(f"block{number}" for number in range(_KEPT)))
    kept = tuple(f"{_PREFIX}{part}_" for part in first)
    place = importlib.resources.files("medmnist_tfds.models") / _WEIGHTS
    with place.open("rb") as file, np.load(file, allow_pickle=False) as values:
        known = {key.split("/")[0] for key in values.files}
        for layer in model.layers:
            if layer.name not in known:
                continue  # a new one, or one without weights
            for variable in layer.weights:
                name = compat.path(variable).split("/")[-1]
                name = name.removeprefix("depthwise_")  # as Keras 2 calls its kernel
                value = values[f"{layer.name}/{name}"]
                variable.assign(value.astype(np.float32))
            is_norm = isinstance(layer, keras.layers.BatchNormalization)
            if is_norm or layer.name.startswith(kept):
                layer.trainable = False


def _block(x, *, filters: int, kernel: int, stride: int, expansion: int, name: str):
    """(batch, h, w, c) -> (batch, ceil(h / stride), ceil(w / stride), filters)."""
    inputs, channels = x, x.shape[-1]
    if expansion != 1:
        x = _conv_bn(x, channels * expansion, 1, 1, name=f"{name}_expand")
    x = keras.layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _relu6(_norm(x, f"{name}_depthwise"), f"{name}_depthwise")
    x = keras.layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = _norm(x, f"{name}_project")
    if stride == 1 and channels == filters:
        x = keras.layers.Add(name=f"{name}_add")([x, inputs])
    return x


def _conv_bn(x, filters: int, kernel: int, stride: int, *, name: str):
    x = keras.layers.Conv2D(
        filters, kernel, stride, "same", use_bias=False, name=f"{name}_conv"
    )(x)
    return _relu6(_norm(x, name), name)


def _norm(x, name: str):
    return normalization.FusedBatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)


def _relu6(x, name: str):
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(x)
