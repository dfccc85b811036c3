"""Official checkpoints give our networks the outputs that they have in PyTorch.

The reference is a compact network written here from the names and shapes of the
official checkpoints; weights and running statistics are random.
"""

import pathlib
import pickle
import sys

import keras
import numpy as np
import pytest

from medmnist_tfds.models import load_torch_weights, resnet18, resnet50

torch = pytest.importorskip("torch", reason="PyTorch, the extra [torch], is missing")
nn = torch.nn

NETWORKS = {
    "resnet18": (resnet18, [2, 2, 2, 2]),
    "resnet50": (resnet50, [3, 4, 6, 3]),
}


class Block(nn.Module):
    """One residual block: (size, stride) per convolution, then shortcut and ReLU."""

    def __init__(self, inputs, widths, plan, shortcut_name):
        super().__init__()
        self.shortcut_name, before, stride = shortcut_name, inputs, 1
        for i, (width, (size, step)) in enumerate(zip(widths, plan, strict=True), 1):
            convolution = nn.Conv2d(before, width, size, step, size // 2, bias=False)
            setattr(self, f"conv{i}", convolution)
            setattr(self, f"bn{i}", nn.BatchNorm2d(width))
            before, stride = width, stride * step
        self.last = len(plan)
        project = nn.Sequential()
        if (inputs, stride) != (before, 1):
            project.append(nn.Conv2d(inputs, before, 1, stride, bias=False))
            project.append(nn.BatchNorm2d(before))
        setattr(self, shortcut_name, project)

    def forward(self, x):
        out = x
        for i in range(1, self.last + 1):
            out = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(out))
            out = out.relu() if i < self.last else out
        return (out + getattr(self, self.shortcut_name)(x)).relu()


class ResNet(nn.Module):
    """With the names of the official networks: at 224 those of torchvision."""

    def __init__(self, name, classes, channels, resolution):
        super().__init__()
        self.is_large, depths = resolution == 224, NETWORKS[name][1]
        size, stride = (7, 2) if self.is_large else (3, 1)
        self.conv1 = nn.Conv2d(channels, 64, size, stride, size // 2, bias=False)
        self.bn1, width = nn.BatchNorm2d(64), 64
        for stage, depth in enumerate(depths, 1):
            blocks, base = nn.Sequential(), 64 * 2 ** (stage - 1)
            for number in range(depth):
                step = 2 if stage > 1 and number == 0 else 1
                if name == "resnet18":
                    widths, plan = [base, base], [(3, step), (3, 1)]
                else:  # the stride stands in the 3x3 convolution
                    widths, plan = [base, base, 4 * base], [(1, 1), (3, step), (1, 1)]
                shortcut = "downsample" if self.is_large else "shortcut"
                blocks.append(Block(width, widths, plan, shortcut))
                width = widths[-1]
            setattr(self, f"layer{stage}", blocks)
        setattr(self, "fc" if self.is_large else "linear", nn.Linear(width, classes))

    def forward(self, images):
        """Logits of uint8 images (batch, 28, 28, channels)."""
        x = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous() / 127.5 - 1
        if self.is_large:
            x = nn.functional.interpolate(x, scale_factor=8, mode="nearest")
        x = self.bn1(self.conv1(x)).relu()
        if self.is_large:
            x = nn.functional.max_pool2d(x, 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return (self.fc if self.is_large else self.linear)(x.mean((2, 3)))


def reference(name="resnet18", classes=5, channels=3, resolution=28) -> ResNet:
    """A PyTorch network in which no weight and no statistic has its default value."""
    torch.manual_seed(0)
    network = ResNet(name, classes, channels, resolution)
    layers = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for layer in layers:
        nn.init.uniform_(layer.weight, 0.2, 1)
        nn.init.normal_(layer.bias, std=0.2)
        layer.momentum = 1
    with torch.no_grad():
        # Statistics near the true ones, or deep layers would hardly see the image.
        network(images(channels))
        for layer in layers:
            layer.running_mean += 0.1 * torch.randn_like(layer.running_mean)
            layer.running_var *= 1 + torch.rand_like(layer.running_var)
            layer.momentum = 0.1
    return network.eval()


def images(channels=3, examples=3) -> np.ndarray:
    """Noise on patches of 4x4, of another brightness and contrast in each image."""
    draw, shape = np.random.default_rng(0), (examples, 7, 7, channels)
    low, high = np.sort(draw.uniform(0, 256, (2, examples, 1, 1, channels)), axis=0)
    patches = draw.uniform(low, high, shape).astype(np.uint8)
    return patches.repeat(4, axis=1).repeat(4, axis=2)


def saved(path: pathlib.Path, content) -> pathlib.Path:
    torch.save(content, path / "weights.pth")
    return path / "weights.pth"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """PyTorch's threads wait busily for each other: 20 times slower beside others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
    ours = NETWORKS[name][0](7, channels, resolution)
    load_torch_weights(ours, path)
    logits = np.array(ours(batch))
    difference = np.abs(logits - expected).max()
    of_largest = difference / np.abs(expected).max()
    # The stricter one: relative to what tells the images apart, leaving biases out.
    of_spread = difference / np.ptp(expected, axis=0).mean()
    print(f"{ours.name}, {channels} channels: {of_largest:.1e}, {of_spread:.1e}")
    assert of_spread < 1e-4


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
    large = ResNet("resnet18", 5, 3, 224).state_dict()
    with pytest.raises(ValueError, match=r"conv1\.weight is \(7, 7.*resolution"):
        load_torch_weights(model, saved(tmp_path, large))
    with pytest.raises(ValueError, match=r"resnet18_224: conv1\.weight is \(3, 3"):
        load_torch_weights(resnet18(5, resolution=224), saved(tmp_path, state))


def test_another_network_is_refused(tmp_path, model, unchanged):
    deep = ResNet("resnet50", 5, 3, 28).state_dict()
    with pytest.raises(ValueError, match=r"Left over: .*layer1\.0\.bn3\.bias"):
        load_torch_weights(model, saved(tmp_path, deep))


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


def test_code_in_a_checkpoint_does_not_run(tmp_path, state, model, unchanged):
    path = saved(tmp_path, {"net": state, "trap": Trap(tmp_path / "sprung")})
    with pytest.raises(pickle.UnpicklingError, match="[Ww]eights.only"):
        load_torch_weights(model, path)
    assert not (tmp_path / "sprung").exists()
    torch.load(path, weights_only=False)  # the trap is a real one
    assert (tmp_path / "sprung").exists()


def test_without_pytorch_the_error_says_how_to_install_it(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install 'medmnist-tfds\[torch\]'"):
        load_torch_weights(model, "weights.pth")
