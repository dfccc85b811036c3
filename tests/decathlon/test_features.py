"""Methods on what a frozen network sees: computed once, given to all, and marked."""

import json
import subprocess
import sys
import time

import keras
import numpy as np
import psutil
import pytest
import small_methods

from medmnist_tfds import models
from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.decathlon import features
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import run as decathlon
from medmnist_tfds.process import errors

NAMES = ("breast", "retina", "chest")  # binary, ordinal, multi-label
PROGRAMS = {
    "sees": """
        leave()
        (folder / "kept.txt").write_text(" ".join(sorted(os.listdir(folder))))
        with np.load(folder / "features.npz") as seen:
            np.savez(folder / "kept.npz", **seen)
        cost = {"training": [time.time()] * 2, "prediction": [time.time()] * 2}
        (folder / "cost.json").write_text(json.dumps(cost))
    """,
}


def plan(data_dir, *chosen: methods.Method, names=("breast",), seeds=(0,)):
    return decathlon.Plan(
        methods=chosen,
        variants=tuple(catalog.variant(name, phantom=True) for name in names),
        seeds=seeds,
        budget="smoke",
        data_dir=data_dir,
    )


@pytest.fixture(scope="module")
def sees(tmp_path_factory):
    """A method that asks for the features; and one that extends it for pixels."""
    place = tmp_path_factory.mktemp("methods")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_methods, "PROGRAMS", PROGRAMS)
        (folder,) = small_methods.make(place, "sees")
    with (place / "sees/method.toml").open("a") as file:
        file.write('features = "efficientnet"\n')
    (place / "plain").mkdir()
    (place / "plain/method.toml").write_text('extends = "../sees"\nfeatures = "pixels"')
    return methods.find(str(folder)), methods.find(str(place / "plain"))


@pytest.mark.slow
def test_features_are_the_networks_own_and_computed_once(sees, data_dir, tmp_path):
    root = tmp_path / "out"
    states, _ = small_methods.run(plan(data_dir, sees[0]), root)
    assert set(states.values()) == {"done"}
    (kept,) = (root / "features").glob("*.npz")
    before = kept.stat().st_mtime_ns
    states, _ = small_methods.run(plan(data_dir, sees[0], seeds=(0, 1)), root)
    assert set(states.values()) == {"done"} and kept.stat().st_mtime_ns == before
    network = models.efficientnet(2, 1, 28)
    layer = network.get_layer("efficientnet_features")
    network = keras.Model(network.input, layer.output)
    source = arrays.find(catalog.variant("breast", phantom=True))
    for place in root.glob("cells/*"):
        assert not (place / "method/features.npz").exists()  # it is large
        with np.load(place / "method/kept.npz") as seen:
            others = {features.CHECKSUMS, features.SECONDS}
            assert set(seen.files) == {*catalog.SPLITS, *others}
            expected = network.predict(source.images("test")[:20], verbose=0)
            assert seen["test"].dtype == np.float32
            np.testing.assert_allclose(seen["test"][:20], expected, atol=1e-4)
        result = json.loads((place / "result.json").read_text())
        assert result["pretrained"] == features.NETWORKS["efficientnet"]
        # What its features took is a part of its cost: of 650 images, 200 are of test.
        assert result["prediction_seconds"] == pytest.approx(features.seconds(kept))
        assert result["training_seconds"] == pytest.approx(
            features.seconds(kept) * 450 / 650
        )


@pytest.mark.slow
def test_features_of_other_images_under_the_same_name_are_computed_anew(tmp_path):
    data, path = tmp_path / "data.npz", tmp_path / "features.npz"
    found = []
    for seed in (0, 0, 1):
        rng = np.random.default_rng(seed)
        images = {
            f"{split}_images": rng.integers(256, size=(3, 28, 28, 1), dtype=np.uint8)
            for split in catalog.SPLITS
        }
        np.savez(data, **images)
        features.prepare(data, path, "efficientnet")
        found.append((path.stat().st_mtime_ns, np.load(path)["test"]))
    (first, _), (again, seen), (changed, other) = found
    assert first == again < changed and abs(seen - other).max() > 0.01


def test_what_computes_them_ends_with_whoever_asked(tmp_path):
    images = {
        f"{split}_images": np.zeros((9, 28, 28, 1), np.uint8)
        for split in catalog.SPLITS
    }
    np.savez(tmp_path / "data.npz", **images)
    code = "import pathlib, sys; from medmnist_tfds.decathlon import features;"
    code += "features.prepare(*map(pathlib.Path, sys.argv[1:]), 'efficientnet')"
    asker = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "data.npz", tmp_path / "seen.npz"]
    )
    deadline = time.monotonic() + 60
    while not (workers := psutil.Process(asker.pid).children()):
        assert time.monotonic() < deadline and asker.poll() is None
        time.sleep(0.05)
    asker.kill()
    asker.wait()
    gone, alive = psutil.wait_procs(workers, timeout=30)
    assert gone and not alive and not (tmp_path / "seen.npz").exists()


def test_pixels_are_of_no_network(sees, data_dir, tmp_path):
    plain = sees[1]
    assert sees[0].features == "efficientnet" and plain.features is None
    assert plain.learned_from == ""
    states, _ = small_methods.run(plan(data_dir, plain), tmp_path / "out")
    assert set(states.values()) == {"failed"}  # its program wants them
    assert not (tmp_path / "out/features").exists()


def test_features_of_another_network_are_refused(tmp_path):
    (tmp_path / "method").mkdir()
    (tmp_path / "method/method.toml").write_text('features = "vgg"')
    with pytest.raises(errors.MedMNISTError, match="one of efficientnet, pixels"):
        methods.find(str(tmp_path / "method"))


def test_features_that_cannot_be_computed_are_a_row_with_the_reason(
    sees, data_dir, tmp_path, monkeypatch
):
    monkeypatch.setitem(features.NETWORKS, "efficientnet", "nothing")
    monkeypatch.setattr(features.sys, "executable", "/bin/false")
    states, _ = small_methods.run(plan(data_dir, sees[0]), tmp_path / "out")
    assert set(states.values()) == {"missing"}
    (place,) = (tmp_path / "out/cells").iterdir()
    reason = json.loads((place / "result.json").read_text())["reason"]
    assert "features of efficientnet could not be computed" in reason


@pytest.mark.slow
def test_logistic_regression_learns_every_kind_of_task(data_dir, tmp_path):
    chosen = methods.find("logistic")
    states, _ = small_methods.run(plan(data_dir, chosen, names=NAMES), tmp_path / "out")
    assert set(states.values()) == {"done"}
    for place in (tmp_path / "out/cells").iterdir():
        result = json.loads((place / "result.json").read_text())
        assert result["scores"]["test"]["auc"] > 0.6, place.name
        assert result["trials"] >= 6 and result["training_seconds"] > 0
        assert result["prediction_seconds"] > 0


def test_systems_extend_it_in_a_few_lines():
    base, flaml = methods.find("logistic"), methods.find("flaml")
    assert flaml.program_folder == base.folder and flaml.features == base.features
    assert flaml.has_environment and not base.has_environment
    assert flaml.learned_from == base.learned_from != ""
