"""The methods that come with the package, run by the harness on phantom data."""

import csv
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.decathlon import environment
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.score import predictions

GUIDE = pathlib.Path(__file__).parents[2] / "docs/guides/add_a_method.md"


def command(*arguments) -> list[str]:
    program = [sys.executable, "-m", "medmnist_tfds", "decathlon", "run", "--phantom"]
    return [*program, "--budget", "smoke", *map(str, arguments)]


def call(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, **options
    )


def kill(process: subprocess.Popen) -> None:
    """As a machine does that is out of memory; what it had started ends, too."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    gone, alive = psutil.wait_procs(family, timeout=30)
    assert gone and not alive


def test_the_constant_method_gives_class_frequencies(tmp_path, data_dir, phantom):
    done = call(
        *("--methods", "constant", "--datasets", "derma,chest"),
        *("--data-dir", data_dir, "--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("derma", "chest"):
        labels = pipeline.Split(phantom(name), "train").labels
        count = catalog.DATASETS[name].num_labels
        one_hot = labels if labels.ndim == 2 else labels[:, None] == np.arange(count)
        place = tmp_path / f"out/cells/{name}-constant-seed0"
        (path,) = place.glob("*_test_*.csv")
        found = predictions.read(path).scores
        np.testing.assert_allclose(found, np.tile(one_hot.mean(axis=0), (200, 1)))
        assert json.loads((place / "result.json").read_text())["scores"]["test"][
            "auc"
        ] == pytest.approx(0.5)


def test_our_recipe_runs_and_tells_what_it_cost(tmp_path, data_dir):
    done = call(
        *("--methods", "recipe_fast", "--datasets", "breast"),
        *("--set", "recipe_fast.epochs=1", "--data-dir", data_dir),
        *("--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    place = tmp_path / "out/cells/breast-recipe_fast-seed0"
    result = json.loads((place / "result.json").read_text())
    assert result["display_name"] == "Recipe fast (ours)" and not result["pretrained"]
    assert 0 <= result["scores"]["test"]["auc"] <= 1
    # An epoch of the 250 images of a phantom, in whole batches of 8.
    assert result["training_images"] == 256
    assert not (place / "method/state.npz").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18_28", "recipe_fast"])
def test_a_network_that_was_killed_goes_on_after_its_last_epoch(
    tmp_path, data_dir, name
):
    arguments = ("--methods", name, "--datasets", "chest")
    arguments += ("--set", f"{name}.epochs=2", "--data-dir", data_dir)
    arguments += ("--out", tmp_path / "out")
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    work = tmp_path / f"out/work/chest-{name}-seed0"
    deadline = time.monotonic() + 240
    while not (work / "method/state.npz").exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    kill(process)
    done = call(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    place = tmp_path / f"out/cells/chest-{name}-seed0"
    assert "Going on after epoch 1" in (place / "log.txt").read_text()
    with (place / "method/history.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    assert {path.name for path in (place / "method").iterdir()} == {
        "cost.json", "history.csv", "model.keras", "task.json", "tensorboard",
    }  # fmt: skip
    cost = json.loads((place / "result.json").read_text())["training_images"]
    assert cost == 2 * 256  # before it was killed, too
    lines = (place / "log.txt").read_text().splitlines()
    expected = ("Devices: ", "epoch ", "Going on after ")
    assert all(line.startswith(expected) for line in lines), lines


def test_the_method_that_the_guide_shows_runs(tmp_path, data_dir):
    text = GUIDE.read_text()
    definition = re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1]
    program = re.search(r"```python\n(# my_method/run.py\n.*?)```", text, re.DOTALL)[1]
    assert len((definition + program).strip().splitlines()) <= 15
    folder = tmp_path / "my_method"
    folder.mkdir()
    (folder / "method.toml").write_text(definition)
    (folder / "run.py").write_text(program)
    done = call(
        *("--method", "./my_method", "--datasets", "breast,oct"),
        *("--data-dir", data_dir, "--out", tmp_path / "out"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("breast", "oct"):
        path = tmp_path / f"out/cells/{name}-my_method-seed0/result.json"
        assert json.loads(path.read_text())["scores"]["test"]["auc"] > 0.6


def needs_environment(name: str) -> pathlib.Path:
    """The interpreter of a method that has been set up."""
    found = environment.interpreter(methods.find(name))
    if isinstance(found, environment.Missing):
        pytest.skip(found.reason)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["autogluon", "autokeras", "autosklearn", "flaml"])
def test_an_automl_method_runs_where_it_is_set_up(name, tmp_path, data_dir):
    needs_environment(name)
    done = call(
        *("--methods", name, "--datasets", "breast,derma,chest"),
        *("--data-dir", data_dir, "--out", tmp_path / "out"),
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for dataset in ("breast", "derma", "chest"):
        place = tmp_path / f"out/cells/{dataset}-{name}-seed0"
        result = json.loads((place / "result.json").read_text())
        assert result["scores"]["test"]["auc"] > 0.6, dataset


SMALL_WEIGHTS = """
import sys, torch
from tabicl._model.tabicl import TabICL
torch.manual_seed(0)
config = {f"{part}_num_blocks": 1 for part in ("col", "row", "icl")}
config |= {f"{part}_nhead": 2 for part in ("col", "row", "icl")}
config |= {"embed_dim": 16, "col_num_inds": 8, "zero_init": False}
weights = TabICL(**config).state_dict()
torch.save({"config": config, "state_dict": weights}, sys.argv[1])
"""


@pytest.mark.slow
def test_tabicl_reads_its_weights_from_a_file_or_says_what_to_do(tmp_path, data_dir):
    """Random ones of a small network: every kind of task gets its scores."""
    python, weights = needs_environment("tabicl"), tmp_path / "small.ckpt"
    subprocess.run([python, "-c", SMALL_WEIGHTS, weights], check=True)
    base = ("--methods", "tabicl", "--data-dir", data_dir, "--out", tmp_path / "out")
    done = call(
        *(*base, "--datasets", "breast,derma,chest"),
        *("--set", f"tabicl.weights={weights}"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = call(
        *(*base[:-1], tmp_path / "offline", "--datasets", "breast"), env=offline
    )
    path = tmp_path / "offline/cells/breast-tabicl-seed0/result.json"
    result = json.loads(path.read_text())
    assert result["status"] == "missing" and "tabicl.weights=FILE" in result["reason"]


@pytest.mark.slow
def test_keras_tuner_searches_and_goes_on_after_a_kill(tmp_path, data_dir):
    pytest.importorskip("keras_tuner", reason="the extra [keras-tuner] is missing")
    arguments = ("--methods", "keras_tuner", "--datasets", "chest")
    arguments += ("--set", "keras_tuner.models=resnet10")
    arguments += ("--set", "keras_tuner.epochs=3")
    arguments += ("--data-dir", data_dir, "--out", tmp_path / "out")
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    search = tmp_path / "out/work/chest-keras_tuner-seed0/method/keras_tuner/search"
    deadline, done = time.monotonic() + 240, []
    while len(done) < 2:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
        done = [
            path
            for path in search.glob("trial_*/trial.json")
            if '"COMPLETED"' in path.read_text()
        ]
    kill(process)
    finished = call(*arguments)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    place = tmp_path / "out/cells/chest-keras_tuner-seed0"
    result = json.loads((place / "result.json").read_text())
    assert result["is_resumed"] and not result["pretrained"]
    # Hyperband of 3 epochs: 3 trials of one, the best of them to 3, and 2 of 3.
    assert result["trials"] == 6 and result["training_images"] == 11 * 250
    lines = (place / "log.txt").read_text().splitlines()
    trained = [line for line in lines if line.startswith("epoch ")]
    assert len(trained) in (6, 7)  # one was cut off; none of those before is repeated
    assert result["scores"]["test"]["auc"] > 0.5
    assert (place / "method/model.keras").exists() and not search.exists()
