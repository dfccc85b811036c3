"""What a result says about how its cell was run, through the harness."""

import dataclasses
import datetime
import os
import platform
import sys

import pytest
import small_methods
from small_methods import plan, result, run

from medmnist_tfds.decathlon import changes, machine
from medmnist_tfds.decathlon import method as methods


def test_a_result_says_when_and_on_what_its_cell_was_run(tmp_path, data_dir):
    run(plan(data_dir, small_methods.make(tmp_path, "good")), tmp_path / "out")
    written = result(tmp_path / "out", "breast-good-seed0")
    ended = datetime.datetime.fromisoformat(written["ended"])
    age = datetime.datetime.now(datetime.timezone.utc) - ended
    assert datetime.timedelta(0) <= age < datetime.timedelta(hours=1)
    facts = written["machine"]
    assert facts["cpu"] and facts["cpu_cores"] == os.cpu_count()
    assert facts["memory_gib"] > 0.1 and facts["system"].startswith(platform.system())
    assert facts["python"] == platform.python_version()
    assert written["is_resumed"] is False


def test_a_result_says_what_was_changed_from_the_paper_s_budget(tmp_path, data_dir):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "method.toml").write_text(
        "[settings]\nwidth = 8\ndepth = 2\n"
        "[[budgets.paper]]\ntrials = 20\n[[budgets.smoke]]\ntrials = 1\n"
    )
    small_methods.make(tmp_path, "good")
    (folder / "run.py").write_text((tmp_path / "good/run.py").read_text())
    found = changes.apply([methods.find(str(folder))], ["mine.width=9"], budget="smoke")
    order = dataclasses.replace(plan(data_dir, []), methods=tuple(found))
    run(order, tmp_path / "out")
    written = result(tmp_path / "out", "breast-mine-seed0")
    assert written["changed"] == {"width": [8, 9], "trials": [20, 1]}


@pytest.mark.parametrize(
    ("gpus", "names"),
    [
        (("1", "GPU-a"), ["NVIDIA L4", "NVIDIA H100 80GB HBM3"]),
        (("MIG-c",), ["NVIDIA L4, MIG 1g.10gb"]),
        (("7",), ["unknown"]),
        ((), []),
    ],
)
def test_gpus_are_told_by_their_models(tmp_path, monkeypatch, gpus, names):
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\ncat <<END\n"
        "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-a)\n"
        "GPU 1: NVIDIA L4 (UUID: GPU-b)\n"
        "  MIG 1g.10gb     Device  0: (UUID: MIG-c)\nEND\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert machine.describe(gpus)["gpus"] == names


def test_the_python_of_a_method_s_own_environment_is_read(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "pyvenv.cfg").write_text("home = /usr\nversion = 3.9.18\n")
    told = machine.describe((), python=str(tmp_path / "bin/python"))
    assert told["python"] == "3.9.18"
    assert machine.describe((), python=sys.executable)["python"].startswith("3.")


def test_a_result_says_that_its_cell_went_on_from_an_earlier_start(tmp_path, data_dir):
    folders = small_methods.make(tmp_path, "forger")  # interrupts its first start
    (tmp_path / "pid").write_text(str(os.getpid()))
    (tmp_path / "forged.json").write_text("{}")
    with pytest.raises(KeyboardInterrupt):
        run(plan(data_dir, folders), tmp_path / "out")
    run(plan(data_dir, folders), tmp_path / "out")
    assert result(tmp_path / "out", "breast-forger-seed0")["is_resumed"] is True
