"""What a network learns from: batches of a split, as the recipe changes them.

Never changes what is scored.
"""

import tensorflow as tf

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.train import augment
from medmnist_tfds.train import recipe as recipes


def are_soft(recipe: recipes.Recipe) -> bool:
    """Whether targets are probabilities of all classes, not labels as they are."""
    return recipe.label_smoothing > 0 or "+" in recipe.model


def batches(
    split: pipeline.Split,
    *,
    variant: catalog.Variant,
    recipe: recipes.Recipe,
    seed: int,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Endless (images, targets), as `Split.train_batches` has them in order.

    Targets are labels; or where `are_soft`, float32 (batch, labels), or for a network
    of several members (batch, members, labels).
    """
    dataset = variant.dataset
    changes = []
    if recipe.augment == "light":
        changes = [
            augment.affine(degrees=15, zoom=0.15, pixels=2, mirrors=dataset.mirrors),
            augment.brightness(0.2, contrast=0.2),
        ]
    drawn = split.train_batches(
        recipe.batch_size, seed=seed, first_step=first_step, augment=changes
    )
    if not are_soft(recipe):
        return drawn
    smoothing, count = recipe.label_smoothing, dataset.num_labels
    members = recipe.model.count("+") + 1

    def soften(images, labels):
        if dataset.task is catalog.Task.MULTILABEL:
            targets, even = tf.cast(labels, tf.float32), 1 / 2
        else:
            targets, even = tf.one_hot(labels, count), 1 / count
        targets = targets * (1 - smoothing) + smoothing * even
        if members > 1:
            targets = tf.repeat(targets[:, None], members, axis=1)
        return images, targets

    return pipeline.ahead(drawn.map(soften))
