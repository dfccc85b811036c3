"""`medmnist-tfds train`, in a real process: what it shows, leaves and refuses."""

import csv
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import keras
import lanes
import numpy as np
import processes
import pytest

from medmnist_tfds.process import files
from medmnist_tfds.score import predictions, scoring
from medmnist_tfds.train import PAPER, RECIPES


def command(*arguments, data_dir) -> list[str]:
    program = [sys.executable, "-m", "medmnist_tfds", "train", "breast", "--phantom"]
    return [*program, "--data-dir", str(data_dir), *map(str, arguments)]


@pytest.fixture(scope="module")
def run(data_dir, tmp_path_factory):
    """A finished run of one epoch: its folder and what was printed."""
    folder = tmp_path_factory.mktemp("run") / "new"
    options = ["--epochs", 1, "--batch-size", 64, "--learning-rate", 2e-3, "--seed", 3]
    options += ["--out", folder]
    done = subprocess.run(
        command(*options, data_dir=data_dir), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder, options, done


def test_the_run_folder_holds_everything(run):
    folder, _, _ = run
    names = sorted(path.name for path in folder.iterdir())
    files = [name for name in names if not name.startswith("phantom-breastmnist_")]
    assert files == [
        "PHANTOM.txt", "README.md", "SHA256SUMS", "config.json", "curves.png",
        "history.csv", "kind.npz", "model.keras", "result.json", "state.npz",
        "tensorboard",
    ]  # fmt: skip
    assert len(names) - len(files) == 3  # one prediction file per split
    config = json.loads((folder / "config.json").read_text())
    assert config["run"]["dataset"] == "medmnist_phantom/breast"
    assert config["run"]["phantom"] and config["run"]["seed"] == 3
    assert config["run"]["recipe"]["epochs"] == 1
    assert config["run"]["recipe"]["batch_size"] == 64
    assert config["run"]["recipe"]["learning_rate"] == 2e-3
    assert config["environment"]["packages"]["keras"] == keras.__version__
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    history = list(csv.DictReader((folder / "history.csv").open()))
    assert [row["epoch"] for row in history] == ["1"]


def test_scores_are_those_of_the_prediction_files_and_of_the_kept_model(run, phantom):
    folder, _, _ = run
    result = json.loads((folder / "result.json").read_text())
    model = keras.models.load_model(folder / "model.keras")
    from medmnist_tfds.data import pipeline

    for split, scores in result["scores"].items():
        (path,) = folder.glob(f"*_{split}_*.csv")
        found = predictions.read(path)
        data = pipeline.Split(phantom("breast"), split)
        again = scoring.score(data.labels, found.scores, task="binary-class")
        assert scores == {"auc": again.auc, "acc": again.acc}
        logits = model.predict(data.images, verbose=0)
        fresh = scoring.probabilities(logits, found.variant.dataset.task)
        np.testing.assert_allclose(found.scores, fresh, atol=1e-5)
    history = next(csv.DictReader((folder / "history.csv").open()))
    assert float(history["val_auc"]) == pytest.approx(
        result["scores"]["val"]["auc"], abs=1e-6
    )


def test_output_names_the_phantom_and_holds_no_chatter(run):
    folder, _, done = run
    assert "PHANTOM" in done.stdout and str(folder) in done.stdout
    assert "val AUC" in done.stdout and "images/s" in done.stdout
    size = (folder / "state.npz").stat().st_size / 1e6
    assert f"More --epochs go on from its state.npz ({size:.0f} MB)" in done.stdout
    for noise in ("oneDNN", "cuda", "absl", "WARNING", "UserWarning", "Traceback"):
        assert noise not in done.stdout + done.stderr


def test_a_recipe_is_taken_by_name_and_changed_by_settings(data_dir, tmp_path):
    folder = tmp_path / "run"
    options = ["--recipe", "fast", "--epochs", 1, "--set", "augment=none"]
    options += ["--set", "batch_size=125", "--out", folder]
    done = processes.run(command(*options, data_dir=data_dir))
    assert done.returncode == 0, done.stderr
    recipe = json.loads((folder / "config.json").read_text())["run"]["recipe"]
    fast = RECIPES["fast"]
    changes = {"epochs": 1, "augment": "none", "batch_size": 125, "max_images": 0}
    assert recipe == dataclasses.asdict(dataclasses.replace(fast, **changes))
    how = {"best": "by validation AUC", "last": "the last one"}[fast.keep]
    assert f"Epoch 1 of 1 was kept, {how}." in done.stdout
    # Where the rate has fallen, more epochs would be another run.
    goes_on = "More --epochs go on" in done.stdout
    assert goes_on == (fast.schedule == "constant")
    names = sorted(path.name for path in folder.iterdir())
    assert len([name for name in names if name.endswith(".csv")]) == 4
    assert {"model.keras", "result.json", "curves.png", "tensorboard"} < {*names}


def test_an_unknown_recipe_is_answered_by_the_nearest(data_dir, tmp_path):
    options = ["--recipe", "fats", "--out", tmp_path / "run"]
    done = processes.run(command(*options, data_dir=data_dir))
    assert done.returncode == 1 and not (tmp_path / "run").exists()
    assert "There is no recipe 'fats'" in done.stderr
    assert "mean 'fast'" in " ".join(done.stderr.split())


def test_a_finished_run_is_not_run_again(run, data_dir):
    folder, options, _ = run
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = processes.run(command(*options, data_dir=data_dir))
    assert again.returncode == 0 and "not run again" in again.stdout
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.mark.parametrize("what", ["another run", "other files", "config.json"])
def test_a_folder_of_something_else_is_refused(run, data_dir, tmp_path, what):
    folder, _, _ = run
    if what != "another run":
        folder, expected = tmp_path, "is not empty and holds no run"
        name = "config.json" if what == "config.json" else "thesis.tex"
        (folder / name).write_text("[]")
        if what == "config.json":
            expected = "config.json holds no JSON object (it holds a list)"
    else:
        expected = "its seed is 3, not 4; its batch_size is 64, not 128; its learning"
    done = processes.run(
        command("--epochs", 2, "--seed", 4, "--out", folder, data_dir=data_dir),
    )
    assert done.returncode == 1 and expected in done.stderr
    assert "Traceback" not in done.stderr
    if what != "another run":
        assert [path.name for path in folder.iterdir()] == [name]


def interrupted(folder: pathlib.Path, data_dir, *, after) -> tuple[int, str]:
    """Starts 50 epochs, presses Ctrl-C once `after()` is true; exit code and output."""
    small = ("--set", "model=resnet10")
    process = processes.Popen(
        command(*small, "--epochs", 50, "--out", folder, data_dir=data_dir),
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    deadline = time.monotonic() + 120
    while not after() and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output
    finally:
        process.kill()


def test_ctrl_c_ends_a_run_with_scores_of_what_it_has(data_dir, tmp_path):
    folder = tmp_path / "run"
    code, output = interrupted(
        folder, data_dir, after=lambda: (folder / "state.npz").exists()
    )
    assert code == 130 and "Interrupted: scoring the best epoch" in output
    assert output.endswith("The same command goes on from here.\n")
    result = json.loads((folder / "result.json").read_text())
    assert result["interrupted"] and set(result["scores"]) == {"train", "val", "test"}
    assert len(list(folder.glob("*.csv"))) == 4
    assert not list(folder.glob(".*"))  # nothing half-written


def test_ctrl_c_before_the_first_epoch_leaves_no_result(data_dir, tmp_path):
    folder = tmp_path / "run"
    code, output = interrupted(
        folder, data_dir, after=lambda: (folder / "tensorboard").exists()
    )
    assert code == 130 and "left without scores" in output
    assert not (folder / "result.json").exists()


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(data_dir, tmp_path):
    whole, part = tmp_path / "whole", tmp_path / "part"
    options = ["--epochs", 2, "--deterministic", "--out"]
    processes.run(command(*options, whole, data_dir=data_dir), check=True)
    killed = processes.Popen(command(*options, part, data_dir=data_dir))
    while killed.poll() is None and not (part / "state.npz").exists():
        time.sleep(0.05)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL and not (part / "result.json").exists()
    again = processes.run(command(*options, part, data_dir=data_dir))
    assert again.returncode == 0 and "Going on after epoch 1" in again.stdout
    for path in [*whole.glob("*.csv"), whole / "result.json"]:  # to the bit
        assert (part / path.name).read_bytes() == path.read_bytes(), path.name
    state, other = part / "state.npz", whole / "state.npz"
    assert state.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("columns", [80, 100])
def test_help_says_all_of_each_option_and_field_at_80_columns(columns):
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1"}
    program = [sys.executable, "-m", "medmnist_tfds", "train", "--help"]
    text = processes.run(program, check=True, env=environment).stdout
    lines = text.splitlines()
    assert max(map(len, lines)) <= columns
    for line in lines:
        if words := re.match(r"│ (--[a-z-]+) +\S+ +(.*)│$", line):
            assert words[2].strip(), f"{words[1]} has no text"
    for default in ("the paper's 100", "the paper's 128", "runs/DATASET_MODEL_SEED"):
        assert default in text
    for name, default in dataclasses.asdict(PAPER).items():
        (line,) = [line for line in lines if line.startswith(f"   {name}={default} ")]
        assert len(line.split(maxsplit=1)[1].split()) >= 2


@lanes.needs_tensorflow("the other keeps the loss finite by its statistics")
def test_a_run_that_diverges_says_where_and_what_to_try(data_dir, tmp_path):
    diverging = ["--set", "learning_rate=1e30", "--out", tmp_path / "run"]
    done = processes.run(command(*diverging, data_dir=data_dir))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "in epoch 1, step" in done.stderr and "smaller learning_rate" in done.stderr


def test_two_runs_in_one_folder_at_a_time_are_refused(data_dir, tmp_path):
    with files.lock(tmp_path / "run"):
        done = processes.run(
            command("--out", tmp_path / "run", data_dir=data_dir),
        )
    assert done.returncode == 1 and "Another process is at work" in done.stderr
