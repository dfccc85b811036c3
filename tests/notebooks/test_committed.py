"""What stands in the repository's notebooks, without executing them."""

import re

import execute
import pytest

NAMES = execute.names()
LARGEST = 1_500_000  # bytes, all notebooks together


@pytest.fixture(params=NAMES)
def name(request) -> str:
    return request.param


@pytest.fixture
def notebook(name) -> dict:
    return execute.read(execute.HERE / f"{name}.ipynb")


def code(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_there_are_notebooks_and_they_are_small_enough_to_clone():
    sizes = [(execute.HERE / f"{name}.ipynb").stat().st_size for name in NAMES]
    assert NAMES and sum(sizes) < LARGEST


def test_the_output_came_from_these_sources(notebook):
    said = "The sources have changed since. Run `make notebooks`."
    assert execute.recorded(notebook) == execute.digest(notebook), said


def test_a_notebook_begins_with_title_badge_and_minutes(name, notebook):
    first = notebook["cells"][0]
    text = execute.source(first)
    assert first["cell_type"] == "markdown" and text.startswith("# ")
    assert execute.BADGE.format(name=name) in text
    assert re.search(r"\d+ minutes? on Colab", " ".join(text.split()))


def test_every_link_into_the_repository_has_its_address(notebook):
    text = "\n".join(map(execute.source, notebook["cells"]))
    for address in re.findall(r"https://github\.com/[^\s)\]]*medmnist-tfds", text):
        assert address == execute.REPOSITORY
    for path in re.findall(rf"{execute.REPOSITORY}/blob/main/([^\s)#]+)", text):
        assert (execute.HERE.parent / path).exists(), path


def test_a_notebook_installs_the_package_and_says_openly_what_is_small(notebook):
    cells = list(map(execute.source, code(notebook)))
    assert len(cells) <= 12
    assert cells[0].split("\n")[-1] == "%pip install -q medmnist-tfds"
    assert 'SMALL = os.environ.get("MEDMNIST_NOTEBOOK") == "small"' in cells[1]
    prose = [c for c in notebook["cells"] if c["cell_type"] == "markdown"]
    assert "synthetic" in "".join(map(execute.source, prose))


def test_all_cells_ran_in_order_and_the_last_output_is_a_picture(notebook):
    cells = code(notebook)
    assert [c["execution_count"] for c in cells] == list(range(1, len(cells) + 1))
    pictured = [cell for cell in cells if "image/png" in str(cell["outputs"])]
    assert pictured and pictured[-1] in cells[-2:]


def test_the_output_holds_no_chatter_no_warning_and_no_bar(notebook):
    for output in [each for cell in code(notebook) for each in cell["outputs"]]:
        assert output["output_type"] != "error"
        assert "widget-view" not in str(output), "a progress bar as a widget"
        text = "".join(output.get("text", ""))
        assert "\r" not in text and "\b" not in text and "━" not in text, text
        if output.get("name") == "stderr":  # where our builders say what they wrote
            strange = [t for t in text.splitlines() if not t.startswith("medmnist")]
            assert not strange, text


def test_the_output_holds_no_path_of_a_machine(notebook):
    shown = str([cell["outputs"] for cell in code(notebook)])
    assert not re.search(r"/(home|root|tmp|usr|work|Users)/", shown)


def test_of_a_bar_on_stderr_only_what_stays_is_kept():
    def stream(*text):
        return {"output_type": "stream", "name": "stderr", "text": list(text)}

    bar = stream("\rWriting: 50%"), stream("\r            "), stream("\r")
    for outputs, kept in ((bar, []), ([*bar, stream("medmnist: done\n")], ["done"])):
        cell = {"cell_type": "code", "source": ["1"], "metadata": {}}
        notebook = {"cells": [cell | {"outputs": list(outputs)}], "metadata": {}}
        (left,) = execute.normalized(notebook, notebook)["cells"]
        assert ["done" for _ in left["outputs"]] == kept
        assert "\r" not in str(left)
