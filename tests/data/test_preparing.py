"""What a user sees while data are prepared, and what is not done twice."""

import os
import re
import shutil
import sys

import disks
import numpy as np
import processes
import pytest
import tensorflow_datasets as tfds

from medmnist_tfds.data import (
    archive,
    arrays,
    builders,
    catalog,
    finding,
    progress,
)
from medmnist_tfds.data.medmnist import medmnist_dataset_builder_test as dummies
from medmnist_tfds.data.medmnist_phantom import images

NAME = "medmnist_phantom/breast"


@pytest.fixture
def dummy(monkeypatch, tmp_path):
    """Small official files, all releases of a dataset the same; where they lie."""
    monkeypatch.setattr(catalog, "DATASETS", dummies.dummy_catalog())
    shutil.copytree(dummies.DUMMY, tmp_path / "root")
    return tmp_path / "root"


def prepare(name: str, data_dir, **options) -> tfds.core.DatasetBuilder:
    builder = tfds.builder(name, data_dir=data_dir)
    builder.download_and_prepare(**options)
    return builder


@pytest.mark.parametrize("form", ["tfrecord", "array_record"])
def test_a_full_disk_is_said_with_its_folder_and_what_to_do(form, tmp_path):
    program = (
        "import sys, tensorflow_datasets as tfds, medmnist_tfds\n"
        "from medmnist_tfds.process import errors\n"
        "name, folder, form = 'medmnist_phantom/breast', *sys.argv[1:]\n"
        "builder = tfds.builder(name, data_dir=folder, file_format=form)\n"
        "try:\n"
        "    builder.download_and_prepare()\n"
        "except OSError as error:\n"
        "    sys.exit(errors.said_by_system(error))\n"
    )
    command = [sys.executable, "-c", program, tmp_path, form]
    done = disks.run(command, folder=tmp_path, option="size=300k")
    expected = f"{tmp_path}: No space left on device. Free space there, or choose"
    assert done.stderr.splitlines()[-1].startswith(expected)


# Lines and bars


def test_each_dataset_is_one_line_on_stderr(tmp_path):
    script = (
        "import sys, tensorflow_datasets as tfds, medmnist_tfds\n"
        "from medmnist_tfds.data import builders, catalog\n"
        "name, folder = 'medmnist_phantom/breast', sys.argv[1]\n"
        "tfds.load(name, data_dir=folder, shuffle_files=True)\n"
        "tfds.load(name, data_dir=folder)\n"
        "builders.prepared(catalog.parse('medmnist_phantom/oct'), folder)\n"
    )
    done = processes.run([sys.executable, "-c", script, tmp_path], check=True)
    assert done.stdout == ""
    # Of C++, which looks for a GPU, we are not masters.
    of_c = re.compile(r"([\d :.-]+: )?[IWE](\d{4})? |WARNING: All log messages before")
    lines = [line for line in done.stderr.splitlines() if not of_c.match(line)]
    assert lines == [
        f"medmnist_phantom/{name}: 650 synthetic images written to "
        f"{tmp_path}/medmnist_phantom/{name}/3.0.0"
        for name in ("breast", "oct")
    ]


def test_the_line_says_where_the_official_file_was(dummy, tmp_path, capfd):
    builder = prepare("medmnist/breast", tmp_path)
    assert capfd.readouterr().err == (
        "medmnist/breast: 7 images of release 1.0.0 (breastmnist.npz, found in "
        f"{dummy}) written to {builder.data_dir}\n"
    )


def test_a_download_is_said_in_logs_and_where_the_data_came_from(places, server, capfd):
    opened = archive.Archive(server.variant)
    assert opened.origin == f"downloaded from {server.url}"
    said = f"Downloading {server.url} to {places['root']}\n"
    assert capfd.readouterr() == ("", said)


@pytest.fixture
def watched(monkeypatch):
    """As on a terminal, with a bar for whatever takes no time."""
    monkeypatch.setattr(progress, "is_watched", lambda: True)
    monkeypatch.setattr(progress, "_SECONDS", 0)
    monkeypatch.setattr(builders, "_MANY", 0)
    monkeypatch.setattr(progress.Bar, "monitor_interval", 0)


def test_a_bar_knows_its_end_and_vanishes(watched, tmp_path, capfd):
    config = tfds.download.DownloadConfig(max_examples_per_split=220)
    prepare(NAME, tmp_path, download_config=config)
    *bars, blank, last = capfd.readouterr().err.replace("\n", "").split("\r")
    assert any(f"Writing {NAME}:" in bar and "/620 " in bar for bar in bars)
    assert not any("Generating" in bar or "Shuffling" in bar for bar in bars)
    assert not blank.strip() and last.startswith(f"{NAME}: 620 synthetic images")


def test_a_bar_of_a_download_vanishes_too_though_the_first_was_cut(
    watched, server, capfd
):
    server.answers[:] = ["half", "whole"]
    finding.find(server.variant)
    said = capfd.readouterr().err
    assert "Downloading breastmnist.npz:" in said and not said.split("\r")[-2].strip()


def test_nothing_that_is_short_has_a_bar(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(progress, "is_watched", lambda: True)
    prepare(NAME, tmp_path)
    (line,) = capfd.readouterr().err.splitlines()
    assert "\r" not in line


@pytest.mark.parametrize("shown", [False, True])
def test_bars_of_other_datasets_stay_as_the_user_set_them(
    watched, tmp_path, capfd, shown
):
    tfds.display_progress_bar(shown)
    try:
        prepare(NAME, tmp_path)
        assert ("Writing" in capfd.readouterr().err) == shown
        with tfds.core.utils.tqdm(range(3), desc="mine") as bar:
            assert list(bar) == [0, 1, 2]
        assert ("mine" in capfd.readouterr().err) == shown
    finally:
        tfds.display_progress_bar(True)


# Once only


@pytest.mark.parametrize("reads", [1, 3])
def test_each_split_of_a_phantom_is_drawn_once(monkeypatch, reads):
    drawn, generate = [], images.generate

    def count(dataset, *, split, examples):
        drawn.append(split)
        return generate(dataset, split=split, examples=examples)

    monkeypatch.setattr(images, "generate", count)
    found = arrays.find(catalog.parse(NAME))
    for split in catalog.SPLITS:
        for _ in range(reads):
            assert len(found.labels(split)) == len(found.images(split))
    assert sorted(drawn) == sorted(catalog.SPLITS)


def rows(builder) -> list[np.ndarray]:
    data = tfds.as_numpy(builder.as_dataset(split="train+val+test", batch_size=-1))
    return [data[key] for key in ("image", "label", "index")]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_release_of_the_same_file_takes_the_data_of_the_other(
    dummy, tmp_path, monkeypatch, capfd, has_links
):
    def refuse(*_):
        raise OSError("no links on this file system")

    first = prepare("medmnist/breast", tmp_path)
    (dummy / "breastmnist.npz").unlink()  # nor is it asked for again
    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    capfd.readouterr()
    second = prepare("medmnist/breast:3.0.0", tmp_path)
    said = "medmnist/breast: 7 images of release 3.0.0 (the same as release 1.0.0's)"
    assert capfd.readouterr().err.startswith(said)
    files = [
        builder.data_path / "medmnist-val.tfrecord-00000-of-00001"
        for builder in (first, second)
    ]
    assert os.path.samefile(*files) == has_links
    again = tfds.builder("medmnist/breast:3.0.0", data_dir=tmp_path)
    for builder in (second, again):
        assert builder.info.metadata["release"] == "3.0.0"
        assert builder.info.full_name == "medmnist/breast/3.0.0"
        sizes = {s: info.num_examples for s, info in builder.info.splits.items()}
        assert sizes == dummies.SPLITS
        for one, other in zip(rows(first), rows(builder), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_part_or_another_file_is_not_taken_for_the_release(dummy, tmp_path, capfd):
    config = tfds.download.DownloadConfig(max_examples_per_split=1)
    prepare("medmnist/breast", tmp_path, download_config=config)
    prepare("medmnist/breast:3.0.0", tmp_path)
    prepare("medmnist/derma:3.0.0", tmp_path)
    prepare("medmnist/derma", tmp_path, download_config=config)
    assert "the same as" not in capfd.readouterr().err


def test_what_is_interrupted_is_not_there(dummy, tmp_path, monkeypatch):
    done, link = [], os.link

    def interrupted(*paths):
        if done:
            raise KeyboardInterrupt
        done.append(link(*paths))

    prepare("medmnist/breast", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare("medmnist/breast:3.0.0", tmp_path)
    assert not (tmp_path / "medmnist/breast/3.0.0").exists()
    assert len(rows(prepare("medmnist/breast:3.0.0", tmp_path))[0]) == 7
