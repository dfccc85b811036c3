"""The builders as users meet them: through `tfds.load` and its relatives."""

import functools
import os
import pickle
import subprocess
import sys
import warnings

import keras
import numpy as np
import official_form
import processes
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from medmnist_tfds.data import builders, catalog
from medmnist_tfds.data.medmnist_phantom import images
from medmnist_tfds.data.medmnist_phantom import (
    medmnist_phantom_dataset_builder as phantoms,
)
from medmnist_tfds.process import errors


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (dataset.form == "volumes"))
        for name, dataset in catalog.DATASETS.items()
    ],
)
def test_phantoms_have_the_features_and_labels_of_the_real_data(name, phantom):
    dataset, builder = catalog.DATASETS[name], phantom(name)
    real = tfds.builder(f"medmnist/{name}", data_dir=builder.data_dir_root)
    assert str(builder.info.features) == str(real.info.features)
    assert builder.info.metadata["labels"] == list(dataset.labels)
    assert builder.info.metadata["task"] == dataset.task.value
    assert builder.info.metadata["phantom"] and not real.info.metadata["phantom"]
    if dataset.task is not catalog.Task.MULTILABEL:
        assert builder.info.features["label"].names == list(dataset.labels)
    for split in catalog.SPLITS:
        rows = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        drawn, labels = images.generate(
            dataset, split=split, examples=phantoms.SPLITS[split]
        )
        np.testing.assert_array_equal(rows["image"], drawn)
        np.testing.assert_array_equal(rows["label"], labels.squeeze())
        np.testing.assert_array_equal(rows["index"], np.arange(len(drawn)))
        if labels.shape[1] == 1:
            assert set(labels[:, 0]) == set(range(dataset.num_labels))
        else:
            assert ((labels.sum(axis=0) > 0) & (labels.sum(axis=0) < len(labels))).all()


def test_tfds_load_works_in_every_usual_form(phantom, data_dir):
    name = "medmnist_phantom/derma"
    phantom("derma")
    train, info = tfds.load(
        name, split="train", as_supervised=True, with_info=True, data_dir=data_dir
    )
    image, label = next(iter(train))
    assert image.shape == (28, 28, 3) and image.dtype == tf.uint8 and label.shape == ()
    assert info.splits["train"].num_examples == 250
    part = tfds.load(name, split="train[:10%]", data_dir=data_dir)
    assert [int(row["index"]) for row in part] == list(range(25))
    whole = tfds.load(name, split="test", batch_size=-1, data_dir=data_dir)
    assert whole["image"].shape == (200, 28, 28, 3)
    frame = tfds.as_dataframe(part.take(3), info)
    assert list(frame["index"]) == [0, 1, 2]
    assert tfds.show_examples(part, info, plot_scale=0.5) is not None


@pytest.fixture(scope="module")
def sharded(tmp_path_factory):
    """The validation split of 200 images in four files."""
    config = tfds.download.DownloadConfig(num_shards=4)
    folder = tmp_path_factory.mktemp("sharded")
    builder = tfds.builder("medmnist_phantom/breast", data_dir=folder)
    builder.download_and_prepare(download_config=config)
    assert len(builder.info.splits["val"].shard_lengths) == 4
    return builder


OFFICIAL = list(range(200))


def order(dataset) -> list[int]:
    return [int(row["index"]) for row in dataset]


def test_files_are_shuffled_if_asked_for_and_only_then(sharded, caplog):
    name, data_dir = "medmnist_phantom/breast", sharded.data_dir_root
    in_order = tfds.load(name, split="val", data_dir=data_dir)
    assert order(in_order) == order(in_order) == OFFICIAL
    shuffled = tfds.load(name, split="val", data_dir=data_dir, shuffle_files=True)
    orders = [order(shuffled) for _ in range(8)]  # one may be the official, of 24
    assert all(sorted(each) == OFFICIAL for each in orders)
    assert len({tuple(each) for each in orders}) > 1
    assert not caplog.records


def test_shuffled_files_are_read_as_the_user_says(sharded):
    name, data_dir = "medmnist_phantom/breast", sharded.data_dir_root
    config = tfds.ReadConfig(shuffle_seed=3, interleave_cycle_length=1)
    load = functools.partial(
        tfds.load, name, data_dir=data_dir, shuffle_files=True, read_config=config
    )
    one, same = (order(load(split="val")) for _ in range(2))
    assert one == same and [row % 50 for row in one] == [*range(50)] * 4
    assert config.enable_ordering_guard  # the user's own stays as it was
    train, part = load(split=["train", "val[:10%]"], as_supervised=True)
    assert len(train) == 250 and len(part) == 20
    image, label = next(iter(train.batch(7)))
    assert image.shape == (7, 28, 28, 1) and label.shape == (7,)
    assert load(split="test", batch_size=-1)["image"].shape == (200, 28, 28, 1)
    assert sorted(load()) == sorted(catalog.SPLITS)


def test_an_order_is_not_lost_unasked(sharded):
    mixed = tfds.ReadConfig(interleave_cycle_length=4)
    with pytest.raises(ValueError, match="will not be read in order"):
        sharded.as_dataset(split="val", read_config=mixed)
    # Nor by who reads the data without our class.
    plain = tfds.builder_from_directory(sharded.data_path)
    assert order(plain.as_dataset(split="val")) == OFFICIAL


def test_data_prepared_again_in_several_files_keep_their_order(tmp_path):
    builder = tfds.builder("medmnist_phantom/breast", data_dir=tmp_path)
    again = tfds.GenerateMode.REUSE_CACHE_IF_EXISTS
    for shards in (1, 2):
        config = tfds.download.DownloadConfig(num_shards=shards, download_mode=again)
        builder.download_and_prepare(download_config=config)
        assert len(builder.info.splits["val"].shard_lengths) == shards
        assert order(builder.as_dataset(split="val")) == OFFICIAL


def test_splits_read_together_keep_their_order_whoever_reads_them(tmp_path):
    fresh = tfds.builder("medmnist_phantom/breast", data_dir=tmp_path)
    fresh.download_and_prepare()
    versioned = "medmnist_phantom/breast:3.0.0"  # TFDS reads it by a class of its own
    opened = tfds.builder("medmnist_phantom/breast", data_dir=tmp_path)
    for builder in (fresh, opened, tfds.builder(versioned, data_dir=tmp_path)):
        both = order(builder.as_dataset(split="val+test[:30]"))
        assert both == [*OFFICIAL, *range(30)]
        turned = order(builder.as_dataset(split="val[100:]+val[:100]"))
        assert turned == [*range(100, 200), *range(100)]


@pytest.mark.parametrize("name", ["BreastMNIST", "breastmnist", "Breast"])
def test_data_are_prepared_once_whatever_they_are_called(name, phantom, data_dir):
    prepared = phantom("breast")
    for given in (
        {"name": f"medmnist_phantom/{name}"},
        {"name": "medmnist_phantom", "config": name},
    ):
        builder = tfds.builder(**given, data_dir=data_dir)
        assert builder.builder_config.name == "breast" and builder.is_prepared()
        assert builder.data_dir == prepared.data_dir
        assert pickle.loads(pickle.dumps(builder)).data_dir == prepared.data_dir
    assert len(tfds.load(f"medmnist_phantom/{name}", data_dir=data_dir)) == 3


@pytest.mark.parametrize(
    ("name", "full_name"),
    [
        ("breastmnist_224", "medmnist/breast_224/3.0.0"),
        ("OrganAMNIST", "medmnist/organ_axial/1.0.0"),
        ("OrganMNIST_Axial:3.0.0", "medmnist/organ_axial/3.0.0"),
        ("organamnist_64:3.*.*", "medmnist/organ_axial_64/3.0.0"),
    ],
)
def test_names_of_paper_and_official_package_lead_to_ours(name, full_name, tmp_path):
    builder = tfds.builder(f"medmnist/{name}", data_dir=tmp_path)
    assert builder.info.full_name == full_name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("medmnist/cells", "no dataset 'cells'.*path, chest, derma"),
        ("medmnist/brest", "no dataset 'brest'.*Did you mean 'breast'"),
        ("medmnist/derma_65", "derma has no images of size 65.*28, 64, 128, 224"),
        ("medmnist/derma_65:3.0.0", "derma has no images of size 65"),
        ("medmnist_phantom/brest", "no dataset 'brest'.*Did you mean 'breast'"),
        ("medmnist_phantom/BreastMNIST_64", "phantom data have neither"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, message, tmp_path):
    with pytest.raises(errors.MedMNISTError, match=message):
        tfds.load(name, data_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_environment_names_tfdss_folder(tmp_path):
    script = (
        "import tensorflow_datasets as tfds, medmnist_tfds;"
        "tfds.load('medmnist_phantom/breast')"
    )
    environment = {**_environment(), "TFDS_DATA_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert (tmp_path / "medmnist_phantom/breast/3.0.0/dataset_info.json").exists()


@pytest.mark.parametrize(
    ("name", "loss"),
    [("oct", "sparse_categorical_crossentropy"), ("chest", "binary_crossentropy")],
)
def test_supervised_batches_go_straight_into_fit(name, loss, phantom):
    batches = phantom(name).as_dataset(split="train", as_supervised=True).batch(100)
    classes = catalog.DATASETS[name].num_labels
    model = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(classes, "sigmoid" if name == "chest" else "softmax"),
        ]
    )
    model.compile("adam", loss)
    history = model.fit(batches, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_two_processes_preparing_the_same_data_both_succeed(tmp_path):
    script = (
        "import sys, tensorflow_datasets as tfds, medmnist_tfds;"
        "d = tfds.load('medmnist_phantom/breast', data_dir=sys.argv[1]);"
        "assert sum(1 for _ in d['val']) == 200"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    both = [processes.Popen(command, env=_environment()) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    left = {path.name for path in (tmp_path / "medmnist_phantom/breast").iterdir()}
    assert left == {"3.0.0", ".3.0.0.lock"}


def test_fewer_examples_and_more_shards_as_tfds_has_them(tmp_path):
    config = tfds.download.DownloadConfig(max_examples_per_split=10, num_shards=2)
    builder = tfds.builder("medmnist_phantom/breast", data_dir=tmp_path)
    builder.download_and_prepare(download_config=config)
    assert builder.info.splits["test"].shard_lengths == [5, 5]


def test_a_phantom_can_be_larger(tmp_path):
    splits = {"train": 1500, "val": 30, "test": 40}
    config = phantoms.PhantomConfig(name="oct_1500", dataset="oct", splits=splits)
    builder = tfds.builder("medmnist_phantom", config=config, data_dir=tmp_path)
    builder.download_and_prepare()
    assert {s: i.num_examples for s, i in builder.info.splits.items()} == splits
    assert builder.info.metadata["phantom"]


def test_sizes_above_28_are_of_release_3_only():
    assert str(tfds.builder("medmnist/oct").version) == "1.0.0"
    assert str(tfds.builder("medmnist/oct:3.0.0").version) == "3.0.0"
    assert str(tfds.builder("medmnist/oct_64").version) == "3.0.0"
    assert tfds.builder("medmnist/oct_64:3.0.0").info.features["image"].shape[0] == 64
    with pytest.raises(AssertionError, match="cannot be loaded at version 1.0.0"):
        tfds.builder("medmnist/oct_64:1.0.0")


def test_derma_warns_of_licence_and_leakage_exactly_once():
    builders._warn_once.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            info = tfds.builder("medmnist/derma").info
    told = [str(w.message) for w in caught if "DermaMNIST" in str(w.message)]
    assert len(told) == 1
    assert "no commercial use" in told[0] and "Scientific Data 12:196" in told[0]
    assert info.metadata["caution"] == told[0]
    assert info.redistribution_info.license == "CC BY-NC 4.0"


def test_an_absent_or_empty_folder_of_the_users_does_not_hide_the_other_places(
    tmp_path, places
):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "absent", tmp_path / "empty"):
        config = tfds.download.DownloadConfig(manual_dir=folder)
        official_form.put(places["root"], b"not the official file")
        builder = tfds.builder("medmnist/breast", data_dir=tmp_path / "data")
        with official_form.refused(str(places["root"]), "is not the official file"):
            builder.download_and_prepare(download_config=config)


def test_tfdss_own_folder_of_manual_downloads_is_looked_in(tmp_path, places):
    own = tmp_path / "data/downloads/manual"
    official_form.put(own, b"not the official file")
    builder = tfds.builder("medmnist/breast", data_dir=tmp_path / "data")
    with official_form.refused(str(own), "is not the official file"):
        builder.download_and_prepare()


@pytest.mark.parametrize("name", ["breast", "retina", "breast_64", "adrenal_3d"])
def test_real_data_equal_the_official_file_row_by_row(name, official_root, tmp_path):
    config = tfds.download.DownloadConfig(manual_dir=official_root)
    rows, info = tfds.load(
        f"medmnist/{name}",
        batch_size=-1,
        data_dir=tmp_path,
        with_info=True,
        download_and_prepare_kwargs={"download_config": config},
    )
    variant = catalog.parse(name)
    with np.load(official_root / variant.file.name) as official:
        for split, size in variant.release.splits.items():
            row = tfds.as_numpy(rows[split])
            assert len(row["label"]) == info.splits[split].num_examples == size
            images_ = official[f"{split}_images"].reshape(row["image"].shape)
            np.testing.assert_array_equal(row["image"], images_)
            np.testing.assert_array_equal(
                row["label"], official[f"{split}_labels"][:, 0]
            )
    assert info.metadata["release"] == variant.release.version
    assert str(info.version) == variant.release.version
    assert info.features["image"].shape == variant.image_shape


def _environment() -> dict:
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
