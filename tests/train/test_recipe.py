"""The paper's recipe, and changes to it by field."""

import dataclasses

import pytest

from medmnist_tfds.process import errors
from medmnist_tfds.train import PAPER, override


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
        ("learning_rate", "the value ''. Expected float"),
        ("epochs=1.5", "the value '1.5'. Expected int, e.g. epochs=100"),
        ("epochs=0", "epochs is 0. Expected a positive number"),
        ("learning_rate=-1", "learning_rate is -1.0"),
        ("model=resnet19", "model is 'resnet19'. Expected one of resnet18"),
    ],
)
def test_a_bad_setting_is_refused(setting, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        override(PAPER, [setting])
