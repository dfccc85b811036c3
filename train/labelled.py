"""What is scored: images in batches of one size, and their labels, read once.

Takes a split, a dataset or arrays. Never predicts and never scores.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.process import errors

_LONGEST = 200  # characters of a description in a message


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labelled:
    """Images, and the labels of those that are no padding."""

    images: tf.data.Dataset  # of (images,), all batches of one size
    is_real: np.ndarray  # bool, for each row of the batches
    labels: np.ndarray  # of the real ones, in their order


def read(
    data, *, task: catalog.Task, batch_size: int, output: str | int | None
) -> Labelled:
    """Labels are class numbers, whether they were given so or one-hot.

    Arguments are those of `metrics.Scorer`.

    Raises:
      MedMNISTError: data of another form, or soft labels.
    """
    if isinstance(data, pipeline.Split):
        read = _of_split(data, batch_size)
    else:
        if isinstance(data, tuple) and len(data) in (2, 3):
            data = _batched(data, batch_size)
        _check_form(data)
        # Labels are read once: a shuffled dataset must not change its order after.
        read = _of_dataset(data.cache(), output)
    labels = read.labels
    if task is not catalog.Task.MULTILABEL and labels.ndim == 2 and labels.shape[1] > 1:
        labels = _class_numbers(labels)
    return dataclasses.replace(read, labels=labels)


def part(values, name: str | int | None, *, of: str):
    """The one of several labels or outputs that `output` names; a lone one is it.

    Args:
      values: a dict, a tuple or a list; or what is one already.
      name: a key or an index; None where there is one.
      of: what they are, for the message.

    Raises:
      MedMNISTError: there are several, and none was named or another.
    """
    if isinstance(values, Mapping):
        known = dict(values)
    elif isinstance(values, (tuple, list)):
        known = dict(enumerate(values))
    else:
        return values
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name not in known:
        asked = "" if name is None else f", none of them {name!r}"
        raise errors.MedMNISTError(
            f"{of} have {len(known)} parts{asked}. Expected one to score. Give output= "
            f"one of {', '.join(map(repr, known))}."
        )
    return known[name]


def _of_split(split: pipeline.Split, batch_size: int) -> Labelled:
    # Even batches: a last one of a few examples would be filled up to a whole.
    even = -(-split.examples // split.steps(batch_size))
    size = min(batch_size, -(-even // 8) * 8)
    return Labelled(
        images=split.eval_batches(size).map(lambda images, *_: (images,)),
        is_real=np.arange(split.steps(size) * size) < split.examples,
        labels=split.labels,
    )


def _of_dataset(data: tf.data.Dataset, output: str | int | None) -> Labelled:
    def without_images(_, labels, weights=None):
        labels = part(labels, output, of="The labels")
        if weights is None:
            return (labels,)
        return labels, part(weights, output, of="The weights")

    without_images(*data.element_spec)  # what it raises, tf.data would wrap in code
    batches = list(data.map(without_images).as_numpy_iterator())
    if not batches:
        raise errors.MedMNISTError(
            "The dataset to score is empty. Expected at least one batch."
        )
    # Batches of one size: several replicas cannot share a ragged last batch.
    size = max(len(labels) for labels, *_ in batches)
    is_real, labels = [], []
    for batch, *weights in batches:
        counts = np.ones(len(batch), bool)
        if weights:
            counts = weights[0].reshape(len(batch), -1).max(axis=1) > 0
        is_real.append(np.pad(counts, (0, size - len(batch))))
        labels.append(batch[counts])

    def fill_up(images, *_):
        rows = tf.minimum(tf.range(size), tf.shape(tf.nest.flatten(images)[0])[0] - 1)
        images = tf.nest.map_structure(lambda part: tf.gather(part, rows), images)
        return (images,)  # a bare pair of inputs would be taken for (x, y)

    return Labelled(
        images=pipeline.ahead(data.map(fill_up)),
        is_real=np.concatenate(is_real),
        labels=np.concatenate(labels),
    )


def _batched(arrays: tuple, batch_size: int) -> tf.data.Dataset:
    try:
        return tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)
    except (TypeError, ValueError, tf.errors.OpError) as error:
        lengths = [len(part) for part in arrays if hasattr(part, "__len__")]
        if len(set(lengths)) > 1:
            raise errors.MedMNISTError(
                f"The arrays to score have lengths {', '.join(map(str, lengths))}. "
                "Expected a label for each image."
            ) from error
        raise _wrong_form(arrays) from error


def _class_numbers(labels: np.ndarray) -> np.ndarray:
    """The arg max of one-hot labels (examples, classes)."""
    wrong = np.flatnonzero(
        ((labels != 0) & (labels != 1)).any(1) | (labels.sum(1) != 1)
    )
    if wrong.size:
        raise errors.MedMNISTError(
            f"The labels have shape {labels.shape}, and row {wrong[0]} is no one-hot "
            f"label: {_short(labels[wrong[0]].tolist())}. Expected class numbers, or a "
            "single 1 in each row. Score by true labels, not by smoothed or mixed ones."
        )
    return labels.argmax(axis=1)


def _check_form(data) -> None:
    """Refuses what is not a finite dataset of batches (images, labels[, weights])."""
    is_dataset = isinstance(data, tf.data.Dataset)
    if is_dataset and data.cardinality() != tf.data.INFINITE_CARDINALITY:
        form = data.element_spec
        if isinstance(form, tuple) and len(form) in (2, 3):
            parts = tf.nest.flatten(form)
            if all(part.shape.rank is None or part.shape.rank >= 1 for part in parts):
                return
    raise _wrong_form(data)


def _wrong_form(data) -> errors.MedMNISTError:
    return errors.MedMNISTError(
        f"The data to score are {_described(data)}. Expected a pipeline.Split, a tuple "
        "of arrays (images, labels), or a finite, batched tf.data.Dataset of such "
        "tuples: load it with as_supervised=True, and batch it."
    )


def _described(data) -> str:
    """What it is, without what is in it: arrays fill hundreds of lines."""
    kind = type(data).__name__
    if isinstance(data, tf.data.Dataset):
        is_endless = data.cardinality() == tf.data.INFINITE_CARDINALITY
        kind = "an endless dataset" if is_endless else "a dataset"
        return f"{kind} of {_short(str(data.element_spec))}"
    if isinstance(data, (tuple, list)):
        parts = ", ".join(map(_described, data[:3]))
        return _short(f"a {kind} of {len(data)}: {parts}")
    if isinstance(data, Mapping):
        return _short(f"a {kind} with the keys {', '.join(map(repr, data))}")
    return f"{kind} {data.shape}" if hasattr(data, "shape") else kind


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
