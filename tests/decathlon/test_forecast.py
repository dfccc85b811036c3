"""What is said before a Decathlon starts: cells, limits, estimates; and `--dry-run`."""

import dataclasses
import io
import json
import pathlib
import re
import sys

import pytest
import small_methods
from rich import console as rich_console

from medmnist_tfds.commands import cli
from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import (
    changes,
    environment,
    estimates,
    exchange,
    forecast,
    resources,
)
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import run as decathlon

plan, run = small_methods.plan, small_methods.run
WHOLE = resources.Share(cores=(0,), gpus=(), memory_gib=1.0, variables={})
PER_IMAGE = "import json, sys; tasks = json.load(sys.stdin); print('a library')\n"
PER_IMAGE += "print(json.dumps([t['images']['train'] * 36 for t in tasks]))\n"


def make(place: pathlib.Path, estimate: str, *, name="good", text="") -> str:
    """A method with that program for estimates."""
    (folder,) = small_methods.make(place, name)
    pathlib.Path(folder, "estimate.py").write_text(estimate)
    pathlib.Path(folder, "method.toml").write_text(text)
    return folder


def preview(chosen, root) -> str:
    output = io.StringIO()
    decathlon.preview(chosen, root, console=rich_console.Console(file=output, width=80))
    return output.getvalue()


def grid(chosen):
    return decathlon._grid(chosen, pathlib.Path("nowhere"))


@pytest.fixture
def dry_run(tmp_path, monkeypatch, capsys):
    """Calls `decathlon run --dry-run` in an empty folder; what it prints."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COLUMNS", "80")

    def called(*arguments) -> str:
        command = ["medmnist-tfds", "decathlon", "run", "--dry-run", *arguments]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert ended.value.code == 0, said.err
        assert list(tmp_path.glob("here/*")) == []
        assert not list(tmp_path.glob("**/.*.lock"))
        return said.out

    return called


def test_a_dry_run_tells_cells_limits_and_estimates_and_leaves_nothing(
    dry_run, tmp_path, monkeypatch
):
    monkeypatch.setenv("MEDMNIST_ENVIRONMENTS", str(tmp_path / "none"))
    mine = make(tmp_path, PER_IMAGE, text="[settings]\nepochs = 50\n")
    small_methods.make(tmp_path, "silent")  # has no estimate
    said = dry_run(
        *("--methods", "constant,autokeras", "--method", mine),
        *("--method", str(tmp_path / "silent"), "--datasets", "breast,retina"),
        *("--seeds", "0,1,2", "--jobs", "2"),
    )
    assert "24 cells: 4 methods x 2 datasets x 3 seeds." in said
    assert "6 lack the environment of autokeras." in said
    # Limits of 1, 24 and 24 hours; by estimate 3 cells of 5.46 and 3 of 10.8 hours.
    assert "18 to run, 2 at a time: at most 6.1 days; on this machine over 27 h" in said
    rows = [line.split() for line in said.splitlines()]
    assert ["good", "6", "3", "days", "about", "27", "h"] in rows
    assert ["silent", "6", "3", "days", "unknown"] in rows
    assert ["constant", "6", "3", "h", "about", "a", "minute"] in rows
    assert "--methods constant,good " in said and "--set good.epochs=20 " in said
    assert "--budget smoke " in said
    assert re.search("autokeras: its environment is not built; run: .* setup", said)
    lines = [line for line in said.splitlines() if "run: " not in line]
    assert max(map(len, lines)) <= 80


def test_a_task_for_an_estimate_tells_what_a_cell_will_be_told(tmp_path, data_dir):
    program = "import json, sys; tasks = json.load(sys.stdin)\n"
    program += f"open({str(tmp_path / 'told.json')!r}, 'w').write(json.dumps(tasks))\n"
    folder = make(tmp_path, program + "print(json.dumps([None] * len(tasks)))")
    chosen = plan(data_dir, [folder], seeds=(5,), dataset="chest")
    found, problem = estimates.ask(grid(chosen), WHOLE)
    (task,) = json.loads((tmp_path / "told.json").read_text())
    assert (found, problem) == ([None], "")
    assert task["images"] == exchange.images(chosen.variants[0])
    assert (task["seed"], task["num_labels"], task["cores"]) == (5, 14, 1)


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("raise RuntimeError('no such luck')", "exit code 1: RuntimeError: no such"),
        ("print('a minute')", "it printed a minute, not a list of 1 numbers"),
        ("print([1, 2])", "not a list of 1 numbers"),
        ("pass", "it printed nothing"),
        ("import time; time.sleep(60)", "it took more than 3 s"),
    ],
)
def test_a_bad_estimate_is_told_of_with_its_reason(
    tmp_path, data_dir, program, problem, monkeypatch
):
    monkeypatch.setattr(estimates, "LIMIT_SECONDS", 3)
    folders = [make(tmp_path, program, name="silent"), make(tmp_path, PER_IMAGE)]
    said = preview(plan(data_dir, folders), tmp_path / "out")
    assert re.search(f"silent gives no estimate: .*{re.escape(problem)}", said)
    assert "about 2.5 h" in said  # of the other one: 250 images


@pytest.mark.parametrize("text", ["-1", "NaN", "1e99", "true", '"1"', "[1]"])
def test_seconds_that_cannot_be_are_unknown(tmp_path, data_dir, text):
    folder = make(tmp_path, f"print('[{text}]')")
    assert estimates.ask(grid(plan(data_dir, [folder])), WHOLE) == ([None], "")


def test_cells_that_have_ended_are_the_better_estimate(tmp_path, data_dir):
    folder = make(tmp_path, "raise RuntimeError('asked')")
    run(plan(data_dir, [folder]), tmp_path / "out")
    path = tmp_path / "out/cells/breast-good-seed0/result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seconds": 1200}))
    more = plan(data_dir, [folder], seeds=(0, 1, 2))
    said = preview(more, tmp_path / "out")
    assert "1 of 3 have results already." in said
    assert "gives no estimate" not in said  # it was not asked
    assert (
        "2 to run, one at a time: at most 2 days; on this machine about 40 min" in said
    )


@pytest.mark.parametrize("change", [{"status": "failed"}, {"is_resumed": True}])
def test_cells_that_failed_or_went_on_tell_nothing_of_time(tmp_path, data_dir, change):
    folder = make(tmp_path, PER_IMAGE)
    run(plan(data_dir, [folder]), tmp_path / "out")
    path = tmp_path / "out/cells/breast-good-seed0/result.json"
    result = json.loads(path.read_text()) | change
    if change.get("status") == "failed":
        del result["scores"]
    path.write_text(json.dumps(result))
    said = preview(plan(data_dir, [folder], seeds=(0, 1)), tmp_path / "out")
    assert "1 to run, one at a time: at most 24 h; on this machine about 2.5 h" in said


def test_at_most_is_what_cells_come_to_one_after_another(data_dir):
    chosen = grid(plan(data_dir, ["constant"], seeds=(0, 1, 2)))
    limits = dict(zip([cell.name for cell in chosen], [1.0, 1.0, 24.0], strict=True))
    given = {"cells": chosen, "seconds": {}, "limits": limits, "problems": {}}
    told = {n: forecast.Forecast(**given, jobs=n, is_complete=True) for n in (1, 2, 3)}
    assert [each.most(chosen) for each in told.values()] == [26.0, 25.0, 24.0]


def test_a_smoke_run_asks_for_no_estimate(tmp_path, data_dir):
    folder = make(tmp_path, f"open({str(tmp_path / 'asked')!r}, 'w')\n{PER_IMAGE}")
    _, said = run(plan(data_dir, [folder]), tmp_path / "smoke")
    assert "1 to run, one at a time: at most 24 h. --dry-run estimates it." in said
    assert not (tmp_path / "asked").exists()
    program = pathlib.Path(folder, "run.py")  # long enough to be seen running
    program.write_text(f"{program.read_text()}\nimport time; time.sleep(1.5)\n")
    _, said = run(plan(data_dir, [folder], budget="paper"), tmp_path / "paper")
    assert "at most 24 h; on this machine about 2.5 h" in said
    assert re.search(r"running  breast-good-seed0  \(1 left, about 2.5 h\)", said)


def test_a_run_without_estimates_says_why_or_how(tmp_path, data_dir):
    folder = make(tmp_path, "raise RuntimeError('no such luck')")
    _, said = run(plan(data_dir, [folder], budget="paper"), tmp_path / "out")
    assert "1 to run, one at a time: at most 24 h.\n" in said
    assert "good gives no estimate: exit code 1: RuntimeError: no such luck." in said
    (folder,) = small_methods.make(tmp_path, "silent")
    said = preview(plan(data_dir, [folder]), tmp_path / "other")
    assert said.endswith("1 to run, one at a time: at most 24 h.\n")


def test_cells_that_will_not_end_within_their_limit_are_told_of(tmp_path, data_dir):
    folder = make(tmp_path, PER_IMAGE)
    said = preview(plan(data_dir, [folder], limit_hours=2), tmp_path / "out")
    assert "at most 2 h; on this machine about 2 h" in said
    assert "good: 1 of 1 would not end within their limit. See --time-limit." in said


def test_a_finished_decathlon_is_told_in_a_line(tmp_path, data_dir):
    folder = make(tmp_path, PER_IMAGE)
    run(plan(data_dir, [folder]), tmp_path / "out")
    said = preview(plan(data_dir, [folder]), tmp_path / "out")
    assert said.endswith("\n1 of 1 have results already.\n")


@pytest.mark.slow
def test_a_resnet_estimates_by_the_images_and_epochs(data_dir):
    chosen = plan(data_dir, ["resnet18_28"], seeds=(0,), budget="paper")
    breast = dataclasses.replace(chosen, variants=(catalog.variant("breast"),))
    chest = dataclasses.replace(chosen, variants=(catalog.variant("chest"),))
    cells = [*grid(chest), *grid(breast)]
    (large, small), problem = estimates.ask(cells, resources.share(0, 1))
    assert problem == "" and 0 < small < large
    # 100 epochs of the training images, and a third for each that is only scored.
    passes = [
        100 * (train + val / 3) + (train + val + test) / 3
        for train, val, test in ((78_468, 11_219, 22_433), (546, 78, 156))
    ]
    assert (large - 20) / (small - 20) == pytest.approx(passes[0] / passes[1])


@pytest.mark.slow
def test_our_recipe_estimates_at_any_size_with_mirror_images_at_the_end(data_dir):
    chosen = plan(data_dir, ["recipe_fast"], seeds=(0,), budget="paper")
    names = ("derma_64", "organ_axial_64")
    cells = [
        cell
        for name in names
        for cell in grid(dataclasses.replace(chosen, variants=(catalog.parse(name),)))
    ]
    (derma, organ), problem = estimates.ask(cells, resources.share(0, 1))
    assert problem == ""
    passes = []
    for cell, views in zip(cells, (4, 1), strict=True):
        train, val, test = cell.variant.release.splits.values()
        epochs = min(30, -(-1_000_000 // train))
        passes.append(epochs * (train + val / 3) + views * (train + val + test) / 3)
    assert (derma - 20) / (organ - 20) == pytest.approx(passes[0] / passes[1])


def test_autosklearn_estimates_by_its_budget(data_dir, monkeypatch):
    monkeypatch.setattr(environment, "interpreter", lambda _: sys.executable)
    (cell,) = grid(plan(data_dir, ["autosklearn"], budget="paper"))
    ((seconds,), problem) = estimates.ask([cell], WHOLE)
    assert problem == "" and 7200 <= seconds < 2 * 7200


def test_changed_settings_count(tmp_path, data_dir):
    program = "import json, sys; tasks = json.load(sys.stdin)\n"
    program += "print([task['settings']['epochs'] * 60 for task in tasks])"
    folder = make(tmp_path, program, text="[settings]\nepochs = 100\n")
    chosen = plan(data_dir, [folder])
    changed = changes.apply(chosen.methods, ["good.epochs=7"], budget="smoke")
    chosen = dataclasses.replace(chosen, methods=tuple(changed))
    assert "on this machine about 7 min" in preview(chosen, tmp_path / "out")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((1, "a minute"), (90, "2 min"), (3599, "1 h"), (5400, "1.5 h")),
        *((12 * 3600, "12 h"), (72 * 3600, "3 days"), (1e7, "116 days")),
    ],
)
def test_times_are_said_as_people_say_them(seconds, text):
    assert forecast.rough(seconds) == text


def test_the_built_in_methods_that_can_tell_have_an_estimate():
    silent = {name for name in methods.built_in() if not methods.find(name).estimate}
    assert silent == {"autokeras", "automl_vision", "keras_tuner"}
