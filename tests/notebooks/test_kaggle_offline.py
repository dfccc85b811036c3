"""`kaggle_offline` on real files, as on Kaggle: attached folders, and no network.

What the notebook says is to be done before, with a network, is done as it says. Runs by
`make test-notebooks`, where official files lie.
"""

import os
import pathlib
import shutil
import subprocess

import colab_image
import execute
import pytest

from medmnist_tfds import predictions

PYTHON = os.environ.get("COLAB_PYTHON")
pytestmark = pytest.mark.skipif(not PYTHON, reason="run by `make test-notebooks`")

NAME = "kaggle_offline"
# In a namespace of its own there is no network but the one that a kernel talks over.
ALONE = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
REFUSED = {
    key: "http://127.0.0.1:9" for key in ("http_proxy", "https_proxy", "HTTPS_PROXY")
}


@pytest.fixture(scope="module")
def variables(tmp_path_factory) -> dict[str, str]:
    """Of a process on the image as it was frozen, which may install our wheel."""
    colab_image.restore(execute.FOLDERS["cpu"], "cpu", python=PYTHON)
    wheel = execute.build_wheel(tmp_path_factory.mktemp("wheel"))
    return execute.variables("cpu", tmp_path_factory.mktemp("home"), wheel)


def run(notebook: dict, folder: pathlib.Path, variables: dict, *, before=()):
    """Executes it in place; what a user of `jupyter execute` sees."""
    path = folder / "notebook.ipynb"
    execute.write(path, notebook)
    program = execute.FOLDERS["cpu"] / "bin/jupyter-execute"
    command = [*before, program, "--inplace", "--timeout=600", path]
    return subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True
    )


def notebook() -> dict:
    return execute.read(execute.HERE / f"{NAME}.ipynb")


@pytest.fixture(scope="module")
def wheels(variables, tmp_path_factory) -> pathlib.Path:
    """The folder that the notebook tells to make with a network."""
    found = notebook()
    _, code, _ = execute.source(found["cells"][0]).split("```")
    lines = [line.strip() for line in code.strip().splitlines()]
    cell = {**found["cells"][1], "source": "\n".join(lines), "outputs": []}
    place = tmp_path_factory.mktemp("online")
    done = run({**found, "cells": [cell]}, place, variables)
    assert done.returncode == 0, done.stderr
    return place / "wheels"


@pytest.fixture
def attached(tmp_path) -> pathlib.Path:
    """Where Kaggle puts the datasets that are attached: one, and not ours."""
    folder = tmp_path / "kaggle/input"
    other = folder / "datasets/someone/titanic/train.csv"
    other.parent.mkdir(parents=True)
    other.touch()
    return folder


def offline(attached, variables) -> tuple[subprocess.CompletedProcess, dict]:
    """The notebook where only that is attached; what it wrote."""
    kept = {k: v for k, v in variables.items() if k not in ("PIP_CONSTRAINT",)}
    kept["MEDMNIST_NOTEBOOK_INPUT"] = str(attached)
    can_cut = subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0
    if not can_cut:
        kept |= REFUSED
    place = attached.parent / "here"
    place.mkdir()
    done = run(notebook(), place, kept, before=ALONE if can_cut else ())
    return done, execute.read(place / "notebook.ipynb")


def test_the_wheels_are_those_that_the_image_lacks(wheels):
    names = {path.name.split("-")[0] for path in wheels.iterdir()}
    assert names == {"medmnist_tfds", "tensorflow_metadata", "importlib_resources"}
    assert all(path.suffix == ".whl" for path in wheels.iterdir())


def test_it_trains_on_attached_files_without_a_network(
    attached, variables, wheels, official_root
):
    data = attached / "datasets/someone/my-medmnist"
    data.mkdir()
    shutil.copy(official_root / "breastmnist.npz", data)
    shutil.copytree(wheels, attached / "datasets/someone/my-wheels/dist")
    done, written = offline(attached, variables)
    assert done.returncode == 0, done.stderr
    outputs = "".join(str(cell.get("outputs", "")) for cell in written["cells"])
    origin = f"780 images of release 1.0.0 (breastmnist.npz, found in {data})"
    assert origin in outputs and "Downloading" not in outputs
    (path,) = predictions.find(attached.parent / "working", split="test")
    scores = predictions.evaluate(path, folder=data)
    assert f"test   AUC {scores.auc:.4f}" in outputs
    assert "image/png" in str(written["cells"][-2]["outputs"])


@pytest.mark.parametrize("missing", ["medmnist_tfds-*.whl", "breastmnist.npz"])
def test_what_is_not_attached_is_named_with_what_is(
    attached, variables, wheels, missing
):
    if missing == "breastmnist.npz":
        shutil.copytree(wheels, attached / "datasets/someone/my-wheels")
    done, _ = offline(attached, variables)
    said = f"There is no {missing} under {attached}. Files are in: "
    assert done.returncode != 0 and said in done.stderr
    assert f"{attached}/datasets/someone/titanic" in done.stderr
    assert "Attach the dataset that has it" in done.stderr
