"""`link` on small archives in the original layouts, and on real images if there are."""

import os
import re
import signal

import drawn_archives as drawn
import numpy as np
import pytest
from PIL import Image

from medmnist_tfds import sources
from medmnist_tfds.commands import sources as commands
from medmnist_tfds.data import archive, catalog
from medmnist_tfds.sources import archives, manifests, recipes


def counts(said: str) -> dict[str, list[int]]:
    """By split: equal, within one level, farther, not found, ambiguous."""
    return {
        split: list(map(int, re.search(rf"\b{split}((?: \d+){{5}})", said)[1].split()))
        for split in catalog.SPLITS
    }


@pytest.mark.parametrize("name", drawn.NAMES)
def test_link_finds_every_source_of_an_archive_to_the_bit(name, tmp_path, link):
    made = drawn.archive(name, tmp_path)
    said, manifest = link(name, made.sources, made.official)
    assert f"Recipe: {archives.ARCHIVES[name].recipe} " in said
    for (split, index), facts in made.truth.items():
        row = manifest[split][index]
        assert row["largest_difference"] == 0
        assert row["remark"] == ""
        assert {fact: row[fact] for fact in facts} == facts
    assert counts(said) == {s: [n, 0, 0, 0, 0] for s, n in drawn.SPLITS.items()}
    assert "0 of them became no official image" in said


@pytest.mark.parametrize(
    "recipe",
    [
        recipes.Recipe(mode="RGB", crop="none", jpeg=75),
        recipes.Recipe(mode="RGB", filter="bicubic"),
        recipes.Recipe(mode="RGB", filter="lanczos", crop="none"),
    ],
    ids=str,
)
def test_link_says_which_recipe_won(tmp_path, link, recipe):
    files, labels, _, _ = drawn.layout("retina")
    folder = drawn.write_folder(tmp_path / "archive", files)
    official, _ = drawn.official(tmp_path, "retina", files, labels, recipe)
    said, _ = link("retina", [folder], official)
    assert f"Recipe: {recipe} (of the first 12 sources 12 equal to the bit" in said
    assert counts(said)["train"] == [7, 0, 0, 0, 0]


def test_recipes_that_cannot_be_told_apart_are_named(tmp_path, link):
    made = drawn.archive("path", tmp_path)  # its images are square: cropped or not
    said, _ = link("path", made.sources, made.official)
    assert "The same on these: RGB, not cropped, bilinear" in said


def test_a_folder_a_zip_and_a_tar_give_the_same_manifest(tmp_path, link):
    made = drawn.archive("breast", tmp_path)
    (folder,) = made.sources
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.png"))
    }
    packed = [
        drawn.write_zip(tmp_path / "Dataset_BUSI.zip", files),
        drawn.write_tar(tmp_path / "Dataset_BUSI.tar.gz", files),
        folder / "Dataset_BUSI_with_GT",
    ]
    before = sorted(tmp_path.rglob("*"))
    _, first = link("breast", [folder], made.official)
    (tmp_path / "manifest.csv").unlink()
    for path in packed:
        _, manifest = link("breast", [path], made.official)
        for split in catalog.SPLITS:
            np.testing.assert_array_equal(manifest[split], first[split])
        (tmp_path / "manifest.csv").unlink()
    assert sorted(tmp_path.rglob("*")) == before  # nothing was unpacked


def test_how_far_an_image_is_from_its_source_is_counted(tmp_path, link):
    files, labels, _, _ = drawn.layout("breast")
    folder = drawn.write_folder(tmp_path / "archive", files)
    recipe = archives.ARCHIVES["breast"].recipe
    path, truth = drawn.official(tmp_path, "breast", files, labels, recipe)
    with np.load(path) as arrays:
        changed = {name: arrays[name].copy() for name in arrays}
    images = changed["train_images"]
    images[0] = np.where(images[0] < 255, images[0] + 1, 254)
    images[1, :3] = np.where(images[1, :3] < 128, images[1, :3] + 7, images[1, :3] - 7)
    images[2] = np.random.default_rng(0).integers(0, 256, (28, 28))
    np.savez(path, **changed)
    said, manifest = link("breast", [folder], path)
    train = manifest["train"]
    assert counts(said)["train"] == [4, 1, 1, 1, 0]
    assert train["largest_difference"].tolist()[:1] == [1]
    assert train["largest_difference"][1] > 1
    assert train["largest_difference"].tolist()[2:] == [manifests.UNKNOWN, 0, 0, 0, 0]
    assert train["source"][2] == ""
    assert files[truth["train", 1]] and train["source"][1] in truth["train", 1]
    assert "1 of them became no official image" in said


def test_a_source_is_not_taken_for_an_image_that_merely_looks_alike(tmp_path, link):
    files, labels, _, _ = drawn.layout("breast")
    names = list(files)
    with Image.open(drawn.io.BytesIO(files[names[0]])) as image:
        pixels = np.asarray(image).astype(int)
    alike = Image.fromarray((pixels + 3).clip(0, 255).astype(np.uint8))
    files[names[3]] = drawn.content(alike, names[3])
    recipe = archives.ARCHIVES["breast"].recipe
    path, truth = drawn.official(tmp_path, "breast", files, labels, recipe)
    with np.load(path) as arrays:  # none is equal to the bit
        near = {n: a + (a < 255) if "images" in n else a for n, a in arrays.items()}
    np.savez(path, **near)
    del files[names[3]]  # of two that are alike one is missing
    folder = drawn.write_folder(tmp_path / "archive", files)
    said, manifest = link("breast", [folder], path)
    for (split, index), name in truth.items():
        found = manifest[split]["source"][index]
        assert found == ("" if name == names[3] else name.split("/", 1)[1])
    assert sum(c[1] for c in counts(said).values()) == drawn.COUNT - 1


def test_twins_are_told_apart_by_the_label_or_listed(tmp_path, link):
    files, labels, _, _ = drawn.layout("breast")
    names = list(files)  # malignant, normal, benign, malignant, ...
    for twin, other in ((3, 0), (1, 6), (4, 8)):
        files[names[twin]] = files[names[other]]
    folder = drawn.write_folder(tmp_path / "archive", files)
    recipe = archives.ARCHIVES["breast"].recipe
    path, truth = drawn.official(tmp_path, "breast", files, labels, recipe)
    said, manifest = link("breast", [folder], path)
    row = {name: manifest[s][i] for (s, i), name in truth.items()}
    for number in (1, 6):  # normal and malignant
        assert row[names[number]]["source"] == names[number].split("/", 1)[1]
        assert row[names[number]]["remark"] == ""
    for pair in ((0, 3), (4, 8)):  # both malignant; normal and benign are one class
        found = {str(row[names[number]]["source"]) for number in pair}
        assert found == {names[number].split("/", 1)[1] for number in pair}
        assert all("equally near: " in row[names[n]]["remark"] for n in pair)
    assert sum(c[4] for c in counts(said).values()) == 4
    assert f"equally near: {names[3].split('/', 1)[1]}" in said


def test_a_label_that_contradicts_the_official_one_is_listed_not_mended(tmp_path, link):
    made = drawn.archive("chest", tmp_path)
    with np.load(made.official) as arrays:
        changed = {name: arrays[name].copy() for name in arrays}
    changed["test_labels"][1] = 1 - changed["test_labels"][1]
    np.savez(made.official, **changed)
    said, manifest = link("chest", made.sources, made.official)
    truth = made.truth["test", 1]
    remark = f"the archive's label is {truth['label']}, not the official one"
    assert manifest["test"]["remark"].tolist() == ["", remark, ""]
    assert manifest["test"]["label"][1] == truth["label"]
    assert f"test 1: {truth['source']}, {remark}" in said


def test_ctrl_c_keeps_what_was_found(tmp_path, command, monkeypatch):
    made = drawn.archive("breast", tmp_path)
    shrink, done = recipes.Recipe.shrink, []

    def interrupted(*given):
        done.append(given)
        # Every sixth source or so: each is shrunk in as many ways as there are.
        if len(done) == 6 * 16:
            os.kill(os.getpid(), signal.SIGINT)
        return shrink(*given)

    monkeypatch.setattr(recipes.Recipe, "shrink", interrupted)
    out = tmp_path / "manifest.csv"
    code, said = command(
        *("link", "breast", "--source", made.sources[0], "--out", out),
        *("--official", made.official),
    )
    assert code == 130 and not out.exists()
    assert "Interrupted" in said and "manifest.partial.csv" in said.replace("\n", "")
    kept = manifests.read(tmp_path / "manifest.partial.csv")
    found = {str(row["source"]) for row in kept.rows()} - {""}
    assert 1 <= len(found) < drawn.COUNT
    assert found <= {facts["source"] for facts in made.truth.values()}


def test_what_was_found_is_kept_from_time_to_time(tmp_path, link, monkeypatch):
    monkeypatch.setattr(commands, "_KEPT_EVERY", 0)
    made = drawn.archive("breast", tmp_path)
    partial, seen = tmp_path / "manifest.partial.csv", []
    shrink = recipes.Recipe.shrink

    def watched(*given):
        seen.append(partial.exists())
        return shrink(*given)

    monkeypatch.setattr(recipes.Recipe, "shrink", watched)
    link("breast", made.sources, made.official)
    assert not seen[0] and seen[-1] and not partial.exists()


@pytest.mark.parametrize("name, grey", [("breast", "cut"), ("breast_64", "rounded")])
def test_real_sources_of_breast_are_found_as_the_shipped_manifest_says(
    official_root, breast_sources, command, tmp_path, monkeypatch, name, grey
):
    if not (official_root / catalog.parse(name).file.name).exists():
        pytest.skip(f"no official file of {name} in MEDMNIST_ROOT")
    monkeypatch.setenv("MEDMNIST_ROOT", str(official_root))
    out = tmp_path / "breast.csv"
    code, said = command("link", name, "--source", breast_sources, "--out", out)
    assert code == 0, said
    assert f"Recipe: grey ({grey}), centred square, bilinear (of" in said
    shipped, manifest = sources.manifest("breast"), manifests.read(out)
    there = {path.name for path in breast_sources.rglob("*.png")}
    found = 0
    for split in catalog.SPLITS:
        for row, known in zip(manifest[split], shipped[split], strict=True):
            is_there = known["source"].split("/")[1] in there
            assert row["source"] == (known["source"] if is_there else "")
            found += is_there
            if is_there:  # with the right grey also the twelve of one level
                assert row["largest_difference"] == 0
    assert sum(c[0] for c in counts(" ".join(said.split())).values()) == found >= 50


def test_the_official_file_is_verified_unless_another_is_given(tmp_path, command):
    made = drawn.archive("breast", tmp_path)
    path = tmp_path / "manual" / archive.catalog.variant("breast").file.name
    path.parent.mkdir()
    path.write_bytes(made.official.read_bytes())
    given = ("--source", made.sources[0], "--out", tmp_path / "m.csv")
    code, said = command("link", "breast", *given, "--manual-dir", path.parent)
    assert code == 1 and "is not the official file" in said
    code, said = command("link", "breast", *given, "--official", path)
    assert code == 0 and "was not verified" in " ".join(said.split())
