"""`medmnist-tfds decathlon`: a slip of the user's is one line, and starts nothing."""

import contextlib
import os
import pathlib
import pty
import re
import subprocess
import sys
import sysconfig

import pytest

from medmnist_tfds.commands import cli
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.process import terminal


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
        ([*CONSTANT, "--datasets", "../é\n"], "'../é' is no dataset name"),
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


SCRIPT = pathlib.Path(sysconfig.get_path("scripts"), "medmnist-tfds")


def listed(monkeypatch, capsys, *arguments) -> str:
    command = ["medmnist-tfds", "decathlon", "methods", *arguments]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    return capsys.readouterr().out


def test_the_list_of_methods_cuts_no_name_in_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "74")
    said = listed(monkeypatch, capsys)
    lines = said.splitlines()[: len(methods.built_in())]
    assert max(map(len, lines)) <= 74
    for name, line in zip(methods.built_in(), lines, strict=True):
        assert line.split()[0] == name and methods.find(name).display_name in line


def test_a_method_is_shown_with_all_that_set_can_change(monkeypatch, capsys):
    said = listed(monkeypatch, capsys, "resnet50_28")
    for name, value in methods.find("resnet50_28").settings.items():
        assert re.search(f"^  {name} +{str(value).lower()}$", said, re.MULTILINE)
    assert "--set resnet50_28.FIELD=VALUE" in said
    assert re.search("Budget smoke.*\n  epochs +3\n", said)
    said = listed(monkeypatch, capsys, "autosklearn")
    assert "Budget paper, datasets of up to 9,999 images" in said
    assert re.search("  seconds +7200\n  limit_hours +4\n", said)


def test_a_method_is_shown_with_what_it_was_pretrained_on(monkeypatch, capsys):
    said = listed(monkeypatch, capsys, "recipe_best")
    assert "\npretrained   on ImageNet (EfficientNet-Lite0)\n" in said
    assert re.search(r"^  model +resnet10\+efficientnet$", said, re.MULTILINE)
    assert "pretrained" not in listed(monkeypatch, capsys, "recipe_fast")


@pytest.mark.parametrize("is_on_path", [True, False])
def test_the_next_command_that_is_printed_works(tmp_path, is_on_path):
    """As after `make demo`, whose environment is not active."""
    if not SCRIPT.is_file():
        pytest.skip("the package is not installed with its command")
    path = [str(SCRIPT.parent)] * is_on_path + ["/usr/bin", "/bin"]
    environment = {**os.environ, "PATH": os.pathsep.join(path)}
    link = tmp_path / "my environment"
    link.symlink_to(SCRIPT.parents[1])
    arguments = "decathlon run --phantom --methods constant --datasets breast".split()
    options = {"cwd": tmp_path, "env": environment, "text": True}
    done = subprocess.run(
        [link / "bin/medmnist-tfds", *arguments], capture_output=True, **options
    )
    (following,) = re.findall(r"Next: (.*)", done.stdout)
    program = following.partition(" decathlon")[0]
    expected = "medmnist-tfds" if is_on_path else "'my environment/bin/medmnist-tfds'"
    assert program == expected
    listing = f"{program} decathlon methods"
    subprocess.run(listing, shell=True, check=True, capture_output=True, **options)


def told_a_terminal(arguments: list[str], folder: pathlib.Path, **variables) -> str:
    """All that a terminal is sent by a command."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "medmnist_tfds", "decathlon", *arguments]
    usual = {"TERM": "xterm-256color", "COLUMNS": "80"}
    variables = os.environ | usual | variables
    variables.pop("TF_CPP_MIN_LOG_LEVEL", None)  # a user has not set it
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=variables
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux' way to say that it has ended
        while part := os.read(ours, 2**16):
            shown += part
    os.close(ours)
    assert process.wait() == 0, shown.decode()
    return shown.decode()


def on_a_terminal(arguments: list[str], folder: pathlib.Path) -> list[str]:
    """What a terminal shows of a command, in lines, without what moves its cursor."""
    text = told_a_terminal(arguments, folder)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def test_a_terminal_shows_cells_and_nothing_of_libraries(tmp_path):
    arguments = "run --phantom --budget smoke --methods constant --jobs 2".split()
    lines = on_a_terminal([*arguments, "--datasets", "breast,chest"], tmp_path)
    known = (
        r"2 cells: 1 method x 2 datasets x 1 seed\.",
        r"2 to run, 2 at a time: at most 1 h\. --dry-run estimates it\.",
        r" +constant",
        r"(breast|chest) +[·▶✓]",
        r"▶ (breast|chest) constant seed0  0:0\d",
        r"(\d \w+(, )?)+(  \(\d left(, about 0:0\d)?\))?",
        r"2 of 2 cells are done\. Results: runs/decathlon-phantom",
        r"Next: .*medmnist-tfds decathlon report runs/decathlon-phantom",
    )
    strange = [x for x in lines if not any(re.fullmatch(k, x) for k in known)]
    assert not strange
    assert lines[-3] == "2 done"


def test_a_notebook_is_sent_lines_and_nothing_that_moves_a_cursor(tmp_path):
    arguments = "run --phantom --methods constant --datasets breast".split()
    told = told_a_terminal(arguments, tmp_path, JPY_PARENT_PID="1", FORCE_COLOR="1")
    assert "\x1b" not in told
    (done,) = re.findall("^done .*", told, flags=re.MULTILINE)
    assert "breast-constant-seed0" in done


def test_without_the_script_the_interpreter_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["-c"])
    assert terminal.command() == f"{sys.executable} -m medmnist_tfds"


def test_datasets_named_twice_are_run_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = "run --phantom --dry-run --methods constant --datasets breast,breast"
    command = ["medmnist-tfds", "decathlon", *arguments.split()]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit):
        cli.main()
    assert "1 cell: 1 method x 1 dataset x 1 seed." in capsys.readouterr().out
