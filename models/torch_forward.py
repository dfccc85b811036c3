"""The official PyTorch networks for images, computed from a checkpoint by PyTorch.

What a converted network is held against; written from the checkpoint's names and the
official code's form, of nothing of our Keras networks. Never trains.
"""

import numpy as np


def logits(tensors: dict, images: np.ndarray) -> np.ndarray:
    """What the official network gives for images.

    Args:
      tensors: of `torch_weights.read`, of a ResNet-18 or ResNet-50; with torchvision's
        names it is the network for 224 pixels, by which images of 28 are enlarged to
        the nearest.
      images: uint8 (examples, 28, 28, channels); grey ones become as many equal
        channels as the network takes, as by PIL's `convert("RGB")`.

    Returns:
      float32 (examples, classes).
    """
    import torch
    from torch.nn import functional

    is_large = "fc.weight" in tensors
    tensors = {name: tensor.float() for name, tensor in tensors.items()}

    def conv_bn(x, conv: str, bn: str, stride: int = 1):
        kernel = tensors[f"{conv}.weight"]
        x = functional.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(x, *(tensors[f"{bn}.{name}"] for name in names))

    def block(x, name: str, stride: int):
        parts = 3 if f"{name}.conv3.weight" in tensors else 2
        strided = parts - 1  # of three the second, of two the first
        shortcut, out = f"{name}.{'downsample' if is_large else 'shortcut'}", x
        for part in range(1, parts + 1):
            step = stride if part == strided else 1
            out = conv_bn(out, f"{name}.conv{part}", f"{name}.bn{part}", step)
            out = out.relu() if part < parts else out
        if f"{shortcut}.0.weight" in tensors:
            x = conv_bn(x, f"{shortcut}.0", f"{shortcut}.1", stride)
        return (out + x).relu()

    with torch.no_grad():
        x = torch.from_numpy(images).moveaxis(-1, 1).float() / 255
        x = (x - 0.5) / 0.5
        x = x.expand(-1, tensors["conv1.weight"].shape[1], -1, -1)
        if is_large:
            x = functional.interpolate(x, scale_factor=8, mode="nearest")
        x = conv_bn(x, "conv1", "bn1", 2 if is_large else 1).relu()
        if is_large:
            x = functional.max_pool2d(x, 3, 2, 1)
        for stage in range(1, 5):
            number = 0
            while f"layer{stage}.{number}.conv1.weight" in tensors:
                stride = 2 if stage > 1 and number == 0 else 1
                x = block(x, f"layer{stage}.{number}", stride)
                number += 1
        head = "fc" if is_large else "linear"
        x = x.mean((2, 3)) @ tensors[f"{head}.weight"].T + tensors[f"{head}.bias"]
    return x.numpy()
