"""`fit`, from a dataset's name to a result, with a network that takes no time."""

import csv
import json
import os
import pathlib
import sys
import time
import warnings

import keras
import lanes
import numpy as np
import processes
import pytest
import small_runs
from rich import console as rich_console
from small_runs import BREAST, interrupt, run

from medmnist_tfds import models
from medmnist_tfds.commands import cli
from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.process import errors, files, memory
from medmnist_tfds.train import PAPER, Recipe, callbacks, fit, networks


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    monkeypatch.setitem(models.NETWORKS, "resnet18", small_runs.small)


def scalars(state: pathlib.Path) -> set[float]:
    """The numbers in the saved optimizer."""
    with np.load(state) as arrays:
        names = [n for n in arrays if n.startswith("optimizer/")]
        return {float(arrays[name]) for name in names if arrays[name].ndim == 0}


def test_a_run_in_float16_scales_its_loss_and_goes_on_with_the_same_scale(
    data_dir, tmp_path, monkeypatch
):
    optimizers, compiled = [], networks.compiled

    def seen(*arguments, **options):
        model = compiled(*arguments, **options)
        optimizers.append(type(model.optimizer).__name__)
        return model

    monkeypatch.setattr(networks, "compiled", seen)
    settings = {"precision": "mixed_float16", "epochs": 3}
    result, _ = run(tmp_path, data_dir, after=lambda n: interrupt(n, 1), **settings)
    assert optimizers[0].startswith("LossScaleOptimizer") and result.interrupted
    state = tmp_path / "state.npz"
    assert 2.0**15 in scalars(state)  # where Keras begins
    with np.load(state) as arrays:
        changed = {
            name: np.full_like(a, 512) if a.ndim == 0 and a == 2.0**15 else a
            for name, a in arrays.items()
            if name != "progress"
        } | {"progress": arrays["progress"]}
    np.savez(state, **changed)
    result, output = run(
        tmp_path, data_dir, after=lambda n: interrupt(n, 2), **settings
    )
    assert "Going on after epoch 1" in output and result.epochs == 2
    assert 512 in scalars(state) and 2.0**15 not in scalars(state)


def test_statistics_estimated_anew_are_those_of_the_training_images(
    data_dir, phantom, tmp_path
):
    run(tmp_path, data_dir, epochs=1, batch_size=64, statistics_images=2**10)
    model = keras.models.load_model(tmp_path / "model.keras")
    images = pipeline.Split(phantom("breast"), "train").images
    small_runs.check_statistics(model, images)


def test_a_state_that_could_not_be_written_is_told_after_ctrl_c(data_dir, tmp_path):
    state = tmp_path / "state.npz"

    def after(epoch: int) -> None:
        while epoch == 1 and not state.exists():
            time.sleep(0.01)
        if epoch == 1:
            state.unlink()
            state.mkdir()
        interrupt(epoch, 2)

    with pytest.raises(OSError, match="state.npz"):
        run(tmp_path, data_dir, after=after, epochs=3)
    assert not (tmp_path / "result.json").exists()


def test_patience_ends_a_run_and_is_not_begun_anew_when_it_goes_on(data_dir, tmp_path):
    settings = {"learning_rate": 1e-30, "patience": 3, "epochs": 20}
    run(tmp_path, data_dir, after=lambda n: interrupt(n, 2), **settings)
    result, _ = run(tmp_path, data_dir, **settings)
    best = result.best_epoch
    assert result.epochs == best + 3 < 20 and not result.interrupted


def test_kappa_of_an_ordinal_task_is_shown(data_dir, tmp_path):
    lines = small_runs.Lines()
    fit(
        "medmnist_phantom/retina",
        recipe=Recipe(epochs=1),
        out=tmp_path,
        data_dir=data_dir,
        console=rich_console.Console(file=lines, width=100),
    )
    (row,) = csv.DictReader((tmp_path / "history.csv").open())
    assert f"  kappa {float(row['val_kappa']):.3f}  " in lines.getvalue()


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "0", None, float("nan")])
def test_a_seed_that_is_none_is_refused(seed, tmp_path):
    with pytest.raises(errors.MedMNISTError, match="The seed is .* a whole number"):
        fit(BREAST, seed=seed, out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def train(*arguments, capsys) -> str:
    """The error that `medmnist-tfds train` ends with, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warnings, "formatwarning", warnings.formatwarning)
        patch.setattr(memory, "keep_freed", lambda: None)  # these are for good
        patch.setattr(sys, "argv", ["medmnist-tfds", "train", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
    error = capsys.readouterr().err
    assert end.value.code == 1 and error.startswith("Error: ")
    return error


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (".", "is not empty and holds no run"),
        ("..", "is not empty and holds no run"),
        ("/", "/ is the root"),
        ("thesis.tex", "thesis.tex is a file"),
        ("thesis.tex/run", "thesis.tex is a file"),
    ],
)
def test_a_folder_that_cannot_be_a_runs_is_refused(
    out, message, tmp_path, monkeypatch, capsys
):
    here = tmp_path / "project" / "here"
    here.mkdir(parents=True)
    (here / "thesis.tex").touch()
    monkeypatch.chdir(here)
    error = train("breast", "--phantom", "--out", out, capsys=capsys)
    assert message in error
    assert [path.name for path in here.iterdir()] == ["thesis.tex"]


def test_a_setting_out_of_bounds_is_a_message(capsys):
    error = train("breast", "--phantom", "--set", "patience=-1", capsys=capsys)
    assert "patience is -1. Expected a whole number from 0" in error


def test_a_folder_has_one_lock_whatever_it_is_called(tmp_path, monkeypatch):
    (tmp_path / "run" / "inside").mkdir(parents=True)
    for here, name in (("run/inside", ".."), ("run", "."), (".", "run/../run")):
        monkeypatch.chdir(tmp_path / here)
        with files.lock(tmp_path / "run"):
            with pytest.raises(errors.MedMNISTError, match="Another process"):
                files.lock(name)
        with files.lock(name):  # it was let go
            pass


def test_a_parsed_name_is_as_good_as_a_name(data_dir, tmp_path):
    results = [
        fit(
            dataset,
            recipe=Recipe(epochs=1),
            out=tmp_path / str(number),
            data_dir=data_dir,
            console=rich_console.Console(quiet=True),
        )
        for number, dataset in enumerate([BREAST, catalog.parse(BREAST)])
    ]
    assert results[0].scores == results[1].scores
    assert PAPER.model == "resnet18"


@pytest.mark.parametrize("lost_at", [1, 3, 4])
def test_the_step_that_lost_the_loss_is_named_also_an_epochs_last(lost_at):
    images = np.ones((8, 1), np.float32)
    images[2 * lost_at - 1] = np.inf
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mean_absolute_error")
    watching = callbacks.UnreadLogs([callbacks.StopAtNonFiniteLoss()], model=model)
    with pytest.raises(errors.MedMNISTError, match=f"in epoch 1, step {lost_at}. Exp"):
        model.fit(
            images, images, batch_size=2, epochs=2, shuffle=False, verbose=0,
            callbacks=watching,
        )  # fmt: skip


THREE_REPLICAS = """
import csv, json, sys, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
import keras
from medmnist_tfds import models, train
from medmnist_tfds.process import errors
def small(num_classes, channels, size):
    images = keras.Input((28, 28, channels))
    x = keras.layers.Rescaling(1 / 255)(keras.layers.Flatten()(images))
    return keras.Model(images, keras.layers.Dense(num_classes)(x), name="small")
models.NETWORKS["resnet18"] = small
def history(batch_size, strategy, name, model="resnet18"):
    recipe = train.Recipe(
        epochs=2, batch_size=batch_size, learning_rate=0.1, model=model)
    try:
        train.fit("medmnist_phantom/breast", recipe=recipe, out=f"{sys.argv[1]}/{name}",
                  data_dir=sys.argv[2], strategy=strategy)
    except errors.MedMNISTError as error:
        return str(error)
    return list(csv.DictReader(open(f"{sys.argv[1]}/{name}/history.csv")))
three = train.choose_strategy("mirrored")
both = "resnet18+resnet18"
print(json.dumps([history(128, None, "one"), history(128, three, "three"),
                  history(128, None, "both", both),
                  history(128, three, "both_three", both), history(2, three, "none")]))
"""


@lanes.needs_tensorflow("replicas of tf.distribute")
def test_three_replicas_share_a_batch_of_128_also_of_members(
    phantom, data_dir, tmp_path
):
    phantom("breast")
    done = processes.run(
        [sys.executable, "-c", THREE_REPLICAS, str(tmp_path), str(data_dir)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    *histories, refusal = json.loads(done.stdout.splitlines()[-1])
    one, three, members, shared_members = histories
    assert members[0]["loss"] != one[0]["loss"]
    for alone, shared in zip(one + members, three + shared_members, strict=True):
        for name, value in alone.items():
            assert float(shared[name]) == pytest.approx(float(value), abs=1e-5)
    assert "3 replicas cannot share a batch of 2" in refusal
    assert "batch_size=3." in refusal and not (tmp_path / "none").exists()
