"""From a recipe to a network that can be trained, and to the file that is kept.

Never trains and never scores.
"""

import pathlib

import keras

from medmnist_tfds import models
from medmnist_tfds.data import catalog
from medmnist_tfds.models import compat, plain, precision
from medmnist_tfds.process import errors, files
from medmnist_tfds.train import losses
from medmnist_tfds.train import recipe as recipes
from medmnist_tfds.train.lane import model as xla


def check_size(variant: catalog.Variant) -> None:
    """MedMNISTError if the networks do not take images of that size."""
    if variant.size != 28:
        small = variant.tfds_name.split(":")[0].removesuffix(f"_{variant.size}")
        raise errors.MedMNISTError(
            f"{variant.config} has images of {variant.size} pixels. Expected 28, what "
            f"the networks take. Train {small.removeprefix('medmnist/')}, with "
            "resolution=224 for the larger networks."
        )


def network(variant: catalog.Variant, recipe: recipes.Recipe) -> keras.Model:
    """The recipe's network for a dataset, in the recipe's precision."""
    dataset, build = variant.dataset, models.NETWORKS[recipe.model]
    with precision.policy(recipe.precision):
        return build(dataset.num_labels, dataset.channels, recipe.resolution)


def compiled(
    variant: catalog.Variant, recipe: recipes.Recipe, *, for_tpu: bool = False
) -> xla.XLAModel:
    """The network with the recipe's optimizer and the task's loss.

    Has the layers that are fast here, or `for_tpu` those that a TPU gets.
    """
    net = network(variant, recipe)
    is_slow = not for_tpu and compat.has_slow_kernel_gradients()
    if recipe.precision == "mixed_bfloat16" and is_slow:
        net = plain.fast_in_bfloat16(net)
    model = xla.XLAModel.from_functional(net)
    is_on = {"auto": "auto", "on": True, "off": False}[recipe.xla]
    model.compile(
        keras.optimizers.SGD(recipe.learning_rate, recipe.momentum),
        losses.loss(variant.dataset.task),
        jit_compile=False if recipe.deterministic else is_on,
    )
    return model


def save_best(
    variant: catalog.Variant, recipe: recipes.Recipe, weights: list, path: pathlib.Path
) -> keras.Model:
    """Saves the network with the best epoch's weights; returns it, on one device."""
    kept = network(variant, recipe)
    for variable, value in zip(kept.variables, weights, strict=True):
        variable.assign(value)
    with files.replacing(path) as temporary:
        plain.copy(kept).save(temporary)
    return kept
