"""The paper's recipe, and changes to it by field."""

import dataclasses
import math

import pytest

from medmnist_tfds import models
from medmnist_tfds.process import errors
from medmnist_tfds.train import PAPER, Recipe, override
from medmnist_tfds.train.recipe import FIELDS


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
    ],
)
def test_a_bad_setting_is_refused(setting, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        override(PAPER, [setting])


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
    ],
)
def test_another_name_of_a_field_is_understood_by_its_meaning(name, meant):
    with pytest.raises(errors.MedMNISTError, match=f"Did you mean '{meant}'"):
        override(PAPER, [f"{name}=1"])


@pytest.mark.parametrize(
    ("name", "told"),
    [("seed", "give --seed, or fit"), ("optimizer", "is SGD"), ("opt", "is SGD")],
)
def test_what_is_no_field_is_said_where_it_is(name, told):
    with pytest.raises(errors.MedMNISTError, match=told):
        override(PAPER, [f"{name}=1"])


def test_nothing_is_suggested_where_nothing_is_near():
    with pytest.raises(errors.MedMNISTError, match="deterministic.$"):
        override(PAPER, ["augment=1"])


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
