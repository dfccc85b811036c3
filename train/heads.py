"""What the kind of task decides in training: the loss, and logits to probabilities.

Never scores: that is `medmnist_tfds.scoring`.
"""

import keras
import numpy as np
from scipy import special

from medmnist_tfds import catalog


def loss(task: catalog.Task) -> keras.losses.Loss:
    """Cross entropy on logits: of classes, or the mean over labels if multi-label."""
    if task is catalog.Task.MULTILABEL:
        return keras.losses.BinaryCrossentropy(from_logits=True)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def probabilities(logits: np.ndarray, task: catalog.Task) -> np.ndarray:
    """Softmax over classes, or a sigmoid per label; (examples, classes) float64.

    A single column is a binary task's sigmoid head.
    """
    logits = logits.astype(np.float64)
    if task is catalog.Task.MULTILABEL or logits.shape[1] == 1:
        return special.expit(logits)
    return special.softmax(logits, axis=1)
