"""A Decathlon with methods that misbehave: what is kept, what is told, what goes on."""

import dataclasses
import io
import json

import filelock
import numpy as np
import pytest
import small_methods
from rich import console as rich_console

from medmnist_tfds import catalog, errors, predictions, scoring
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import run as decathlon


def plan(data_dir, folders, *, dataset="breast", **options) -> decathlon.Plan:
    options = {"budget": "smoke"} | options
    return decathlon.Plan(
        methods=tuple(map(methods.find, folders)),
        variants=(catalog.variant(dataset, phantom=True),),
        data_dir=data_dir,
        **options,
    )


def run(plan, root) -> tuple[dict, str]:
    output = io.StringIO()
    states = decathlon.run(plan, root, console=rich_console.Console(file=output))
    return states, output.getvalue()


def result(root, name: str) -> dict:
    return json.loads((root / "cells" / name / "result.json").read_text())


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, data_dir):
    """One run of methods of all kinds."""
    place = tmp_path_factory.mktemp("mixed")
    names = ("crash", "nan", "short", "silent", "lacking", "good")
    folders = small_methods.make(place, *names)
    states, output = run(plan(data_dir, folders), place / "out")
    return place / "out", states, output


def test_a_good_method_among_bad_ones_is_scored(mixed):
    root, states, _ = mixed
    assert states["breast-good-seed0"] == "done"
    for split, scores in result(root, "breast-good-seed0")["scores"].items():
        (path,) = (root / "cells/breast-good-seed0").glob(f"*_{split}_*.csv")
        found = predictions.read(path)
        targets = predictions.split_targets(found.variant, split)
        again = scoring.score(targets, found.scores, task="binary-class")
        assert scores == {"auc": again.auc, "acc": again.acc}


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("crash", "failed", "exit code 1: RuntimeError: no such luck"),
        ("nan", "failed", "scores of val are not all numbers (400 of them NaN"),
        ("short", "failed", "scores of test have shape (199, 2), expected (200, 2)"),
        ("silent", "failed", "left no scores of train: expected train.npy"),
        ("lacking", "missing", "no licence key; run: get-key"),
    ],
)
def test_a_bad_method_is_a_row_with_its_reason(mixed, name, state, reason):
    root, states, output = mixed
    cell = f"breast-{name}-seed0"
    assert states[cell] == state
    assert reason in result(root, cell)["reason"]
    (line,) = [x for x in output.splitlines() if x.startswith((f"{state:8} {cell}"))]
    assert reason in line
    if state == "failed":
        assert str(root / "cells" / cell / "log.txt") in line


def test_the_log_holds_what_a_method_printed(mixed):
    root, _, _ = mixed
    assert "about to fail" in (root / "cells/breast-crash-seed0/log.txt").read_text()


def test_nothing_of_the_exchange_is_left_behind(mixed):
    root, _, _ = mixed
    assert not (root / "data").exists() and not (root / "work").exists()
    names = {path.name for path in (root / "cells/breast-good-seed0").iterdir()}
    others = {name for name in names if not name.startswith("phantom-breastmnist_")}
    assert others == {"log.txt", "result.json", "task.json"}


def test_only_what_is_missing_is_run_again(mixed, data_dir):
    root, _, _ = mixed
    good = root / "cells/breast-good-seed0/result.json"
    before = good.stat().st_mtime_ns
    folders = [str(root.parent / name) for name in ("crash", "lacking", "good")]
    states, output = run(plan(data_dir, folders), root)
    assert "breast-crash-seed0" not in output  # failed before; not asked for again
    assert "missing  breast-lacking-seed0" in output
    assert before == good.stat().st_mtime_ns
    assert states["breast-crash-seed0"] == "failed"
    (root.parent / "crash/run.py").write_text(small_methods.START + "leave()")
    states, _ = run(plan(data_dir, folders, retry_failed=True), root)
    assert states["breast-crash-seed0"] == "done"
    assert before == good.stat().st_mtime_ns


def test_a_method_never_sees_a_test_label(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "good")
    look = 'print("SEEN", sorted(data), sorted(p.name for p in folder.iterdir()))\n'
    program = tmp_path / "good/run.py"
    program.write_text(small_methods.START + look + "leave()\n")
    run(plan(data_dir, folders, dataset="derma"), tmp_path / "out")
    log = (tmp_path / "out/cells/derma-good-seed0/log.txt").read_text()
    arrays = [f"{split}_images" for split in ("test", "train", "val")]
    assert str(sorted([*arrays, "train_labels", "val_labels"])) in log
    assert "'data.npz'" in log


def test_the_task_is_told_as_json(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "good")
    run(plan(data_dir, folders, dataset="chest", seeds=(5,)), tmp_path / "out")
    task = json.loads((tmp_path / "out/cells/chest-good-seed5/task.json").read_text())
    dataset = catalog.DATASETS["chest"]
    assert task["task"] == dataset.task.value and task["seed"] == 5
    assert task["num_labels"] == 14 and task["labels"] == list(dataset.labels)
    assert task["phantom"] is True


def test_a_method_may_be_written_in_any_language(tmp_path, data_dir):
    folder = tmp_path / "shell"
    folder.mkdir()
    (folder / "method.toml").write_text('command = ["sh", "{folder}/run.sh"]\n')
    rows = {"train": 600, "val": 200, "test": 200}
    (folder / "run.sh").write_text(
        'cd "$1" || exit 1\n'
        + "".join(
            f"awk 'BEGIN {{ for (i = 0; i < {n}; i++) print (i % 7) / 7 }}' > {s}.csv\n"
            for s, n in rows.items()
        )
    )
    states, _ = run(plan(data_dir, [str(folder)]), tmp_path / "out")
    assert states == {"breast-shell-seed0": "done"}
    (path,) = (tmp_path / "out/cells/breast-shell-seed0").glob("*_test_*.csv")
    expected = (np.arange(200) % 7)[:, None] / 7
    np.testing.assert_allclose(predictions.read(path).scores, expected, atol=1e-5)


def test_a_method_that_hangs_is_ended_at_its_limit(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "hang", "good")
    chosen = plan(data_dir, folders, limit_hours=3 / 3600, jobs=2)
    states, output = run(chosen, tmp_path / "out")
    assert states["breast-hang-seed0"] == "failed" and "timed out after" in output
    assert states["breast-good-seed0"] == "done"


def test_a_method_that_takes_too_much_memory_is_ended(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "hungry")
    states, output = run(plan(data_dir, folders, memory_gib=0.5), tmp_path / "out")
    assert states["breast-hungry-seed0"] == "failed"
    assert "used more than 0.5 GiB of memory" in output


def test_a_dataset_that_cannot_be_had_leaves_the_others(
    tmp_path, data_dir, monkeypatch
):
    (tmp_path / "breastmnist.npz").write_bytes(b"<html>a login page</html>")
    monkeypatch.setenv("MEDMNIST_ROOT", str(tmp_path))
    folders = small_methods.make(tmp_path, "good")
    real = (catalog.variant("breast"),)
    chosen = dataclasses.replace(plan(tmp_path / "tfds", folders), variants=real)
    states, output = run(chosen, tmp_path / "out")
    assert states == {"breast-good-seed0": "missing"}
    assert "is a web page saved as .npz" in output


def test_another_budget_or_setting_needs_another_folder(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "good")
    run(plan(data_dir, folders), tmp_path / "out")
    with pytest.raises(errors.MedMNISTError, match="budget smoke.*budget paper"):
        run(plan(data_dir, folders, budget="paper"), tmp_path / "out")
    (tmp_path / "good/method.toml").write_text("[settings]\nwidth = 3\n")
    with pytest.raises(errors.MedMNISTError, match="settings is {}, not {'width': 3}"):
        run(plan(data_dir, folders), tmp_path / "out")


def test_a_folder_with_other_things_is_refused(tmp_path, data_dir):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("mine")
    folders = small_methods.make(tmp_path, "good")
    with pytest.raises(errors.MedMNISTError, match="holds no Decathlon"):
        run(plan(data_dir, folders), tmp_path / "out")
    assert (tmp_path / "out/thesis.tex").read_text() == "mine"


def test_a_second_run_on_the_same_folder_is_refused(tmp_path, data_dir):
    (tmp_path / "out").mkdir()
    folders = small_methods.make(tmp_path, "good")
    with filelock.FileLock(tmp_path / "out/.lock"):
        with pytest.raises(errors.MedMNISTError, match="Another process is at work"):
            run(plan(data_dir, folders), tmp_path / "out")
