"""What tests of the sources share: `link` as a function."""

import pytest

from medmnist_tfds.sources import manifests


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
