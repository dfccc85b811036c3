"""The losses: the one of each kind of task, and one for rare findings.

Never scores: that is `medmnist_tfds.score.scoring`.
"""

import keras

from medmnist_tfds.data import catalog


def loss(task: catalog.Task, *, is_soft: bool = False) -> keras.losses.Loss:
    """Cross entropy on logits: of classes, or the mean over labels if multi-label.

    Args:
      is_soft: targets are probabilities of all classes, as `lessons` makes them.
    """
    if task is catalog.Task.MULTILABEL:
        return keras.losses.BinaryCrossentropy(from_logits=True)
    if is_soft:
        return keras.losses.CategoricalCrossentropy(from_logits=True)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def focal_loss(
    alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = True
) -> keras.losses.Loss:
    """Sigmoid focal cross entropy (Lin et al., 2017), the mean over labels.

    For rare findings: ChestMNIST has labels with 0.2 % positives. TensorFlow Addons'
    `SigmoidFocalCrossEntropy` is the sum over labels.

    Args:
      alpha: weight of the positives; the negatives have 1 - alpha.
      gamma: how little examples count that are told apart well.
      from_logits: False for a model that ends in a sigmoid.
    """
    return keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=alpha, gamma=gamma, from_logits=from_logits
    )
