"""What the README and the pages written by hand show works as it stands.

Python runs on phantom data, all blocks of a page in one process; commands and options
are ones that there are; links lead somewhere in the repository.
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest
import typer

from docs.generate import navigation, staging
from medmnist_tfds.commands import cli
from medmnist_tfds.models import compat

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
HOUSE = [ROOT / "CONTRIBUTING.md", ROOT / "notebooks" / "README.md"]


def name(page: pathlib.Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: pathlib.Path) -> list[str]:
    """Its Python; a method of one's own runs in the Decathlon's tests."""
    found = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.M)
    return [code for code in found if not code.startswith("# my_method/")]


def is_of_real_data(code: str) -> bool:
    return '"medmnist/' in re.sub(r"#.*", "", code)


WITH_CODE = [page for page in PAGES if blocks(page)]
# What trains a network takes half a minute. The README, which begins as these do, is
# run by every test run.
TRAINING = {"index", "score", "train", "weights", "predict", "devices", "volumes"}


def test_pages_show_code():
    shown = {name(page) for page in WITH_CODE}
    assert {"README.md", "docs/index.md", "docs/guides/load.md"} <= shown


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, id=name(p), marks=[pytest.mark.slow] * (p.stem in TRAINING))
        for p in WITH_CODE
    ],
)
def test_the_code_of_a_page_runs(page, tmp_path, request):
    code = blocks(page)
    if any("tensorflow_addons" in each for each in code) and not compat.IS_KERAS_2:
        pytest.skip("TensorFlow Addons are in the lane of Keras 2")
    environment = {**os.environ, "TFDS_DATA_DIR": str(tmp_path / "tfds")}
    if any(map(is_of_real_data, code)):
        try:
            environment["MEDMNIST_ROOT"] = str(request.getfixturevalue("official_root"))
        except pytest.skip.Exception:  # the user has not brought the files
            code = [each.replace('"medmnist/', '"medmnist_phantom/') for each in code]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_and_options_that_a_page_shows_are_there(page):
    for line in re.findall(r"^    medmnist-tfds (.+)$", page.read_text(), re.M):
        words = shlex.split(line, comments=True)
        command = typer.main.get_command(cli.app)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        known = {name for option in command.params for name in option.opts}
        asked = {word for word in words if word.startswith("--")}
        assert asked <= known | {"--help"}, line
        # Two commands in a line are no command.
        takes = [p for p in command.params if p.param_type_name == "argument"]
        assert "medmnist-tfds" not in words and bool(words) >= bool(takes), line


def test_the_readme_shows_commands():
    readme = (ROOT / "README.md").read_text()
    assert len(re.findall(r"^    medmnist-tfds ", readme, re.M)) >= 5


@pytest.mark.parametrize("page", [*PAGES, *HOUSE], ids=name)
def test_links_of_a_page_lead_to_files_of_the_repository(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        if re.match("[a-z]+:", link) or not path:
            continue
        target = page.parent / path
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.+)$", target.read_text(), re.M)
            assert anchor in [re.sub(r"\W+", "-", each.lower()) for each in titles]


def test_the_readme_takes_two_minutes_to_read():
    words = len((ROOT / "README.md").read_text().split())
    assert words <= 2 * 400  # with code that is skimmed


def test_a_picture_keeps_its_place_on_the_site_or_is_refused():
    shown = staging.relink("![a](../benchmarks/recipe.png)", source="docs/recipes.md")
    assert shown == "![a](recipe.png)"
    with pytest.raises(ValueError, match="shows ../a.png, which has no place"):
        staging.relink("![a](../a.png)", source="docs/recipes.md")


def test_every_guide_stands_in_the_navigation():
    home, *sections = navigation.of(ROOT / "docs")
    pages = [*home.values()]
    pages += [page for section in sections for page in sum(section.values(), [])]
    written = {name(page).removeprefix("docs/") for page in PAGES[1:]}
    assert written <= set(pages)
    assert len(pages) == len(set(pages))
