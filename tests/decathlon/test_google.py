"""Images for Google, and a model that came back: a TensorFlow Lite file and labels."""

import csv
import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import processes
import pytest
import tensorflow as tf
from PIL import Image

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.decathlon.methods import google_images
from medmnist_tfds.models import export_tflite, resnet18, tflite
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions

SLOW = pytest.mark.slow


def call(*arguments, **options) -> subprocess.CompletedProcess:
    program = [sys.executable, "-m", "medmnist_tfds", "decathlon"]
    return processes.run([*program, *map(str, arguments)], **options)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=SLOW) for name in ("derma", "breast")] + ["chest"]
)
def test_exported_images_and_their_table_give_the_split_back(
    name, tmp_path, data_dir, phantom
):
    done = call(
        *("export-images", name, "--phantom", "--bucket", "gs://my-bucket/images"),
        *("--out", tmp_path, "--data-dir", data_dir),
    )
    assert done.returncode == 0, done.stderr
    dataset, builder = catalog.DATASETS[name], phantom(name)
    names = google_images.label_names(dataset)
    with (tmp_path / "import.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    for split, use in (("train", "training"), ("val", "validation"), ("test", "test")):
        data = pipeline.Split(builder, split)
        chosen = [row for row in rows if row[0] == use]
        assert len(chosen) == data.examples
        for number in (0, 1, 57, data.examples - 1):
            _, address, *labels = chosen[number]
            assert address.startswith(f"gs://my-bucket/images/{split}/")
            path = tmp_path / address.removeprefix("gs://my-bucket/images/")
            with Image.open(path) as picture:
                pixels = np.asarray(picture).reshape(data.images[number].shape)
            np.testing.assert_array_equal(pixels, data.images[number])
            label = data.labels[number]
            known = np.flatnonzero(label) if name == "chest" else [label]
            assert labels == ([names[k] for k in known] or ["None_of_the_above"])


def test_a_bucket_need_not_be_known_yet(tmp_path, data_dir):
    done = call(
        *("export-images", "breast", "--phantom", "--data-dir", data_dir), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "images_phantom-breastmnist/import.csv").read_text()
    first = "training,gs://your-bucket/phantom-breastmnist/train/000000.png,"
    assert text.startswith(first)


def test_labels_are_such_as_google_takes():
    for dataset in catalog.DATASETS.values():
        names = google_images.label_names(dataset)
        assert len(set(names)) == dataset.num_labels
        for name in names:
            assert name.isascii() and name.replace("_", "a").isalnum()
            assert name[0].isalpha() and len(name) <= 32


def test_a_bucket_must_be_an_address_in_cloud_storage(tmp_path):
    with pytest.raises(errors.MedMNISTError, match="gs://my-bucket"):
        google_images.export(
            {}, catalog.DATASETS["breast"], tmp_path, prefix="my-bucket"
        )


def test_a_label_file_in_another_order_is_understood():
    derma = catalog.DATASETS["derma"]
    names = google_images.label_names(derma)
    order = [3, 1, 6, 0, 2, 5, 4]
    lines = [names[k] for k in order]
    assert google_images.label_order(lines, derma) == list(np.argsort(order))
    lines = [derma.labels[k] for k in order] + ["None_of_the_above"]
    assert google_images.label_order(lines, derma) == list(np.argsort(order))
    assert google_images.label_order(list("6543210"), derma) == [6, 5, 4, 3, 2, 1, 0]
    with pytest.raises(errors.MedMNISTError, match="0 rows for 'actinic keratoses"):
        google_images.label_order(lines[:3], derma)


@pytest.fixture(scope="module")
def exports(tmp_path_factory, phantom):
    """A quantized network, as Google exports one: RGB, softmax, labels in disorder."""
    folder = tmp_path_factory.mktemp("exports") / "oct"
    folder.mkdir()
    dataset = catalog.DATASETS["oct"]
    network = resnet18(num_classes=4, channels=3)
    order = [2, 0, 3, 1]
    logits = keras.layers.Lambda(lambda x: tf.gather(x, order, axis=1))(network.output)
    model = keras.Model(network.input, keras.layers.Softmax()(logits))
    images = pipeline.Split(phantom("oct"), "train").images[:64]
    rgb = np.repeat(images, 3, axis=-1)
    export_tflite(model, folder / "model.tflite", "int8", representative=rgb)
    names = google_images.label_names(dataset)
    (folder / "dict.txt").write_text("\n".join(names[k] for k in order) + "\n")
    return folder.parent, model, order


@pytest.mark.slow
def test_an_exported_model_is_scored_with_its_shuffled_labels(
    exports, tmp_path, data_dir, phantom
):
    folder, _, order = exports
    out = tmp_path / "out"
    done = call(
        *("run", "--phantom", "--methods", "automl_vision", "--datasets", "oct,breast"),
        *("--set", f"automl_vision.exports={folder}", "--out", out),
        *("--budget", "smoke", "--data-dir", data_dir),
    )
    assert "1 of 2 cells are done" in done.stdout, done.stdout + done.stderr
    missing = json.loads(
        (out / "cells/breast-automl_vision-seed0/result.json").read_text()
    )
    assert missing["status"] == "missing"
    assert "export-images breast" in missing["reason"]
    (path,) = (out / "cells/oct-automl_vision-seed0").glob("*_test_*.csv")
    found = predictions.read(path).scores
    images = np.repeat(pipeline.Split(phantom("oct"), "test").images, 3, axis=-1)
    raw = tflite.TFLiteClassifier(folder / "oct/model.tflite").predict(images)
    np.testing.assert_allclose(found[:, order], raw, atol=1e-6)


@pytest.mark.slow
def test_images_are_resized_to_what_the_model_takes(tmp_path, data_dir, phantom):
    """A model of 56 pixels and three channels that gives back pixels of its input."""
    folder = tmp_path / "exports/breast"
    folder.mkdir(parents=True)
    image = keras.Input((56, 56, 3))
    pixels = keras.layers.Flatten()(image[:, 20:21, 30:31, 1:])
    keras_model = keras.Model(image, pixels / 255.0)
    export_tflite(keras_model, folder / "model.tflite")
    (folder / "dict.txt").write_text("malignant\nnormal_benign\n")
    done = call(
        *("run", "--phantom", "--methods", "automl_vision", "--datasets", "breast"),
        *("--set", "automl_vision.exports=exports", "--out", tmp_path / "out"),
        *("--data-dir", data_dir),
        cwd=tmp_path,  # which the relative path starts from
    )
    assert done.returncode == 0, done.stdout + done.stderr
    place = tmp_path / "out/cells/breast-automl_vision-seed0"
    (path,) = place.glob("*_val_*.csv")
    found = predictions.read(path).scores
    images = pipeline.Split(phantom("breast"), "val").images[..., 0].astype(float)
    # Twice the size, bilinear: between pixels 9 and 10, and 14 and 15, at 3/4.
    near = images[:, 9:11, 14:16]
    rows = near[:, 0] * 0.25 + near[:, 1] * 0.75
    expected = rows[:, 0] * 0.25 + rows[:, 1] * 0.75
    np.testing.assert_allclose(255 * found[:, 0], expected, atol=1.1)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    shutil.rmtree(tmp_path / "out")
