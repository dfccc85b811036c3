"""The paper's recipe, and changes to it by field."""

import dataclasses
import math

import pytest

from medmnist_tfds import models
from medmnist_tfds.process import errors
from medmnist_tfds.train import PAPER, RECIPES, Recipe, override
from medmnist_tfds.train.recipe import FIELDS, named


def test_paper_is_section_3_1_of_the_paper():
    assert (PAPER.epochs, PAPER.batch_size, PAPER.learning_rate) == (100, 128, 1e-3)
    assert PAPER.momentum == 0.9  # as in the official code


def test_a_recipe_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PAPER.epochs = 3


def test_settings_get_the_type_of_their_field():
    changed = override(PAPER, ["learning_rate=3e-4", "epochs=7"])
    assert (changed.learning_rate, changed.epochs) == (3e-4, 7)
    assert isinstance(changed.epochs, int)
    assert dataclasses.replace(changed, learning_rate=1e-3, epochs=100) == PAPER


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("learning_rat=1", "no field 'learning_rat'.*Did you mean 'learning_rate'"),
        ("learning_rate", "is given ''. Expected a number"),
        ("epochs=1.5", "is given '1.5'. Expected a whole number, e.g. epochs=100"),
        ("epochs=0", "epochs is 0. Expected a whole number from 1"),
        ("patience=-1", "patience is -1. Expected a whole number from 0"),
        ("learning_rate=nan", "learning_rate is nan. Expected a number"),
        ("momentum=1", "momentum is 1.0. Expected a number from 0"),
        ("learning_rate=-1", "learning_rate is -1.0"),
        ("model=resnet19", "model is 'resnet19'. Expected one of resnet18"),
        ("model=resnet10+resnet19", "Expected one of .*, or several joined by \\+"),
        ("model=resnet10+", "model is 'resnet10\\+'. Expected one of"),
        ("optimizer=sgd+adamw", "optimizer is 'sgd\\+adamw'. Expected one of sgd, ad"),
        ("weight_decay=0.1", "the optimizer is sgd. Expected adamw.*Set optimizer=ad"),
        ("weight_decay=-1", "weight_decay is -1.0. Expected a number from 0"),
        ("label_smoothing=1", "label_smoothing is 1.0. Expected a number from 0 to"),
        ("statistics_images=5000", "statistics_images is 5000. Expected a whole numb"),
        ("max_images=-1", "max_images is -1. Expected a whole number from 0"),
        ("augment=heavy", "augment is 'heavy'. Expected one of none, light"),
        ("views=two", "views is 'two'. Expected one of one, mirrors"),
        ("schedule=step", "schedule is 'step'. Expected one of constant, cosine"),
        ("keep=first", "keep is 'first'. Expected one of best, last"),
    ],
)
def test_a_bad_setting_is_refused(setting, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        override(PAPER, [setting])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patience": 3, "keep": "last"}, "patience is 3, and the last epoch is kept"),
        (
            {"model": "resnet10+efficientnet", "resolution": 224},
            "resolution is 224, and the model .* sees images as they are. Expected 28",
        ),
        ({"deterministic": True, "xla": "on"}, "exclude each other in Keras"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(settings, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        Recipe(**settings)


def test_several_networks_joined_by_a_plus_are_one_model():
    together = override(PAPER, ["model=resnet18+resnet10", "resolution=224"])
    assert together.model == "resnet18+resnet10"
    assert override(PAPER, ["model=resnet10+resnet10"]).model == "resnet10+resnet10"


@pytest.mark.parametrize(
    ("max_images", "examples", "epochs"),
    [(0, 10**6, 8), (100, 1000, 1), (1000, 300, 4), (10**6, 10, 8), (900, 300, 3)],
)
def test_a_budget_of_images_ends_with_the_epoch_in_which_it_is_spent(
    max_images, examples, epochs
):
    recipe = Recipe(epochs=8, max_images=max_images)
    sized = recipe.of_size(examples)
    assert (sized.epochs, sized.max_images) == (epochs, 0)
    assert sized.of_size(1) == sized  # once and for all
    assert dataclasses.replace(recipe, epochs=epochs, max_images=0) == sized


def test_recipes_are_known_by_name_and_a_mistyped_one_is_answered_by_the_nearest():
    assert named("paper") is PAPER
    assert all(named(name) is recipe for name, recipe in RECIPES.items())
    with pytest.raises(errors.MedMNISTError, match="no recipe 'fats'.*mean 'fast'"):
        named("fats")


def test_two_values_for_one_field_are_refused():
    with pytest.raises(errors.MedMNISTError, match="epochs is given twice, as 4 and a"):
        override(PAPER, ["epochs=4", "epochs=3"])
    assert override(PAPER, ["epochs=4", "epochs=4"]).epochs == 4


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("lr", "learning_rate"), ("LR", "learning_rate"), ("bs", "batch_size")),
        *(("batch-size", "batch_size"), ("batch", "batch_size"), ("net", "model")),
        *(("arch", "model"), ("bf16", "precision"), ("amp", "precision")),
        *(("image_size", "resolution"), ("size", "resolution"), ("es", "patience")),
        *(("early_stopping", "patience"), ("n_epochs", "epochs")),
        *(("iterations", "epochs"), ("momentun", "momentum"), ("jit", "xla")),
        *(("opt", "optimizer"), ("wd", "weight_decay"), ("tta", "views")),
        *(("scheduler", "schedule"), ("augmentation", "augment")),
    ],
)
def test_another_name_of_a_field_is_understood_by_its_meaning(name, meant):
    with pytest.raises(errors.MedMNISTError, match=f"Did you mean '{meant}'"):
        override(PAPER, [f"{name}=1"])


@pytest.mark.parametrize(
    ("name", "told"),
    [("seed", "give --seed, or fit"), ("Strategy", "--strategy"), ("out", "--out")],
)
def test_what_is_no_field_is_said_where_it_is(name, told):
    with pytest.raises(errors.MedMNISTError, match=told):
        override(PAPER, [f"{name}=1"])


def test_nothing_is_suggested_where_nothing_is_near():
    with pytest.raises(errors.MedMNISTError, match="deterministic.$"):
        override(PAPER, ["zzzz=1"])


def test_the_networks_of_a_recipe_are_those_there_are():
    field = FIELDS["model"]
    assert field.metadata["choices"] == tuple(models.NETWORKS)
    assert all(field.metadata["meaning"] for field in FIELDS.values())


@pytest.mark.parametrize("value", [None, True, "3", 1.5, math.nan, -1, 10**30, [1]])
@pytest.mark.parametrize("field", ["epochs", "batch_size", "patience", "resolution"])
def test_a_number_of_another_type_or_out_of_bounds_is_refused(field, value):
    with pytest.raises(errors.MedMNISTError, match=f"^{field} is .*Expected"):
        Recipe(**{field: value})


@pytest.mark.parametrize("value", [None, True, "3", math.nan, -1, math.inf, [1]])
@pytest.mark.parametrize("field", ["learning_rate", "momentum", "model", "precision"])
def test_another_setting_of_another_type_is_refused(field, value):
    with pytest.raises(errors.MedMNISTError, match=f"^{field} is .*Expected"):
        Recipe(**{field: value})


def test_whether_to_be_deterministic_is_true_or_false():
    with pytest.raises(errors.MedMNISTError, match="deterministic is 'no'"):
        Recipe(deterministic="no")
    assert Recipe(learning_rate=1, deterministic=True).learning_rate == 1
