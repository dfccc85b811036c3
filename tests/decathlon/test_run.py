"""A Decathlon with methods that misbehave: what is kept, what is told, what goes on."""

import dataclasses
import io
import json
import pathlib
import re
import sys
import time
from concurrent import futures

import numpy as np
import pytest
import small_methods
from rich import console as rich_console

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.decathlon import cell as cells
from medmnist_tfds.decathlon import changes, dispatch, exchange, progress, suites
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import run as decathlon
from medmnist_tfds.process import errors, files
from medmnist_tfds.score import predictions, scoring

plan, run, result = small_methods.plan, small_methods.run, small_methods.result


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, data_dir):
    """One run of methods of all kinds."""
    place = tmp_path_factory.mktemp("mixed")
    names = ("crash", "nan", "short", "silent", "zipped", "lacking", "good")
    folders = small_methods.make(place, *names)
    states, output = run(plan(data_dir, folders), place / "out")
    return place / "out", states, output


def test_a_good_method_among_bad_ones_is_scored(mixed):
    root, states, _ = mixed
    assert states["breast-good-seed0"] == "done"
    for split, scores in result(root, "breast-good-seed0")["scores"].items():
        (path,) = (root / "cells/breast-good-seed0").glob(f"*_{split}_*.csv")
        written = predictions.read(path)
        targets = predictions.split_targets(written.variant, split)
        again = scoring.score(targets, written.scores, task="binary-class")
        assert scores == {"auc": again.auc, "acc": again.acc}


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("crash", "failed", "exit code 1: RuntimeError: no such luck"),
        ("nan", "failed", "scores of val are not all numbers (400 of them NaN"),
        ("short", "failed", "scores of test have shape (199, 2), expected (200, 2)"),
        ("silent", "failed", "left no scores of train: expected train.npy"),
        ("zipped", "failed", "scores of train are not one NumPy array"),
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
    assert others == {"log.txt", "method", "result.json"}
    kept = (root / "cells/breast-good-seed0/method").iterdir()
    assert [path.name for path in kept] == ["task.json"]


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
    look += 'print("MODE", oct((folder / "data.npz").stat().st_mode & 0o222))\n'
    program = tmp_path / "good/run.py"
    program.write_text(small_methods.START + look + "leave()\n")
    run(plan(data_dir, folders, dataset="derma"), tmp_path / "out")
    log = (tmp_path / "out/cells/derma-good-seed0/log.txt").read_text()
    arrays = [f"{split}_images" for split in ("test", "train", "val")]
    assert str(sorted([*arrays, "train_labels", "val_labels"])) in log
    assert "'data.npz'" in log and "MODE 0o0" in log  # other cells read it too


def test_the_task_is_told_as_json(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "good")
    run(plan(data_dir, folders, dataset="chest", seeds=(5,)), tmp_path / "out")
    task = json.loads(
        (tmp_path / "out/cells/chest-good-seed5/method/task.json").read_text()
    )
    dataset = catalog.DATASETS["chest"]
    assert task["task"] == dataset.task.value and task["seed"] == 5
    assert task["num_labels"] == 14 and task["labels"] == list(dataset.labels)
    assert task["phantom"] is True


def test_a_method_may_be_written_in_any_language(tmp_path, data_dir):
    folder = tmp_path / "shell"
    folder.mkdir()
    (folder / "method.toml").write_text('command = ["sh", "{folder}/run.sh"]\n')
    rows = {"train": 250, "val": 200, "test": 200}
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
    assert "running  breast-hang-seed0" in output
    assert states["breast-hang-seed0"] == "failed" and "timed out after" in output
    assert states["breast-good-seed0"] == "done"


def test_a_method_that_takes_too_much_memory_is_ended(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "hungry")
    states, output = run(plan(data_dir, folders, memory_gib=0.5), tmp_path / "out")
    assert states["breast-hungry-seed0"] == "failed"
    assert "used more than 0.5 GiB of memory" in output


def test_memory_that_processes_have_in_common_counts_once(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "forking")
    states, output = run(plan(data_dir, folders, memory_gib=0.6), tmp_path / "out")
    assert states["breast-forking-seed0"] == "done", output


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


def test_a_result_from_before_a_recipe_had_all_its_fields_still_counts(
    tmp_path, data_dir
):
    folders = small_methods.make(tmp_path, "good")
    (tmp_path / "good/method.toml").write_text('recipe = "paper"\n')
    run(plan(data_dir, folders), tmp_path / "out")
    path = tmp_path / "out/cells/breast-good-seed0/result.json"
    made = json.loads(path.read_text())
    del made["settings"]["convolution"]
    path.write_text(json.dumps(made))
    _, output = run(plan(data_dir, folders), tmp_path / "out")
    assert "1 of 1 have results already." in output
    made["settings"]["epochs"] = 7
    path.write_text(json.dumps(made))
    with pytest.raises(errors.MedMNISTError, match="was made otherwise"):
        run(plan(data_dir, folders), tmp_path / "out")


def test_a_failed_or_missing_cell_may_be_run_again_with_other_settings(
    tmp_path, data_dir
):
    folders = small_methods.make(tmp_path, "lacking", "crash")
    for folder in folders:
        (pathlib.Path(folder) / "method.toml").write_text("[settings]\nwidth = 1\n")
    run(plan(data_dir, folders), tmp_path / "out")
    for folder in folders:
        (pathlib.Path(folder) / "method.toml").write_text("[settings]\nwidth = 2\n")
        (pathlib.Path(folder) / "run.py").write_text(small_methods.START + "leave()")
    states, _ = run(plan(data_dir, folders, retry_failed=True), tmp_path / "out")
    assert set(states.values()) == {"done"}
    assert result(tmp_path / "out", "breast-crash-seed0")["settings"] == {"width": 2}


def test_a_changed_program_is_told_of(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "good")
    run(plan(data_dir, folders), tmp_path / "out")
    _, output = run(plan(data_dir, folders), tmp_path / "out")
    assert "1 of 1 have results already" in output and "has changed" not in output
    (tmp_path / "good/run.py").write_text(small_methods.START + "leave()  # better")
    _, output = run(plan(data_dir, folders), tmp_path / "out")
    assert "Warning: good has changed" in output


def test_an_interrupted_attempt_of_other_settings_does_not_count(tmp_path, data_dir):
    """A finished but unscored attempt, as a killed run leaves it."""
    folders = small_methods.make(tmp_path, "good")
    (tmp_path / "good/run.py").write_text(
        small_methods.START + "print('WIDTH', task['settings']['width']); leave()"
    )
    (tmp_path / "good/method.toml").write_text("[settings]\nwidth = 1\n")
    chosen = plan(data_dir, folders)
    run(chosen, tmp_path / "out")
    work = tmp_path / "out/work/breast-good-seed0"
    work.parent.mkdir()
    (tmp_path / "out/cells/breast-good-seed0").rename(work)
    (work / "result.json").unlink()
    (work / "outcome.json").write_text('{"status": "ended"}')
    attempt = {"settings": {"width": 1}}
    (work / "attempt.json").write_text(json.dumps(attempt))
    changed = changes.apply(chosen.methods, ["good.width=99"], budget="smoke")
    run(dataclasses.replace(chosen, methods=tuple(changed)), tmp_path / "out")
    log = (tmp_path / "out/cells/breast-good-seed0/log.txt").read_text()
    assert log.splitlines() == ["WIDTH 99"]


def test_a_cell_that_was_scored_but_not_moved_is_not_run_again(
    tmp_path, data_dir, monkeypatch
):
    folders = small_methods.make(tmp_path, "patient")
    (tmp_path / "go").touch()

    def killed(cell):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(cells, "_move", killed)
        run(plan(data_dir, folders), tmp_path / "out")
    assert (tmp_path / "out/work/breast-patient-seed0/result.json").exists()
    states, _ = run(plan(data_dir, folders), tmp_path / "out")
    assert states == {"breast-patient-seed0": "done"}
    assert len((tmp_path / "starts.txt").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "content", ['{"accuracy": 1}', "no JSON", '{"status": "done", "scores": 1}']
)
def test_a_damaged_result_is_refused_with_its_place(tmp_path, data_dir, content):
    folders = small_methods.make(tmp_path, "good")
    path = tmp_path / "out/cells/breast-good-seed0/result.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    (tmp_path / "out/decathlon.json").write_text(
        json.dumps({"phantom": True, "release": "phantom", "budget": "smoke"})
    )
    with pytest.raises(errors.MedMNISTError, match="breast-good-seed0.*damaged"):
        run(plan(data_dir, folders), tmp_path / "out")
    assert path.read_text() == content


def test_progress_survives_a_start_without_data(tmp_path, data_dir, monkeypatch):
    folders = small_methods.make(tmp_path, "good")
    work = tmp_path / "out/work/breast-good-seed0"
    (work / "method").mkdir(parents=True)
    (work / "method/state.npz").write_bytes(b"an epoch's work")
    (tmp_path / "out/decathlon.json").write_text(
        json.dumps({"phantom": False, "release": "1.0.0", "budget": "smoke"})
    )
    (tmp_path / "breastmnist.npz").write_bytes(b"cut off")
    monkeypatch.setenv("MEDMNIST_ROOT", str(tmp_path))
    real = (catalog.variant("breast"),)
    chosen = dataclasses.replace(plan(tmp_path / "tfds", folders), variants=real)
    states, _ = run(chosen, tmp_path / "out")
    assert states == {"breast-good-seed0": "missing"}
    assert (work / "method/state.npz").read_bytes() == b"an epoch's work"


def test_two_workers_on_one_cell_run_it_once(tmp_path, data_dir):
    """As when Dask takes a worker for dead that is not."""
    folders = small_methods.make(tmp_path, "patient")
    chosen = plan(data_dir, folders)
    (cell,) = decathlon._grid(chosen, tmp_path / "out")
    source = arrays.find(cell.variant)
    labels = exchange.write_data(tmp_path / "data.npz", source)
    limits = {"hours": 1, "memory_gib": None}
    data = {"data.npz": tmp_path / "data.npz"}
    cells.order(cell, data, sys.executable, limits)
    with futures.ThreadPoolExecutor(2) as pool:
        both = [pool.submit(dispatch.run_cell, str(cell.work)) for _ in range(2)]
        deadline = time.monotonic() + 60
        while not (tmp_path / "starts.txt").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(2)  # the second one is waiting by now
        (tmp_path / "go").touch()
        for future in both:
            future.result()
    assert len((tmp_path / "starts.txt").read_text().splitlines()) == 1
    assert cells.finish(cell, labels)["status"] == "done"


def test_the_definition_s_own_limits_count(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "hang", "hungry")
    entry = "[[budgets.smoke]]\nlimit_hours = "
    (tmp_path / "hang/method.toml").write_text(entry + "0.0005\n")
    (tmp_path / "hungry/method.toml").write_text("memory_gib = 0.5\n")
    states, output = run(plan(data_dir, folders, jobs=2), tmp_path / "out")
    assert set(states.values()) == {"failed"}
    assert "timed out after 0.0005 h" in output and "more than 0.5 GiB" in output


def test_a_result_tells_what_it_cost_and_ran_on(mixed):
    root, _, _ = mixed
    written = result(root, "breast-good-seed0")
    assert written["seconds"] > 0 and written["peak_memory_bytes"] > 2**20
    assert written["release"] == "phantom" and written["phantom"] is True
    assert any(line.startswith("tensorflow==") for line in written["packages"])
    assert (root / "PHANTOM.txt").exists()


def test_the_memory_of_a_short_program_is_seen(tmp_path, data_dir):
    folder = tmp_path / "short"
    folder.mkdir()
    program = "import time; kept = bytearray(2**25); time.sleep(0.05)"
    (folder / "method.toml").write_text(
        f'command = ["{{python}}", "-ISc", "{program}"]'
    )
    run(plan(data_dir, [str(folder)]), tmp_path / "out")
    assert result(tmp_path / "out", "breast-short-seed0")["peak_memory_bytes"] > 2**25


def test_small_datasets_come_first(tmp_path, data_dir):
    grid = decathlon._grid(
        dataclasses.replace(
            plan(data_dir, ["constant"]),
            variants=tuple(map(catalog.variant, ("path", "breast", "derma"))),
        ),
        tmp_path,
    )
    assert [c.variant.config for c in grid] == ["breast", "derma", "path"]


def test_a_terminal_shows_a_table_with_signs_and_time_left(tmp_path, data_dir):
    chosen = plan(data_dir, ["constant"], seeds=(0, 1, 2, 3, 4, 5), jobs=2)
    grid = decathlon._grid(chosen, tmp_path)
    output, now = io.StringIO(), [100.0]
    console = rich_console.Console(file=output, force_terminal=True, width=80)
    show = progress.Progress(grid, console=console, jobs=2, clock=lambda: now[0])
    with show:
        show.set(grid[0], "running")
        now[0] += 60
        done = {"seconds": 60.0, "scores": {"test": {"auc": 0.5, "acc": 0.5}}}
        show.set(grid[0], "done", done)
        show.set(grid[1], "running")
        show.set(grid[2], "failed", {"reason": "no such luck"})
        for cell in grid[4:]:
            show.set(cell, "missing", {"method": "constant", "reason": "not built"})
        now[0] += 30
        assert show.seconds_left() == pytest.approx((30 + 60) / 2)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output.getvalue())
    assert text.count("not built") == 1
    assert "breast ✓▶✗·??" in text and "about 0:45" in text
    assert "▶ breast constant seed1  0:30" in text
    assert "1 done, 1 running, 1 failed, 2 missing, 1 waiting" in text
    assert "failed   breast-constant-seed2  no such luck" in text


@pytest.mark.parametrize("width", [60, 80])
def test_a_table_of_all_methods_breaks_no_name(tmp_path, data_dir, width):
    names = methods.of_suite(suites.DECATHLON)
    everything = dataclasses.replace(
        plan(data_dir, names, seeds=(0, 1, 2)),
        variants=tuple(map(catalog.variant, catalog.SUITES["decathlon"])),
    )
    grid, output = decathlon._grid(everything, tmp_path), io.StringIO()
    # With so many methods, three seeds take three lines of 60 columns.
    console = rich_console.Console(
        file=output, force_terminal=True, width=width, height=60
    )
    with progress.Progress(grid, console=console, jobs=2) as show:
        show.set(grid[-1], "running")
        show.hear(grid[-1], "epoch   3/100  loss 0.4123  val AUC 0.912 " + "." * 80)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output.getvalue())
    lines = text.replace("\r", "\n").splitlines()
    assert max(map(len, lines)) <= width
    for name in [*names, *catalog.SUITES["decathlon"]]:
        assert any(name in line.split() for line in lines)
    last = lines[-2:]
    assert f"▶ chest {names[-1]} seed2" in lines[-3] and "1 running" in last[1]
    assert last[0].strip().startswith("epoch 3/100 loss 0.4123 val AUC 0.912 ...")


def test_in_a_low_terminal_what_is_running_is_seen(tmp_path, data_dir):
    everything = dataclasses.replace(
        plan(data_dir, methods.of_suite(suites.DECATHLON)),
        variants=tuple(map(catalog.variant, catalog.SUITES["decathlon"])),
    )
    grid, output = decathlon._grid(everything, tmp_path), io.StringIO()
    console = rich_console.Console(
        file=output, force_terminal=True, width=80, height=20
    )
    with progress.Progress(grid, console=console, jobs=2) as show:
        show.set(grid[-1], "running")
        show.hear(grid[-1], "epoch   3/100")
    assert f"{grid[-1].method.name} seed0" in output.getvalue()
    assert "1 running" in output.getvalue()


def test_a_terminal_shows_what_a_running_program_says(tmp_path, data_dir):
    (folder,) = small_methods.make(tmp_path, "good")
    program = "print('\\x1b[2Jepoch 1/3', flush=True)\ntime.sleep(2)\nleave()\n"
    pathlib.Path(folder, "run.py").write_text(small_methods.START + program)
    output = io.StringIO()
    console = rich_console.Console(file=output, force_terminal=True, width=80)
    decathlon.run(plan(data_dir, [folder]), tmp_path / "out", console=console)
    assert re.search("breast good seed0  0:0[0-9]  .*epoch 1/3", output.getvalue())
    assert "\x1b[2Jepoch" not in output.getvalue()


def test_elsewhere_it_is_told_seldom(tmp_path, data_dir):
    (cell,) = decathlon._grid(plan(data_dir, ["constant"]), tmp_path)
    output, now = io.StringIO(), [0.0]
    console = rich_console.Console(file=output, width=80)
    show = progress.Progress([cell], console=console, jobs=1, clock=lambda: now[0])
    show.set(cell, "running")
    for second in range(0, 10 * 3600, 10):
        now[0] = second
        show.hear(cell, f"epoch {second}")
    lines = [line.split()[2] for line in output.getvalue().splitlines()[1:]]
    minutes = ["1:00", "2:00", "4:00", "8:00", "16:00", "32:00"]
    assert lines == [*minutes, *(f"{hour}:04:00" for hour in range(1, 10))]


def test_a_folder_with_other_things_is_refused(tmp_path, data_dir):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("mine")
    folders = small_methods.make(tmp_path, "good")
    with pytest.raises(errors.MedMNISTError, match="holds no Decathlon"):
        run(plan(data_dir, folders), tmp_path / "out")
    assert (tmp_path / "out/thesis.tex").read_text() == "mine"


def test_a_second_run_on_the_same_folder_is_refused(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "good")
    with files.lock(tmp_path / "out"):
        with pytest.raises(errors.MedMNISTError, match="Another process is at work"):
            run(plan(data_dir, folders), tmp_path / "out")
