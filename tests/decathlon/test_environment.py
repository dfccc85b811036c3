"""Environments of methods: built by pip with a named interpreter, or refused."""

import json
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest
import small_methods

from medmnist_tfds.decathlon import environment
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions


@pytest.fixture(autouse=True)
def environments(tmp_path, monkeypatch) -> pathlib.Path:
    monkeypatch.setenv("MEDMNIST_ENVIRONMENTS", str(tmp_path / "environments"))
    return tmp_path / "environments"


def wheel(folder: pathlib.Path) -> pathlib.Path:
    """A package of one line, so that pip needs no network."""
    path = folder / "smallest-1.0-py3-none-any.whl"
    about = "Metadata-Version: 2.1\nName: smallest\nVersion: 1.0\n"
    kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
    kind += "Tag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("smallest.py", "ANSWER = 0.25\n")
        file.writestr("smallest-1.0.dist-info/METADATA", about)
        file.writestr("smallest-1.0.dist-info/WHEEL", kind)
        file.writestr("smallest-1.0.dist-info/RECORD", "")
    return path


def needing(folder: pathlib.Path, requirement, python="") -> methods.Method:
    """A method that needs a package of its own, and scores with it."""
    (path,) = small_methods.make(folder, "good")
    python = f'python = "{python}"\n' if python else ""
    text = f'{python}requirements = ["{requirement}"]\n'
    pathlib.Path(path, "method.toml").write_text(text)
    return methods.find(path)


def test_a_method_is_missing_until_it_is_set_up(tmp_path):
    method = needing(tmp_path, wheel(tmp_path))
    missing = environment.interpreter(method)
    assert isinstance(missing, environment.Missing)
    assert f"medmnist-tfds decathlon setup {method.folder}" in missing.reason
    said = []
    environment.setup(method, say=said.append)
    python = environment.interpreter(method)
    script = "import smallest; print(smallest.ANSWER)"
    done = subprocess.run([python, "-c", script], capture_output=True, text=True)
    assert done.stdout == "0.25\n"
    assert any(line.startswith("smallest") for line in environment.packages(method))
    environment.setup(method, say=said.append)
    assert "set up already" in said[-1]


def test_what_the_build_needs_is_installed_first(tmp_path, environments):
    (path,) = small_methods.make(tmp_path, "good")
    (tmp_path / "good/method.toml").write_text(
        f'build_requirements = ["{wheel(tmp_path)}"]\nrequirements = ["pip"]\n'
    )
    method = methods.find(path)
    environment.setup(method, say=lambda _: None)
    assert any(line.startswith("smallest") for line in environment.packages(method))


def test_changed_requirements_ask_for_another_setup(tmp_path):
    method = needing(tmp_path, wheel(tmp_path))
    environment.setup(method, say=lambda _: None)
    changed = needing(tmp_path, "something-else")
    assert "requirements have changed" in environment.interpreter(changed).reason


def test_an_installation_that_fails_leaves_nothing_and_names_its_log(
    tmp_path, environments
):
    method = needing(tmp_path, tmp_path / "nowhere-1.0-py3-none-any.whl")
    with pytest.raises(
        errors.MedMNISTError, match="could not be built.*end of"
    ) as found:
        environment.setup(method, say=lambda _: None)
    (log,) = environments.glob("*.log")
    assert str(log) in str(found.value) and "nowhere" in log.read_text()
    assert isinstance(environment.interpreter(method), environment.Missing)
    assert not [path for path in environments.iterdir() if path.is_dir()]


def test_the_named_interpreter_must_be_of_the_right_version(tmp_path):
    method = needing(tmp_path, wheel(tmp_path), python="==3.9.*")
    found = ".".join(map(str, sys.version_info[:2]))
    with pytest.raises(errors.MedMNISTError, match=f"is Python {found}.*==3.9") as said:
        environment.setup(method, python=sys.executable)
    assert "--python /path/to/python3.9" in str(said.value)


def test_without_an_interpreter_it_is_said_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    method = needing(tmp_path, wheel(tmp_path), python="==3.9.*")
    with pytest.raises(errors.MedMNISTError, match="conda create -n py3.9") as said:
        environment.setup(method)
    assert "none is on the PATH" in str(said.value)
    with pytest.raises(errors.MedMNISTError, match="is no Python that can be started"):
        environment.setup(method, python=str(tmp_path / "python3.9"))


def test_a_method_runs_in_its_own_environment(tmp_path, data_dir):
    """Through the command line: what it prints, runs and records."""
    method = needing(tmp_path, wheel(tmp_path))
    (method.folder / "run.py").write_text(
        "import json, pathlib, sys, smallest\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "for split, rows in (('train', 250), ('val', 200), ('test', 200)):\n"
        "    lines = [str(smallest.ANSWER * (i % 4)) for i in range(rows)]\n"
        "    (folder / f'{split}.csv').write_text('\\n'.join(lines))\n"
    )
    program = [sys.executable, "-m", "medmnist_tfds", "decathlon"]
    run = ["run", "--phantom", "--method", method.folder, "--datasets", "breast"]
    run += ["--data-dir", data_dir, "--out", tmp_path / "out"]

    # A PYTHONPATH of ours must not lead the other Python astray.
    astray = tmp_path / "astray"
    astray.mkdir()
    (astray / "smallest.py").write_text("ANSWER = 0.5\n")

    def call(*arguments) -> subprocess.CompletedProcess:
        variables = {**os.environ, "PYTHONPATH": str(astray)}
        return subprocess.run(
            [*map(str, [*program, *arguments])],
            capture_output=True,
            text=True,
            env=variables,
        )

    first = call(*run)
    assert first.returncode == 1
    assert f"medmnist-tfds decathlon setup {method.folder}" in first.stdout
    done = call("setup", method.folder)
    assert done.returncode == 0, done.stderr
    second = call(*run)
    assert second.returncode == 0, second.stdout + second.stderr
    path = tmp_path / "out/cells/breast-good-seed0/result.json"
    (scores,) = path.parent.glob("*_test_*.csv")
    assert predictions.read(scores).scores.max() == 3 * 0.25
    packages = json.loads(path.read_text())["packages"]
    assert any(line.startswith("smallest") for line in packages)
    assert not any(line.startswith("tensorflow") for line in packages)
