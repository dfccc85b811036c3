"""The official recipe in plain PyTorch, with the official data sets and evaluator.

A short program of our own, written from the paper and the official code's behaviour.
Imports nothing of medmnist_tfds: it runs in an environment of its own.

`python peer.py WHAT FOLDER OPTIONS` prints one JSON line.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch
from medmnist import INFO
from medmnist import dataset as official
from medmnist.evaluator import getACC, getAUC
from torch import nn

FLAGS = {"path": "PathMNIST", "derma": "DermaMNIST", "breast": "BreastMNIST"}
FLAGS["chest"] = "ChestMNIST"


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def resnet18(channels: int, classes: int) -> nn.Module:
    """ResNet-18 for 28 pixels: 3x3 stem of stride 1, no pooling."""
    stem = [nn.Conv2d(channels, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    blocks, inputs = [], 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        blocks += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
        inputs = outputs
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes)]
    return nn.Sequential(*stem, *blocks, *head)


class ACS(nn.Conv2d):
    """A third of the filters in each plane of a volume; the first ones have more."""

    def forward(self, x):
        outputs = []
        for axis, kernel in enumerate(self.weight.tensor_split(3)):
            padding = [self.padding[0]] * 3
            padding[axis] = 0
            kernel = kernel.unsqueeze(2 + axis)
            outputs.append(
                nn.functional.conv3d(
                    x, kernel, stride=self.stride[0], padding=tuple(padding)
                )
            )
        return torch.cat(outputs, dim=1)


def for_volumes(module: nn.Module, convolution: str) -> nn.Module:
    """The module converted as package ACSConv does, which wants torchvision."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.BatchNorm3d(child.num_features))
        elif isinstance(child, nn.AdaptiveAvgPool2d):
            setattr(module, name, nn.AdaptiveAvgPool3d(1))
        elif isinstance(child, nn.Conv2d):
            size, margin = child.kernel_size[0], child.padding[0]
            kinds = {
                "2.5d": (nn.Conv3d, (1, size, size), (0, margin, margin)),
                "3d": (nn.Conv3d, size, margin),
                "acs": (ACS, size, margin),
            }
            kind, kernel, padding = kinds[convolution]
            layer = kind(
                child.in_channels, child.out_channels, kernel, child.stride[0],
                padding, bias=False,
            )  # fmt: skip
            setattr(module, name, layer)
        else:
            for_volumes(child, convolution)
    return module


def scaled(picture) -> torch.Tensor:
    """A PIL image as float32 (channels, h, w) in [-1, 1].

    What torchvision's ToTensor and Normalize do, without torchvision, which does not
    import beside a PyTorch that was built otherwise.
    """
    pixels = np.array(picture)
    pixels = torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1))
    return pixels.permute(2, 0, 1).contiguous().float().div(255).sub(0.5).div(0.5)


def loader(folder, name: str, split: str, *, shuffle: bool, workers: int, batch: int):
    """The official data set, scaled to [-1, 1], in a plain DataLoader."""
    kind = getattr(official, FLAGS[name])
    return torch.utils.data.DataLoader(
        kind(split=split, transform=scaled, root=folder),
        batch_size=batch,
        shuffle=shuffle,
        num_workers=workers,
    )


class Trainer:
    """Network, optimizer and step of the recipe, in one of three ways."""

    def __init__(
        self, channels: int, classes: int, *, way: str, convolution: str | None = None
    ):
        self.model = resnet18(channels, classes)
        self.is_last = way != "nchw"
        self.is_bfloat16 = way == "channels_last_bfloat16"
        self.last = torch.channels_last
        if convolution:
            self.model = for_volumes(self.model, convolution)
            self.last = torch.channels_last_3d
        if self.is_last and convolution != "acs":  # whose kernels are those of images
            self.model = self.model.to(memory_format=self.last)
        self.optimizer = torch.optim.SGD(self.model.parameters(), 1e-3, momentum=0.9)
        if convolution:  # of the official script for volumes
            self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3)
        self.loss = nn.CrossEntropyLoss()

    def forward(self, images):
        if self.is_last:
            images = images.contiguous(memory_format=self.last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.is_bfloat16):
            return self.model(images)

    def step(self, images, labels) -> float:
        self.optimizer.zero_grad()
        loss = self.loss(self.forward(images).float(), labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def evaluate(self, batches, task: str) -> tuple[float, float]:
        self.model.eval()
        scores, targets = [], []
        with torch.no_grad():
            for images, labels in batches:
                scores.append(torch.softmax(self.forward(images).float(), 1).numpy())
                targets.append(labels.numpy())
        y_true, y_score = np.concatenate(targets), np.concatenate(scores)
        return getAUC(y_true, y_score, task), getACC(y_true, y_score, task)


def pipeline(options) -> dict:
    batches = loader(
        options.folder, "path", "train", shuffle=True, workers=options.workers,
        batch=128,
    )  # fmt: skip
    done, start = 0, time.perf_counter()
    for images, _ in batches:
        done += len(images)
    return {"images_per_second": done / (time.perf_counter() - start)}


def step(options) -> dict:
    trainer = Trainer(3, 9, way=options.way)
    trainer.model.train()
    images = torch.rand(options.batch, 3, 28, 28) * 2 - 1
    labels = torch.randint(9, (options.batch,))
    seconds = _timed(lambda: trainer.step(images, labels), options.steps)
    return {"images_per_second": options.batch / seconds}


def volumes(options) -> dict:
    trainer = Trainer(1, 11, way=options.way, convolution=options.convolution)
    trainer.model.train()
    images = torch.rand(options.batch, 1, 28, 28, 28)
    labels = torch.randint(11, (options.batch,))
    seconds = _timed(lambda: trainer.step(images, labels), options.steps)
    return {"volumes_per_second": options.batch / seconds}


def inference(options) -> dict:
    trainer = Trainer(3, 9, way=options.way)
    trainer.model.eval()
    images = torch.rand(options.batch, 3, 28, 28) * 2 - 1
    with torch.no_grad():
        seconds = _timed(lambda: trainer.forward(images), options.steps)
    return {"images_per_second": options.batch / seconds}


def epoch(options) -> dict:
    """The official epoch, after three steps: train, validate, save."""
    name = options.name
    info = INFO[f"{name}mnist"]
    common = {"workers": 0, "batch": 128}
    train = loader(options.folder, name, "train", shuffle=True, **common)
    val = loader(options.folder, name, "val", shuffle=False, **common)
    trainer = Trainer(info["n_channels"], len(info["label"]), way=options.way)
    trainer.model.train()
    for _, (images, labels) in zip(range(3), train, strict=False):
        trainer.step(images, labels[:, 0].long())
    start = time.perf_counter()
    for images, labels in train:
        trainer.step(images, labels[:, 0].long())
    trainer.evaluate(val, info["task"])
    path = pathlib.Path(options.folder, "peer.pth")
    torch.save({"net": trainer.model.state_dict()}, path)
    return {"seconds": time.perf_counter() - start}


def score(options) -> dict:
    scores = np.load(f"{options.folder}/scores_{options.name}.npy")
    targets = np.load(f"{options.folder}/targets_{options.name}.npy")
    task = INFO[f"{options.name}mnist"]["task"]
    start = time.perf_counter()
    auc, acc = getAUC(targets, scores, task), getACC(targets, scores, task)
    return {"seconds": time.perf_counter() - start, "auc": auc, "acc": acc}


def _timed(call, steps: int) -> float:
    """Median seconds of a call, after two that do not count."""
    seconds = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[2:]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what",
        choices=["pipeline", "step", "volumes", "inference", "epoch", "score"],
    )
    parser.add_argument("folder")
    parser.add_argument("--name", default="path")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--way", default="nchw")
    parser.add_argument("--convolution", default="acs")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8)
    chosen = parser.parse_args()
    torch.manual_seed(0)
    print(json.dumps(globals()[chosen.what](chosen)))
