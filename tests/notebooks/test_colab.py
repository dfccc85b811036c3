"""Colab's images: what installing this package moves there, and the notebooks on them.

Runs by `make test-notebooks`, which says in COLAB_PYTHON where Python 3.13 is: two
environments of some gigabytes, and minutes.
"""

import os
import pathlib
import subprocess

import colab_image
import execute
import pytest

PYTHON = os.environ.get("COLAB_PYTHON")
pytestmark = pytest.mark.skipif(not PYTHON, reason="run by `make test-notebooks`")

ADDED = {
    "cpu": {"importlib-resources"},
    "gpu": {"importlib-resources"},
    # This image has no TensorFlow, which reads the data.
    "tpu": {
        "astunparse",
        "flatbuffers",
        "google-pasta",
        "importlib-resources",
        "libclang",
        "tensorboard",
        "tensorboard-data-server",
        "tensorflow",
        "werkzeug",
        "wheel",
    },
}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> pathlib.Path:
    return execute.build_wheel(tmp_path_factory.mktemp("wheel"))


def installed(image: str) -> dict[str, str]:
    python = str(execute.FOLDERS[image] / "bin/python")
    command = [*colab_image.uv(), "pip", "freeze", "--quiet", "--python", python]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    return by_name(line for line in lines if not line.startswith("medmnist-tfds"))


def by_name(lines) -> dict[str, str]:
    pairs = (line.split("==") for line in lines)
    return {colab_image.normalized(name): version for name, version in pairs}


def complaints(image: str) -> set[str]:
    command = [execute.FOLDERS[image] / "bin/python", "-m", "pip", "check"]
    done = subprocess.run(command, capture_output=True, text=True)
    return set(done.stdout.splitlines()) - {"No broken requirements found."}


def check_moves(image: str, before: dict[str, str], after: dict[str, str]) -> None:
    assert set(after) - set(before) == ADDED[image]
    common = before.keys() & after.keys()
    moved = {name for name in common if before[name] != after[name]}
    assert moved == {colab_image.MOVED}
    assert after[colab_image.MOVED] == "1.17.3"


def test_an_image_whose_packages_do_not_go_together_gets_a_sentence(tmp_path):
    """As frozen, TFDS fails there; `pip install` of this package mends it."""
    colab_image.restore(execute.FOLDERS["cpu"], "cpu", python=PYTHON)
    python = execute.FOLDERS["cpu"] / "bin/python"
    ours = os.environ | {"PYTHONPATH": str(execute.HERE.parent)}
    command = [python, "-c", "import medmnist_tfds"]
    done = subprocess.run(
        command, env=ours, cwd=tmp_path, capture_output=True, text=True
    )
    said = done.stderr.splitlines()[-1]
    assert said.startswith("ImportError: TensorFlow Datasets cannot be imported: Detec")
    assert 'Run `pip install "tensorflow-metadata<1.18"`' in said


@pytest.mark.parametrize("image", ["cpu", "tpu"])
def test_installing_adds_packages_and_moves_one(image, wheel, tmp_path):
    colab_image.restore(execute.FOLDERS[image], image, python=PYTHON)
    before, complained = installed(image), complaints(image)
    assert before == by_name(colab_image.installable(image))
    variables = execute.variables(image, tmp_path, wheel)
    program = execute.FOLDERS[image] / "bin/pip"
    command = [program, "install", "--quiet", "medmnist-tfds"]
    subprocess.run(command, env=variables, check=True)
    after = installed(image)
    assert set(before) <= set(after)
    check_moves(image, before, after)
    assert complaints(image) <= complained


@pytest.mark.parametrize("image", ["cpu", "gpu", "tpu"])
def test_a_resolver_would_add_and_move_no_more(image, tmp_path):
    """Of the GPU image this is what can be known without its CUDA packages."""
    pins = tmp_path / "pins.txt"
    pins.write_text("\n".join(colab_image.constraints(image)) + "\n")
    command = [*colab_image.uv(), "pip", "compile", "--quiet", "--no-annotate"]
    command += ["--no-header", "--python-version=3.13", f"--constraints={pins}"]
    setup = execute.HERE.parent / "setup.cfg"
    output = subprocess.check_output([*command, setup], text=True)
    before = by_name(colab_image.pins(image).values())
    check_moves(image, before, before | by_name(output.splitlines()))


@pytest.mark.parametrize("name", execute.names())
def test_a_notebook_runs_and_gives_what_is_committed_of_it(name, wheel):
    image = execute.image(name)
    colab_image.restore(execute.FOLDERS[image], image, python=PYTHON)
    notebook = execute.execute(name, wheel)
    committed = execute.read(execute.HERE / f"{name}.ipynb")
    assert execute.recorded(notebook) == execute.digest(committed)
    kinds = [_kinds(each) for each in (notebook, committed)]
    assert kinds[0] == kinds[1], "The output has changed. Run `make notebooks`."


def _kinds(notebook: dict) -> list[list[str]]:
    """What comes out of each cell: text or pictures, but not which."""
    cells = notebook["cells"]
    return [
        sorted({kind for output in cell.get("outputs", ()) for kind in _form(output)})
        for cell in cells
    ]


def _form(output: dict) -> list[str]:
    return [output["name"]] if "name" in output else list(output.get("data", ()))
