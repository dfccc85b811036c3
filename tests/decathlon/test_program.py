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
state = folder / "state.txt"
with (outside / "starts.txt").open("a") as file:
    file.write("goes on\\n" if state.exists() else "begins\\n")
state.touch()
while not (outside / "go").exists():
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
    """A terminal at which a user presses Ctrl-C once, when a file has so many lines."""

    def __init__(self, path: pathlib.Path, lines: int):
        super().__init__()
        self.path, self.lines, self.is_pressed = path, lines, False

    def write(self, text: str) -> int:
        if "running  " in text and not self.is_pressed:
            self.is_pressed = True
            deadline = time.monotonic() + 60
            while len(lines_of(self.path)) < self.lines:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            raise KeyboardInterrupt
        return super().write(text)


def lines_of(path: pathlib.Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


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
    where = f"outside = pathlib.Path({str(tmp_path)!r})"
    program = tmp_path / "silent/run.py"
    program.write_text(OURS + small_methods.START + where + WAITS)
    starts = tmp_path / "starts.txt"
    for count, change in ((1, ""), (2, "# better\n")):
        with (rooms / "training.py").open("a") as file:
            file.write(change)
        with pytest.raises(KeyboardInterrupt):
            run(folders, tmp_path / "out", output=Interrupting(starts, count))
    (tmp_path / "go").touch()
    run(folders, tmp_path / "out")
    assert lines_of(starts) == ["begins", "begins", "goes on"]
