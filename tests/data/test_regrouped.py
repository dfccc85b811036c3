"""Derma in the splits that keep lesions apart, from the official file alone."""

import dataclasses
import hashlib

import numpy as np
import official_form
import pytest
import tensorflow_datasets as tfds
from typer import testing

from medmnist_tfds.commands import cli
from medmnist_tfds.data import archive, catalog
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions

SIZES = {"train": 8_208, "val": 575, "test": 1_232}  # Scientific Data 12:196


@pytest.fixture
def official(tmp_path, monkeypatch) -> dict[str, np.ndarray]:
    """Six arrays in a file of derma's real size; an image's pixels tell its row."""
    arrays, start = {}, 0
    for split, count in catalog.variant("derma").release.splits.items():
        rows = np.arange(start, start + count)
        images = np.zeros((count, 28, 28, 3), np.uint8)
        images[:, 0, :2, 0] = np.stack([rows // 256, rows % 256], axis=-1)
        arrays[f"{split}_images"] = images
        arrays[f"{split}_labels"] = (rows % 7).astype(np.uint8)[:, None]
        start += count
    content = official_form.npz(arrays)
    (tmp_path / "dermamnist.npz").write_bytes(content)
    real = catalog.DATASETS["derma"]
    release = real.releases["1.0.0"]
    md5 = hashlib.md5(content).hexdigest()
    files = {28: dataclasses.replace(release.files[28], md5=md5)}
    release = dataclasses.replace(release, files=files)
    dataset = dataclasses.replace(real, releases={"1.0.0": release})
    monkeypatch.setattr(catalog, "DATASETS", {**catalog.DATASETS, "derma": dataset})
    return arrays


def rows(images: np.ndarray) -> np.ndarray:
    """Of the official arrays, one behind the other."""
    return images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 1, 0]


def test_every_official_image_is_in_one_of_the_corrected_splits():
    release = catalog.variant("derma_corrected").release
    assert release.splits == SIZES
    for split, count in catalog.variant("derma").release.splits.items():
        parts = [part.get(split, ()) for part in release.rows.values()]
        assert sorted(row for part in parts for row in part) == list(range(count))
    assert len(release.rows["train"]["train"]) == 7_007
    assert {*release.rows["val"], *release.rows["test"]} == {"val", "test"}


def test_tfds_loads_them_from_the_official_file_in_its_order(official, tmp_path):
    builder = tfds.builder("medmnist/derma_corrected", data_dir=tmp_path / "tfds")
    config = tfds.download.DownloadConfig(manual_dir=tmp_path)
    builder.download_and_prepare(download_config=config)
    assert builder.info.metadata["dataset"] == "derma_corrected"
    whole = {split: official[f"{split}_images"] for split in ("train", "val", "test")}
    for split, parts in catalog.variant("derma_corrected").release.rows.items():
        examples = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        wanted = np.concatenate([whole[of][list(row)] for of, row in parts.items()])
        np.testing.assert_array_equal(rows(examples["image"]), rows(wanted))
        np.testing.assert_array_equal(examples["label"], rows(wanted) % 7)
        np.testing.assert_array_equal(examples["index"], np.arange(len(wanted)))


def test_arrays_and_scores_are_those_of_the_corrected_splits(official, tmp_path):
    variant = catalog.parse("derma_corrected")
    opened = archive.Archive(variant, folder=tmp_path)
    labels = opened.labels("val")
    np.testing.assert_array_equal(labels[:, 0], rows(opened.images("val")) % 7)
    path = predictions.write(
        tmp_path,
        dataset=variant,
        split="val",
        scores=np.eye(7)[labels[:, 0]],
        run="perfect",
        targets=labels,
    )
    assert path.name.startswith("dermamnist_corrected_val_[AUC]1.000")
    assert predictions.evaluate(path, folder=tmp_path).acc == 1
    with pytest.raises(errors.MedMNISTError, match="Expected 575"):
        predictions.write(
            tmp_path, dataset=variant, split="val", scores=np.eye(7), run="short"
        )


def test_names_and_other_sizes_are_understood():
    for name in ("derma_corrected", "dermamnist_corrected", "Derma_Corrected"):
        assert catalog.parse(name).config == "derma_corrected"
        assert catalog.from_flag(name).dataset.name == "derma_corrected"
    larger = catalog.parse("derma_corrected_64")
    assert larger.tfds_name == "medmnist/derma_corrected_64:3.0.0"
    assert larger.file == catalog.parse("derma_64").file
    assert catalog.from_flag(larger.flag).tfds_name == larger.tfds_name
    with pytest.raises(errors.MedMNISTError, match="mean 'derma_corrected'"):
        catalog.parse("derma_corected")
    with pytest.raises(errors.MedMNISTError, match="phantom of derma"):
        catalog.parse("derma_corrected", phantom=True)


def test_it_is_shown_but_is_no_part_of_the_decathlon():
    def said(*words: str) -> str:
        done = testing.CliRunner().invoke(cli.app, words)
        return f"{done.output}{done.exception}"

    assert "derma_corrected" not in catalog.DATASETS
    assert "8,208" in said("list")
    assert "the images of derma" in said("info", "derma_corrected")
    refused = said("decathlon", "run", "--datasets", "breast,derma_corrected")
    assert "derma_corrected is none of the Decathlon's ten" in refused
