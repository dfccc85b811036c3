"""ResNets as Keras functional models: the paper's two, and a small one.

ResNet-18 and ResNet-50 follow the official MedMNIST networks: PyTorch's padding,
BatchNormalization and initial weights. For images or, by `forms`, for volumes. Knows no
dataset and no task.
"""

import keras

from medmnist_tfds.models import forms, normalization


def resnet18(
    num_classes: int,
    channels: int = 3,
    resolution: int = 28,
    *,
    size: int = 28,
    convolution: str | None = None,
) -> keras.Model:
    """ResNet-18 (He et al., 2016; paper section 3.1), from images to logits.

    Args:
      num_classes: classes, or labels of a multi-label task: width of the logits.
      channels: 1 for grey images, 3 for RGB.
      resolution: 28, or 224 for 28-pixel images enlarged eightfold inside the model.
      size: pixels of the images, which are seen as they are: 28, for which the paper's
        network begins without pooling, or 32 and more, for ImageNet's network.
      convolution: None for images; "2.5d", "3d" or "acs" for volumes, with kernels in
        one plane, in all three axes, or a third of them in each of the three planes.

    Returns:
      A model from uint8 or float images (batch, size, size, channels) in 0..255, or
      volumes (batch, size, size, size, channels), to float32 logits (batch,
      num_classes).

    Raises:
      ValueError: another resolution, size or convolution, or a resolution of 224 of
        what is not an image of 28 pixels.
    """
    _check(resolution, size, convolution)
    return _resnet(
        "resnet18", _basic_block, (2, 2, 2, 2), num_classes, channels,
        resolution=resolution, size=size, convolution=convolution,
    )  # fmt: skip


def resnet50(
    num_classes: int,
    channels: int = 3,
    resolution: int = 28,
    *,
    size: int = 28,
    convolution: str | None = None,
) -> keras.Model:
    """ResNet-50, with the stride in the 3x3 convolutions; otherwise as `resnet18`.

    Args:
      num_classes: classes, or labels of a multi-label task: width of the logits.
      channels: 1 for grey images, 3 for RGB.
      resolution: 28, or 224 for 28-pixel images enlarged eightfold inside the model.
      size: pixels of the images, which are seen as they are.
      convolution: None for images; "2.5d", "3d" or "acs" for volumes.

    Returns:
      As `resnet18`.
    """
    _check(resolution, size, convolution)
    return _resnet(
        "resnet50", _bottleneck, (3, 4, 6, 3), num_classes, channels,
        resolution=resolution, size=size, convolution=convolution,
    )  # fmt: skip


def resnet10(
    num_classes: int,
    channels: int = 3,
    size: int = 28,
    *,
    convolution: str | None = None,
) -> keras.Model:
    """One block in each stage, and half as many filters as ResNet-18 has.

    An eighth of its arithmetic; the network of the recipe `fast`.

    Args:
      num_classes: classes, or labels of a multi-label task: width of the logits.
      channels: 1 for grey images, 3 for RGB.
      convolution: None for images; "2.5d", "3d" or "acs" for volumes.
      size: pixels of the images, which are seen as they are.

    Returns:
      As `resnet18`, from images (batch, size, size, channels) or volumes.
    """
    form = forms.form(convolution)
    inputs, x = _rescaled(form, size, channels)
    x = _small_stem(x, form, filters=32)
    x = _stages(x, form, _basic_block, (1, 1, 1, 1), filters=32)
    name = "_".join(filter(None, ["resnet10", convolution, str(size)]))
    return _classify(x, form, num_classes, inputs=inputs, name=name)


def _check(resolution: int, size: int, convolution: str | None) -> None:
    if resolution not in (28, 224):
        raise ValueError(
            f"resolution is {resolution}. Expected 28, or 224 for 28-pixel images that "
            f"are enlarged. Pass size={resolution} for images of {resolution} pixels."
        )
    if resolution == 224 and (size != 28 or convolution):
        what = "images" if convolution is None else "volumes"
        raise ValueError(
            f"resolution is 224, for {what} of size {size}. Expected 224 for images of "
            f"size 28 only, which are enlarged. Leave it out: {what} of another kind "
            "are seen as they are."
        )
    if size != 28 and size < 32:
        raise ValueError(
            f"size is {size}. Expected 28, or 32 and more, which are halved five "
            "times. Enlarge what is smaller."
        )


def _resnet(
    name, block, depths, num_classes, channels, *, resolution, size, convolution
) -> keras.Model:
    form = forms.form(convolution)
    inputs, x = _rescaled(form, size, channels)
    if resolution == 224:
        x = keras.layers.UpSampling2D(8, interpolation="nearest", name="enlarge")(x)
    is_small = (resolution, size) == (28, 28)
    x = _small_stem(x, form, filters=64) if is_small else _large_stem(x, form)
    x = _stages(x, form, block, depths, filters=64)
    kind, pixels = convolution or "native", size
    if convolution is None and size == 28:  # the paper's
        kind, pixels = None, resolution
    name = "_".join(filter(None, [name, kind, str(pixels)]))
    return _classify(x, form, num_classes, inputs=inputs, name=name)


def _rescaled(form: forms.Form, size: int, channels: int) -> tuple:
    """An input of bytes, and its values in -1..1 (images) or 0..1 (volumes)."""
    inputs = keras.Input(form.shape(size, channels), name="image")
    scale, offset = form.rescaling
    return inputs, keras.layers.Rescaling(scale, offset=offset, name="rescale")(inputs)


def _stages(x, form: forms.Form, block, depths, *, filters: int):
    """Each stage but the first halves the sides, and has twice the filters."""
    for stage, depth in enumerate(depths, 1):
        for number in range(depth):
            x = block(
                x,
                form,
                filters=filters * 2 ** (stage - 1),
                stride=2 if stage > 1 and number == 0 else 1,
                name=f"layer{stage}_{number}",
            )
    return x


def _classify(x, form, num_classes: int, *, inputs, name: str) -> keras.Model:
    x = form.mean(name="pool")(x)
    # float32 under every precision policy: rounded scores tie, and ties move AUC.
    logits = _linear(num_classes, inputs=x.shape[-1], name="linear")(x)
    return keras.Model(inputs, logits, name=name)


def _small_stem(x, form: forms.Form, *, filters: int):
    """(batch, ..., channels) -> (batch, ..., filters)."""
    x = conv_bn(x, form, filters=filters, size=3, stride=1, name="stem")
    return keras.layers.ReLU(name="stem_relu")(x)


def _large_stem(x, form: forms.Form):
    """(batch, ..., channels) -> (batch, ..., 64), a quarter of each side."""
    x = conv_bn(x, form, filters=64, size=7, stride=2, name="stem")
    x = keras.layers.ReLU(name="stem_relu")(x)
    return forms.pool(x, form, name="stem")


def _basic_block(x, form: forms.Form, *, filters: int, stride: int, name: str):
    """(batch, ..., c) -> (batch, ..., filters), each side s: ceil(s / stride)."""
    shortcut = _shortcut(x, form, filters=filters, stride=stride, name=name)
    x = conv_bn(x, form, filters=filters, size=3, stride=stride, name=f"{name}_1")
    x = keras.layers.ReLU(name=f"{name}_1_relu")(x)
    x = conv_bn(x, form, filters=filters, size=3, stride=1, name=f"{name}_2")
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _bottleneck(x, form: forms.Form, *, filters: int, stride: int, name: str):
    """(batch, ..., c) -> (batch, ..., 4 * filters), each side s: ceil(s / stride)."""
    shortcut = _shortcut(x, form, filters=4 * filters, stride=stride, name=name)
    x = conv_bn(x, form, filters=filters, size=1, stride=1, name=f"{name}_1")
    x = keras.layers.ReLU(name=f"{name}_1_relu")(x)
    x = conv_bn(x, form, filters=filters, size=3, stride=stride, name=f"{name}_2")
    x = keras.layers.ReLU(name=f"{name}_2_relu")(x)
    x = conv_bn(x, form, filters=4 * filters, size=1, stride=1, name=f"{name}_3")
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _shortcut(x, form: forms.Form, *, filters: int, stride: int, name: str):
    if stride == 1 and x.shape[-1] == filters:
        return x
    return conv_bn(
        x, form, filters=filters, size=1, stride=stride, name=f"{name}_shortcut"
    )


def conv_bn(x, form: forms.Form, *, filters: int, size: int, stride: int, name: str):
    """(batch, ..., c) -> (batch, ..., filters), each side s: ceil(s / stride)."""
    x = forms.convolve(x, form, filters=filters, size=size, stride=stride, name=name)
    return normalization.FusedBatchNormalization(
        momentum=0.9, epsilon=1e-5, name=f"{name}_bn"
    )(x)


def _linear(units: int, *, inputs: int, name: str) -> keras.layers.Dense:
    bound = inputs**-0.5
    return keras.layers.Dense(
        units,
        kernel_initializer=keras.initializers.VarianceScaling(**forms.INITIALIZER),
        bias_initializer=keras.initializers.RandomUniform(-bound, bound),
        dtype="float32",
        name=name,
    )
