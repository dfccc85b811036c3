"""`models.load`: what it gives back, and what it refuses, from files and folders."""

import hashlib
import json
import os
import pathlib
import zipfile

import keras
import numpy as np
import pytest
import small_runs

from medmnist_tfds import models
from medmnist_tfds.models import compat, plain
from medmnist_tfds.process import checksums, errors


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    plain.copy(small_runs.small(2, 1)).save(path)
    return path


@pytest.fixture
def run(tmp_path, saved) -> pathlib.Path:
    """A folder with what a run says of its network, and its checksum."""
    (tmp_path / "model.keras").write_bytes(saved.read_bytes())
    config = {"dataset": "medmnist_phantom/breast", "phantom": True}
    (tmp_path / "config.json").write_text(json.dumps({"run": config}))
    (tmp_path / "result.json").write_text(json.dumps({"network": "small"}))
    digest = hashlib.sha256(saved.read_bytes()).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  model.keras\n")
    return tmp_path


def refused(source, *words: str):
    with pytest.raises(errors.MedMNISTError) as caught:
        models.load(source)
    said = str(caught.value)
    assert not [word for word in words if word not in said], said
    assert said.count(". ") <= 2 and "\n" not in said


def rewritten(path: pathlib.Path, **members) -> pathlib.Path:
    """The file with the text of some of its members changed."""
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    for name, change in members.items():
        name = f"{name}.json"
        content[name] = change(content[name].decode()).encode()
    changed = path.with_name("changed.keras")
    with zipfile.ZipFile(changed, "w") as file:
        for name, data in content.items():
            file.writestr(name, data)
    return changed


def test_a_folder_and_a_file_give_the_network_back(run, saved):
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    expected = keras.models.load_model(saved).predict(images, verbose=0)
    for source in (run, str(run), run / "model.keras"):
        found = models.load(source)
        np.testing.assert_array_equal(found.predict(images, verbose=0), expected)
    assert models.loading.folder(run) == run


def test_layers_of_this_package_are_known(tmp_path):
    model = small_runs.small(2, 1)  # with our own normalization
    model.save(tmp_path / "own.keras")
    kinds = [type(layer) for layer in models.load(tmp_path / "own.keras").layers]
    assert models.FusedBatchNormalization in kinds


def test_a_changed_file_is_refused_and_a_missing_picture_is_not(run):
    path = run / "model.keras"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(run, "model.keras is not the file that SHA256SUMS lists")
    path.unlink()
    refused(run, "has no model.keras. Expected a run's folder")


def test_listed_files_that_are_there_must_be_those(run):
    sums = run / "SHA256SUMS"
    sums.write_text(f"{sums.read_text()}{'0' * 64}  a.csv\n")
    models.load(run)  # a.csv was left out by whoever copied the folder
    (run / "a.csv").write_text("0,1")
    refused(run, "a.csv is not the file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{'0' * 64}  other.csv\n", "does not list model.keras"),
        ("no list\n", "SHA256SUMS is damaged"),
        ("\xff", "SHA256SUMS is damaged"),
    ],
)
def test_a_list_that_does_not_vouch_for_the_network_is_refused(run, text, message):
    (run / "SHA256SUMS").write_bytes(text.encode("latin-1"))
    refused(run, message)


def test_checksums_are_those_that_sha256sum_reads(tmp_path):
    (tmp_path / "b").write_bytes(b"1" * 3_000_000)
    (tmp_path / "a c").write_text("")
    found = checksums.write(tmp_path, ["b", "a c"])
    lines = (tmp_path / "SHA256SUMS").read_text().splitlines()
    expected = [
        f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}"
        for name in ("a c", "b")
    ]
    assert lines == expected and checksums.read(tmp_path) == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"dataset": "medmnist_phantom/oct"},
            "tells of small for medmnist_phantom/oct",
        ),
        ({"dataset": "medmnist_phantom/derma"}, "Expected from (28, 28, 3) to (7,)"),
        ({"dataset": "medmnist_phantom/organ_3d"}, "from (28, 28, 1) to (2,)"),
    ],
)
def test_a_network_of_another_dataset_is_refused(run, change, message):
    config = json.loads((run / "config.json").read_text())
    config["run"] |= change
    (run / "config.json").write_text(json.dumps(config))
    refused(run, message, "It is the file of another run.")


def test_another_network_is_refused(run):
    (run / "result.json").write_text(json.dumps({"network": "resnet18_28"}))
    refused(run, "model.keras is small", "tells of resnet18_28")


def test_code_in_a_file_is_refused_and_not_run(tmp_path, monkeypatch):
    def trap():
        return lambda x: (__import__("os").environ.update(SPRUNG="yes"), x)[1]

    inputs, path = keras.Input((4,)), tmp_path / "trap.keras"
    layer = keras.layers.Lambda(trap(), output_shape=(4,))
    keras.Model(inputs, layer(inputs)).save(path)
    monkeypatch.setenv("SPRUNG", "no")  # some versions run it when it is built
    refused(path, "trap.keras holds code", "Expected", "Save the network without")
    assert os.environ["SPRUNG"] == "no"
    trapped = keras.models.load_model(path, safe_mode=False)
    trapped(np.zeros((1, 4), np.float32))  # the trap is a real one
    assert os.environ["SPRUNG"] == "yes"


def test_a_class_of_another_package_is_refused_and_not_imported(tmp_path, saved):
    (tmp_path / "model.keras").write_bytes(saved.read_bytes())

    def change(config: str) -> str:
        layers = json.loads(config)
        layers["config"]["layers"][1] |= {"module": "antigravity", "class_name": "fly"}
        return json.dumps(layers)

    path = rewritten(tmp_path / "model.keras", config=change)
    refused(path, "holds code: it asks for antigravity")


def test_a_class_that_nobody_knows_is_refused(tmp_path):
    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    inputs = keras.Input((4,))
    keras.Model(inputs, Own()(inputs)).save(tmp_path / "own.keras")
    with pytest.raises(errors.MedMNISTError, match="own.keras (cannot|holds code)"):
        models.load(tmp_path / "own.keras")


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, saved, share):
    content, path = saved.read_bytes(), tmp_path / "model.keras"
    path.write_bytes(content[: int(share * len(content))])
    refused(path, "model.keras cannot be read as a .keras file", "Expected a whole one")


def test_a_file_without_weights_is_refused(tmp_path, saved):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            if name.endswith(".json"):
                new.writestr(name, old.read(name))
    refused(path, "cannot be read as a .keras file")


def test_a_file_of_another_keras_is_refused(tmp_path, saved):
    (tmp_path / "model.keras").write_bytes(saved.read_bytes())
    other = "3.15.1" if compat.IS_KERAS_2 else "2.15.0"

    def change(metadata: str) -> str:
        return json.dumps(json.loads(metadata) | {"keras_version": other})

    path = rewritten(tmp_path / "model.keras", metadata=change)
    refused(path, f"was written by Keras {other}, and this is", "reads its own files")


def test_what_is_no_folder_is_refused(tmp_path):
    refused(tmp_path / "nothing", "There is no folder", "hf://user/name")
    refused(tmp_path, "has no model.keras. Expected a run's folder")
    refused("a\0b", "is no path")


@pytest.mark.parametrize(
    "source", ["hf://", "hf://ada", "hf://ada/net/more", "hf:///net"]
)
def test_what_names_no_repository_is_refused(source):
    refused(source, "names no repository of the hub. Expected hf://user/name")


def test_a_repository_may_have_a_revision():
    assert models.hub.parse("hf://ada/net") == ("ada/net", None)
    assert models.hub.parse("hf://ada/net@v1.0") == ("ada/net", "v1.0")


def test_nothing_is_compiled(run):
    assert getattr(models.load(run), "optimizer", None) is None
