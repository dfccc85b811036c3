"""Optimizers by name, the same in Keras 2, by TensorFlow Addons, and in Keras 3.

Never chooses one: a recipe does.
"""

import keras

from medmnist_tfds.models import compat
from medmnist_tfds.process import errors

NAMES = ("sgd", "sgdw", "adam", "adamw", "lamb", "moving_average", "lookahead")
_WARM_UP = 0.15  # of the steps of a cosine schedule
_FALLS = (0.5, 0.75)  # of the steps of a schedule in steps, to a tenth each time


def schedule(name: str, learning_rate: float, *, steps: int):
    """A learning rate for `optimizer`: `constant`, `cosine` or `steps`.

    A cosine rises from 0 for 15 % of the steps, then falls to 0 as half a cosine; in
    `steps` the rate is divided by 10 after half and after three quarters of them.
    """
    if name == "constant":
        return learning_rate
    if name == "steps":
        # The first step by a lower rate is that after a boundary: steps count from 0.
        boundaries = [round(steps * part) - 1 for part in _FALLS]
        rates = [learning_rate / 10**fall for fall in range(len(_FALLS) + 1)]
        return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, rates)
    warm_up = max(1, round(steps * _WARM_UP))
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, steps - warm_up),
        warmup_target=learning_rate,
        warmup_steps=warm_up,
    )


def optimizer(
    name: str,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 1e-3,
    *,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    average_decay: float = 0.99,
):
    """An optimizer for any `keras.Model`, `XLAModel` included.

    Args:
      name: `sgd`; `sgdw`, SGD with decoupled weight decay (Loshchilov and Hutter,
        2019); `adam`, with PyTorch's epsilon; `adamw`, Adam with that decay; `lamb`
        (You et al., 2020); `moving_average`, SGD that also averages the weights;
        `lookahead` around SGD (Zhang et al., 2019), in TensorFlow Addons only.
      learning_rate: a number, or for `sgd`, `adam` and `adamw` also a schedule.
      momentum: of all but `adam`, `adamw` and `lamb`.
      weight_decay: for `sgdw` and `adamw`: each step takes learning_rate * weight_decay
        of a weight away, as in Keras 3 (TensorFlow Addons' own is not multiplied).
      average_decay: for `moving_average`, of the average that there was.

    Raises:
      MedMNISTError: another name, or one that the installed Keras does not have.
    """
    if name not in NAMES:
        raise errors.MedMNISTError(
            f"There is no optimizer {name!r}. Expected one of {', '.join(NAMES)}."
        )
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum)
    if name == "adam":
        return keras.optimizers.Adam(learning_rate, epsilon=1e-8)
    if name == "adamw":
        return keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay)
    if name == "lookahead":
        wrapper = compat.need_addons("The optimizer lookahead").optimizers.Lookahead
        return wrapper(compat.old_sgd(learning_rate, momentum))
    addons = compat.addons()
    if name == "sgdw":
        if addons:
            decay = learning_rate * weight_decay
            return addons.optimizers.SGDW(decay, learning_rate, momentum)
        return keras.optimizers.SGD(learning_rate, momentum, weight_decay=weight_decay)
    if name == "lamb":
        if addons:
            return addons.optimizers.LAMB(learning_rate, epsilon=1e-6)
        return keras.optimizers.Lamb(learning_rate, epsilon=1e-6)
    if addons:
        sgd = compat.old_sgd(learning_rate, momentum)
        return addons.optimizers.MovingAverage(sgd, average_decay=average_decay)
    return keras.optimizers.SGD(
        learning_rate, momentum, use_ema=True, ema_momentum=average_decay
    )
