"""ResNets as Keras functional models: the paper's two, and a small one.

ResNet-18 and ResNet-50 follow the official MedMNIST networks: PyTorch's padding,
BatchNormalization and initial weights. Knows no dataset and no task.
"""

import keras

from medmnist_tfds.models import normalization

# PyTorch's default for convolutions and linear layers: uniform, +-sqrt(1 / fan_in).
_INITIALIZER = {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}


def resnet18(num_classes: int, channels: int = 3, resolution: int = 28) -> keras.Model:
    """ResNet-18 (He et al., 2016; paper section 3.1), from images to logits.

    Args:
      num_classes: classes, or labels of a multi-label task: width of the logits.
      channels: 1 for grey images, 3 for RGB.
      resolution: 28, or 224 for 28-pixel images enlarged eightfold inside the model.

    Returns:
      A model from uint8 or float images (batch, 28, 28, channels) in 0..255 to float32
      logits (batch, num_classes).

    Raises:
      ValueError: another resolution.
    """
    return _resnet(
        "resnet18", _basic_block, (2, 2, 2, 2), num_classes, channels, resolution
    )


def resnet50(num_classes: int, channels: int = 3, resolution: int = 28) -> keras.Model:
    """ResNet-50, with the stride in the 3x3 convolutions; otherwise as `resnet18`."""
    return _resnet(
        "resnet50", _bottleneck, (3, 4, 6, 3), num_classes, channels, resolution
    )


def resnet10(num_classes: int, channels: int = 3, size: int = 28) -> keras.Model:
    """One block in each stage, and half as many filters as ResNet-18 has.

    An eighth of its arithmetic; the network of the recipe `fast`.

    Args:
      num_classes, channels: as for `resnet18`.
      size: pixels of the images, which are seen as they are.

    Returns:
      As `resnet18`, from images (batch, size, size, channels).
    """
    inputs = keras.Input((size, size, channels), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(inputs)
    x = _stages(_small_stem(x, filters=32), _basic_block, (1, 1, 1, 1), filters=32)
    return _classify(x, num_classes, inputs=inputs, name=f"resnet10_{size}")


def _resnet(name, block, depths, num_classes, channels, resolution) -> keras.Model:
    if resolution not in (28, 224):
        raise ValueError(
            f"resolution is {resolution}. Expected 28, or 224 for enlarged images."
        )
    inputs = keras.Input((28, 28, channels), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(inputs)
    x = _small_stem(x, filters=64) if resolution == 28 else _large_stem(x)
    x = _stages(x, block, depths, filters=64)
    return _classify(x, num_classes, inputs=inputs, name=f"{name}_{resolution}")


def _stages(x, block, depths, *, filters: int):
    """Each stage but the first halves the image, and has twice the filters."""
    for stage, depth in enumerate(depths, 1):
        for number in range(depth):
            x = block(
                x,
                filters=filters * 2 ** (stage - 1),
                stride=2 if stage > 1 and number == 0 else 1,
                name=f"layer{stage}_{number}",
            )
    return x


def _classify(x, num_classes: int, *, inputs, name: str) -> keras.Model:
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    # float32 under every precision policy: rounded scores tie, and ties move AUC.
    logits = _linear(num_classes, inputs=x.shape[-1], name="linear")(x)
    return keras.Model(inputs, logits, name=name)


def _small_stem(x, *, filters: int):
    """(batch, h, w, channels) -> (batch, h, w, filters)."""
    x = conv_bn(x, filters=filters, size=3, stride=1, name="stem")
    return keras.layers.ReLU(name="stem_relu")(x)


def _large_stem(x):
    """(batch, 28, 28, channels) -> (batch, 56, 56, 64), at 224 pixels in between."""
    x = keras.layers.UpSampling2D(8, interpolation="nearest", name="enlarge")(x)
    x = conv_bn(x, filters=64, size=7, stride=2, name="stem")
    x = keras.layers.ReLU(name="stem_relu")(x)
    # After ReLU a zero border never wins, as PyTorch's -infinity border never does.
    x = keras.layers.ZeroPadding2D(1, name="stem_pad_pool")(x)
    return keras.layers.MaxPooling2D(3, 2, name="stem_pool")(x)


def _basic_block(x, *, filters: int, stride: int, name: str):
    """(batch, h, w, c) -> (batch, ceil(h / stride), ceil(w / stride), filters)."""
    shortcut = _shortcut(x, filters=filters, stride=stride, name=name)
    x = conv_bn(x, filters=filters, size=3, stride=stride, name=f"{name}_1")
    x = keras.layers.ReLU(name=f"{name}_1_relu")(x)
    x = conv_bn(x, filters=filters, size=3, stride=1, name=f"{name}_2")
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _bottleneck(x, *, filters: int, stride: int, name: str):
    """(batch, h, w, c) -> (batch, ceil(h / stride), ceil(w / stride), 4 * filters)."""
    shortcut = _shortcut(x, filters=4 * filters, stride=stride, name=name)
    x = conv_bn(x, filters=filters, size=1, stride=1, name=f"{name}_1")
    x = keras.layers.ReLU(name=f"{name}_1_relu")(x)
    x = conv_bn(x, filters=filters, size=3, stride=stride, name=f"{name}_2")
    x = keras.layers.ReLU(name=f"{name}_2_relu")(x)
    x = conv_bn(x, filters=4 * filters, size=1, stride=1, name=f"{name}_3")
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _shortcut(x, *, filters: int, stride: int, name: str):
    if stride == 1 and x.shape[-1] == filters:
        return x
    return conv_bn(x, filters=filters, size=1, stride=stride, name=f"{name}_shortcut")


def conv_bn(x, *, filters: int, size: int, stride: int, name: str):
    """(batch, h, w, c) -> (batch, ceil(h / stride), ceil(w / stride), filters)."""
    padding = "same"
    if stride > 1 and size > 1:
        # "same" would pad the right and the bottom only; PyTorch pads all four sides.
        x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
        padding = "valid"
    x = keras.layers.Conv2D(
        filters,
        size,
        stride,
        padding,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(**_INITIALIZER),
        name=f"{name}_conv",
    )(x)
    return normalization.FusedBatchNormalization(
        momentum=0.9, epsilon=1e-5, name=f"{name}_bn"
    )(x)


def _linear(units: int, *, inputs: int, name: str) -> keras.layers.Dense:
    bound = inputs**-0.5
    return keras.layers.Dense(
        units,
        kernel_initializer=keras.initializers.VarianceScaling(**_INITIALIZER),
        bias_initializer=keras.initializers.RandomUniform(-bound, bound),
        dtype="float32",
        name=name,
    )
