"""From a recipe to a network that can be trained, and to the file that is kept.

Never trains and never scores.
"""

import pathlib

import keras

from medmnist_tfds import models
from medmnist_tfds.data import catalog, records
from medmnist_tfds.models import compat, plain, precision
from medmnist_tfds.process import errors, files
from medmnist_tfds.train import lessons, losses, optimizers, outputs
from medmnist_tfds.train import recipe as recipes
from medmnist_tfds.train.lane import model as xla


def check(variant: catalog.Variant, recipe: recipes.Recipe) -> None:
    """MedMNISTError if one of the networks does not take what the variant has."""
    members, form = recipe.model.split("+"), variant.dataset.form
    of_images = [name for name in members if name in recipes.OF_IMAGES]
    if form == "volumes" and of_images:
        raise errors.MedMNISTError(
            f"{variant.dataset.name} has volumes, and {of_images[0]} takes images. "
            f"Expected of {', '.join(recipes.MODELS)} another one. Train by the recipe "
            "v2_3d or fast, or set another model."
        )
    if recipe.resolution != 28 and (form == "volumes" or variant.size != 28):
        shape = "x".join(map(str, variant.image_shape[:-1]))
        raise errors.MedMNISTError(
            f"resolution={recipe.resolution} enlarges images of 28 pixels, and "
            f"{variant.config} has {form} of {shape}. Expected 28, by which the "
            "networks see them as they are. Leave resolution out."
        )


def network(variant: catalog.Variant, recipe: recipes.Recipe) -> keras.Model:
    """The recipe's network for a dataset, in the recipe's precision: the kept one.

    The mean of its members' logits, over all views of the image.
    """
    return _kept(learner(variant, recipe), variant, recipe)


def _kept(members: keras.Model, variant, recipe) -> keras.Model:
    mirrors = variant.dataset.mirrors if recipe.views == "mirrors" else ()
    if not mirrors and "+" not in recipe.model:
        return members
    with precision.policy("float32"):
        inputs = keras.Input(members.input_shape[1:], name="image")
        logits = [members(view) for view in _views(inputs, mirrors)]
        if "+" in recipe.model:  # (batch, members, labels)
            mean = keras.layers.GlobalAveragePooling1D(name="mean_of_members")
            logits = [mean(each) for each in logits]
        if len(logits) > 1:
            logits = [keras.layers.Average(name="mean_of_views")(logits)]
        return keras.Model(inputs, logits[0], name=members.name)


def _views(images, mirrors) -> list:
    """The images, and their mirror images in each of the ways and in all of them."""
    views = [images]
    for mirror in mirrors:
        axis = len(images.shape) + records.MIRRORS[mirror]
        turned = (slice(None),) * axis + (slice(None, None, -1),)
        views += [view[turned] for view in views]
    return views


def learner(variant: catalog.Variant, recipe: recipes.Recipe) -> keras.Model:
    """What is trained: logits (batch, labels), of several members beside each other.

    These are (batch, members, labels), so that each has a loss of its own.
    """
    with precision.policy(recipe.precision):
        members = [_member(name, variant, recipe) for name in recipe.model.split("+")]
    if len(members) == 1:
        return members[0]
    name, members = "_".join(member.name for member in members), _apart(members)
    with precision.policy("float32"):
        inputs, labels = members[0].input, variant.dataset.num_labels
        logits = [member(inputs) for member in members]
        rows = [keras.layers.Reshape((1, labels))(each) for each in logits]
        stacked = keras.layers.Concatenate(axis=1, name=outputs.MEMBERS)(rows)
    with precision.policy(recipe.precision):  # by which a loss in float16 is scaled
        return keras.Model(inputs, stacked, name=name)


def _apart(members: list[keras.Model]) -> list[keras.Model]:
    """The members, with a number in the names of those that are there twice."""
    names = [member.name for member in members]
    return [
        member
        if names.index(member.name) == number
        else keras.Model(member.input, member.output, name=f"{member.name}_{number}")
        for number, member in enumerate(members)
    ]


def _member(name: str, variant: catalog.Variant, recipe: recipes.Recipe):
    dataset, build = variant.dataset, models.NETWORKS[name]
    if name in recipes.OF_THE_PAPER and recipe.resolution != 28:
        options = {"resolution": recipe.resolution}
    else:
        options = {"size": variant.size}
    if dataset.form == "volumes":
        options["convolution"] = recipe.convolution
    return build(dataset.num_labels, dataset.channels, **options)


def compiled(
    variant: catalog.Variant,
    recipe: recipes.Recipe,
    *,
    steps: int = 1,
    for_tpu: bool = False,
) -> xla.XLAModel:
    """The learner with the recipe's optimizer and the task's loss.

    Has the layers that are fast here, or `for_tpu` those that a TPU gets.

    Args:
      steps: of the whole run, over which the learning rate changes.
    """
    net = learner(variant, recipe)
    is_slow = not for_tpu and compat.has_slow_kernel_gradients()
    if recipe.precision == "mixed_bfloat16" and is_slow:
        net = plain.fast_in_bfloat16(net)
    model = xla.XLAModel.from_functional(net)
    is_on = {"auto": "auto", "on": True, "off": False}[recipe.xla]
    model.compile(
        optimizers.optimizer(
            recipe.optimizer,
            optimizers.schedule(recipe.schedule, recipe.learning_rate, steps=steps),
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        ),
        losses.loss(variant.dataset.task, is_soft=lessons.are_soft(recipe)),
        jit_compile=False if recipe.deterministic else is_on,
    )
    return model


def save_best(
    variant: catalog.Variant, recipe: recipes.Recipe, weights: list, path: pathlib.Path
) -> keras.Model:
    """Saves the network with the kept epoch's weights; returns it, on one device."""
    trained = learner(variant, recipe)
    for variable, value in zip(trained.variables, weights, strict=True):
        variable.assign(value)
    kept = _kept(trained, variant, recipe)
    with files.replacing(path) as temporary:
        plain.copy(kept).save(temporary)
    return kept
