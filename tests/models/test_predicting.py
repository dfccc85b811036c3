"""A run's network asked about images: its own validation images, and bad ones."""

import json
import shutil

import keras
import numpy as np
import official_form
import pytest
from PIL import Image

from medmnist_tfds import models
from medmnist_tfds.data import pipeline
from medmnist_tfds.models import explaining, kind
from medmnist_tfds.score import predictions


@pytest.fixture(scope="module")
def predictor(run_folder) -> models.Predictor:
    return models.Predictor(run_folder)


def made_run(folder, dataset: str, model: keras.Model):
    """A run's folder without kind.npz, as older ones are."""
    folder.mkdir()
    run = {"dataset": dataset, "phantom": False}
    (folder / "config.json").write_text(json.dumps({"run": run}))
    model.save(folder / "model.keras")
    return folder


def linear(shape, labels: int) -> keras.Model:
    keras.utils.set_random_seed(1)
    images = keras.Input(shape)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(images))
    return keras.Model(images, keras.layers.Dense(labels)(x))


def test_saved_validation_images_are_answered_as_the_run_did(
    run_folder, phantom, tmp_path
):
    split = pipeline.Split(phantom("breast"), "val")
    for number, image in enumerate(split.images):
        Image.fromarray(image[..., 0]).save(tmp_path / f"{number:03}.png")
    found = models.predict(run_folder, tmp_path)
    (path,) = run_folder.glob("*_val_*.csv")
    expected = predictions.read(path).scores
    assert len(found) == split.examples > 64  # more than a batch, and no whole number
    probabilities = np.stack([each.probabilities for each in found])
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    assert [each.name.split("/")[-1] for each in found[:2]] == ["000.png", "001.png"]
    nearer = np.array([each.nearer for each in found])
    assert nearer.min() == 0 and 0.4 < nearer.mean() < 0.6  # of themselves


def test_a_run_remembers_its_training_and_validation_images(predictor, phantom):
    builder = phantom("breast")
    seen = [pipeline.Split(builder, name).images for name in ("train", "val")]
    expected = kind.Kind.of(*seen)
    np.testing.assert_allclose(predictor.kind.training, expected.training, atol=1e-4)
    near = predictor.kind.validation
    np.testing.assert_allclose(near, expected.validation, rtol=1e-4)


def test_arrays_are_answered_as_files_are(predictor, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 50, 41), dtype=np.uint8)
    for number, image in enumerate(noise):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    of_files = predictor.predict(tmp_path)
    of_arrays = predictor.predict(*noise)
    for one, other in zip(of_files, of_arrays, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        assert one.nearer == other.nearer and one.is_other_kind in (True, False)


def test_one_image_is_answered_as_among_others(predictor):
    images = np.random.default_rng(1).integers(0, 256, (70, 28, 28, 1), dtype=np.uint8)
    every = predictor.probabilities(images)
    for number in (0, 69):
        alone = predictor.probabilities(images[number : number + 1])
        np.testing.assert_allclose(alone[0], every[number], atol=1e-6)


def test_batches_are_of_one_shape(predictor, monkeypatch):
    shapes, ask = [], predictor.model.predict_on_batch

    def watched(images):
        shapes.append(images.shape)
        return ask(images)

    monkeypatch.setattr(predictor.model, "predict_on_batch", watched)
    predictor.probabilities(np.zeros((130, 28, 28, 1), np.uint8))
    assert shapes == 3 * [(64, 28, 28, 1)]


def test_a_bad_file_among_others_is_a_problem_of_its_own(predictor, tmp_path):
    for number in range(4):
        Image.new("L", (30, 30), 50 * number).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"nothing")
    found = predictor.predict(tmp_path)
    assert [each.problem is None for each in found] == [True, True, False, True]
    assert found[2].probabilities is None and found[2].is_other_kind is None
    assert (found[3].image == 150).all()
    with official_form.refused("2.png is no image", "nothing to explain"):
        explaining.explain(predictor, found[2], tmp_path / "x.png")


def test_of_many_labels_each_has_a_probability_of_its_own(tmp_path):
    run = made_run(tmp_path / "run", "medmnist/chest", linear((28, 28, 1), 14))
    predictor = models.Predictor(run)
    image = np.random.default_rng(2).integers(0, 256, (28, 28), dtype=np.uint8)
    (found,) = predictor.predict(image)
    logits = predictor.model.predict(found.image[None], verbose=0)[0]
    expected = 1 / (1 + np.exp(-logits.astype(float)))
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    above = np.flatnonzero(expected > 0.5)
    assert 1 < len(above) < 14
    named = [predictor.labels[label] for label in above]
    assert predictor.decided(found.probabilities) == named
    assert found.nearer is None and found.is_other_kind is None  # no kind.npz


@pytest.mark.parametrize("dataset, count", [("retina", 5), ("derma_64:3.0.0", 7)])
def test_of_classes_the_most_probable_is_the_answer(tmp_path, dataset, count):
    size = 64 if "64" in dataset else 28
    model = linear((size, size, 3), count)
    predictor = models.Predictor(made_run(tmp_path / "run", dataset, model))
    (found,) = predictor.predict(np.full((90, 70), 99, np.uint8))  # grey becomes RGB
    assert found.image.shape == (size, size, 3)
    assert found.probabilities.sum() == pytest.approx(1)
    best = predictor.labels[found.probabilities.argmax()]
    assert predictor.decided(found.probabilities) == [best]


def test_what_is_no_finished_run_of_images_is_refused(run_folder, tmp_path):
    with official_form.refused(f"{tmp_path} is no run's folder", "train` has left"):
        models.Predictor(tmp_path)
    with official_form.refused("There is no folder", "that of a run"):
        models.Predictor(run_folder / "model.keras")
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    shutil.copy(run_folder / "config.json", unfinished)
    with official_form.refused("has not ended: there is no model.keras yet", "goes on"):
        models.Predictor(unfinished)
    (unfinished / "model.keras").write_bytes(b"nothing")
    with official_form.refused("cannot be read as a .keras file (", "it again"):
        models.Predictor(unfinished)
    whole = (run_folder / "model.keras").read_bytes()
    (unfinished / "model.keras").write_bytes(whole[: len(whole) // 2])
    with official_form.refused("cannot be read as a .keras file ("):
        models.Predictor(unfinished)
    volumes = made_run(tmp_path / "v", "organ_3d", linear((28, 28, 28, 1), 11))
    with official_form.refused("was trained on volumes, of organ_3d", "28, 28, 28, 1"):
        models.Predictor(volumes)


def test_code_in_a_network_is_not_run(tmp_path):
    images = keras.Input((28, 28, 1))
    x = keras.layers.Lambda(lambda x: x / 255)(images)
    model = keras.Model(images, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    run = made_run(tmp_path / "run", "breast", model)
    with official_form.refused("model.keras holds code", "network without"):
        models.Predictor(run)


class Corner:
    """A network whose logit of label 1 is the brightness of a part, in levels / 8."""

    def __init__(self, rows: slice, columns: slice):
        self.part = (slice(None), rows, columns)

    def predict_on_batch(self, images):
        logit = images[self.part].mean(axis=(1, 2, 3)) / 8 - 8
        return np.stack([np.zeros(len(images)), logit], axis=1)


@pytest.mark.parametrize("rows, columns", [(0, 0), (4, 8), (20, 20), (24, 0)])
def test_what_a_network_looks_at_is_where_hiding_changes_its_answer(
    predictor, monkeypatch, rows, columns
):
    part = slice(rows, rows + 4), slice(columns, columns + 4)
    monkeypatch.setattr(predictor, "model", Corner(*part))
    image = np.zeros((28, 28, 1), np.uint8)
    image[part] = 255
    drops = explaining.occlusion(predictor, image, 1)
    assert drops.shape == (14, 14)
    places = [slice(p.start // 2, p.stop // 2) for p in part]
    inside = np.zeros((14, 14), bool)
    inside[tuple(places)] = True
    assert drops[inside].min() > 0.5 > drops[~inside].max()
    # Each cell's value is the mean over the squares that hide it; far ones change none.
    far = np.ones((14, 14), bool)
    far[tuple(slice(max(0, p.start - 4), p.stop + 4) for p in places)] = False
    np.testing.assert_allclose(drops[far], 0, atol=1e-12)
    other = explaining.occlusion(predictor, image, 0)
    np.testing.assert_allclose(other, -drops, atol=1e-12)  # of two, they add up to 1


def test_occlusion_refuses_what_the_network_does_not_see(predictor):
    with official_form.refused("The image is (30, 30, 1)", "`image` of a prediction"):
        explaining.occlusion(predictor, np.zeros((30, 30, 1), np.uint8), 0)
    with official_form.refused("There is no label 2", "0 to 1"):
        explaining.occlusion(predictor, np.zeros((28, 28, 1), np.uint8), 2)


def test_a_picture_shows_the_image_and_the_heat_over_it(
    predictor, monkeypatch, tmp_path
):
    part = slice(0, 8), slice(20, 28)
    monkeypatch.setattr(predictor, "model", Corner(*part))
    image = np.zeros((28, 28), np.uint8)
    image[part] = 255
    (found,) = predictor.predict(image)
    explaining.explain(predictor, found, tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.format == "PNG" and picture.width > 900
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    red = pixels[..., 0] - pixels[..., 1] > 60
    height, width = red.shape
    assert not red[:, : int(0.6 * width)].any()  # the image alone is grey
    heat = red[:, int(0.6 * width) : int(0.87 * width)]  # without the scale
    upper, lower = heat[: height // 2], heat[height // 2 :]
    assert upper[:, heat.shape[1] // 2 :].mean() > 0.1
    assert not upper[:, : heat.shape[1] // 3].any() and not lower.any()
