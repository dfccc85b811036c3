"""Networks for volumes are the official ones, which package ACSConv makes."""

import keras
import lanes
import numpy as np
import pytest
import tensorflow as tf
import torch_networks
import two_cpus
from torch_networks import images, one_thread, reference, saved  # noqa: F401

from medmnist_tfds.models import (
    FusedBatchNormalization,
    compat,
    forms,
    load_torch_weights,
    plain,
    precision,
    resnet10,
    resnet18,
    resnet50,
)

torch = torch_networks.torch
NETWORKS = {"resnet18": resnet18, "resnet50": resnet50}


def small(convolution: str, policy: str = "float32") -> keras.Model:
    with precision.policy(policy):
        keras.utils.set_random_seed(0)
        return resnet10(3, 1, convolution=convolution)


@pytest.mark.parametrize(
    ("name", "convolution", "parameters"),
    [
        ("resnet18", "2.5d", 11_173_323),
        ("resnet18", "3d", 33_145_419),
        ("resnet18", "acs", 11_173_323),
        pytest.param("resnet50", "2.5d", 23_521_739, marks=pytest.mark.slow),
        pytest.param("resnet50", "3d", 46_157_387, marks=pytest.mark.slow),
        pytest.param("resnet50", "acs", 23_521_739, marks=pytest.mark.slow),
    ],
)
def test_outputs_and_parameters_are_those_of_pytorch(
    name, convolution, parameters, tmp_path
):
    network = reference(name, 11, 1, convolution=convolution)
    ours, batch = NETWORKS[name](11, 1, convolution=convolution), images(1, 2, axes=3)
    load_torch_weights(ours, saved(tmp_path, {"net": network.state_dict()}))
    with torch.no_grad():
        expected = network(batch).numpy()
    assert torch_networks.spread(np.array(ours(batch)), expected) < 1e-4
    counts = [sum(tensor.numel() for tensor in network.parameters())]
    counts.append(sum(weight.numpy().size for weight in ours.trainable_weights))
    assert counts == [parameters, parameters]
    assert ours.name == f"{name}_{convolution}_28"
    assert ours.input_shape == (None, 28, 28, 28, 1)
    assert ours.output_shape == (None, 11)
    assert len({layer.name for layer in ours.layers}) == len(ours.layers)


@pytest.mark.parametrize("convolution", forms.VOLUMES)
def test_large_volumes_have_the_outputs_of_imagenets_network(convolution, tmp_path):
    network = reference("resnet18", 5, 1, size=36, convolution=convolution)
    batch = images(1, 2, size=36, axes=3)
    with torch.no_grad():
        expected = network(batch).numpy()
    ours = resnet18(5, 1, size=36, convolution=convolution)
    load_torch_weights(ours, saved(tmp_path, network.state_dict()))
    assert torch_networks.spread(np.array(ours(batch)), expected) < 1e-4
    assert ours.name == f"resnet18_{convolution}_36"


@pytest.mark.parametrize("convolution", forms.VOLUMES)
@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (1, 1), (1, 2), (7, 2)])
@pytest.mark.parametrize("side", [6, 7])
def test_what_we_are_held_against_is_the_official_package(
    convolution, size, stride, side
):
    pytest.importorskip("acsconv", reason="the official ACSConv is not installed")
    from acsconv import converters

    def layer():
        convolution = torch.nn.Conv2d(2, 8, size, stride, size // 2, bias=False)
        return torch.nn.Sequential(convolution)

    kind = {"2.5d": "Conv2_5dConverter", "3d": "Conv3dConverter", "acs": "ACSConverter"}
    official = getattr(converters, kind[convolution])(layer()).model
    compact = torch_networks.for_volumes(layer(), convolution)
    compact.load_state_dict(official.state_dict())
    x = torch.randn(2, 2, side, side, side)
    torch.testing.assert_close(compact(x), official(x))


@pytest.mark.parametrize(
    ("filters", "split"),
    [(64, (22, 21, 21)), (128, (43, 43, 42)), (9, (3, 3, 3)), (32, (11, 11, 10))],
)
def test_acs_splits_filters_over_three_planes(filters, split):
    inputs, form = keras.Input((6, 6, 6, 2)), forms.form("acs")
    model = keras.Model(
        inputs,
        forms.convolve(inputs, form, filters=filters, size=3, stride=1, name="x"),
    )
    kernels = {
        plane: tuple(model.get_layer(f"x_conv_{plane}").kernel.shape)
        for plane in ("axial", "coronal", "sagittal")
    }
    assert kernels == {
        "axial": (1, 3, 3, 2, split[0]),
        "coronal": (3, 1, 3, 2, split[1]),
        "sagittal": (3, 3, 1, 2, split[2]),
    }


def test_a_pixels_neighbours_are_those_of_the_three_planes():
    inputs, form = keras.Input((5, 5, 5, 1)), forms.form("acs")
    outputs = forms.convolve(inputs, form, filters=3, size=3, stride=1, name="x")
    model = keras.Model(inputs, outputs)
    model.set_weights([np.ones(w.shape) for w in model.get_weights()])
    point = np.zeros((1, 5, 5, 5, 1), np.float32)
    point[:, 2, 2, 2] = 1
    axial, coronal, sagittal = np.moveaxis(np.array(model(point))[0], -1, 0)
    assert axial[2, 1:4, 1:4].sum() == axial.sum() == 9
    assert coronal[1:4, 2, 1:4].sum() == coronal.sum() == 9
    assert sagittal[1:4, 1:4, 2].sum() == sagittal.sum() == 9


def test_volumes_are_seen_from_0_to_1_and_bytes_as_floats():
    model = small("acs")
    seen = keras.Model(model.input, model.get_layer("rescale").output)
    bytes_ = np.full((1, 28, 28, 28, 1), 51, np.uint8)
    np.testing.assert_allclose(np.array(seen(bytes_)), 0.2, rtol=1e-6)
    batch = images(1, axes=3)
    one, other = (np.array(model(x)) for x in (batch, batch.astype("float32")))
    np.testing.assert_array_equal(one, other)
    assert one.dtype == np.float32


def test_kernels_of_3d_start_as_one_of_2d_over_and_over():
    """The official script gives them so, divided by the depth."""
    model = resnet18(2, 1, convolution="3d")
    kernel = model.get_layer("layer3_1_2_conv").kernel.numpy()
    np.testing.assert_array_equal(kernel[0], kernel[1])
    np.testing.assert_array_equal(kernel[0], kernel[2])
    limit = (1 / 2304) ** 0.5 / 3  # of a kernel for images: fan-in 9 * 256
    assert 0.99 * limit < abs(kernel).max() <= limit * (1 + 1e-6)
    assert kernel.std() == pytest.approx(limit / 3**0.5, rel=0.02)


@pytest.mark.parametrize("convolution", ["2.5d", "acs"])
def test_flat_kernels_start_as_those_for_images(convolution):
    model = resnet18(2, 1, convolution=convolution)
    part = "_sagittal" if convolution == "acs" else ""
    kernel = model.get_layer(f"layer3_1_2_conv{part}").kernel.numpy()
    assert abs(kernel).max() <= (1 / 2304) ** 0.5
    assert kernel.std() == pytest.approx((1 / 2304 / 3) ** 0.5, rel=0.02)


@pytest.mark.parametrize(
    ("convolution", "policy"),
    [("2.5d", "float32"), ("3d", "float32"), ("acs", "mixed_bfloat16")],
)
def test_a_network_is_the_same_after_saving_and_loading(convolution, policy, tmp_path):
    model, batch = small(convolution, policy), images(1, axes=3)
    inputs = keras.Input(model.input_shape[1:])
    nested, path = keras.Model(inputs, model(inputs)), tmp_path / "nested.keras"
    nested.save(path)
    expected = np.array(model(batch))
    loaded = keras.models.load_model(path)
    np.testing.assert_array_equal(np.array(loaded(batch)), expected)
    assert loaded.layers[-1].name == f"resnet10_{convolution}_28"


@pytest.mark.parametrize("convolution", forms.VOLUMES)
def test_a_plain_copy_has_keras_layers_only(convolution):
    model, batch = small(convolution), images(1, axes=3)
    copy = plain.copy(model)
    assert all(type(layer).__module__.startswith("keras") for layer in copy.layers)
    assert torch_networks.spread(np.array(copy(batch)), np.array(model(batch))) < 1e-4


@pytest.mark.parametrize("convolution", forms.VOLUMES)
def test_mixed_precision_has_nearly_the_same_logits_in_float32(convolution):
    mixed, full = small(convolution, "mixed_bfloat16"), small(convolution)
    batch = images(1, axes=3)
    logits = np.array(mixed(batch))
    assert logits.dtype == np.float32
    assert mixed.layers[-3].compute_dtype == "bfloat16"
    # Not of their spread: an untrained network hardly tells volumes apart.
    expected = np.array(full(batch))
    assert 0 < np.abs(logits - expected).max() < 0.1 * np.abs(expected).max()


def halved(convolution: str) -> keras.Model:
    """A strided convolution of volumes (6, 6, 6, 2) after a ReLU, and its mean."""
    keras.utils.set_random_seed(0)
    inputs, form = keras.Input((6, 6, 6, 2)), forms.form(convolution)
    x = keras.layers.ReLU()(inputs)
    x = forms.convolve(x, form, filters=5, size=3, stride=2, name="halved")
    return keras.Model(inputs, FusedBatchNormalization(name="bn")(x))


@lanes.needs_tensorflow("the other computes by XLA anyway")
@pytest.mark.parametrize("convolution", forms.VOLUMES)
def test_xla_computes_the_same_gradients(convolution, capfd):
    batch = np.random.default_rng(0).normal(size=(3, 6, 6, 6, 2)).astype("float32")
    found = []
    for xla in (False, True):
        model = halved(convolution)
        variables = [compat.tf_variable(v) for v in model.trainable_variables]

        @tf.function(jit_compile=xla)
        def gradients(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(model(x, training=True) ** 3)  # noqa: B023
            return tape.gradient(loss, [x, *variables])  # noqa: B023

        found.append([value.numpy() for value in gradients(tf.constant(batch))])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4 * np.abs(other).max())
    # As Keras' own padding before a Conv3D makes TensorFlow say.
    assert "remapper failed" not in capfd.readouterr().err


REPLICAS = """
import keras
from medmnist_tfds import train
from medmnist_tfds.models import resnet10

volumes = np.random.default_rng(0).integers(0, 256, (8, 28, 28, 28, 1), np.uint8)
batches = tf.data.Dataset.from_tensor_slices((volumes, np.arange(8) % 3))
batches = batches.batch(4, drop_remainder=True)
keras.utils.set_random_seed(0)
with strategy.scope():
    model = train.XLAModel.from_functional(resnet10(3, 1, convolution="acs"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss, jit_compile=False)
result = model.fit(batches, epochs=3, verbose=0).history["loss"]
"""


@pytest.mark.slow
@lanes.needs_tensorflow("replicas of tf.distribute")
def test_two_replicas_train():
    losses = two_cpus.result_of(REPLICAS)
    assert 0 < losses[-1] < losses[0]


@pytest.mark.parametrize("network", [resnet10, resnet18, resnet50])
def test_another_convolution_is_refused(network):
    with pytest.raises(ValueError, match="convolution is '2d'. Expected one of 2.5d"):
        network(2, 1, convolution="2d")


@pytest.mark.parametrize("network", [resnet18, resnet50])
def test_volumes_are_not_enlarged(network):
    with pytest.raises(ValueError, match="resolution is 224, for volumes of size 28"):
        network(2, 1, 224, convolution="acs")


def test_weights_of_another_form_are_refused(tmp_path):
    states = {
        convolution: saved(
            tmp_path, reference(convolution=convolution).state_dict()
        ).rename(tmp_path / f"{convolution}.pth")
        for convolution in ("3d", "acs")
    }
    flat, deep = r"\(3, 3, 3, 64\)", r"\(3, 3, 3, 3, 64\)"
    with pytest.raises(ValueError, match=f"conv1.weight is {deep}, expected {flat}"):
        load_torch_weights(resnet18(5, convolution="acs"), states["3d"])
    with pytest.raises(ValueError, match=f"conv1.weight is {flat}, expected {deep}"):
        load_torch_weights(resnet18(5, convolution="3d"), states["acs"])
