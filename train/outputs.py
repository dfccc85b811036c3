"""What a model gives for images: one output of it, as probabilities.

Refuses in one sentence what Keras would tell in many. Never knows labels.
"""

import keras
import numpy as np
import tensorflow as tf

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.train import labelled

MEMBERS = "members"  # an output (examples, members, columns), scored by its mean
_KINDS = {1: "grey", 3: "RGB"}
_FORMS = {4: "images", 5: "volumes"}  # by the axes of a batch of them


def check_images(model: keras.Model, inputs) -> None:
    """Refuses images of other axes, size or colours than the model takes.

    Args:
      model: any; what it takes is known of functional and sequential ones.
      inputs: images or volumes, or their spec; several inputs are not looked at.
    """
    takes = getattr(model, "input_shape", None)
    shape = tf.TensorShape(getattr(inputs, "shape", None))
    if not isinstance(takes, tuple) or {len(takes), shape.rank} - _FORMS.keys():
        return
    given, wanted = shape[1:], tf.TensorShape(takes[1:])
    if given.is_compatible_with(wanted):
        return
    if given.rank != wanted.rank:
        has, needs = _FORMS[shape.rank], _FORMS[len(takes)]
        change = f"Build a network for {has}, or take a dataset of {needs}."
    elif not given[-1:].is_compatible_with(wanted[-1:]):
        has, needs = _colours(given[-1]), _colours(wanted[-1])
        change = f"Build the network with channels={given[-1]}, or convert the images."
    else:
        has, needs = f"{given[-2]} pixels wide", f"{wanted[-2]}"
        change = f"Build the network with size={given[-2]}, or resize the images."
    raise errors.MedMNISTError(
        f"The images are {has}, but {model.name} takes {needs}. Expected images "
        f"{tuple(wanted)}. {change}"
    )


def predict(model: keras.Model, images, name: str | int | None) -> np.ndarray:
    """The output that `name` says, float64 (rows, columns), for batches of images."""
    spec = images.element_spec[0]
    check_images(model, spec)
    given = model.predict(images, verbose=0)
    known = getattr(model, "output_names", None)  # None: a subclassed model in Keras 3
    if known is None and isinstance(model, keras.Sequential):  # on JAX
        known = [model.layers[-1].name]
    if isinstance(given, (list, tuple)) and isinstance(name, str):
        if len(known or ()) == len(given):
            given = dict(zip(known, given, strict=True))
    if isinstance(given, np.ndarray) and name not in (None, 0, *(known or (name,))):
        raise errors.MedMNISTError(
            f"The model has one output, {known[0]!r}, and output= asks for {name!r}. "
            "Expected that name, or none."
        )
    output = labelled.part(given, name, of="The model's outputs")
    if known and list(known) == [MEMBERS] and np.ndim(output) == 3:
        output = output.mean(axis=1)
    if not isinstance(output, np.ndarray) or output.ndim not in (1, 2):
        form = getattr(output, "shape", type(output).__name__)
        raise errors.MedMNISTError(
            f"The model's output is {form}. Expected one array (examples, classes). "
            "Score a model of that output, or say which one by output=."
        )
    # float64 before any sum: a bfloat16 softmax adds up to 1 within 0.012 only.
    return output.reshape(len(output), -1).astype(np.float64)


def check_probabilities(output: np.ndarray, task: catalog.Task) -> None:
    """Refuses (examples, columns) that no softmax or sigmoid can have given."""
    if not len(output):
        return
    is_softmax = task is not catalog.Task.MULTILABEL and output.shape[1] > 1
    sums = output.sum(axis=1) if is_softmax else np.ones(1)
    if output.min() < 0 or output.max() > 1 or abs(sums - 1).max() > 0.01:
        raise errors.MedMNISTError(
            f"The model's outputs are no probabilities: they lie between "
            f"{output.min():.3g} and {output.max():.3g}, their sums between "
            f"{sums.min():.3g} and {sums.max():.3g}. Expected softmax or sigmoid "
            "outputs. Give from_logits=True for a model without them."
        )


def _colours(channels: int) -> str:
    count = f"{channels} channel{'' if channels == 1 else 's'}"
    return f"{_KINDS[channels]} ({count})" if channels in _KINDS else count
