"""Official checkpoints give our networks the outputs that they have in PyTorch."""

import pathlib
import sys

import keras
import numpy as np
import pytest
import torch_networks
from torch_networks import ResNet, images, one_thread, reference, saved  # noqa: F401

from medmnist_tfds.models import load_torch_weights, resnet18, resnet50, torch_forward
from medmnist_tfds.process import errors

torch = torch_networks.torch
NETWORKS = {"resnet18": resnet18, "resnet50": resnet50}


@pytest.fixture(scope="module")
def state() -> dict:
    """The state dict of a ResNet-18 for 28 pixels, 5 classes and RGB."""
    return reference().state_dict()


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return resnet18(5)


@pytest.fixture
def unchanged(model):
    """Fails if a test has changed the weights of `model`."""
    before = model.get_weights()
    yield
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [28, 224])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_pytorch(name, resolution, channels, tmp_path):
    network, batch = reference(name, 7, channels, resolution), images(channels)
    with torch.no_grad():
        expected = network(batch).numpy()
    content = network.state_dict()
    path = saved(tmp_path, {"net": content} if channels == 3 else content)
    ours = NETWORKS[name](7, channels, resolution)
    load_torch_weights(ours, path)
    assert torch_networks.spread(np.array(ours(batch)), expected) < 1e-4


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet18", 64), ("resnet18", 128), ("resnet50", 64), ("resnet50", 224)],
)
def test_images_of_their_own_size_have_torchvisions_outputs(name, size, tmp_path):
    network = reference(name, 7, 3, size=size)
    batch = images(size=size)
    with torch.no_grad():
        expected = network(batch).numpy()
    ours = NETWORKS[name](7, size=size)
    load_torch_weights(ours, saved(tmp_path, network.state_dict()))
    assert torch_networks.spread(np.array(ours(batch)), expected) < 1e-4
    assert ours.input_shape == (None, size, size, 3)
    assert ours.name == f"{name}_native_{size}"


@pytest.mark.parametrize(
    ("name", "resolution"),
    [("resnet18", 28), ("resnet50", 28), ("resnet18", 224)],
)
def test_the_network_that_conversions_are_held_against_is_the_official_one(
    name, resolution
):
    network, grey = reference(name, 7, 3, resolution), images(channels=1)
    with torch.no_grad():
        expected = network(grey.repeat(3, axis=-1)).numpy()
    found = torch_forward.logits(network.state_dict(), grey)
    assert torch_networks.spread(found, expected) < 1e-5


def test_a_training_step_moves_statistics_as_in_pytorch(tmp_path):
    network, batch = reference(), images(examples=4)
    ours, expected = resnet18(5), resnet18(5)
    load_torch_weights(ours, saved(tmp_path, network.state_dict()))
    before = [v.numpy() for v in ours.non_trainable_variables]
    ours(batch, training=True)
    network.train()(batch)
    load_torch_weights(expected, saved(tmp_path, network.state_dict()))
    for start, one, other in zip(
        before,
        ours.non_trainable_variables,
        expected.non_trainable_variables,
        strict=True,
    ):
        assert np.abs(other.numpy() - start).max() > 1e-3  # it moved
        # Four pictures of 4x4 are 64 values: the biased variance is 1.6% smaller.
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)


def test_names_from_data_parallel_training_are_read(tmp_path, state):
    parallel = {f"module.{name}": tensor for name, tensor in state.items()}
    one, other = resnet18(5), resnet18(5)
    load_torch_weights(one, saved(tmp_path, {"net": parallel}))
    load_torch_weights(other, saved(tmp_path, state))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_half_precision_is_widened(tmp_path, state, model):
    half = {name: tensor.bfloat16() for name, tensor in state.items()}
    before = model.get_weights()
    load_torch_weights(model, saved(tmp_path, half))
    found = model.get_layer("linear").bias.numpy()
    model.set_weights(before)
    np.testing.assert_array_equal(found, half["linear.bias"].float().numpy())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            lambda s: {k: v for k, v in s.items() if k != "layer3.1.bn2.running_var"},
            r"Missing: layer3\.1\.bn2\.running_var\. Left over: nothing",
        ),
        (
            lambda s: s | {"layer4.2.conv1.weight": torch.zeros(1), "fc.bias": None},
            r"Left over: fc\.bias, layer4\.2\.conv1\.weight",
        ),
        (lambda s: {"epoch": 3, "model": s}, r"Left over: epoch, model\."),
        (
            lambda s: s | {"linear.weight": torch.zeros(9, 512)},
            r"linear\.weight is \(512, 9\), expected \(512, 5\)",
        ),
        (
            lambda s: s | {"conv1.weight": torch.zeros(64, 1, 3, 3)},
            r"conv1\.weight is \(3, 3, 1, 64\), expected \(3, 3, 3, 64\)",
        ),
    ],
    ids=["missing", "left over", "another dictionary", "classes", "channels"],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    content, message, tmp_path, state, model, unchanged
):
    with pytest.raises(ValueError, match=f"does not fit resnet18_28.*{message}"):
        load_torch_weights(model, saved(tmp_path, content(state)))


def test_another_resolution_is_refused(tmp_path, state, model, unchanged):
    large = ResNet("resnet18", 5, 3, resolution=224).state_dict()
    with pytest.raises(ValueError, match=r"conv1\.weight is \(7, 7.*resolution"):
        load_torch_weights(model, saved(tmp_path, large))
    with pytest.raises(ValueError, match=r"resnet18_224: conv1\.weight is \(3, 3"):
        load_torch_weights(resnet18(5, resolution=224), saved(tmp_path, state))


def test_another_network_is_refused(tmp_path, model, unchanged):
    deep = ResNet("resnet50", 5, 3).state_dict()
    with pytest.raises(ValueError, match=r"Left over: .*layer1\.0\.bn3\.bias") as said:
        load_torch_weights(model, saved(tmp_path, deep))
    assert " more. Expected each" in str(said.value) and len(str(said.value)) < 500


def test_another_kind_of_model_is_refused(tmp_path, state):
    inputs = keras.Input((4,))
    other = keras.Model(inputs, keras.layers.Dense(2, name="head")(inputs))
    with pytest.raises(ValueError, match="has the weight head/kernel. Expected"):
        load_torch_weights(other, saved(tmp_path, state))


class Trap:
    """What a hostile checkpoint holds: unpickling it makes a file."""

    def __init__(self, target: pathlib.Path):
        self.target = target

    def __reduce__(self):
        return pathlib.Path.touch, (self.target,)


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "as before 1.6"])
def test_code_in_a_checkpoint_does_not_run(tmp_path, state, model, unchanged, is_zip):
    content, path = (
        {"net": state, "trap": Trap(tmp_path / "sprung")},
        tmp_path / "w.pth",
    )
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(errors.MedMNISTError, match="holds code .* was not run"):
        load_torch_weights(model, path)
    assert not (tmp_path / "sprung").exists()
    torch.load(path, weights_only=False)  # the trap is a real one
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "as before 1.6"])
@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(
    tmp_path, state, model, unchanged, is_zip, share
):
    path = tmp_path / "w.pth"
    torch.save({"net": state}, path, _use_new_zipfile_serialization=is_zip)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(errors.MedMNISTError, match="is damaged, or none. Expected a"):
        load_torch_weights(model, path)


def test_what_is_no_checkpoint_is_refused(tmp_path, model, unchanged):
    with pytest.raises(errors.MedMNISTError, match="w.pth: No such file"):
        load_torch_weights(model, tmp_path / "w.pth")
    with pytest.raises(errors.MedMNISTError, match="holds a list. Expected a state"):
        load_torch_weights(model, saved(tmp_path, [1, 2]))


def test_without_pytorch_the_error_says_how_to_install_it(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install 'medmnist-tfds\[torch\]'"):
        load_torch_weights(model, "weights.pth")
