"""Official PyTorch checkpoints into our networks.

Never guesses: each tensor of a checkpoint is used exactly once, or the error names it.
"""

import os
import re

import keras
import numpy as np

from medmnist_tfds.models import compat
from medmnist_tfds.process import checks, errors

# Keras name -> PyTorch name, for the tensors of a convolution, normalization or linear.
_TENSORS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def load_torch_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Sets the weights of a `resnet18` or `resnet50` from an official checkpoint.

    Args:
      model: made with the checkpoint's classes, channels, resolution, size and
        convolution.
      path: a `.pth` file, `{"net": state_dict}` or a bare state dict; read with
        `weights_only=True`, so that no code of the file runs.

    Raises:
      ImportError: PyTorch, the extra `[torch]`, is not installed.
      ValueError: a file that is damaged or holds code; tensors that are missing, left
        over, or of another shape, or another kind of model; nothing is changed then.
    """
    assign(model, read(path), of=os.fspath(path))


def read(path: str | os.PathLike) -> dict:
    """The tensors of a checkpoint by name, without PyTorch's counters.

    Raises:
      ImportError: PyTorch is not installed.
      MedMNISTError: no such file, a damaged one, one with code, or without tensors.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "Reading a .pth file needs PyTorch. Install it with "
            "`pip install 'medmnist-tfds[torch]'`."
        ) from error
    path = checks.path(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, by where the file ends
        if isinstance(error, OSError) and error.filename:
            raise errors.MedMNISTError(errors.said_by_system(error)) from error
        if "Unsupported" in str(error):  # a class or operation that is no tensor's
            raise errors.MedMNISTError(
                f"{path} holds code beside its weights, which was not run. Expected "
                "tensors alone, as official checkpoints have. Do not trust this file."
            ) from error
        raise errors.MedMNISTError(
            f"{path} cannot be read as a PyTorch checkpoint ({type(error).__name__}): "
            "it is damaged, or none. Expected a whole .pth file. Copy or download it "
            "again."
        ) from error
    state = state.get("net", state) if isinstance(state, dict) else state
    if not isinstance(state, dict):
        raise errors.MedMNISTError(
            f"{path} holds a {type(state).__name__}. Expected a state dict, or one as "
            "`net` of a dict. Save it so."
        )
    return {
        name.removeprefix("module."): tensor
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")  # a counter, no weight
    }


def assign(model: keras.Model, tensors: dict, *, of: str) -> None:
    """Sets the weights of a model from tensors that `read` gave, of the file `of`.

    Raises:
      ValueError: they do not fit, as `load_torch_weights` says.
    """
    wanted: dict[str, list] = {}
    for variable in model.weights:
        name = _torch_name(compat.path(variable), tensors)
        wanted.setdefault(name, []).append(variable)
    missing, left = sorted(wanted.keys() - tensors), sorted(tensors.keys() - wanted)
    if missing or left:
        raise ValueError(
            f"{of} does not fit {model.name}. "
            f"Missing: {_some(missing)}. Left over: {_some(left)}. "
            "Expected each tensor exactly once. Is it a checkpoint of another network "
            "or resolution?"
        )
    values = {name: _as_keras(tensors[name].float().numpy()) for name in wanted}
    is_acs = any(len(variables) > 1 for variables in wanted.values())
    shapes = {name: _shape(each, is_acs=is_acs) for name, each in wanted.items()}
    wrong = [
        f"{name} is {values[name].shape}, expected {shape}"
        for name, shape in shapes.items()
        if values[name].shape != shape
    ]
    if wrong:
        raise ValueError(
            f"{of} does not fit {model.name}: {'; '.join(wrong)}. "
            "Make the model with the checkpoint's classes, channels, resolution, size "
            "and convolution."
        )
    for name, variables in wanted.items():
        variables = sorted(variables, key=compat.path)  # axial, coronal, sagittal
        filters = np.cumsum([variable.shape[-1] for variable in variables])
        parts = np.split(values[name], filters[:-1], axis=-1)
        for variable, part in zip(variables, parts, strict=True):
            variable.assign(part.reshape(variable.shape))


def _some(names: list[str]) -> str:
    """All of them, or the first four and how many more there are."""
    more = [f"and {len(names) - 4} more"] if len(names) > 5 else []
    return ", ".join(names[: 4 if more else None] + more) or "nothing"


def _torch_name(path: str, tensors: dict) -> str:
    """`layer1_0_shortcut_bn/gamma` -> `layer1.0.shortcut.1.weight`."""
    layer, tensor = path.split("/")[-2:]
    layer = re.sub("_conv_(axial|coronal|sagittal)$", "_conv", layer)
    block_layer = re.fullmatch(r"layer(\d)_(\d+)_(\w+)_(conv|bn)", layer)
    is_ours = block_layer or layer in ("stem_conv", "stem_bn", "linear")
    if tensor not in _TENSORS or not is_ours:
        raise ValueError(
            f"The model has the weight {path}. Expected those of a resnet18 or "
            "resnet50 only. Load into such a network, then build upon it."
        )
    tensor = _TENSORS[tensor]
    if layer == "linear":  # torchvision, of which the 224-pixel networks are, says fc
        return f"{'fc' if 'fc.weight' in tensors else 'linear'}.{tensor}"
    if not block_layer:
        return f"{'conv1' if layer == 'stem_conv' else 'bn1'}.{tensor}"
    stage, block, part, kind = block_layer.groups()
    if part == "shortcut":
        is_torchvision = "layer2.0.downsample.0.weight" in tensors
        name = "downsample" if is_torchvision else "shortcut"
        return f"layer{stage}.{block}.{name}.{0 if kind == 'conv' else 1}.{tensor}"
    return f"layer{stage}.{block}.{kind}{part}.{tensor}"


def _as_keras(tensor: np.ndarray) -> np.ndarray:
    """(out, in, ...) -> (..., in, out), of a kernel of any rank; (out,) as it is."""
    return tensor.T if tensor.ndim < 3 else np.moveaxis(tensor, (1, 0), (-2, -1))


def _shape(variables: list, *, is_acs: bool) -> tuple[int, ...]:
    """Of the tensor that fills them: ACS' kernels are those of images in PyTorch."""
    first = tuple(variables[0].shape)
    if not is_acs or len(first) != 5:
        return first
    return (*first[1:-1], sum(variable.shape[-1] for variable in variables))
