"""`medmnist-tfds predict`: tables, CSV files, pictures, bad ones."""

import csv
import os
import shutil
import sys
import zipfile

import numpy as np
import processes
import pytest
from PIL import Image

from medmnist_tfds import models


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of 70 images, one of them damaged, and a text."""
    folder = tmp_path_factory.mktemp("own") / "images"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(70):
        level = random.integers(0, 256, (4, 5), dtype=np.uint8)
        smooth = Image.fromarray(level).resize((60, 50), Image.Resampling.BICUBIC)
        smooth.save(folder / f"{number:02}.png")
    (folder / "33.png").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("no image")
    return folder


def rows_of(path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_real_process_answers_about_one_image(run_folder, images, tmp_path):
    words = ["predict", run_folder, images / "00.png"]
    done = processes.run([sys.executable, "-m", "medmnist_tfds", *map(str, words)])
    assert done.returncode == 0 and done.stderr == ""
    said = " ".join(done.stdout.split())
    (expected,) = models.predict(run_folder, images / "00.png")
    first, second = np.sort(expected.probabilities)[::-1]
    order = expected.probabilities.argsort()[::-1]
    labels = models.Predictor(run_folder).labels
    assert f"{labels[order[0]]} {first:.3f} {labels[order[1]]} {second:.3f}" in said
    assert f"{100 * expected.nearer:.0f} % of the validation images lie nearer" in said
    assert "28 pixels wide: grey (rounded), centred square, bilinear" in said
    assert "PHANTOM" in said and "Not for clinical use." in said


def test_a_folder_becomes_a_csv_file_and_a_bad_image_a_row(
    command, run_folder, images, tmp_path
):
    out = tmp_path / "new" / "answers.csv"
    code, said = command("predict", run_folder, images, "--out", out)
    assert code == 1 and "1 of 70 could not be read." in said
    assert "1 other files were passed over." in said and f"Wrote {out}" in said
    rows = rows_of(out)
    expected = models.predict(run_folder, images)
    labels = models.Predictor(run_folder).labels
    assert list(rows[0]) == [
        "image", "answer", *labels,
        "nearer_validation_images", "is_other_kind", "problem",
    ]  # fmt: skip
    for row, each in zip(rows, expected, strict=True):
        assert row["image"] == each.name and row["problem"] == (each.problem or "")
        if each.problem is None:
            found = [float(row[label]) for label in labels]
            np.testing.assert_allclose(found, each.probabilities, atol=1e-6)
            assert row["answer"] == labels[each.probabilities.argmax()]
            assert float(row["nearer_validation_images"]) == round(each.nearer, 4)
            assert row["is_other_kind"] == str(int(each.nearer >= 0.99))
    assert "33.png is no image" in rows[33]["problem"] and rows[33]["answer"] == ""


def test_several_images_are_a_table(command, run_folder, images, tmp_path):
    code, said = command("predict", run_folder, images / "01.png", images / "02.png")
    assert code == 0 and "01.png" in said and "02.png" in said
    expected = models.predict(run_folder, images / "01.png", images / "02.png")
    for each in expected:
        assert f"{each.probabilities.max():.3f}" in said
        assert f"{100 * each.nearer:.0f} %" in said


def test_a_run_without_kind_says_that_it_cannot_tell(
    command, run_folder, images, tmp_path
):
    older = shutil.copytree(run_folder, tmp_path / "older")
    (older / "kind.npz").unlink()
    code, said = command(
        "predict", older, images / "01.png", "--out", tmp_path / "x.csv"
    )
    assert code == 0 and "This run has no kind.npz" in said and "cannot be told" in said
    (row,) = rows_of(tmp_path / "x.csv")
    assert row["is_other_kind"] == row["nearer_validation_images"] == ""


def test_an_image_of_another_kind_is_said_to_be_one(command, run_folder, tmp_path):
    stripes = np.zeros((56, 56), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    code, said = command("predict", run_folder, tmp_path / "stripes.png")
    assert code == 0 and "100 % of the validation images lie nearer" in said
    assert "1 of 1 lie farther from the training images than 99 %" in said


def test_pictures_stand_beside_images_and_are_not_predicted(
    command, run_folder, images, tmp_path
):
    shutil.copy(images / "00.png", tmp_path)
    for _ in range(2):  # the second time the picture is there
        code, said = command("predict", run_folder, tmp_path, "--explain")
        assert code == 0, said
        names = sorted(path.name for path in tmp_path.iterdir())
        assert names == ["00.png", "00.png.explained.png"]
    with Image.open(tmp_path / "00.png.explained.png") as picture:
        assert picture.width > 900
    assert "1 other files were passed over." in said
    assert f"Wrote {tmp_path / '00.png.explained.png'}" in said.replace("\n", "")
    shutil.copy(images / "00.png", tmp_path / "01.png")
    _, said = command("predict", run_folder, tmp_path, "--explain")
    assert "Wrote 2 pictures, IMAGE.explained.png, beside their images" in said


def test_pictures_of_an_archive_need_a_folder(command, run_folder, images, tmp_path):
    archive = tmp_path / "own.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(images / "00.png", "a/00.png")
    code, said = command("predict", run_folder, archive, "--explain")
    assert code == 1 and "lies in an archive" in said and "--pictures FOLDER" in said
    given = ["--explain", "--pictures", tmp_path / "there"]
    code, said = command("predict", run_folder, archive, *given)
    assert code == 0 and (tmp_path / "there/own/a/00.png.explained.png").exists()


def test_what_cannot_be_asked_is_said_before_anything_slow(
    command, run_folder, images, tmp_path
):
    many = tmp_path / "many"
    many.mkdir()
    for number in range(101):
        os.link(images / "00.png", many / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no image")
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(tmp_path / "notes.txt", empty)
    for words, expected in [
        ([many], "101 images are too many for a table. Expected 100"),
        ([empty], "There is no image among 1 files. Expected PNG"),
        ([tmp_path / "nothing.png"], "There is no"),
        ([images, "--out", tmp_path / "x.txt"], "is not called as a CSV file"),
        ([images, "--out", images], "is not called as a CSV file"),
    ]:
        code, said = command("predict", tmp_path / "no run", *words)
        assert code == 1 and expected in said, said
    code, said = command("predict", tmp_path / "no run", images / "00.png")
    assert code == 1 and "There is no folder" in said and "that of a run" in said
