"""The benchmarks' tables say what was measured."""

import json
import subprocess
import sys

import pytest

from benchmarks import run, tables

PEER = tables.Figure("official", "peer", [])
FAST_PEER = tables.Figure("channels last", "peer", [])
OURS = tables.Figure("ours", "ours", [], target="2x")


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
    assert ours["target"] == "2x" and "ratio_to_best_peer" not in ours


def test_fewer_seconds_are_faster():
    ours = rows([PEER, OURS], [4.0, 6.0], [2.0, 2.0], key="seconds")[1]
    assert ours["ratio"] == {"median": 2.5, "min": 2, "max": 3}


def test_the_best_peer_is_the_fastest_of_them():
    slow, fast, ours = rows([PEER, FAST_PEER, OURS], [10], [40], [50])
    assert ours["ratio_to_best_peer"]["median"] == 1.25
    assert ours["ratio"]["median"] == 5
    assert fast["ratio"]["median"] == 4 and "ratio_to_best_peer" not in fast


def test_a_new_base_begins_a_new_comparison():
    other = tables.Figure("official, Derma", "peer", [], is_base=True)
    more = tables.Figure("ours, Derma", "ours", [])
    found = rows([PEER, OURS, other, more], [10], [20], [1], [4])
    assert [row["ratio"]["median"] for row in found] == [1, 2, 1, 4]


def test_the_readme_gets_the_tables_of_what_was_measured(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"Before.\n{tables._START}old{tables._END}After.\n")
    about = run.about(rounds=3)
    made = rows([PEER, OURS], [1000.4], [2500.4], outside=0.034)
    content = {"about": about, "rows": made}
    (tmp_path / "epoch.json").write_text(json.dumps(content))
    tables.update(readme, tmp_path, ["step", "epoch"])
    tables.update(readme, tmp_path, ["step", "epoch"])  # can be done again
    text = readme.read_text()
    assert text.startswith("Before.\n") and text.endswith("After.\n")
    assert "old" not in text and "step" not in text
    assert (
        "| `epoch` | ours (3.4% outside step and validation) | 2,500 images/s "
        "| 2.50 (2.50 - 2.50) |  | 2x |\n"
    ) in text
    assert f"`python {about['command']}`, 3 rounds, {about['date']}" in text
    assert "tensorflow 2." in text


@pytest.mark.parametrize("suite", run.SUITES)
def test_each_suite_names_its_figures_once_and_programs_that_exist(suite):
    from benchmarks import ours

    names = [figure.name for figure in run.SUITES[suite]]
    assert len(names) == len(set(names))
    for figure in run.SUITES[suite]:
        assert figure.side == "peer" or hasattr(ours, figure.arguments[0])


def test_a_suite_that_does_not_exist_is_named():
    command = [sys.executable, "-m", "benchmarks.run", "nothing"]
    done = subprocess.run(command, cwd=run.HERE.parent, capture_output=True, text=True)
    assert done.returncode == 2 and "no suite 'nothing'" in done.stderr
