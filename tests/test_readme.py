"""The README's Python snippets run as they stand, on phantom data."""

import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest
import typer

from medmnist_tfds.commands import cli
from medmnist_tfds.models import compat

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text()
ALL = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
# A method of one's own runs in the Decathlon's tests.
SNIPPETS = [snippet for snippet in ALL if not snippet.startswith("# my_method/")]
if not compat.IS_KERAS_2:
    SNIPPETS = [code for code in SNIPPETS if "tensorflow_addons" not in code]


def test_the_readme_shows_snippets():
    assert len(SNIPPETS) >= 3


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_a_snippet_runs(number, tmp_path, request):
    environment = {**os.environ, "TFDS_DATA_DIR": str(tmp_path / "tfds")}
    if '"medmnist/' in SNIPPETS[number].replace('or "medmnist/', ""):
        # Real data: only where the user has brought them.
        environment["MEDMNIST_ROOT"] = str(request.getfixturevalue("official_root"))
    done = subprocess.run(
        [sys.executable, "-c", SNIPPETS[number]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr


def test_the_readme_shows_commands_and_options_that_there_are():
    shown = re.findall(r"^    medmnist-tfds (.+)$", README, re.MULTILINE)
    assert len(shown) >= 9
    for line in shown:
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
