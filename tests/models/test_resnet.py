"""ResNets have the official size, PyTorch's padding and float32 logits."""

import keras
import numpy as np
import pytest

from medmnist_tfds.models import resnet10, resnet18, resnet50


@pytest.mark.parametrize(
    ("network", "channels", "classes", "resolution", "parameters"),
    [
        (resnet18, 1, 2, 28, 11_168_706),
        (resnet18, 3, 7, 28, 11_172_423),
        (resnet18, 1, 14, 28, 11_174_862),
        (resnet18, 3, 7, 224, 11_180_103),
        pytest.param(resnet50, 1, 2, 28, 23_503_298, marks=pytest.mark.slow),
        pytest.param(resnet50, 3, 7, 28, 23_514_695, marks=pytest.mark.slow),
        pytest.param(resnet50, 1, 14, 28, 23_527_886, marks=pytest.mark.slow),
        pytest.param(resnet50, 3, 7, 224, 23_522_375, marks=pytest.mark.slow),
    ],
)
def test_networks_have_the_official_number_of_parameters(
    network, channels, classes, resolution, parameters
):
    model = network(classes, channels, resolution)
    assert sum(w.numpy().size for w in model.trainable_weights) == parameters
    assert model.input_shape == (None, 28, 28, channels)
    assert model.output_shape == (None, classes)


@pytest.mark.parametrize("size", [28, 64])
@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (3, 7)])
def test_the_small_resnet_has_one_block_a_stage_of_half_the_filters(
    size, channels, classes
):
    model = resnet10(classes, channels, size)
    assert model.name == f"resnet10_{size}"
    assert model.input_shape == (None, size, size, channels)
    assert model.output_shape == (None, classes)
    parameters, before = 9 * channels * 32 + 2 * 32, 32  # the stem
    for filters in (32, 64, 128, 256):
        parameters += 9 * before * filters + 9 * filters**2 + 2 * 2 * filters
        parameters += (before * filters + 2 * filters) * (before != filters)
        before = filters
    parameters += 256 * classes + classes
    assert sum(w.numpy().size for w in model.trainable_weights) == parameters
    shapes = [model.get_layer(f"layer{n}_0_relu").output.shape[1:] for n in range(1, 5)]
    sides = {28: (28, 14, 7, 4), 64: (64, 32, 16, 8)}[size]
    assert shapes == [(side, side, 32 * 2**n) for n, side in enumerate(sides)]
    images = np.zeros((2, size, size, channels), np.uint8)
    assert np.array(model(images)).dtype == np.float32


def test_bytes_and_floats_give_the_same_logits():
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 3), dtype=np.uint8)
    model = resnet18(5)
    one, other = (np.array(model(x)) for x in (images, images * 1.0))
    np.testing.assert_array_equal(one, other)
    assert one.dtype == np.float32


@pytest.mark.parametrize(("network", "width"), [(resnet18, 1), (resnet50, 4)])
@pytest.mark.parametrize(
    ("resolution", "sizes"), [(28, (28, 14, 7, 4)), (224, (56, 28, 14, 7))]
)
def test_stages_halve_the_picture_as_the_official_network_does(
    network, width, resolution, sizes
):
    model = network(2, 1, resolution)
    shapes = [
        model.get_layer(f"layer{stage}_1_relu").output.shape[1:]
        for stage in range(1, 5)
    ]
    assert shapes == [
        (size, size, 64 * 2**stage * width) for stage, size in enumerate(sizes)
    ]


def test_the_stride_of_a_bottleneck_is_in_its_3x3_convolution():
    model = resnet50(2, 1)
    for stage, stride in enumerate((1, 2, 2, 2), 1):
        layers = [
            model.get_layer(f"layer{stage}_{block}_{part}_conv")
            for block, part in ((0, 1), (0, 2), (0, 3), (0, "shortcut"), (1, 2))
        ]
        assert [(layer.kernel_size[0], layer.strides[0]) for layer in layers] == [
            (1, 1), (3, stride), (1, 1), (1, stride), (3, 1)
        ]  # fmt: skip


def test_at_224_an_image_is_enlarged_by_repeating_each_pixel_eight_times():
    model = resnet50(2, 1, 224)
    enlarged = keras.Model(model.input, model.get_layer("enlarge").output)
    image = np.arange(784, dtype=np.float32).reshape(1, 28, 28, 1) % 256
    found = np.array(enlarged(image))[0, :, :, 0]
    expected = np.kron(image[0, :, :, 0] / 127.5 - 1, np.ones((8, 8)))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("network", "part"), [(resnet18, 1), (resnet50, 2)])
def test_strided_convolutions_are_padded_on_all_four_sides(network, part):
    # Even sizes tell: "same" padding would be (0, 1), PyTorch's padding=1 is (1, 1).
    layer = network(2, 1).get_layer(f"layer2_0_{part}_pad")
    assert layer.padding == ((1, 1), (1, 1))
    assert layer.output.shape[1:3] == (30, 30)


def test_weights_start_as_pytorchs_defaults():
    model = resnet18(2, 3)
    kernel = model.get_layer("layer3_1_2_conv").kernel.numpy()  # fan-in 9 * 256
    assert abs(kernel).max() <= (1 / 2304) ** 0.5
    assert kernel.std() == pytest.approx((1 / 2304 / 3) ** 0.5, rel=0.02)
    bias = model.get_layer("linear").bias.numpy()
    assert 0 < abs(bias).max() <= 512**-0.5


@pytest.mark.parametrize("network", [resnet18, resnet50])
def test_logits_are_float32_under_mixed_precision(network):
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = network(3)
    finally:
        keras.mixed_precision.set_global_policy(before)
    assert model.output.dtype == "float32"
    assert model.get_layer("layer1_0_1_conv").compute_dtype == "bfloat16"


@pytest.mark.parametrize("network", [resnet18, resnet50])
def test_another_resolution_is_refused(network):
    with pytest.raises(ValueError, match="is 64. Expected 28, or 224.*Pass size=64"):
        network(2, 1, 64)


@pytest.mark.parametrize("network", [resnet18, resnet50])
@pytest.mark.parametrize("size", [32, 64])
def test_images_of_their_own_size_are_not_enlarged(network, size):
    model = network(2, 1, size=size)
    assert model.input_shape == (None, size, size, 1)
    assert model.get_layer("stem_conv").kernel_size == (7, 7)
    assert model.get_layer("stem_pool").output.shape[1:] == (size // 4, size // 4, 64)
    assert model.name == f"{network.__name__}_native_{size}"


@pytest.mark.parametrize("network", [resnet18, resnet50])
def test_larger_images_are_not_enlarged_to_224(network):
    with pytest.raises(ValueError, match="resolution is 224, for images of size 64"):
        network(2, 1, 224, size=64)


@pytest.mark.parametrize("network", [resnet18, resnet50])
@pytest.mark.parametrize("size", [27, 31])
def test_images_that_are_too_small_are_refused(network, size):
    with pytest.raises(ValueError, match=f"size is {size}. Expected 28, or 32"):
        network(2, 1, size=size)
