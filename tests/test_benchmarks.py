"""The benchmarks' tables say what was measured."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import ours as programs
from benchmarks import recipe, resplits, run, suites, tables

PEER = suites.Figure("official", "peer", ())
FAST_PEER = suites.Figure("channels last", "peer", ())
OURS = suites.Figure("ours", "ours", (), target="2x", best_target="1x")
ABOUT = {"command": "-m benchmarks.run epoch", "rounds": 3, "date": "2026-01-02"}
ABOUT |= {"cpus": 2, "cpu": "a CPU", "memory_gib": 7.9, "python": "3.11.7"}
ABOUT |= {"packages": {"keras": "3.9"}, "peer_packages": {"torch": "2.13"}}


def rows(figures, *values, key="images_per_second", **notes):
    found = {
        figure.name: [{key: value, **notes} for value in rounds]
        for figure, rounds in zip(figures, values, strict=True)
    }
    return tables.rows(figures, found)


def test_ratios_are_of_the_same_round():
    ours = rows([PEER, OURS], [100, 50, 80], [200, 150, 240])[1]
    assert ours["median"] == 200
    assert ours["ratio"] == {"median": 3, "min": 2, "max": 3}
    assert ours["target"] == "2x"


def test_fewer_seconds_are_faster():
    ours = rows([PEER, OURS], [4.0, 6.0], [2.0, 2.0], key="seconds")[1]
    assert ours["ratio"] == {"median": 2.5, "min": 2, "max": 3}


def test_the_best_peer_is_the_fastest_of_them():
    fast, slow, ours = rows([FAST_PEER, PEER, OURS], [40], [10], [50])
    assert ours["ratio_to_best_peer"]["median"] == 1.25
    assert ours["best_peer"] == "channels last"
    assert slow["ratio"]["median"] == 0.25 and "ratio_to_best_peer" not in slow
    assert "ratio" not in fast  # the base


def test_a_new_base_begins_a_new_comparison():
    other = suites.Figure("official, Derma", "peer", (), is_base=True)
    more = OURS._replace(name="ours, Derma")
    found = rows([PEER, OURS, other, more], [10], [20], [1], [4])
    assert [row.get("ratio", {}).get("median") for row in found] == [None, 2, None, 4]
    assert found[3]["best_peer"] == "official, Derma"


def write_results(folder):
    made = rows([PEER, OURS], [1000.4, 900], [2500.8, 2700], outside=0.034)
    content = {"about": ABOUT, "rows": made}
    (folder / "epoch.json").write_text(json.dumps(content))
    (folder / "step.json").write_text('{"figures": {}}')  # of an older form


def test_the_readme_gets_the_tables_of_what_was_measured(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"Before.\n{tables._START}\nbygone\n{tables._END}\nAfter.\n")
    write_results(tmp_path)
    tables.update(readme, tmp_path)
    tables.update(readme, tmp_path)  # can be done again
    text = readme.read_text()
    assert text.startswith("Before.\n") and text.endswith("\nAfter.\n")
    assert "bygone" not in text and "`step`" not in text
    assert (
        "| `epoch` | ours (3.4% outside step and validation) "
        "| 2,600 (2,501 - 2,700) images/s | 2.75 (2.50 - 3.00); "
        "2.75 (2.50 - 3.00) of official | 2x; 1x of the best peer |\n"
    ) in text
    assert (
        "- `epoch`: `python -m benchmarks.run epoch`, 3 rounds, 2026-01-02, 2 CPUs of "
        "a CPU, 8 GiB, Python 3.11.7, keras 3.9, torch 2.13\n"
    ) in text


@pytest.mark.parametrize("text", ["", tables._START, tables._START + tables._END])
def test_a_readme_without_marks_or_results_is_left_alone(tmp_path, text):
    readme = tmp_path / "README.md"
    readme.write_text(text)
    if not text.endswith(tables._END):
        write_results(tmp_path)
    with pytest.raises(ValueError, match="Expected each mark once, and some results"):
        tables.update(readme, tmp_path)
    assert readme.read_text() == text


def test_results_say_where_they_come_from():
    about = run.about(rounds=3)
    assert about["rounds"] == 3 and about["cpus"] and about["memory_gib"] > 1
    assert about["packages"]["tensorflow"].startswith("2.")


@pytest.mark.parametrize("suite", suites.SUITES)
def test_each_suite_names_its_figures_once_and_programs_that_exist(suite):
    figures = suites.SUITES[suite]
    assert len({figure.name for figure in figures}) == len(figures)
    for figure in figures:
        if figure.side != "peer":
            what, *options = figure.arguments
            programs._parser().parse_args([what, "folder", *options])
            assert getattr(programs, what).__module__ == programs.__name__


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["epoch", "nothing"], "no suite 'nothing'"),
        (["peak", "--repeats", "0"], "--repeats is 0, and must be 1 or more"),
    ],
)
def test_a_mistake_is_told_before_anything_is_measured(arguments, message):
    command = [sys.executable, "-m", "benchmarks.run", *arguments]
    done = subprocess.run(command, cwd=run.HERE.parent, capture_output=True, text=True)
    assert done.returncode == 2 and message in done.stderr


def recipe_run(*aucs: float, epochs: int) -> dict:
    """Of 100 images an epoch: 5 s for the first, which compiles, 2 s for the others."""
    ends = [(5.0 + 2 * number, auc) for number, auc in enumerate(aucs)]
    return {"ends": ends, "epochs": epochs, "images_per_epoch": 100}


def test_time_to_score_ends_with_the_first_epoch_that_comes_to_it():
    run = recipe_run(0.5, 0.8, 0.7, 0.9, epochs=4)
    assert recipe._passed(run, 0.8) == 2
    assert recipe._passed(run, 0.95) is None


def test_times_are_those_of_the_quickest_run():
    quick, slow = recipe_run(0.5, 0.8, epochs=4), recipe_run(0.6, 0.9, epochs=4)
    slow["ends"] = [(9 * seconds, auc) for seconds, auc in slow["ends"]]
    assert recipe._quickest([slow, quick]) is quick
    assert recipe._seconds(quick, 2) == 7.0


@pytest.mark.parametrize("epochs, seconds", [(1, 5.0), (2, 7.0), (100, 203.0)])
def test_a_run_that_was_stopped_costs_what_all_its_epochs_would(epochs, seconds):
    stopped = recipe_run(*[0.5] * min(epochs, 3), epochs=epochs)
    assert recipe._whole(stopped) == seconds


def test_what_recipes_are_held_against_is_table_2():
    peer = recipe.paper()["breast"]
    assert (peer["auc"], peer["acc"]) == (0.897, 0.859)
    assert peer["best"] == {"auc": 0.932, "acc": 0.878}


def test_each_image_is_held_out_once_and_never_learned_from_then():
    held_out = []
    for train, val, held in resplits.folds(np.arange(90)[:, None] % 2, seed=0):
        assert sorted([*train, *val, *held]) == list(range(90))
        assert len(val) == 8  # an eighth of what is not held out, rounded
        held_out += [*held]
    assert sorted(held_out) == list(range(90))


_NO_BRACKETS = str.maketrans("", "", "[],")


def test_a_part_is_held_against_the_whole_on_the_same_images(tmp_path, monkeypatch):
    labels = np.tile([0, 1], 20)[:, None]
    monkeypatch.setattr(resplits, "pool", lambda name: (None, labels))
    monkeypatch.setattr(resplits, "FILE", tmp_path / "resplits.jsonl")
    monkeypatch.setattr(resplits, "FOLDER", tmp_path)
    found = resplits.variants(resplits.recipes.FAST)
    part = next(label for label in found if label != resplits.WHOLE)
    right = np.where(labels == [0, 1], 1.0, -1.0)
    half = np.where(np.arange(40)[:, None] < 20, right, [1.0, -1.0])  # then all are 0
    lines = []
    for label, guesses, auc, acc in (
        (resplits.WHOLE, right, 1.0, 1.0),
        (part, half, 0.75, 0.75),
    ):
        np.save(tmp_path / f"{label}.npy", guesses)
        recipe = resplits.dataclasses.asdict(found[label])
        line = {"dataset": "breast", "recipe": recipe, "seed": 0, "seconds": 2}
        line |= {"auc": auc, "acc": acc, "predicted": f"{label}.npy"}
        lines.append(json.dumps(line))
    (tmp_path / "resplits.jsonl").write_text("\n".join(lines))
    _, whole, less = resplits.table("breast", found)
    assert whole == ["whole", "1", "1.000", "", "1.000", ""]
    # A quarter of 40 is wrong: the binomial's standard error is 0.068.
    acc, low, high = map(float, less[5].translate(_NO_BRACKETS).split())
    assert (acc, low, high) == pytest.approx((-0.25, -0.384, -0.116), abs=0.03)
    assert less[3].startswith("-0.250 [")  # AUC


def test_each_network_and_each_part_is_left_out_once():
    found = resplits.variants(resplits.recipes.BEST)
    models = [recipe.model for recipe in found.values()]
    assert models.count("resnet10") == models.count("efficientnet") == 1
    assert len(set(found.values())) == len(found)  # each differs from all others
    alone = resplits.variants(resplits.recipes.FAST)
    assert found.keys() - alone.keys() == {"without resnet10", "without efficientnet"}
