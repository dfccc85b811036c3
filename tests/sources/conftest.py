"""What tests of the sources share: a command line in this process."""

import pathlib

import pytest
from typer import testing

from medmnist_tfds.commands import cli
from medmnist_tfds.process import errors
from medmnist_tfds.sources import manifests


@pytest.fixture
def command(monkeypatch):
    """A function from a command line to its exit code and what it says."""
    monkeypatch.setenv("COLUMNS", "80")

    def command(*words) -> tuple[int, str]:
        done = testing.CliRunner().invoke(cli.app, list(map(str, words)))
        if isinstance(done.exception, errors.MedMNISTError):
            return 1, str(done.exception)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    return command


@pytest.fixture
def link(command, tmp_path):
    """A function from a dataset, sources and an official file to (text, manifest)."""

    def link(name, sources, official) -> tuple[str, manifests.Manifest]:
        out = tmp_path / "manifest.csv"
        given = [word for path in sources for word in ("--source", path)]
        code, said = command("link", name, *given, "--official", official, "--out", out)
        assert code == 0, said
        return " ".join(said.split()), manifests.read(out)

    return link


@pytest.fixture(scope="session")
def breast_sources() -> pathlib.Path:
    """Fifty real images of the archive of BreastMNIST, beside the official files."""
    import os

    place = pathlib.Path(os.environ.get("MEDMNIST_ROOT") or "~/.medmnist").expanduser()
    folder = place / "breast_sources"
    if not folder.is_dir():
        pytest.skip("no breast_sources in MEDMNIST_ROOT: images of the BUSI archive")
    return folder
