"""The command `audit`, on drawn images with known duplicates and on official files."""

import csv
import json
import pathlib
import sys
import warnings

import drawn_pairs as drawn
import numpy as np
import pytest
from PIL import Image

from medmnist_tfds.commands import cli
from medmnist_tfds.data import catalog, rebuilt
from medmnist_tfds.process import errors
from medmnist_tfds.sources import audit as audits
from medmnist_tfds.sources import leaks, manifests, similar

pytestmark = pytest.mark.usefixtures("places")
SHIPPED = pathlib.Path(leaks.__file__).parent / "shipped"


@pytest.fixture
def command(capfd, monkeypatch):
    """A function from a command line to (exit code, what it says), in this process."""

    def command(*arguments) -> tuple[int, str]:
        monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
        monkeypatch.setattr(sys, "argv", ["medmnist-tfds", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capfd.readouterr()
        return end.value.code or 0, said.out + said.err

    return command


@pytest.fixture
def file(tmp_path):
    return drawn.write(tmp_path / "drawn.npz", drawn.with_duplicates())


def rows(folder: pathlib.Path, name: str = "pairs.csv") -> list[dict[str, str]]:
    with (folder / name).open(newline="") as content:
        return list(csv.DictReader(content))


def named(row: dict[str, str]) -> tuple:
    return (
        *(row["split"], int(row["index"]), row["other_split"], int(row["other_index"])),
    )


def counts(folder: pathlib.Path) -> dict:
    """Of audit.json, at its threshold."""
    facts = json.loads((folder / "audit.json").read_text())
    (found,) = [c for c in facts["counts"] if c["threshold"] == facts["threshold"]]
    return found


def test_known_duplicates_are_found_and_nothing_else(command, file, tmp_path):
    code, said = command("audit", "breast", "--file", file, "--out", tmp_path / "out")
    assert code == 0, said
    assert "drawn.npz is taken as it is: it was not verified" in said
    found = {
        named(row): (row["symmetry"], row["exact"], row["label_conflict"])
        for row in rows(tmp_path / "out")
    }
    expected = {pair: (s, str(e), str(c)) for pair, (s, e, c) in drawn.KNOWN.items()}
    assert found == expected
    assert {row["dataset"] for row in rows(tmp_path / "out")} == {
        "medmnist/breast:1.0.0"
    }
    found = counts(tmp_path / "out")
    assert (found["pairs"], found["exact"], found["across"]) == (6, 3, 4)
    assert (found["leaking"], found["test_images"], found["conflicts"]) == (3, 3, 1)
    assert "6 pairs at" in said and "3 of them the same pixels" in said
    assert "touch 3 of the 30 test images" in said
    for name in ("pairs.png", "similarity.png"):
        with Image.open(tmp_path / "out" / name) as picture:
            assert picture.size[0] > 800 and np.asarray(picture).std() > 10
    text = (tmp_path / "out/audit.md").read_text()
    assert "6 pairs at" in text and "| other label |" in text


def test_a_threshold_of_ones_own_is_kept_and_said(command, file, tmp_path):
    options = ["--file", file, "--threshold", "1", "--out", tmp_path / "out"]
    code, said = command("audit", "breast", *options)
    assert code == 0 and "The threshold was given" in said
    exact = {pair for pair, (_, is_exact, _) in drawn.KNOWN.items() if is_exact}
    assert set(map(named, rows(tmp_path / "out"))) == exact


def test_without_duplicates_that_is_said_and_the_list_is_empty(command, tmp_path):
    file = drawn.write(tmp_path / "drawn.npz", drawn.arrays())
    code, said = command("audit", "breast", "--file", file, "--out", tmp_path / "out")
    assert (
        code == 0
        and "0 pairs at 0.999" in said
        and "the threshold divides nothing" in said
    )
    assert rows(tmp_path / "out") == []
    found = leaks.read(tmp_path / "out")
    assert (found.pairs, found.threshold) == ((), 0.999)
    assert not found.is_of(catalog.parse("chest"))
    (tmp_path / "out/audit.json").unlink()
    with pytest.raises(errors.MedMNISTError, match="has no pair, so that it does not"):
        leaks.read(tmp_path / "out")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("similar.search", "nothing was written"),
        ("audit_pictures.write_pairs", "pairs.csv, audit.json, audit.md, similarity."),
    ],
)
def test_an_interrupted_audit_says_what_is_there(
    command, file, tmp_path, monkeypatch, place, words
):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"medmnist_tfds.sources.{place}", interrupted)
    code, said = command("audit", "breast", "--file", file, "--out", tmp_path / "out")
    assert code == 130 and "Interrupted: " in said and words in said, said
    assert (tmp_path / "out/pairs.csv").exists() == ("pairs.csv" in words)


def test_a_phantom_is_marked_as_one(command, tmp_path):
    code, said = command("audit", "chest", "--phantom", "--out", tmp_path / "out")
    assert code == 0 and "PHANTOM of ChestMNIST" in said
    assert (tmp_path / "out/PHANTOM.txt").exists()


def test_a_manifest_tells_patients_in_two_splits(command, file, tmp_path):
    known = [
        {"split": split, "index": index, "source": f"{split}{index}.png"}
        | {"largest_difference": 0, "patient": "", "age": 50}
        for split, count in catalog.variant("breast").release.splits.items()
        for index in range(count)
    ]
    patients = {("train", 0): "A", ("train", 1): "A", ("test", 2): "B", ("val", 5): "B"}
    patients |= {("test", 1): "C", ("test", 6): "C", ("train", 6): "C"}
    for row in known:
        row["patient"] = patients.get((row["split"], row["index"]), "")
    manifest = tmp_path / "manifest.csv"
    manifests.write(manifest, manifests.Manifest.from_rows(known))
    options = ["--file", file, "--manifest", manifest, "--out", tmp_path / "out"]
    code, said = command("audit", "breast", *options)
    assert code == 0, said
    assert "2 patients have images in more than one split; 3 test images" in said
    groups = [
        (r["value"], r["split"], r["index"]) for r in rows(options[-1], "groups.csv")
    ]
    b = [("B", "val", "5"), ("B", "test", "2")]
    assert groups == [*b, ("C", "train", "6"), ("C", "test", "1"), ("C", "test", "6")]
    same = {named(row): row["same_patient"] for row in rows(tmp_path / "out")}
    assert same["train", 6, "test", 6] == "True"
    assert same["train", 1, "test", 2] == "False"
    assert same["val", 1, "test", 9] == ""
    held = leaks.read(options[-1]).groups["patient"]
    assert (("val", 5), ("test", 2)) in held and len(held) == 2
    code, said = command("audit", "breast", "--file", file, "--out", tmp_path / "out")
    assert code == 0 and not leaks.read(options[-1]).groups


def test_a_rebuilt_file_that_lacks_images_is_counted_by_official_rows(
    command, tmp_path
):
    variant = catalog.parse("medmnist_rebuilt/breast_40")
    said_of_itself = rebuilt.about(variant, splits=drawn.COUNTS)
    content = drawn.with_duplicates(size=40) | {rebuilt.NAME: said_of_itself}
    file = drawn.write(tmp_path / variant.file.name, content, first_row=40)
    for line in (
        ["medmnist_rebuilt/breast_40", "--manual-dir", tmp_path],
        ["breast", "--file", file],
    ):
        code, said = command("audit", *line, "--out", tmp_path / "out")
        assert code == 0, said
        found = rows(tmp_path / "out")
        assert {(r["index"], r["other_index"]) for r in found} == {
            (str(p[1] + 40), str(p[3] + 40)) for p in drawn.KNOWN
        }
        assert {row["dataset"] for row in found} == {"medmnist/breast:1.0.0"}


def test_a_file_of_another_dataset_or_beside_a_phantom_is_refused(
    command, file, official_root, tmp_path
):
    retina = official_root / "retinamnist.npz"
    said_of_itself = rebuilt.about(
        catalog.parse("medmnist_rebuilt/breast_40"), splits=drawn.COUNTS
    )
    other = drawn.arrays() | {rebuilt.NAME: said_of_itself}
    other = drawn.write(tmp_path / "other.npz", other)
    far = drawn.write(tmp_path / "far.npz", drawn.arrays(), first_row=150)
    for line, words in [
        (["derma_corrected", "--file", retina], "has the images train 1,080"),
        (["derma", "--file", retina], "Expected those of derma"),
        (["pneumonia", "--file", other], "says that it is breast"),
        (["breast", "--file", far], "Expected those of breast: train 546"),
        (["breast", "--file", file, "--phantom"], "--file was given, and PHANTOM"),
    ]:
        code, said = command("audit", *line, "--out", tmp_path / "out")
        assert code == 1 and words in said and "Traceback" not in said, said
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"test_images": None}, "test_images"),
        ({"val_images": np.zeros((20, 28, 27), np.uint8)}, "val_images is uint8"),
        ({"val_images": np.zeros((20, 28, 28, 3), np.uint8)}, "uint8 (n, 28, 28)"),
        ({"val_images": np.zeros((20, 30, 30), np.uint8)}, "of one size"),
        ({"train_images": np.zeros((40, 28, 28))}, "float64"),
        (
            {"train_labels": np.zeros((39, 1), np.uint8)},
            "train_labels is uint8 (39, 1)",
        ),
        ({"test_index": np.arange(29)}, "test_index does not name a row"),
        ({"test_index": np.zeros(30, int)}, "test_index does not name a row"),
        ({"rebuilt": np.array("no JSON")}, "has not the form"),
    ],
)
def test_a_file_of_another_form_is_refused(command, tmp_path, change, words):
    content = {k: v for k, v in (drawn.arrays() | change).items() if v is not None}
    file = drawn.write(tmp_path / "drawn.npz", content)
    code, said = command("audit", "breast", "--file", file)
    assert code == 1 and said.startswith("Error: ") and words in said


def test_bad_arguments_are_sentences(command, file, tmp_path):
    (tmp_path / "cut.npz").write_bytes(file.read_bytes()[:5000])
    (tmp_path / "text.npz").write_text("no archive")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("split,index,source,largest_difference\ntrain,0,a.png,0\n")
    for options, words in [
        (
            ["--file", tmp_path / "cut.npz"],
            "cut.npz has not the form of an official file",
        ),
        (
            ["--file", tmp_path / "text.npz"],
            "text.npz has not the form of an official file",
        ),
        (["--file", tmp_path / "none.npz"], "none.npz"),
        (["--file", file, "--threshold", "1.5"], "The threshold is 1.5"),
        (["--file", file, "--threshold", "nan"], "The threshold is nan"),
        (["--file", file, "--manifest", manifest], "The manifest has train 1 rows"),
        (["--file", file, "--manifest", file], "is no manifest"),
        (["--manual-dir", tmp_path, "--file", file, "--out", file], "drawn.npz"),
    ]:
        code, said = command("audit", "breast", *options)
        assert code == 1 and "Error: " in said and words in said, said
        assert "Traceback" not in said


def test_more_pairs_than_can_be_kept_are_said(command, tmp_path, monkeypatch):
    monkeypatch.setattr(similar, "MOST_PAIRS", 3)
    file = drawn.write(tmp_path / "drawn.npz", drawn.with_duplicates())
    options = ["--file", file, "--threshold", "0.9", "--out", tmp_path / "out"]
    code, said = command("audit", "breast", *options)
    assert code == 0 and "There are more than 3 pairs" in said
    assert len(rows(tmp_path / "out")) <= 3


@pytest.mark.parametrize(
    ("name", "pairs", "across", "leaking", "test_images"),
    [("breast", 28, 17, 14, 11), ("retina", 26, 0, 0, 0)],
)
def test_official_files_have_the_duplicates_they_are_known_for(
    command, official_root, tmp_path, name, pairs, across, leaking, test_images
):
    where = ["--manual-dir", official_root, "--out", tmp_path / "out"]
    code, said = command("audit", name, *where)
    assert code == 0, said
    found = counts(tmp_path / "out")
    assert (found["pairs"], found["across"]) == (pairs, across)
    assert (found["leaking"], found["test_images"]) == (leaking, test_images)
    if name == "breast":
        assert "without a gap" in said and "(train 115 and test 76)" in said
        made = (tmp_path / "out/pairs.csv").read_bytes()
        assert made == (SHIPPED / "breast_leaks.csv").read_bytes()
    else:
        assert "nearest neighbour between 0.9976 and 0.9990" in said


def test_the_threshold_lies_in_the_lowest_gap_where_there_is_one():
    alike, same = 1 - np.geomspace(0.2, 0.004, 200), 1 - np.geomspace(4e-4, 1e-5, 30)
    threshold, gap = audits.choose(np.concatenate([alike, same]))
    assert gap == pytest.approx((0.996, 0.9996))
    assert threshold == pytest.approx(1 - (0.004 * 0.0004) ** 0.5, rel=1e-4)
    two = np.concatenate([alike, [0.9985] * 3, [1.0] * 9])
    assert audits.choose(two)[1] == pytest.approx((0.996, 0.9985))
    exact = np.concatenate([alike[alike < 0.9], [1.0] * 2])
    threshold, gap = audits.choose(exact)
    assert gap == pytest.approx((0.9, 0.9999), abs=0.01) and 0.99 <= threshold < 0.999


def test_the_last_steps_of_a_tail_that_runs_out_are_no_gap():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(100):  # nearest neighbours come in pairs
        distance = 0.05 * np.exp(-rng.exponential(0.8, 400))
        found.append(audits.choose(np.repeat(1 - distance, 2))[1])
    assert sum(gap is not None for gap in found) <= 3


def test_the_threshold_is_the_usual_one_where_there_is_no_gap():
    evenly = 1 - np.geomspace(0.2, 1e-5, 500)
    far = 1 - np.geomspace(0.2, 0.02, 50)
    for nearest in (evenly, far, np.array([0.5]), np.array([-1.0])):
        assert audits.choose(nearest) == (0.999, None)


def test_the_list_that_ships_is_of_both_releases_and_of_every_size():
    for name in ("breast", "breast:3.0.0", "breast_64", "breast_224"):
        found = leaks.shipped(catalog.parse(name))
        keep = found.untouched(catalog.parse(name), "test", 156)
        assert len(found.pairs) == 28 and (~keep).sum() == 11 and not keep[76]
    for name in ("retina", "derma", "medmnist_phantom/breast"):
        assert leaks.shipped(catalog.parse(name)) is None
