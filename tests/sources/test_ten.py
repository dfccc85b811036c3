"""The way from an archive to data of any size, in each original layout: two commands.

CT scans take it in `test_volumes`.
"""

import dataclasses
import io

import drawn_archives as drawn
import numpy as np
import pytest
from PIL import Image

from medmnist_tfds.data import archive, catalog
from medmnist_tfds.sources import archives


@pytest.mark.parametrize("name", drawn.NAMES)
def test_what_was_linked_is_rebuilt_to_the_bit_and_at_64_pixels(
    name, tmp_path, command, monkeypatch
):
    made = drawn.archive(name, tmp_path)
    folder = drawn.as_official(monkeypatch, name, made.official)
    given = ["--manual-dir", folder]
    given += [word for path in made.sources for word in ("--source", path)]
    manifest = tmp_path / "manifest.csv"
    code, said = command("link", name, *given, "--out", manifest)
    assert code == 0, said
    given += ["--manifest", manifest]
    for size in (28, 64):
        variant = catalog.parse(f"medmnist_rebuilt/{name}_{size}")
        out = folder / variant.file.name
        code, said = command("rebuild", name, *given, "--size", size, "--out", out)
        assert code == 0, said
        compares = "12 equal, 0 within one level, 0 farther" in " ".join(said.split())
        assert compares == (size == 28)
    official = archive.Archive(catalog.variant(name), folder=folder)
    small, large = (
        archive.Archive(catalog.parse(f"medmnist_rebuilt/{name}{size}"), folder=folder)
        for size in ("", "_64")
    )
    for split in drawn.SPLITS:
        for kind in ("images", "labels"):
            wanted = getattr(official, kind)(split)
            np.testing.assert_array_equal(getattr(small, kind)(split), wanted)
        np.testing.assert_array_equal(large.labels(split), official.labels(split))
    recipe = archives.ARCHIVES[name].recipe
    recipe = dataclasses.replace(recipe, jpeg=None, grey="rounded")
    files = drawn.layout(name)[0]
    for (split, row), facts in made.truth.items():
        (path,) = [path for path in files if path.endswith(f"/{facts['source']}")]
        wanted = recipe(Image.open(io.BytesIO(files[path])), 64)
        np.testing.assert_array_equal(large.images(split)[row].squeeze(), wanted)
