"""`audit --source`: pairs that look alike at 28 pixels, seen as large as they were."""

import csv
import io
import json

import numpy as np
import pytest
from drawn_archives import write_tar, write_zip
from PIL import Image

from medmnist_tfds.data import catalog, rebuilt
from medmnist_tfds.sources import leaks, manifests, recipes

COUNTS = {"train": 12, "val": 6, "test": 6}
# The second of a pair, and what its source is to the first's.
PAIRS = {
    ("train", 1): ("test", 0, "same"),
    ("train", 2): ("test", 1, "mirrored"),
    ("train", 3): ("val", 1, "other details"),
    ("train", 4): ("test", 2, "missing"),
    ("train", 5): ("test", 3, "damaged"),
    ("train", 6): ("test", 4, "exchanged"),
}


def large(seed: int, *, details: int) -> np.ndarray:
    """Smooth, with a fine pattern that 28 pixels do not show."""
    small = np.random.default_rng(seed).integers(60, 190, (7, 7), np.uint8)
    smooth = Image.fromarray(small).resize((280, 280), Image.Resampling.BICUBIC)
    # Blocks of two pixels: ten make one of the 28, in which they are equally many.
    rng = np.random.default_rng([details, 1])
    half = rng.integers(0, 2, (140, 70)) * 2 - 1
    pattern = np.stack([half, -half], axis=2).reshape(140, 140)
    values = np.asarray(smooth) + 30.0 * np.kron(pattern, np.ones((2, 2)))
    return values.clip(0, 255).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def made(tmp_path):
    """An archive's files, and the options of an audit of what was made of them."""
    places = [(split, i) for split, count in COUNTS.items() for i in range(count)]
    seeds = {place: number for number, place in enumerate(places)}
    pictures = {place: large(seed, details=seed) for place, seed in seeds.items()}
    for place, (split, index, kind) in PAIRS.items():
        details = seeds[split, index] if kind == "other details" else seeds[place]
        pictures[split, index] = large(seeds[place], details=details)
    pictures["test", 1] = pictures["test", 1][:, ::-1] // 2 + 40  # less contrast, too
    names = {p: f"benign/benign ({n + 1}).png" for p, n in seeds.items()}
    files = {f"Dataset_BUSI_with_GT/{names[p]}": png(pictures[p]) for p in places}
    content = {}
    for split, count in COUNTS.items():
        small = [
            recipes.Recipe()(Image.fromarray(pictures[split, i]), 28)
            for i in range(count)
        ]
        content |= {
            f"{split}_images": np.stack(small),
            f"{split}_index": np.arange(count),
        }
        content[f"{split}_labels"] = np.ones((count, 1), np.uint8)
    variant = catalog.parse("medmnist_rebuilt/breast")
    content[rebuilt.NAME] = rebuilt.about(variant, splits=COUNTS)
    np.savez(tmp_path / "drawn.npz", **content)
    rows = [
        {"split": split, "index": index, "source": names.get((split, index), "")}
        | {"largest_difference": ""}
        for split, count in variant.release.splits.items()
        for index in range(count)
    ]
    manifests.write(tmp_path / "m.csv", manifests.Manifest.from_rows(rows))
    top = "Dataset_BUSI_with_GT/"
    del files[top + names["test", 2]]
    hurt = top + names["test", 3]
    files[hurt] = files[hurt][:300]
    files[top + names["test", 4]] = png(large(98, details=98))
    options = ["--file", tmp_path / "drawn.npz", "--manifest", tmp_path / "m.csv"]
    return files, [*options, "--threshold", 0.99, "--out", tmp_path / "out"]


def pairs(folder) -> dict[tuple, str]:
    with (folder / "pairs.csv").open(newline="") as file:
        return {
            (row["other_split"], int(row["other_index"])): row["full_similarity"]
            for row in csv.DictReader(file)
        }


@pytest.mark.parametrize("form", ["folder", ".zip", ".tar.gz"])
def test_pairs_are_told_apart_at_the_sources_resolution(command, made, tmp_path, form):
    files, options = made
    source = tmp_path / f"archive{form.replace('folder', '')}"
    if form == "folder":
        for name, content in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(content)
    else:
        {".zip": write_zip, ".tar.gz": write_tar}[form](source, files)
    code, said = command("audit", "breast", *options, "--source", source)
    said = " ".join(said.split())
    assert code == 0, said
    found = pairs(tmp_path / "out")
    assert set(found) == {(split, index) for split, index, _ in PAIRS.values()}
    assert found["test", 0] == "1.00000000"
    assert 0.999 < float(found["test", 1]) < 1  # laid upon the other, mirrored
    assert 0.3 < float(found["val", 1]) < 0.8
    # Missing, damaged, or another image under the name: nothing is said of them.
    assert {found["test", index] for index in (2, 3, 4)} == {""}
    assert "3 of the 6 pairs could be compared: 2 have a correlation of 0.99" in said
    assert "3 stay unconfirmed" in said and "2/3" in said
    assert "missing (test 2)" in said
    assert "benign (22).png is damaged, or no image" in said
    assert (
        "not near them, and count as missing: benign/benign (23).png (test 4)" in said
    )
    (at,) = [
        each
        for each in json.loads((tmp_path / "out/audit.json").read_text())["counts"]
        if each["threshold"] == 0.99
    ]
    assert (at["compared"], at["confirmed"]) == (3, 2)
    assert "at full size" in (tmp_path / "out/audit.md").read_text()
    assert len(leaks.read(tmp_path / "out").pairs) == 6  # the list is read as before


def test_without_sources_nothing_is_said_of_full_resolution(command, made, tmp_path):
    _, options = made
    code, said = command("audit", "breast", *options)
    assert code == 0 and "resolution" not in said and "full" not in said
    assert "full_similarity" not in (tmp_path / "out/pairs.csv").read_text()


def test_what_cannot_be_confirmed_is_a_sentence_before_any_work(
    command, made, tmp_path
):
    _, options = made
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.zip").write_bytes(b"PK")
    for line, words in [
        (["breast", *options, "--source", tmp_path / "none"], "There is no "),
        (
            ["breast", *options, "--source", tmp_path / "empty"],
            "no source that the man",
        ),
        (
            ["breast", *options, "--source", tmp_path / "cut.zip"],
            "is damaged or cut of",
        ),
        (["breast", "--phantom", "--source", tmp_path], "has no sources of its own"),
        (["retina", "--source", tmp_path], "No manifest of retina ships"),
        (["derma_corrected", "--source", tmp_path], "Expected one of the ten."),
    ]:
        code, said = command("audit", *line)
        assert code == 1 and words in said, (line, said)
        assert not (tmp_path / "out").exists()


def test_of_too_many_pairs_the_most_similar_are_confirmed(
    command, made, tmp_path, monkeypatch
):
    files, options = made
    monkeypatch.setattr("medmnist_tfds.sources.confirming.MOST_PAIRS", 1)
    source = write_zip(tmp_path / "archive.zip", files)
    code, said = command("audit", "breast", *options, "--source", source)
    assert code == 0 and "Only the 1 most similar pairs were compared." in said
    found = pairs(tmp_path / "out")
    assert len(found) == 6 and sum(value != "" for value in found.values()) <= 1


def test_real_pairs_are_confirmed_as_far_as_their_sources_are_there(
    command, breast_sources, tmp_path
):
    where = ["--manual-dir", breast_sources.parent, "--source", breast_sources]
    code, said = command("audit", "breast", *where, "--out", tmp_path / "out")
    said = " ".join(said.split())
    assert code == 0 and "2 of the 28 pairs could be compared: 1 has" in said
    assert "26 stay unconfirmed, as one of the two sources is not at hand" in said
    found = pairs(tmp_path / "out")
    assert found["test", 76] == "1.00000000"  # one picture under two names
    assert 0.98 < float(found["test", 115]) < 0.99  # another frame of one scene
