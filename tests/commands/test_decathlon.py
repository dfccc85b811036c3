"""`medmnist-tfds decathlon`: a slip of the user's is one line, and starts nothing."""

import subprocess
import sys

import pytest

from medmnist_tfds.commands import cli
from medmnist_tfds.decathlon import method as methods


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Calls the command line in a folder of its own; exit code and standard error."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here/file").write_text("mine")
    monkeypatch.chdir(tmp_path / "here")

    def called(*arguments) -> tuple[int, str]:
        command = ["medmnist-tfds", "decathlon", "run", "--phantom", *arguments]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err

    yield called
    assert (tmp_path / "here/file").read_text() == "mine"
    assert not list(tmp_path.rglob("decathlon.json"))


CONSTANT = ["--methods", "constant"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*CONSTANT, "--datasets", ""], "--datasets is ''"),
        ([*CONSTANT, "--datasets", "brest"], "Did you mean 'breast'"),
        ([*CONSTANT, "--datasets", "../é\n"], "There is no dataset '../é'"),
        ([*CONSTANT, "--release", "9"], "There is no release '9'"),
        (["--methods", ","], "--methods is ','"),
        (["--methods", "[b]*\udcff"], "There is no method '[b]*\\udcff'"),
        (["--method", "m" * 300], "There is no method 'mmm"),
        (["--method", ""], "There is no method ''"),
        ([*CONSTANT, "--seeds", "0,x"], "--seeds is '0,x'"),
        ([*CONSTANT, "--seeds", "0,-1"], "whole numbers from 0 to 4294967295"),
        ([*CONSTANT, "--seeds", "4294967296"], "--seeds is '4294967296'"),
        ([*CONSTANT, "--seeds", "1" * 5000], "whole numbers from 0 to 4294967295"),
        ([*CONSTANT, "--budget", "huge"], "Expected paper or smoke"),
        ([*CONSTANT, "--time-limit", "0"], "--time-limit is 0"),
        ([*CONSTANT, "--memory-limit", "inf"], "--memory-limit is inf"),
        ([*CONSTANT, "--set", "constant.epochs=1"], "constant has no field 'epochs'"),
        ([*CONSTANT, "--out", "file"], "is a file"),
        ([*CONSTANT, "--out", "."], "is not empty and holds no Decathlon"),
        ([*CONSTANT, "--out", ".."], "is not empty and holds no Decathlon"),
        (
            ["--methods", "autokeras", "--set", "autokeras.seconds=1"],
            "autokeras has no field 'seconds'",
        ),
    ],
)
def test_a_wrong_command_is_refused_in_a_line(call, arguments, message):
    code, said = call(*arguments)
    assert code == 1 and said.startswith("Error: ") and said.count("\n") == 1
    assert message in said


def test_two_methods_of_one_name_are_refused(call, tmp_path):
    for folder in ("a/mine", "b/mine"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "method.toml").write_text("")
    code, said = call("--method", "../a/mine", "--method", "../b/mine")
    assert code == 1 and "Two methods are named mine" in said


def test_a_field_of_the_other_budget_is_refused_with_its_name(call, tmp_path):
    (tmp_path / "a/mine").mkdir(parents=True)
    definition = tmp_path / "a/mine/method.toml"
    definition.write_text("[[budgets.smoke]]\ntrials = 1\n")
    code, said = call("--method", "../a/mine", "--set", "mine.trials=2")
    assert code == 1 and "in its budget smoke only" in said


def test_methods_are_listed_and_run_without_tensorflow(tmp_path):
    script = (
        "import sys\n"
        "from medmnist_tfds.commands import cli\n"
        "run = 'run --phantom --methods constant --datasets breast --out '\n"
        "for command in ('methods', run + sys.argv[1], 'report ' + sys.argv[1]):\n"
        "    sys.argv[:] = ['medmnist-tfds', 'decathlon', *command.split()]\n"
        "    try: cli.main()\n"
        "    except SystemExit as end: assert not end.code, command\n"
        "print('TensorFlow', 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "out"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("TensorFlow False\n")
    for name in methods.built_in():
        assert f"\n{name} " in f"\n{done.stdout}"
    assert "__pycache__" not in done.stdout and "google_images" not in done.stdout
