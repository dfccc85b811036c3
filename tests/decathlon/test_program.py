"""Which program made a result: also our own, where a method calls it."""

import io
import pathlib
import shutil
import time

import pytest
import small_methods
from rich import console as rich_console

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import run as decathlon

OURS = "from medmnist_tfds.process import errors\n"
WAITS = """
import os
state = folder / "state.txt"
print("GOES ON" if state.exists() else "BEGINS", flush=True)
state.touch()
while not (folder_of_test / "go").exists():
    time.sleep(0.05)
leave()
"""


@pytest.fixture
def rooms(tmp_path, monkeypatch) -> pathlib.Path:
    """A copy of train/, which stands for the package's."""
    shutil.copytree(pathlib.Path(methods.__file__).parents[1] / "train", tmp_path / "t")
    real = methods._room
    monkeypatch.setattr(
        methods, "_room", lambda name: tmp_path / "t" if name == "train" else real(name)
    )
    return tmp_path / "t"


class Interrupting(io.StringIO):
    """A terminal at which a user presses Ctrl-C when `is_time` says so."""

    def __init__(self, is_time):
        super().__init__()
        self.is_time = is_time

    def write(self, text: str) -> int:
        written = super().write(text)
        if "running  " in text:
            deadline = time.monotonic() + 60
            while not self.is_time() and time.monotonic() < deadline:
                time.sleep(0.05)
            raise KeyboardInterrupt
        return written


def run(folders, root, *, output=None) -> str:
    output = output or io.StringIO()
    plan = decathlon.Plan(
        methods=tuple(map(methods.find, folders)),
        variants=(catalog.variant("breast", phantom=True),),
    )
    decathlon.run(plan, root, console=rich_console.Console(file=output))
    return output.getvalue()


def test_a_change_of_ours_is_told_of_where_a_method_calls_it(tmp_path, rooms):
    folders = small_methods.make(tmp_path, "good", "silent")
    program = tmp_path / "good/run.py"
    program.write_text(OURS + program.read_text())
    (tmp_path / "heir").mkdir()
    (tmp_path / "heir/method.toml").write_text("extends = '../good'")
    folders += [str(tmp_path / "heir"), "constant"]
    run(folders, tmp_path / "out")
    assert "has changed" not in run(folders, tmp_path / "out")
    with (rooms / "training.py").open("a") as file:
        file.write("# better\n")
    output = run(folders, tmp_path / "out")
    for name, has_changed in zip(
        ("good", "silent", "heir", "constant"), (True, False, True, False), strict=True
    ):
        assert (f"Warning: {name} has changed" in output) == has_changed


def test_a_cell_is_not_resumed_by_another_program_of_ours(tmp_path, rooms):
    folders = small_methods.make(tmp_path, "silent")
    where = f"folder_of_test = pathlib.Path({str(tmp_path)!r})"
    program = tmp_path / "silent/run.py"
    program.write_text(OURS + small_methods.START + where + WAITS)

    def has_begun() -> bool:
        return any(tmp_path.glob("out/work/*/**/state.txt"))

    for change in ("", "# better\n"):
        with (rooms / "training.py").open("a") as file:
            file.write(change)
        with pytest.raises(KeyboardInterrupt):
            run(folders, tmp_path / "out", output=Interrupting(has_begun))
    (tmp_path / "go").touch()
    run(folders, tmp_path / "out")
    log = (tmp_path / "out/cells/breast-silent-seed0/log.txt").read_text()
    assert log.split("\n")[:2] == ["BEGINS", "GOES ON"]  # of the second program only
