"""ResNet-18 has the official size, PyTorch's padding and float32 logits."""

import keras
import numpy as np
import pytest

from medmnist_tfds.models import resnet18


@pytest.mark.parametrize(
    ("channels", "classes", "resolution", "parameters"),
    [
        (1, 2, 28, 11_168_706),
        (3, 7, 28, 11_172_423),
        (1, 14, 28, 11_174_862),
        (3, 7, 224, 11_180_103),
    ],
)
def test_resnet18_has_the_official_number_of_parameters(
    channels, classes, resolution, parameters
):
    model = resnet18(classes, channels, resolution)
    assert sum(w.numpy().size for w in model.trainable_weights) == parameters
    assert model.input_shape == (None, 28, 28, channels)
    assert model.output_shape == (None, classes)


def test_bytes_and_floats_give_the_same_logits():
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 3), dtype=np.uint8)
    model = resnet18(5)
    one, other = (keras.ops.convert_to_numpy(model(x)) for x in (images, images * 1.0))
    np.testing.assert_array_equal(one, other)
    assert one.dtype == np.float32


def test_stages_halve_the_picture_as_the_official_network_does():
    model = resnet18(2, 1)
    shapes = [
        model.get_layer(f"layer{stage}_1_relu").output.shape for stage in range(1, 5)
    ]
    assert [shape[1:] for shape in shapes] == [
        (28, 28, 64), (14, 14, 128), (7, 7, 256), (4, 4, 512)
    ]  # fmt: skip


def test_strided_convolutions_are_padded_on_all_four_sides():
    # Even sizes tell: "same" padding would be (0, 1), PyTorch's padding=1 is (1, 1).
    layer = resnet18(2, 1).get_layer("layer2_0_1_pad")
    assert layer.padding == ((1, 1), (1, 1))
    assert layer.output.shape[1:3] == (30, 30)


def test_weights_start_as_pytorchs_defaults():
    model = resnet18(2, 3)
    kernel = model.get_layer("layer3_1_2_conv").kernel.numpy()  # fan-in 9 * 256
    assert abs(kernel).max() <= (1 / 2304) ** 0.5
    assert kernel.std() == pytest.approx((1 / 2304 / 3) ** 0.5, rel=0.02)
    bias = model.get_layer("linear").bias.numpy()
    assert 0 < abs(bias).max() <= 512**-0.5


def test_logits_are_float32_under_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = resnet18(3)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.output.dtype == "float32"
    assert model.get_layer("layer1_0_1_conv").compute_dtype == "bfloat16"


def test_another_resolution_is_refused():
    with pytest.raises(ValueError, match="resolution is 64. Expected 28, or 224"):
        resnet18(2, 1, 64)
