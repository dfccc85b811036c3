"""The recipes' own networks, a step or two, on data of each kind; what they leave."""

import dataclasses
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from rich import console as rich_console

from medmnist_tfds import models
from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.score import scoring
from medmnist_tfds.train import RECIPES, training

KINDS = [
    ("retina_64", "fast"),
    ("chest", "best"),
    pytest.param(("organ_3d", "fast"), marks=pytest.mark.slow, id="organ_3d-fast"),
    pytest.param(("synapse_3d", "fast"), marks=pytest.mark.slow, id="synapse_3d-fast"),
    pytest.param(("organ_3d", "v2_3d"), marks=pytest.mark.slow, id="organ_3d-v2_3d"),
    pytest.param(("derma_64", "v2"), marks=pytest.mark.slow, id="derma_64-v2"),
    pytest.param(("retina_64", "best"), marks=pytest.mark.slow, id="retina_64-best"),
]


def split(variant: catalog.Variant, name: str, count: int) -> pipeline.Split:
    """Random images, a step's or two; each label is there, and each is not."""
    dataset = variant.dataset
    shape = (count, *variant.image_shape)
    images = np.random.default_rng(count).integers(256, size=shape, dtype=np.uint8)
    labels = np.arange(count) % dataset.num_labels
    if dataset.task is catalog.Task.MULTILABEL:
        labels = np.eye(dataset.num_labels, dtype=np.uint8)[labels]
    return pipeline.Split.from_arrays(images, labels, name=name)


def trained(name: str, recipe_name: str, folder) -> tuple:
    """The variant, and what training came to, of a step in each of two epochs."""
    variant = catalog.parse(name)
    recipe = dataclasses.replace(RECIPES[recipe_name], epochs=2, batch_size=8)
    done = training.train_best(
        split(variant, "train", 8),
        split(variant, "val", 14),
        variant=variant,
        recipe=recipe,
        seed=0,
        folder=folder,
        strategy=None,
        console=rich_console.Console(quiet=True),
    )
    return variant, done


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict:
    """Each of the kinds once: its variant, result and folder."""
    known = {}

    def run(*kind):
        if kind not in known:
            folder = tmp_path_factory.mktemp("run")
            known[kind] = (*trained(*kind, folder), folder)
        return known[kind]

    return run


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_images_of_every_kind_are_learned(kind, runs):
    variant, done, folder = runs(*kind)
    assert (done.epochs, done.interrupted) == (2, False)
    images = split(variant, "val", 14).images
    logits = done.model.predict(images, verbose=0)
    assert logits.dtype == np.float32 and np.isfinite(logits).all()
    assert logits.shape == (14, variant.dataset.num_labels)
    scores = scoring.probabilities(logits, variant.dataset.task)
    assert ((scores > 0) & (scores < 1)).all()
    assert (folder / "model.keras").exists() and (folder / "state.npz").exists()


ALONE = """
import sys
import keras
import numpy as np
model = keras.models.load_model(sys.argv[1])
np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))
print([name for name in sys.modules if name.startswith("medmnist_tfds")])
"""


def test_the_file_of_members_and_views_predicts_the_same_without_this_package(
    runs, tmp_path
):
    variant, done, folder = runs("chest", "best")
    assert "medmnist" not in zipfile.ZipFile(folder / "model.keras").read(
        "config.json"
    ).decode("utf-8")
    images = split(variant, "val", 14).images
    np.save(tmp_path / "images.npy", images)
    paths = [folder / "model.keras", tmp_path / "images.npy", tmp_path / "found.npy"]
    alone = subprocess.run(
        [sys.executable, "-c", ALONE, *paths], capture_output=True, text=True
    )
    assert alone.returncode == 0, alone.stderr
    assert alone.stdout.splitlines()[-1] == "[]"
    expected = done.model.predict(images, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, atol=1e-4)


def test_the_best_network_is_one_tflite_file(runs, tmp_path):
    variant, done, _ = runs("chest", "best")
    images = split(variant, "val", 14).images
    models.export_tflite(done.model, tmp_path / "tflite")
    found = models.TFLiteClassifier(tmp_path / "tflite").predict(images)
    expected = done.model.predict(images, verbose=0)
    assert abs(found - expected).max() < 1e-3 * expected.std()
