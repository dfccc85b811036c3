"""Croissant files say what the catalog and the files say, and readers read them."""

import hashlib
import json
import logging
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from medmnist_tfds.data import arrays, catalog, croissant
from medmnist_tfds.data.medmnist_phantom import medmnist_phantom_dataset_builder
from medmnist_tfds.process import errors

mlcroissant = pytest.importorskip("mlcroissant")

VARIANTS = [
    catalog.Variant(dataset=dataset, release=release, size=size)
    for dataset in (*catalog.DATASETS.values(), *catalog.all_regrouped())
    for release in dataset.releases.values()
    for size in release.files
]


def by_id(nodes: list[dict]) -> dict[str, dict]:
    return {node["@id"]: node for node in nodes}


def test_every_release_and_size_is_valid_without_a_warning():
    said = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = said.append
    logging.getLogger("absl").addHandler(handler)
    try:
        for variant in VARIANTS:
            dataset = mlcroissant.Dataset(croissant.describe(variant))
            issues = dataset.metadata.issues
            assert not issues.errors and not issues.warnings, variant.tfds_name
            assert dataset.metadata.version == variant.release.version
    finally:
        logging.getLogger("absl").removeHandler(handler)
    assert not said
    assert len(VARIANTS) > 70


@pytest.mark.parametrize("name", ["breast", "retina:3.0.0"])
def test_the_official_file_is_described_as_it_is(name, official_root):
    variant = catalog.parse(name)
    files = by_id(croissant.describe(variant)["distribution"])
    content = (official_root / variant.file.name).read_bytes()
    described = files.pop(variant.file.name)
    assert described["md5"] == hashlib.md5(content).hexdigest()
    assert described["contentSize"] == f"{len(content)} B"
    assert described["contentUrl"] == variant.file.url
    read = mlcroissant.Dataset(croissant.describe(variant)).metadata.record_sets
    records = {record_set.id: record_set for record_set in read}
    with np.load(official_root / variant.file.name) as archive:
        assert set(files) == {f"{array}.npy" for array in archive.files}
        for array in archive.files:
            (field,) = records[array].fields
            assert field.array_shape_tuple == archive[array].shape
            assert field.source.file_object == f"{array}.npy"


def test_it_says_whose_data_they_are_under_which_licence_and_what_is_wrong_with_them():
    old = croissant.describe(catalog.parse("derma"))
    names = [creator["name"] for creator in old["creator"]]
    assert names == ["Jiancheng Yang", "Rui Shi", "Bingbing Ni"]
    assert old["license"] == "https://creativecommons.org/licenses/by-nc/4.0/"
    assert old["sameAs"] == "https://zenodo.org/record/4269852"
    assert catalog.DATASETS["derma"].caution in old["rai:dataLimitations"]
    assert "yang2021medmnist" in old["citeAs"] and "yang2023medmnist" in old["citeAs"]
    new = croissant.describe(catalog.parse("blood"))
    assert len(new["creator"]) == 8
    assert new["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert new["rai:dataLimitations"] == ["Not for clinical use."]
    assert new["datePublished"] > old["datePublished"]


def check_round_trip(variant: catalog.Variant, folder: pathlib.Path):
    *tables, path = croissant.write(variant, folder / "c.json", with_data=True)
    dataset = mlcroissant.Dataset(path)
    issues = dataset.metadata.issues
    assert not issues.errors and not issues.warnings
    files = by_id(json.loads(path.read_text())["distribution"])
    for table in tables:
        content = table.read_bytes()
        assert files[table.name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert files[table.name]["contentSize"] == f"{len(content)} B"
    source = arrays.find(variant)
    whole = list(dataset.records("examples"))
    assert len(whole) == sum(len(source.labels(split)) for split in catalog.SPLITS)
    names = [record["labels/name"] for record in dataset.records("labels")]
    assert names == list(variant.dataset.labels)
    for split in catalog.SPLITS:
        given = {"examples/split": split}
        records = list(dataset.records("examples", filters=given))
        images, labels, index = (
            np.stack([np.asarray(record[f"examples/{name}"]) for record in records])
            for name in ("image", "label", "index")
        )
        assert {record["examples/split"] for record in records} == {split.encode()}
        expected = source.images(split)
        if variant.dataset.channels == 1:
            expected = expected[..., 0]
        np.testing.assert_array_equal(images, expected, strict=True)
        labels = labels.reshape(len(labels), -1)
        np.testing.assert_array_equal(labels, source.labels(split))
        np.testing.assert_array_equal(index, np.arange(len(expected)))


def test_a_phantom_is_called_one_and_blames_nobody(tmp_path):
    variant = catalog.variant("derma", phantom=True)
    *_, path = croissant.write(variant, tmp_path / "c.json", with_data=True)
    about = json.loads(path.read_text())
    assert about["name"] == "phantom-dermamnist" and "synthetic" in about["description"]
    assert about["license"] == "https://www.apache.org/licenses/LICENSE-2.0"
    assert about["creator"]["name"] == "The medmnist-tfds developers"
    assert about["rai:dataLimitations"] == ["Not for clinical use."]
    assert "250 train" in about["description"]


def test_other_splits_of_a_dataset_are_called_so():
    variant = catalog.parse("derma_corrected")
    about = croissant.describe(variant)
    assert "of derma, in other splits" in about["description"]
    assert f"{variant.release.splits['test']:,} test" in about["description"]
    assert about["distribution"][0]["name"] == "dermamnist.npz"


@pytest.mark.parametrize("name", ["derma", "retina", "chest", "vessel_3d"])
def test_mlcroissant_reads_the_same_arrays(name, tmp_path, monkeypatch):
    variant = catalog.variant(name, phantom=True)
    few = {split: variant.dataset.num_labels + 1 for split in catalog.SPLITS}
    monkeypatch.setattr(medmnist_phantom_dataset_builder, "SPLITS", few)
    check_round_trip(variant, tmp_path)


def test_mlcroissant_reads_the_official_arrays(official_root, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMNIST_ROOT", str(official_root))
    check_round_trip(catalog.variant("breast"), tmp_path)


@pytest.mark.parametrize("name", ["medmnist_phantom/breast", "medmnist_rebuilt/derma"])
def test_what_has_no_official_file_wants_data_beside_it(name, tmp_path):
    with pytest.raises(errors.MedMNISTError, match="no official file.*--with-data"):
        croissant.write(catalog.parse(name), tmp_path / "c.json")
    assert not any(tmp_path.iterdir())


def test_a_folder_is_no_file_to_write(tmp_path):
    with pytest.raises(errors.MedMNISTError, match="croissant_breastmnist.json"):
        croissant.write(catalog.parse("breast"), tmp_path)


def test_the_command_writes_a_file_that_mlcroissants_own_finds_valid(tmp_path):
    program = [sys.executable, "-m", "medmnist_tfds", "croissant"]
    given = dict(cwd=tmp_path, text=True, capture_output=True)
    done = subprocess.run([*program, "derma_64:3.0.0"], check=True, **given)
    assert done.stdout == "Wrote croissant_dermamnist_64.json\n"
    assert "no commercial use" in done.stderr
    validate = pathlib.Path(sys.executable).with_name("mlcroissant")
    path = "croissant_dermamnist_64.json"
    found = subprocess.run([validate, "validate", "--jsonld", path], **given)
    assert found.returncode == 0 and found.stderr.endswith("Done.\n"), found.stderr
    assert found.stderr.count("\n") == 1, found.stderr


def test_the_command_writes_to_standard_output(tmp_path, capsys):
    from medmnist_tfds.commands import croissant as command

    command.croissant("breast", out=pathlib.Path("-"))
    written = json.loads(capsys.readouterr().out)
    assert written == croissant.describe(catalog.parse("breast"))
    with pytest.raises(errors.MedMNISTError, match="Name a file by --out"):
        command.croissant("breast", out=pathlib.Path("-"), with_data=True)
