"""Several networks in one: each learns by itself, and the kept one is their mean."""

import dataclasses

import keras
import numpy as np
import pytest
import small_runs
from small_runs import run

from medmnist_tfds import models
from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.process import errors
from medmnist_tfds.train import Recipe, TaskMetrics, networks

MIRRORS = [("organ_axial", 1), ("breast", 2), ("path", 4)]
TOGETHER = "resnet10+efficientnet"


def linear(num_classes, channels, size) -> keras.Model:
    images = keras.Input((size, size, channels))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(images))
    outputs = keras.layers.Dense(num_classes, dtype="float32", name="linear")(x)
    return keras.Model(images, outputs, name="linear_network")


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    monkeypatch.setitem(models.NETWORKS, "resnet10", small_runs.small)
    monkeypatch.setitem(models.NETWORKS, "efficientnet", linear)


def drawn(name: str, count: int = 6) -> np.ndarray:
    shape = (count, *catalog.variant(name).image_shape)
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def test_a_step_is_that_of_each_member_by_itself(monkeypatch):
    """Of linear members: their mean loss, and no gradient of one to another, by hand.

    The mean of the losses gives each member half of the gradient of its own.
    """
    variant = catalog.parse("derma")
    recipe = Recipe(
        model="efficientnet+efficientnet",
        learning_rate=0.5,
        momentum=0.0,
        label_smoothing=0.1,
    )
    keras.utils.set_random_seed(1)
    model = networks.compiled(variant, recipe)
    assert model.output_shape == (None, 2, 7)
    images, labels = drawn("derma", 8), np.arange(8) % 7
    soft = np.full((8, 7), 0.1 / 7) + 0.9 * np.eye(7)[labels]
    flat = images.reshape(8, -1) / 255
    weights = [np.array(weight, float) for weight in model.get_weights()]
    logits = [flat @ weights[n] + weights[n + 1] for n in (0, 2)]
    assert abs(logits[0] - logits[1]).max() > 0.1  # each begins in its own way
    targets = np.repeat(soft[:, None], 2, axis=1).astype(np.float32)
    fitted = model.fit(images, targets, batch_size=8, verbose=0)
    losses = [-(soft * log_softmax(each)).sum(axis=1).mean() for each in logits]
    assert fitted.history["loss"] == [pytest.approx(np.mean(losses), rel=1e-5)]
    after = model.get_weights()
    for number, each in zip((0, 2), logits, strict=True):
        error = (np.exp(log_softmax(each)) - soft) / 8 / 2
        wanted = weights[number] - 0.5 * flat.T @ error
        np.testing.assert_allclose(after[number], wanted, atol=1e-5)
        wanted = weights[number + 1] - 0.5 * error.sum(axis=0)
        np.testing.assert_allclose(after[number + 1], wanted, atol=1e-5)


@pytest.mark.parametrize("model", ["resnet10", TOGETHER])
@pytest.mark.parametrize(("name", "views"), MIRRORS)
def test_the_kept_network_is_the_mean_over_views_and_members(name, views, model):
    variant, images = catalog.parse(name), drawn(name)
    recipe = Recipe(model=model, views="mirrors", precision="mixed_bfloat16")
    keras.utils.set_random_seed(0)
    trained = networks.learner(variant, recipe)
    kept = networks.network(variant, recipe)
    kept.set_weights(trained.get_weights())
    seen = [images]
    if "horizontal" in variant.dataset.mirrors:
        seen += [each[:, :, ::-1] for each in seen]
    if "vertical" in variant.dataset.mirrors:
        seen += [each[:, ::-1] for each in seen]
    assert len(seen) == views
    by_hand = np.stack([trained.predict(each, verbose=0) for each in seen])
    if model == TOGETHER:
        assert by_hand.shape[1:3] == (6, 2)
        by_hand = by_hand.mean(axis=2)
    found = kept.predict(images, verbose=0)
    assert found.dtype == np.float32 and found.shape == (6, variant.dataset.num_labels)
    np.testing.assert_allclose(found, by_hand.mean(axis=0), atol=1e-5)
    alone = networks.network(variant, Recipe(model=model))
    alone.set_weights(trained.get_weights())
    if views > 1:
        assert abs(alone.predict(images, verbose=0) - found).max() > 1e-3


def test_a_network_may_be_there_twice_and_keeps_its_name_once():
    recipe = Recipe(model="resnet10+efficientnet+resnet10")
    model = networks.learner(catalog.parse("breast"), recipe)
    assert model.output_shape == (None, 3, 2)
    names = [part.name for part in model.layers if isinstance(part, keras.Model)]
    assert names == ["small", "linear_network", "small_2"]


def test_members_in_float16_have_their_loss_scaled():
    recipe = Recipe(model=TOGETHER, precision="mixed_float16")
    model = networks.compiled(catalog.parse("breast"), recipe)
    assert type(model.optimizer).__name__.startswith("LossScaleOptimizer")
    assert model.output.dtype == "float32"


def test_statistics_of_members_are_estimated_anew_and_saved(
    data_dir, phantom, tmp_path
):
    run(
        tmp_path, data_dir, model=TOGETHER, epochs=1, batch_size=64,
        statistics_images=2**10, keep="last", views="mirrors",
    )  # fmt: skip
    kept = keras.models.load_model(tmp_path / "model.keras")
    (both,) = [part for part in kept.layers if isinstance(part, keras.Model)]
    images = pipeline.Split(phantom("breast"), "train").images
    small_runs.check_statistics(both.get_layer("small"), images)


def test_the_last_epoch_is_kept_where_a_recipe_says_so(data_dir, tmp_path):
    settings = {"model": TOGETHER, "epochs": 4, "learning_rate": 1e-30}
    best, output = run(tmp_path / "best", data_dir, **settings)
    assert best.best_epoch < best.epochs and "  best" in output
    last, output = run(tmp_path / "last", data_dir, keep="last", **settings)
    assert last.best_epoch == last.epochs == 4 and "  best" not in output
    with np.load(tmp_path / "last" / "state.npz") as state:
        names = [name for name in state if name.startswith("model/")]
        kept = keras.models.load_model(tmp_path / "last" / "model.keras")
        assert len(names) == len(kept.variables) > 4
        for number, variable in enumerate(kept.variables):
            np.testing.assert_array_equal(variable.numpy(), state[f"model/{number}"])


@pytest.mark.parametrize(
    ("kind", "tolerance"), [("none", 1e-4), ("float16", 0.01), ("int8", 0.2)]
)
def test_members_and_views_of_mixed_precision_are_one_tflite_file(
    kind, tolerance, tmp_path
):
    variant, images = catalog.parse("path"), drawn("path", 32)
    recipe = Recipe(model=TOGETHER, views="mirrors", precision="mixed_bfloat16")
    keras.utils.set_random_seed(0)
    kept = networks.network(variant, recipe)
    whole = dataclasses.replace(recipe, precision="float32")
    expected = networks.network(variant, whole)
    expected.set_weights(kept.get_weights())
    logits = expected.predict(images, verbose=0)
    examples = images if kind == "int8" else None
    path = tmp_path / "network.tflite"
    models.export_tflite(kept, path, kind, representative=examples)
    found = models.TFLiteClassifier(path).predict(images)
    np.testing.assert_allclose(found, logits, atol=tolerance * logits.std())


def test_no_other_output_of_three_axes_is_averaged():
    images = keras.Input((28, 28, 3))
    rows = keras.layers.Reshape((28, 84))(images)
    model = keras.Model(images, keras.layers.Dense(7)(rows))
    scores = TaskMetrics((drawn("derma"), np.arange(6)), task="multi-class")
    with pytest.raises(errors.MedMNISTError, match=r"output is \(6, 28, 7\). Expected"):
        scores.scorer.predict(model)
