"""Compact PyTorch networks, written from names and shapes of official checkpoints.

What our networks are held against. Weights and running statistics are random.
"""

import pathlib

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch, the extra [torch], is missing")
nn = torch.nn

DEPTHS = {"resnet18": [2, 2, 2, 2], "resnet50": [3, 4, 6, 3]}


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
    """With the names of the official networks: the large ones' are torchvision's."""

    def __init__(self, name, classes, channels, *, resolution=28, size=28):
        super().__init__()
        self.is_enlarged = resolution == 224
        self.is_large = self.is_enlarged or size > 28
        kernel, stride = (7, 2) if self.is_large else (3, 1)
        self.conv1 = nn.Conv2d(channels, 64, kernel, stride, kernel // 2, bias=False)
        self.bn1, width = nn.BatchNorm2d(64), 64
        for stage, depth in enumerate(DEPTHS[name], 1):
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
        """Logits of uint8 images (batch, ..., channels), or volumes."""
        axes = images.ndim - 2
        x = torch.from_numpy(images).moveaxis(-1, 1).contiguous()
        x = x / 127.5 - 1 if axes == 2 else x / 255
        if self.is_enlarged:
            x = nn.functional.interpolate(x, scale_factor=8, mode="nearest")
        x = self.bn1(self.conv1(x)).relu()
        if self.is_large:
            x = getattr(nn.functional, f"max_pool{axes}d")(x, 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return (self.fc if self.is_large else self.linear)(x.flatten(2).mean(2))


class ACS(nn.Conv2d):
    """A third of the filters in each plane of a volume; the first ones have more."""

    def forward(self, x):
        outputs = []
        for axis, kernel in enumerate(self.weight.tensor_split(3)):
            padding = [self.padding[0]] * 3
            padding[axis] = 0  # along which the kernel is flat
            kernel = kernel.unsqueeze(2 + axis)
            convolved = nn.functional.conv3d(
                x, kernel, stride=self.stride[0], padding=tuple(padding)
            )
            outputs.append(convolved)
        return torch.cat(outputs, dim=1)


def for_volumes(module: nn.Module, convolution: str) -> nn.Module:
    """The module, its layers for images exchanged for those for volumes."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.BatchNorm3d(child.num_features))
        elif isinstance(child, nn.Conv2d):
            (size, _), (stride, _), (margin, _) = (
                child.kernel_size, child.stride, child.padding
            )  # fmt: skip
            kinds = {
                "2.5d": (nn.Conv3d, (1, size, size), (0, margin, margin)),
                "3d": (nn.Conv3d, size, margin),
                "acs": (ACS, size, margin),
            }
            kind, kernel, padding = kinds[convolution]
            inputs, outputs = child.in_channels, child.out_channels
            layer = kind(inputs, outputs, kernel, stride, padding, bias=False)
            setattr(module, name, layer)
        else:
            for_volumes(child, convolution)
    return module


def reference(
    name="resnet18", classes=5, channels=3, resolution=28, *, size=28, convolution=None
) -> ResNet:
    """A PyTorch network in which no weight and no statistic has its default value."""
    torch.manual_seed(0)
    network = ResNet(name, classes, channels, resolution=resolution, size=size)
    if convolution:
        network = for_volumes(network, convolution)
    kinds = (nn.BatchNorm2d, nn.BatchNorm3d)
    layers = [m for m in network.modules() if isinstance(m, kinds)]
    for layer in layers:
        nn.init.uniform_(layer.weight, 0.2, 1)
        nn.init.normal_(layer.bias, std=0.2)
        layer.momentum = 1
    with torch.no_grad():
        # Statistics near the true ones, or deep layers would hardly see the image.
        network(images(channels, size=size, axes=3 if convolution else 2))
        for layer in layers:
            layer.running_mean += 0.1 * torch.randn_like(layer.running_mean)
            layer.running_var *= 1 + torch.rand_like(layer.running_var)
            layer.momentum = 0.1
    return network.eval()


def images(channels=3, examples=3, *, size=28, axes=2) -> np.ndarray:
    """Noise on patches of 4x4, of another brightness and contrast in each image.

    With three axes volumes, (examples, size, size, size, channels).
    """
    draw, ones = np.random.default_rng(0), (1,) * axes
    low, high = np.sort(draw.uniform(0, 256, (2, examples, *ones, channels)), axis=0)
    shape = (examples, *axes * (size // 4,), channels)
    patches = draw.uniform(low, high, shape).astype(np.uint8)
    for axis in range(1, axes + 1):
        patches = patches.repeat(4, axis=axis)
    return patches


def saved(path: pathlib.Path, content) -> pathlib.Path:
    torch.save(content, path / "weights.pth")
    return path / "weights.pth"


def spread(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of logits, relative to what tells the images apart.

    Stricter than relative to the logits: it leaves the biases out.
    """
    return np.abs(found - expected).max() / np.ptp(expected, axis=0).mean()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """PyTorch's threads wait busily for each other: 20 times slower beside others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
