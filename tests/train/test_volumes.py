"""Volumes through a whole run: trained, killed, gone on with, scored, kept."""

import dataclasses

import keras
import numpy as np
import pytest
import small_runs

from medmnist_tfds import models
from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions
from medmnist_tfds.train import RECIPES, networks, training
from medmnist_tfds.train import recipe as recipes

NODULE = "medmnist_phantom/nodule_3d"


class Killed(BaseException):
    """Comes at a moment that no code expects."""


@pytest.fixture
def small_network(monkeypatch):
    monkeypatch.setitem(models.NETWORKS, "resnet10", small_runs.small)


@pytest.mark.slow
@pytest.mark.usefixtures("small_network")
def test_a_run_on_volumes_that_was_killed_ends_as_one_that_was_not(
    phantom, data_dir, tmp_path
):
    phantom("nodule_3d")
    options = {"dataset": NODULE, "recipe": RECIPES["fast"], "epochs": 3}
    whole, _ = small_runs.run(tmp_path / "whole", data_dir, **options)

    def killed(epoch: int) -> None:
        if epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        small_runs.run(tmp_path / "parts", data_dir, after=killed, **options)
    parts, output = small_runs.run(tmp_path / "parts", data_dir, **options)
    assert "Going on after epoch 2" in output
    assert parts.scores == whole.scores
    for split in catalog.SPLITS:
        (path,) = parts.folder.glob(f"phantom-nodulemnist3d_{split}_*.csv")
        scores = predictions.evaluate(path)
        assert scores.auc == pytest.approx(whole.scores[split]["auc"], abs=1e-6)
    kept = keras.models.load_model(parts.folder / "model.keras")
    assert kept.input_shape == (None, 28, 28, 28, 1)


@pytest.mark.usefixtures("small_network")
@pytest.mark.parametrize("name", ["nodule_3d", "organ_3d", "blood"])
def test_the_kept_network_is_the_mean_over_the_mirrors_that_are_allowed(name):
    variant = catalog.variant(name)
    recipe = RECIPES["fast"]
    learned = networks.learner(variant, recipe)
    kept = networks.network(variant, recipe)
    kept.set_weights(learned.get_weights())
    shape = (4, *variant.image_shape)
    images = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    turned, ways = [images], {"horizontal": -2, "vertical": -3, "depth": -4}
    for mirror in variant.dataset.mirrors:
        turned += [np.flip(each, ways[mirror]) for each in turned]
    assert len(turned) == {"nodule_3d": 8, "organ_3d": 1, "blood": 4}[name]
    expected = [learned.predict(each, verbose=0) for each in turned]
    found = kept.predict(images, verbose=0)
    np.testing.assert_allclose(found, np.mean(expected, axis=0), atol=1e-5)


def test_the_network_is_of_the_size_and_form_of_the_data():
    def name(dataset: str, **changes) -> str:
        recipe = dataclasses.replace(recipes.PAPER, **changes)
        return networks.network(catalog.parse(dataset), recipe).name

    assert name("breast") == "resnet18_28"
    assert name("breast", resolution=224) == "resnet18_224"
    assert name("breast_224") == "resnet18_native_224"
    assert name("organ_3d") == "resnet18_acs_28"
    assert name("organ_3d_64", convolution="3d") == "resnet18_3d_64"
    assert name("organ_3d", model="resnet10", convolution="2.5d") == "resnet10_2.5d_28"


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("organ_3d", {"model": "efficientnet"}, "has volumes, and efficientnet takes"),
        ("organ_3d", {"model": "resnet10+efficientnet"}, "Train by the recipe v2_3d"),
        ("organ_3d", {"resolution": 224}, "organ_3d has volumes of 28x28x28"),
        ("derma_224", {"resolution": 224}, "derma_224 has images of 224x224"),
    ],
)
def test_what_a_network_cannot_take_is_refused_before_anything_is_read(
    name, changes, message
):
    recipe = dataclasses.replace(recipes.PAPER, **changes)
    with pytest.raises(errors.MedMNISTError, match=message):
        networks.check(catalog.parse(name), recipe)
    with pytest.raises(errors.MedMNISTError, match=message):
        training.train_best(
            _Examples(1000),
            None,
            variant=catalog.parse(name),
            recipe=recipe,
            seed=0,
            folder=None,
            strategy=None,
            console=None,
        )


@dataclasses.dataclass
class _Examples:
    """A split of which nothing is read."""

    examples: int


def test_the_recipe_of_medmnist_v2_is_that_of_its_official_code():
    for recipe, batch_size in ((recipes.V2, 128), (recipes.V2_3D, 32)):
        assert (recipe.epochs, recipe.batch_size) == (100, batch_size)
        assert (recipe.optimizer, recipe.learning_rate) == ("adam", 1e-3)
        assert (recipe.schedule, recipe.model) == ("steps", "resnet18")
        assert (recipe.augment, recipe.keep) == ("none", "best")
