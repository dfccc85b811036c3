"""What public functions ask of their arguments, checked once, at the door.

Never changes a value but for its container: lists become arrays, text becomes a path.
"""

import operator
import os
import pathlib

import numpy as np

from medmnist_tfds.process import errors


def numbers(name: str, value, *, axes: tuple[int, ...], expected: str) -> np.ndarray:
    """An array of real numbers, with so many axes and none but the first empty.

    `expected` ends the message, with a full stop.
    """
    try:
        array = np.asarray(value)
    except Exception as error:  # ragged lists; whatever an object's __array__ raises
        raise errors.MedMNISTError(
            f"{name} cannot be made an array ({error}). Expected {expected}"
        ) from error
    has_axes = array.ndim in axes and 0 not in array.shape[1:]
    if array.dtype.kind not in "fiub" or not has_axes:
        raise errors.MedMNISTError(
            f"{name} is {array.dtype} {array.shape}. Expected {expected}"
        )
    return array


def whole(name: str, value, *, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise errors.MedMNISTError(
            f"{name} is {value!r}. Expected a whole number from {low} to {high}."
        )
    return number


def path(value) -> pathlib.Path:
    """A path that a system can have; whether anything is there is not asked."""
    try:
        checked = pathlib.Path(value)
        is_path = b"\0" not in os.fsencode(checked)
    except (TypeError, UnicodeEncodeError):
        is_path = False
    if not is_path:
        raise errors.MedMNISTError(
            f"{value!r} is no path. Expected text without NUL, or a pathlib.Path."
        )
    return checked
