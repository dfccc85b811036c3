"""Manifests: what ships, what is read and written, and what is refused."""

import subprocess
import sys

import numpy as np
import official_form
import pytest

from medmnist_tfds import catalog, sources
from medmnist_tfds.process import errors
from medmnist_tfds.sources import manifests


def test_the_manifest_of_breast_ships_with_a_row_for_every_official_image():
    manifest = sources.manifest("breast")
    sizes = {split: len(rows) for split, rows in manifest.items()}
    assert sizes == dict(catalog.DATASETS["breast"].releases["1.0.0"].splits)
    for rows in manifest.values():
        assert rows["index"].tolist() == list(range(len(rows)))
    assert manifest["train"]["source"][0] == "normal/normal (45).png"
    assert manifest["test"]["source"][76] == "benign/benign (433).png"
    every = [str(row["source"]) for row in manifest.rows()]
    assert len(set(every)) == len(every) == 780
    levels = np.concatenate([rows["largest_difference"] for rows in manifest.values()])
    assert (levels == 0).sum() == 768 and (levels == 1).sum() == 12


def test_sources_and_labels_of_breast_agree(official_root):
    with np.load(official_root / "breastmnist.npz") as arrays:
        for split, rows in sources.manifest("breast").items():
            is_malignant = np.char.startswith(rows["source"], "malignant/")
            np.testing.assert_array_equal(
                arrays[f"{split}_labels"][:, 0] == 0, is_malignant
            )


def test_a_manifest_comes_back_as_it_was_written(tmp_path):
    rows = [
        {"split": "train", "index": 0, "source": "a, b/c.png", "largest_difference": 3},
        {"split": "train", "index": 1, "source": "", "largest_difference": None},
        {"split": "test", "index": 0, "source": "ü.png", "largest_difference": 0},
    ]
    rows = [row | {"patient": f"{number:03}"} for number, row in enumerate(rows)]
    manifests.write(tmp_path / "a.csv", manifests.Manifest.from_rows(rows))
    back = manifests.read(tmp_path / "a.csv")
    assert back.columns == (*manifests.COLUMNS, "patient")
    assert back["train"]["source"].tolist() == ["a, b/c.png", ""]
    assert back["train"]["largest_difference"].tolist() == [3, manifests.UNKNOWN]
    assert back["test"]["patient"].tolist() == ["002"]
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[
        2
    ] == "train,1,,,001"


@pytest.mark.parametrize(
    "text, reason",
    [
        ("a,b\n1,2\n", "its first line is 'a,b'"),
        ("split,index,source,largest_difference\n", "no rows"),
        ("split,index,source,largest_difference\ntrain,0,a\n", "of other lengths"),
        ("split,index,source,largest_difference\ntrain,1,a,0\n", "index '1'"),
        ("split,index,source,largest_difference\nvall,0,a,0\n", "split 'vall'"),
        ("split,index,source,largest_difference\ntrain,0,a,x\n", "is 'x'"),
        ("split,index,source,largest_difference\ntrain,0,\xff,0\n", "utf-8"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path, text, reason):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    with official_form.refused(str(path), "is no manifest", reason, "Expected"):
        manifests.read(path)
    with pytest.raises(errors.MedMNISTError) as caught:
        manifests.read(path)
    assert ".." not in str(caught.value).removeprefix(str(path))


def test_a_manifest_of_another_release_is_refused():
    manifest = sources.manifest("breast")
    manifest.check({"train": 546, "val": 78, "test": 156}, of="BreastMNIST")
    with official_form.refused("train 546", "train 545", "of another release"):
        manifest.check({"train": 545, "val": 78, "test": 156}, of="BreastMNIST")


def test_a_dataset_without_a_shipped_manifest_says_how_to_get_one():
    with official_form.refused("No manifest of oct ships", "medmnist-tfds link oct"):
        sources.manifest("oct")


def test_importing_the_sources_imports_no_tensorflow():
    script = (
        "import sys; from medmnist_tfds import sources; sources.manifest('breast')\n"
        "import medmnist_tfds.sources.linking, medmnist_tfds.commands.sources\n"
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
