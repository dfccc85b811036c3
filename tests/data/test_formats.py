"""Prepared data are read by tf.data and by `tfds.data_source`, from one folder."""

import errno
import json
import subprocess
import sys

import numpy as np
import processes
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.process import errors

NAME = "medmnist_phantom/breast"
AS_ROWS = {"file_format": "array_record"}

# In place of an environment without it: nothing is found by that name.
WITHOUT_TENSORFLOW = """
import sys
from importlib import machinery

class Finder(machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.split(".")[0] != "tensorflow":
            return machinery.PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(machinery.PathFinder)] = Finder
import numpy as np
import tensorflow_datasets as tfds
import medmnist_tfds
folder, names = sys.argv[1], sys.argv[2].split(",")

def read(name, split):
    kwargs = {"file_format": "array_record"}
    return tfds.data_source(name, split=split, data_dir=folder, builder_kwargs=kwargs)
"""
READ = """
for name in names:
    source = read(name, "test")
    assert [row["index"] for row in source] == list(range(len(source)))
    np.savez(
        f"{folder}/{name.split('/')[1]}.npz",
        image=[row["image"] for row in source],
        label=np.asarray([row["label"] for row in source]),
        part=[row["image"] for row in read(name, "test[50%:]")],
    )
"""
BATCHES = """
from torch.utils import data
(name,) = names
# Not forked: the package array_record crashes in a process that is, once it was used.
workers = {"num_workers": 1, "multiprocessing_context": "spawn"}
loader = data.DataLoader(read(name, "train"), batch_size=100, **workers)
found = [(batch["image"].numpy(), batch["label"].numpy()) for batch in loader]
assert [len(images) for images, _ in found] == [100, 100, 50]
assert found[0][0].dtype == np.uint8 and found[0][0].shape[1:] == (28, 28, 1)
assert found[0][1].shape == (100,)
"""
SCORES = """
from medmnist_tfds import catalog, predictions, scoring
labels = np.array([0, 1, 1, 0])
task = catalog.DATASETS["breast"].task
assert scoring.score(labels, np.eye(2)[labels], task=task).auc == 1
given = {"dataset": "medmnist_phantom/oct", "split": "test", "run": "guess"}
scores = np.random.default_rng(0).random((200, 4))
path = predictions.write(folder, scores=scores, **given)
assert predictions.read(path).split == "test"
assert 0 < predictions.evaluate(path).auc < 1
"""


def without_tensorflow(program: str, folder, *names: str) -> None:
    code = [sys.executable, "-c", WITHOUT_TENSORFLOW + program]
    done = subprocess.run(
        [*code, folder, ",".join(names)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_rows_are_prepared_and_read_without_tensorflow(tmp_path):
    names = [f"medmnist_phantom/{name}" for name in ("breast", "derma", "chest")]
    without_tensorflow(READ, tmp_path, *names)
    for name in names:
        with np.load(tmp_path / f"{name.split('/')[1]}.npz") as found:
            split = pipeline.Split(tfds.builder(name, data_dir=tmp_path), "test")
            np.testing.assert_array_equal(found["image"], split.images)
            np.testing.assert_array_equal(found["part"], split.images[100:])
            np.testing.assert_array_equal(found["label"], split.labels)
            assert found["image"].dtype == np.uint8


@pytest.mark.parametrize("config", ["breast", "breast_64", "retina"])
def test_official_images_are_prepared_and_read_without_tensorflow(
    config, official_root, tmp_path, monkeypatch
):
    file = official_root / catalog.parse(f"medmnist/{config}").file.name
    if not file.exists():
        pytest.skip(f"no official {file.name} in MEDMNIST_ROOT")
    monkeypatch.setenv("MEDMNIST_ROOT", str(official_root))
    without_tensorflow(READ, tmp_path, f"medmnist/{config}")
    with np.load(file) as official, np.load(tmp_path / f"{config}.npz") as found:
        images = official["test_images"].reshape(found["image"].shape)
        np.testing.assert_array_equal(found["image"], images)
        np.testing.assert_array_equal(found["label"], official["test_labels"][:, 0])


def test_pytorch_gets_batches_without_tensorflow(tmp_path):
    pytest.importorskip("torch")
    without_tensorflow(BATCHES, tmp_path, NAME)


def test_predictions_are_scored_without_tensorflow(tmp_path):
    without_tensorflow(SCORES, tmp_path, NAME)


def prepared(folder, shards: int = 1, **options) -> tfds.core.DatasetBuilder:
    builder = tfds.builder(NAME, data_dir=folder, **options)
    config = tfds.download.DownloadConfig(num_shards=shards)
    builder.download_and_prepare(download_config=config)
    return builder


def streamed(source) -> list[dict]:
    return list(tfds.as_numpy(source))


def same(rows, others) -> None:
    assert [row["index"] for row in rows] == list(range(200))
    for row, other in zip(rows, others, strict=True):
        for key in ("image", "label", "index"):
            np.testing.assert_array_equal(row[key], other[key])


@pytest.mark.parametrize("first", ["tfrecord", "array_record"])
def test_what_was_prepared_for_one_reader_is_read_by_the_other(first, tmp_path, capfd):
    builder = prepared(tmp_path, shards=3, file_format=first)
    rows = builder.as_data_source("val")
    stream = streamed(builder.as_dataset("val"))
    same(rows, stream)
    same(builder.as_data_source("val"), rows)  # and back again
    again = tfds.load(NAME, split="val", data_dir=tmp_path)
    same(streamed(again), rows)
    for options in ({}, AS_ROWS):
        source = tfds.data_source(
            NAME, split="val", data_dir=tmp_path, builder_kwargs=options
        )
        same(source, rows)
    other = {"tfrecord": "array_record", "array_record": "tfrecord"}[first]
    said = capfd.readouterr().err
    assert said.count(f"{NAME}/3.0.0: 650 images written as {other}, too\n") == 1
    content = json.loads((builder.data_path / "dataset_info.json").read_text())
    assert content["fileFormat"] == "tfrecord"  # by which TFDS's own builder reads:
    assert content["alternativeFileFormats"] == ["array_record"]
    versioned = f"{NAME}:3.0.0"
    same(streamed(tfds.load(versioned, split="val", data_dir=tmp_path)), rows)
    same(tfds.data_source(versioned, split="val", data_dir=tmp_path), rows)


def test_what_was_prepared_as_rows_trains(tmp_path):
    builder = prepared(tmp_path, **AS_ROWS)
    rows = list(builder.as_data_source("val"))
    split = pipeline.Split(tfds.builder(f"{NAME}:3.0.0", data_dir=tmp_path), "val")
    np.testing.assert_array_equal(split.images, [row["image"] for row in rows])


AT_ONCE = """
import pathlib, sys, time
import tensorflow_datasets as tfds
import medmnist_tfds
folder, mine, others = map(pathlib.Path, sys.argv[1:])
builder = tfds.builder("medmnist_phantom/breast", data_dir=folder)
mine.touch()
while not others.exists():
    time.sleep(0.001)
assert len(list(builder.as_data_source("val"))) == 200
"""


def test_two_processes_that_want_a_format_at_once_write_it_once(tmp_path):
    builder, program = prepared(tmp_path / "data"), tmp_path / "program.py"
    program.write_text(AT_ONCE)
    ready = [tmp_path / "one", tmp_path / "other"]
    both = [
        processes.Popen([sys.executable, program, tmp_path / "data", mine, others])
        for mine, others in (ready, ready[::-1])
    ]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert "".join(said).count("written as array_record, too") == 1
    assert not [path for path in builder.data_path.iterdir() if path.name[0] == "."]


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refuse(path, examples):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    builder = prepared(tmp_path)
    adapter = file_adapters.ADAPTER_FOR_FORMAT[file_adapters.FileFormat.ARRAY_RECORD]
    monkeypatch.setattr(adapter, "write_examples", refuse)
    message = r"holds tfrecord files.*wants array_record.*Read-only.*another data_dir"
    with pytest.raises(errors.MedMNISTError, match=message):
        builder.as_data_source("val")
    assert len(streamed(builder.as_dataset("val"))) == 200


def cut(content: bytes) -> bytes:
    return content[:-100]


def flipped(content: bytes) -> bytes:
    return content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]


@pytest.mark.parametrize("damage", [cut, flipped])
def test_a_damaged_file_is_not_copied(damage, tmp_path):
    builder = prepared(tmp_path)
    (file,) = builder.data_path.glob("*val.tfrecord*")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(errors.MedMNISTError, match="has 199 whole records. Expected 2"):
        builder.as_data_source("val")
    assert not list(builder.data_path.glob("*val.array_record*"))
    assert not list(builder.data_path.glob(".*"))
    content = json.loads((builder.data_path / "dataset_info.json").read_text())
    assert "alternativeFileFormats" not in content
