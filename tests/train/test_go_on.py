"""A run goes on: to more epochs, with more patience, after any kill."""

import dataclasses
import json
import os
import pathlib
import shutil
import sys

import processes
import pytest
import small_runs
from small_runs import interrupt, run

from medmnist_tfds import models
from medmnist_tfds.process import errors, files
from medmnist_tfds.score import predictions
from medmnist_tfds.train import RECIPES, checkpoint, curves, networks, results

STILL = {"learning_rate": 1e-30}  # nothing gets better but moving averages


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    monkeypatch.setitem(models.NETWORKS, "resnet18", small_runs.small)


def found(folder: pathlib.Path) -> dict:
    """What a finished run left, but for what tells time or place."""
    names = [p.name for p in folder.iterdir() if p.suffix == ".csv"]
    left = {name: (folder / name).read_text() for name in names}
    return left | {"result": json.loads((folder / "result.json").read_text())}


TO_THE_BIT = """
import sys
sys.path.insert(0, sys.argv[3])
import small_runs
from medmnist_tfds import models, train
models.NETWORKS["resnet18"] = small_runs.small
for name, epochs in (("parts", 2), ("parts", 3), ("whole", 3)):
    recipe = train.Recipe(epochs=epochs, deterministic=True, batch_size=64)
    train.fit(small_runs.BREAST, recipe=recipe, out=f"{sys.argv[1]}/{name}",
              data_dir=sys.argv[2])
"""


def test_a_finished_run_goes_on_to_what_it_would_have_been_at_once(
    phantom, data_dir, tmp_path
):
    phantom("breast")
    helpers = pathlib.Path(small_runs.__file__).parent
    done = processes.run(
        [sys.executable, "-c", TO_THE_BIT, tmp_path, data_dir, helpers],
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.stdout.count("Going on after epoch 2") == 1
    parts, whole = found(tmp_path / "parts"), found(tmp_path / "whole")
    assert parts == whole and whole["result"]["epochs"] == 3 and len(whole) == 5
    states = [
        (tmp_path / name / "state.npz").read_bytes() for name in ("parts", "whole")
    ]
    assert states[0] == states[1]


def test_less_than_is_done_and_a_state_that_is_gone_are_refused(data_dir, tmp_path):
    run(tmp_path, data_dir, epochs=2)
    before = found(tmp_path)
    with pytest.raises(errors.MedMNISTError, match="2 epochs done.*ends after 1"):
        run(tmp_path, data_dir, epochs=1)
    with pytest.raises(errors.MedMNISTError, match="its momentum is 0.9, not 0.5"):
        run(tmp_path, data_dir, epochs=3, momentum=0.5)
    (tmp_path / "state.npz").unlink()
    with pytest.raises(errors.MedMNISTError, match="2 epochs, finished.*its state.npz"):
        run(tmp_path, data_dir, epochs=3)
    _, output = run(tmp_path, data_dir, epochs=2)
    assert "not run again" in output and found(tmp_path) == before


def test_a_run_that_patience_ended_says_so_and_goes_on_with_more_of_it_only(
    data_dir, tmp_path
):
    ended, output = run(tmp_path / "run", data_dir, epochs=9, patience=2, **STILL)
    best, last = ended.best_epoch, ended.epochs
    assert last == best + 2 < 9
    assert f"Stopped after epoch {last} of 9: no better validation AUC" in output
    same, output = run(tmp_path / "run", data_dir, epochs=20, patience=2, **STILL)
    assert same == ended and "it goes on with more than patience=2" in output
    with pytest.raises(
        errors.MedMNISTError, match=f"patience=1 it ends after {best + 1}"
    ):
        run(tmp_path / "run", data_dir, epochs=9, patience=1, **STILL)
    more, output = run(tmp_path / "run", data_dir, epochs=9, patience=3, **STILL)
    assert f"Going on after epoch {last}" in output
    at_once, _ = run(tmp_path / "whole", data_dir, epochs=9, patience=3, **STILL)
    assert more.epochs == at_once.epochs > last
    assert found(tmp_path / "run") == found(tmp_path / "whole")


def test_an_interrupted_continuation_leaves_the_finished_result(data_dir, tmp_path):
    two, _ = run(tmp_path, data_dir, epochs=2)
    before = {name: text for name, text in found(tmp_path).items() if "@" in name}
    four, output = run(tmp_path, data_dir, after=lambda n: interrupt(n, 4), epochs=9)
    assert "Interrupted after epoch 4" in output and "results of 2 epochs" in output
    assert four.interrupted and (four.scores, four.epochs) == (two.scores, 2)
    assert not json.loads((tmp_path / "result.json").read_text())["interrupted"]
    assert {n: t for n, t in found(tmp_path).items() if "@" in n} == before
    assert not list(tmp_path.glob(".*"))
    scored, _ = run(tmp_path, data_dir, epochs=4)  # as the message says
    assert scored.epochs == 4 and not scored.interrupted


COSINE = {"schedule": "cosine", "optimizer": "adamw"}


def test_a_run_whose_rate_has_fallen_does_not_go_on_to_more_and_says_why(
    data_dir, tmp_path
):
    run(tmp_path, data_dir, epochs=2, **COSINE)
    before = found(tmp_path)
    for epochs in (1, 3):
        message = f"its epochs is 2, not {epochs}.*rate falls in just its epochs"
        with pytest.raises(errors.MedMNISTError, match=message):
            run(tmp_path, data_dir, epochs=epochs, **COSINE)
    with pytest.raises(errors.MedMNISTError) as refused:
        run(tmp_path, data_dir, seed=1, epochs=2, **COSINE)
    assert "falls in" not in str(refused.value)  # that is not why
    _, output = run(tmp_path, data_dir, epochs=2, **COSINE)
    assert "not run again" in output and found(tmp_path) == before


def test_patience_may_grow_also_where_the_rate_falls(data_dir, tmp_path):
    settings = {"epochs": 6, "learning_rate": 1e-30, "schedule": "cosine"}
    ended, _ = run(tmp_path, data_dir, patience=1, **settings)
    assert ended.epochs < 6
    more, output = run(tmp_path, data_dir, patience=9, **settings)
    assert f"Going on after epoch {ended.epochs}" in output and more.epochs == 6


@pytest.mark.parametrize("has_history", [True, False])
def test_a_folder_from_before_some_fields_is_still_finished(
    has_history, whole, data_dir, tmp_path
):
    folder = tmp_path / "run"
    shutil.copytree(whole[2], folder)
    first = ("model", "resolution", "epochs", "batch_size", "learning_rate")
    first += ("momentum", "patience", "precision", "xla", "deterministic")
    for name in ("config.json", "result.json"):
        content = json.loads((folder / name).read_text())
        recipe = content.get("run", content)["recipe"]
        for field in set(recipe) - set(first):
            del recipe[field]
        (folder / name).write_text(json.dumps(content))
    if not has_history:
        (folder / "state.npz").unlink()
        (folder / "history.csv").unlink()
    _, output = run(folder, data_dir, epochs=2)
    assert "not run again" in output
    with pytest.raises(errors.MedMNISTError, match="its keep is best, not last"):
        run(folder, data_dir, epochs=2, keep="last")
    if has_history:
        more, output = run(folder, data_dir, epochs=3)
        assert "Going on after epoch 2" in output and more.epochs == 3
        assert found(folder) == found(whole[3])


class Killed(BaseException):
    """Comes at a moment that no code expects."""


@pytest.mark.parametrize("model", ["resnet10", "resnet10+resnet10"])
def test_a_fast_run_that_was_killed_ends_as_one_that_was_not(
    model, data_dir, tmp_path, monkeypatch
):
    monkeypatch.setitem(models.NETWORKS, "resnet10", small_runs.small)
    recipe = dataclasses.replace(RECIPES["fast"], model=model, epochs=3)
    at_once, _ = run(tmp_path / "whole", data_dir, recipe=recipe)

    def killed(epoch: int) -> None:
        if epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        run(tmp_path / "parts", data_dir, recipe=recipe, after=killed)
    assert not (tmp_path / "parts" / "result.json").exists()
    again, output = run(tmp_path / "parts", data_dir, recipe=recipe)
    assert "Going on after epoch 2" in output
    assert (again.epochs, again.scores) == (3, at_once.scores)
    assert found(tmp_path / "parts") == found(tmp_path / "whole")


KILLS = [
    (files, "mark_phantom", 1),
    (checkpoint, "save", 1),
    (networks, "save_best", 1),
    (predictions, "write", 2),
    (curves, "draw", 1),
    *((shutil, "copyfile", number) for number in (1, 4, 6)),  # the last is result.json
    (pathlib.Path, "unlink", 1),
    (files, "remove", 2),
]


@pytest.mark.parametrize(("module", "name", "number"), KILLS)
def test_a_continuation_killed_at_any_moment_loses_nothing(
    module, name, number, data_dir, tmp_path, whole, monkeypatch
):
    shutil.copytree(whole[2], tmp_path / "run")
    folder, calls, function = tmp_path / "run", [], getattr(module, name)

    def killed(*arguments, **options):
        if name != "unlink" or ".new" in str(arguments[0]):
            calls.append(arguments)
            if len(calls) == number:
                raise Killed
        return function(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, killed)
        with pytest.raises(Killed):
            run(folder, data_dir, epochs=3)
    epochs = results.read(folder)["epochs"]  # one of both is there, and whole
    result, output = run(folder, data_dir, epochs=epochs)
    assert "not run again" in output
    for split in ("train", "val", "test"):
        (path,) = folder.glob(f"*_{split}_*@*.csv")
        assert f"[AUC]{result.scores[split]['auc']:.3f}" in path.name
    run(folder, data_dir, epochs=3)
    assert found(folder) == found(whole[3])
    assert not list(folder.glob(".*"))


@pytest.fixture(scope="module")
def whole(data_dir, tmp_path_factory):
    """Finished runs of 2 and of 3 epochs."""
    folders = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.NETWORKS, "resnet18", small_runs.small)
        for epochs in (2, 3):
            folders[epochs] = tmp_path_factory.mktemp("whole") / "run"
            run(folders[epochs], data_dir, epochs=epochs)
    return folders
