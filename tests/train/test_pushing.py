"""A run that is handed on: to a folder, and to a hub that runs on this machine."""

import json
import pathlib
import shutil
import sys

import keras
import lanes
import local_hub
import numpy as np
import processes
import pytest
import small_runs
from rich import console as rich_console
from small_runs import run

from medmnist_tfds import models, train
from medmnist_tfds.process import errors

PUSHED = {
    *("README.md", "SHA256SUMS", "config.json", "result.json", "history.csv"),
    *("curves.png", "PHANTOM.txt", "model.keras", "model.tflite", "kind.npz"),
}
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), np.uint8)
# The command, and what loads it again, in one process: starting TensorFlow takes long.
PUSH_AND_LOAD = """
import contextlib, json, os, sys
import numpy as np
from medmnist_tfds import models
from medmnist_tfds.commands import cli
run, reads, *sources = sys.argv[1:]
images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), np.uint8)
for options in (["--private"], []):  # twice is fine
    sys.argv = ["medmnist-tfds", "push", run, "--to", sources[0], *options]
    with contextlib.suppress(SystemExit):
        cli.main()
os.environ["HF_TOKEN"] = reads
for source in sources:
    print("logits", models.load(source).predict(images, verbose=0).tolist())
"""
# Each line: upload or download, the place, the token. No device is started.
ASK = """
import json, os, pathlib, sys
from medmnist_tfds.models import hub
from medmnist_tfds.process import errors
for kind, place, token in json.loads(sys.argv[2]):
    os.environ.pop("HF_TOKEN", None)
    if token:
        os.environ["HF_TOKEN"] = token
    try:
        if kind == "upload":
            hub.upload(pathlib.Path(sys.argv[1]), place)
        else:
            hub.download(place)
        print("done")
    except errors.MedMNISTError as error:
        print("said", error)
"""


def made(folder, data_dir, **options) -> pathlib.Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.NETWORKS, "resnet18", small_runs.small)
        run(folder, data_dir, epochs=1, **options)
    return folder


@pytest.fixture(scope="module")
def finished(data_dir, tmp_path_factory) -> pathlib.Path:
    return made(tmp_path_factory.mktemp("run"), data_dir)


@pytest.fixture(scope="module")
def expected(finished) -> np.ndarray:
    model = keras.models.load_model(finished / "model.keras")
    return model.predict(IMAGES, verbose=0)


def names(folder: pathlib.Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_pushed_folder_works_as_the_runs_own(finished, expected, tmp_path):
    before = {p.name: p.read_bytes() for p in finished.iterdir() if p.is_file()}
    to = tmp_path / "a" / "copy"
    for _ in range(2):  # twice is fine
        found = train.push(finished, to)
    files = {p.name for p in finished.glob("*@*.csv")}
    assert names(to) == {*found} == PUSHED | files and len(files) == 3
    after = {p.name: p.read_bytes() for p in finished.iterdir() if p.is_file()}
    assert after == before
    logits = models.load(to).predict(IMAGES, verbose=0)
    np.testing.assert_array_equal(logits, expected)
    lite = models.TFLiteClassifier(to / "model.tflite")
    np.testing.assert_allclose(lite.predict(IMAGES), expected, rtol=1e-4, atol=1e-5)
    listed = (to / "SHA256SUMS").read_text()
    assert all(name in listed for name in names(to) - {"README.md", "SHA256SUMS"})
    again = tmp_path / "again"
    train.push(to, again)  # where a run's folder does, too
    assert names(again) == names(to)
    assert (again / "README.md").read_bytes() == (to / "README.md").read_bytes()
    train.write_card(to)
    models.load(to)


@lanes.needs_tensorflow("an export elsewhere starts a process, which takes long")
def test_a_longer_run_takes_the_place_of_what_was_pushed(data_dir, tmp_path):
    folder, to = made(tmp_path / "run", data_dir), tmp_path / "to"
    train.push(folder, to)
    (to / "LICENSE").write_text("of others")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.NETWORKS, "resnet18", small_runs.small)
        run(folder, data_dir, epochs=30, learning_rate=1e-3)
    train.push(folder, to)
    assert {p.name for p in to.glob("*@*")} == {p.name for p in folder.glob("*@*")}
    assert (to / "LICENSE").exists() and len([*to.glob("*@*")]) == 3
    models.load(to)


def test_a_folder_of_another_run_is_refused(finished, data_dir, tmp_path):
    other = made(tmp_path / "other", data_dir, seed=1)
    with pytest.raises(errors.MedMNISTError, match="another run: its seed is 1, not 0"):
        train.push(finished, other)
    with pytest.raises(errors.MedMNISTError, match="is the run's own folder"):
        train.push(finished, finished)


def test_what_was_changed_is_not_pushed(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    content = bytearray((folder / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.keras").write_bytes(content)
    with pytest.raises(errors.MedMNISTError, match="is not the file that SHA256SUMS"):
        train.push(folder, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_volumes_are_pushed_without_a_tensorflow_lite_file(data_dir, tmp_path):
    folder = made(tmp_path / "run", data_dir, dataset="medmnist_phantom/nodule_3d")
    lines = small_runs.Lines()
    train.push(folder, tmp_path / "to", console=rich_console.Console(file=lines))
    assert "Without model.tflite: small takes volumes" in lines.getvalue()
    assert names(tmp_path / "to") >= PUSHED - {"model.tflite", "kind.npz"}
    models.load(tmp_path / "to")


@pytest.fixture(scope="module")
def hub():
    with local_hub.running() as running:
        yield running


@pytest.fixture
def call(hub, tmp_path):
    """Runs a program as a user of that hub; none of its output has a token."""

    def called(program, *arguments, token=None, url=None) -> str:
        environment = local_hub.environment(url or hub.url, tmp_path / "hf", token)
        command = [sys.executable, "-c", program, *map(str, arguments)]
        done = processes.run(command, env=environment)
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said
        # A program that is given a token as an argument does not print it.
        assert not [each for each in local_hub.TOKENS if each in said]
        return done.stdout

    return called


@lanes.needs_tensorflow("a hub knows no lane; processes are forked from TensorFlow's")
def test_a_hub_gets_a_run_and_gives_it_back(hub, call, finished, expected):
    token, name = local_hub.WRITES, "ada/net"
    first = local_hub.sha(name, 1)
    sources = [f"hf://{name}", f"hf://{name}@{first}"]
    said = call(PUSH_AND_LOAD, finished, local_hub.READS, *sources, token=token)
    found = [json.loads(x[7:]) for x in said.splitlines() if x.startswith("logits")]
    for logits in found:
        np.testing.assert_array_equal(np.array(logits, np.float32), expected)
    assert len(found) == 2 and said.count(f"13 files are in hf://{name}.") == 2
    files = hub.files(name)
    assert {*files} == PUSHED | {p.name for p in finished.glob("*@*.csv")}
    assert files["model.keras"] == (finished / "model.keras").read_bytes()
    assert b'models.load("hf://ada/net")' in files["README.md"]
    assert hub.repositories[name]["private"] and hub.yaml
    assert [sha for sha, _ in hub.repositories[name]["commits"]][1] == first


@lanes.needs_tensorflow("a hub knows no lane; processes are forked from TensorFlow's")
def test_what_a_hub_refuses_is_told_in_one_sentence(hub, call, tmp_path):
    (tmp_path / "README.md").write_text("# a card\n")
    reads, writes = local_hub.READS, local_hub.WRITES
    commits = [("1" * 40, {"README.md": b"# another"})]
    hub.repositories["ada/hidden"] = {"private": True, "commits": commits}
    cases = [
        ("upload", "hf://ada/new", None, "does not know who asks for hf://ada/new"),
        ("upload", "hf://ada/new", "hf_wrong", "does not know who asks"),
        ("upload", "hf://ada/new", reads, "refuses hf://ada/new to this token"),
        ("upload", "hf://ada/a..b", writes, "does not take the name hf://ada/a..b"),
        ("upload", "hf://ada", writes, "names no repository of the hub"),
        ("upload", "hf://ada/new@v1", writes, "names a revision. Expected hf://user"),
        ("download", "hf://ada/nothing", reads, "no repository hf://ada/nothing"),
        ("download", "hf://ada/hidden", None, "does not know who asks for hf://ada/h"),
        ("download", "hf://ada/hidden@v9", reads, "no such revision: hf://ada/hidden@"),
    ]
    said = call(ASK, tmp_path, json.dumps([case[:3] for case in cases])).splitlines()
    for case, line in zip(cases, said, strict=True):
        assert line.startswith("said ") and case[3] in line, (case, line)
    assert "ada/new" not in hub.repositories


@lanes.needs_tensorflow("a hub knows no lane; processes are forked from TensorFlow's")
def test_a_hub_that_fails_or_is_not_there_is_told_in_one_sentence(hub, call, tmp_path):
    asked = [("download", "hf://ada/a", None), ("upload", "hf://ada/a", "hf_any")]
    hub.status = 418
    try:
        said = call(ASK, tmp_path, json.dumps(asked)).splitlines()
    finally:
        hub.status = 0
    assert ["answered hf://ada/a with status 418" in line for line in said] == [
        True
    ] * 2
    url = "http://127.0.0.1:9"
    said = call(ASK, tmp_path, json.dumps(asked), url=url).splitlines()
    assert ["could not be reached for hf://ada/a" in line for line in said] == [
        True
    ] * 2
