"""Datasets of any size from their sources: rebuilt, compared, and loaded by TFDS."""

import dataclasses
import hashlib
import io
import pathlib
import shutil
import zipfile

import numpy as np
import official_form
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from typer import testing

from medmnist_tfds.commands import cli
from medmnist_tfds.data import archive, arrays, catalog
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions
from medmnist_tfds.sources import archives, manifests, rebuilding, recipes

COUNTS = {"train": 6, "val": 3, "test": 4}
DRAWN = {
    # Coloured marks on grey pictures: 28 pixels were made with an older Pillow.
    "breast": ("benign/benign ({n}).png", recipes.Recipe(grey="cut")),
    "derma": ("ISIC_{n:07d}.jpg", recipes.Recipe(mode="RGB", jpeg=75)),
}


def draw(rng, name: str) -> bytes:
    """A picture in blocks, so that small ones differ; as the archive has them."""
    blocks = Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8))
    picture = blocks.resize((70 + int(rng.integers(9)), 51), Image.Resampling.BICUBIC)
    content = io.BytesIO()
    picture.save(content, "PNG" if name.endswith(".png") else "JPEG")
    return content.getvalue()


@dataclasses.dataclass
class Drawn:
    """An archive, the official file made of it, and which is which."""

    name: str
    folder: pathlib.Path  # of the official file
    sources: pathlib.Path
    official: dict[str, np.ndarray]
    manifest: pathlib.Path
    pictures: dict[tuple[str, int], Image.Image]

    def command(self, *more, size: int = 28) -> tuple[int, str]:
        words = ["rebuild", self.name, "--source", self.sources, "--size", size]
        words += ["--manual-dir", self.folder, "--manifest", self.manifest, *more]
        out = self.folder / catalog.parse(self.loaded(size)).file.name
        words += [] if "--out" in more else ["--out", out]
        done = testing.CliRunner().invoke(cli.app, list(map(str, words)))
        if done.exception and not isinstance(
            done.exception, (SystemExit, errors.MedMNISTError)
        ):
            raise done.exception
        said = done.output if done.exit_code == 0 else f"{done.exception}"
        return done.exit_code, " ".join(said.split())

    def loaded(self, size: int) -> str:
        return f"medmnist_rebuilt/{self.name}" + ("" if size == 28 else f"_{size}")

    def builder(self, size: int, data_dir) -> tfds.core.DatasetBuilder:
        builder = tfds.builder(self.loaded(size), data_dir=data_dir)
        config = tfds.download.DownloadConfig(manual_dir=self.folder)
        builder.download_and_prepare(download_config=config)
        return builder


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A function from a dataset's name to a drawn archive of it."""

    def drawn(name: str) -> Drawn:
        pattern, recipe = DRAWN[name]
        rng, rows, arrays_, pictures = np.random.default_rng(7), [], {}, {}
        sources = tmp_path / f"{name}_sources"
        places = [(s, i) for s, count in COUNTS.items() for i in range(count)]
        for number, place in zip(rng.permutation(99) + 1, places, strict=False):
            path = sources / pattern.format(n=number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(draw(rng, path.name))
            pictures[place] = Image.open(path)
            source = pattern.format(n=number)
            rows.append(dict(zip(manifests.COLUMNS, (*place, source, ""), strict=True)))
        classes = catalog.DATASETS[name].num_labels
        for split, count in COUNTS.items():
            images = [recipe(pictures[split, row], 28) for row in range(count)]
            arrays_[f"{split}_images"] = np.stack(images)
            labels = rng.integers(0, classes, (count, 1)).astype(np.uint8)
            arrays_[f"{split}_labels"] = labels
        folder = tmp_path / f"{name}_official"
        folder.mkdir()
        content = official_form.npz(arrays_)
        real = catalog.DATASETS[name]
        release = real.releases["1.0.0"]
        md5 = hashlib.md5(content).hexdigest()
        files = {28: dataclasses.replace(release.files[28], md5=md5)}
        release = dataclasses.replace(release, splits=COUNTS, files=files)
        dataset = dataclasses.replace(real, releases={"1.0.0": release})
        monkeypatch.setattr(catalog, "DATASETS", {**catalog.DATASETS, name: dataset})
        (folder / release.files[28].name).write_bytes(content)
        manifest = tmp_path / f"{name}.csv"
        manifests.write(manifest, manifests.Manifest.from_rows(rows))
        return Drawn(name, folder, sources, arrays_, manifest, pictures)

    return drawn


@pytest.mark.parametrize("name", DRAWN)
def test_at_28_pixels_the_official_file_comes_out_to_the_bit(drawn, name):
    made = drawn(name)
    code, said = made.command()
    assert code == 0, said
    assert "13 equal, 0 within one level, 0 farther" in said
    assert f"Recipe: {DRAWN[name][1]}." in said
    path = made.folder / f"{name}mnist_28_rebuilt.npz"
    with np.load(path, allow_pickle=False) as found:
        for key, array in made.official.items():
            np.testing.assert_array_equal(found[key], array)
            assert found[key].dtype == array.dtype
    leftovers = {p.name for p in made.folder.iterdir()} - {path.name}
    assert leftovers == {f"{name}mnist.npz"}


@pytest.mark.parametrize("name", DRAWN)
def test_at_64_pixels_tfds_loads_the_sources_own_pixels_in_order(drawn, name, tmp_path):
    made = drawn(name)
    code, said = made.command(size=64)
    assert code == 0 and "No official file of this size" in said, said
    builder = made.builder(64, tmp_path / "tfds")
    assert builder.info.full_name == f"medmnist_rebuilt/{name}_64/1.0.0"
    assert builder.info.metadata["rebuilt"] is True
    assert "JPEG" not in builder.info.metadata["made"]["recipe"]
    recipe = dataclasses.replace(DRAWN[name][1], jpeg=None, grey="rounded")
    for split, count in COUNTS.items():
        examples = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        wanted = [recipe(made.pictures[split, row], 64) for row in range(count)]
        images = examples["image"].reshape(np.shape(wanted))
        np.testing.assert_array_equal(images, wanted)
        np.testing.assert_array_equal(examples["index"], range(count))
        labels = made.official[f"{split}_labels"][:, 0]
        np.testing.assert_array_equal(examples["label"], labels)


def test_missing_sources_are_refused_and_named_or_left_out(drawn, tmp_path):
    made = drawn("breast")
    lost = manifests.read(made.manifest)["val"]["source"][1]
    (made.sources / lost).unlink()
    code, said = made.command(size=40)
    assert code == 1
    assert "sources of 1 images are missing (val 1)" in said and "--skip-miss" in said
    assert [p.name for p in made.folder.iterdir()] == ["breastmnist.npz"]
    code, said = made.command("--skip-missing", size=40)
    assert code == 0 and "Left out: 1 images" in said
    with np.load(made.folder / "breastmnist_40_rebuilt.npz") as found:
        np.testing.assert_array_equal(found["val_index"], [0, 2])
        assert "train_index" not in found
    examples = made.builder(40, tmp_path / "tfds").as_dataset("val", batch_size=-1)
    np.testing.assert_array_equal(examples["index"], [0, 2])
    labels = made.official["val_labels"][[0, 2], 0]
    np.testing.assert_array_equal(examples["label"], labels)
    variant = catalog.parse("medmnist_rebuilt/breast_40")
    opened = arrays.find(variant, manual_dir=made.folder)
    assert len(opened.images("val")) == 2
    scores = np.linspace(0, 1, 6)
    path = predictions.write(
        tmp_path,
        dataset=variant,
        split="train",
        scores=scores,
        run="some",
        targets=np.array([0, 1] * 3),
    )
    assert path.name.startswith("rebuilt-breastmnist_40_train_")
    np.testing.assert_array_equal(predictions.read(path).scores[:, 0], scores)


def test_a_damaged_source_is_named_and_the_others_are_kept(drawn):
    made = drawn("derma")
    hurt = made.sources / manifests.read(made.manifest)["test"]["source"][2]
    hurt.write_bytes(hurt.read_bytes()[:200])
    code, said = made.command()
    assert code == 1 and "test 2" in said and hurt.name in said
    code, said = made.command("--skip-missing")
    assert code == 0 and hurt.name in said
    assert "test 3 images" in said and "12 equal" in said


def test_a_zip_is_read_in_place_and_a_foreign_one_refused(drawn, tmp_path):
    made = drawn("derma")
    path = tmp_path / "HAM10000_images_part_1.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for file in made.sources.iterdir():
            packed.write(file, f"HAM10000_images_part_1/{file.name}")
    made.sources = path
    code, said = made.command()
    assert code == 0 and "13 equal" in said
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("cat.jpg", b"meow")
    code, said = made.command()
    assert code == 1 and "no source that the manifest names" in said
    assert "HAM10000" in said


def test_data_written_from_another_file_are_not_taken_for_this_one(drawn, tmp_path):
    made = drawn("breast")
    made.command(size=32)
    made.builder(32, tmp_path / "tfds")
    made.builder(32, tmp_path / "tfds")  # the same file
    lost = manifests.read(made.manifest)["train"]["source"][0]
    (made.sources / lost).unlink()
    made.command("--skip-missing", size=32)
    with pytest.raises(errors.MedMNISTError, match="written from another file"):
        made.builder(32, tmp_path / "tfds")


def test_a_file_of_another_size_or_an_official_one_is_refused(drawn, tmp_path):
    made = drawn("breast")
    made.command("--out", made.folder / "breastmnist_50_rebuilt.npz", size=48)
    with pytest.raises(errors.MedMNISTError, match="48 pixels. Expected .* 50 pixels"):
        made.builder(50, tmp_path / "tfds")
    official = (made.folder / "breastmnist.npz").read_bytes()
    (made.folder / "breastmnist_28_rebuilt.npz").write_bytes(official)
    with pytest.raises(errors.MedMNISTError, match="make it again by `medmnist-tfds"):
        made.builder(28, tmp_path / "tfds")
    with pytest.raises(errors.MedMNISTError, match="rebuild breast --source ARCHIVE"):
        made.builder(49, tmp_path / "tfds")
    with pytest.raises(errors.MedMNISTError, match="size is 4. Expected 8 to 1024"):
        made.builder(4, tmp_path / "tfds")


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("breast", 4, "Expected 8 to 1024"),
        ("medmnist_phantom/breast", 64, "or rebuilt. Expected one of the ten"),
        ("derma_corrected", 64, "Expected one of the ten. Give derma"),
        ("breast_64:3.0.0", 64, "names a size. Expected it apart: give breast"),
        ("pneumonia", 64, "No manifest of pneumonia ships"),
    ],
)
def test_what_cannot_be_rebuilt_is_said_before_anything_is_read(name, size, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        rebuilding.rebuild(name, "nowhere", size=size)


@pytest.mark.parametrize("out", [".", "", "/proc/x.npz"])
def test_an_out_that_cannot_be_written_is_refused_before_anything_is_read(drawn, out):
    made = drawn("breast")
    made.sources = made.folder / "none"  # would be refused if it were looked at
    code, said = made.command("--out", out)
    wanted = "cannot be written" if "x" in out else "is a folder. Expected a file's"
    assert code == 1 and said.startswith(f"{out or '.'} {wanted}")
    assert ".tmp" not in said and "trial" not in said


def test_a_file_of_another_name_than_the_loaders_is_told(drawn):
    made = drawn("breast")
    _, said = made.command("--out", made.folder / "mine.npz", size=40)
    assert "It is looked for as breastmnist_40_rebuilt.npz: name it so" in said
    _, said = made.command(size=40)
    assert "It is looked for as" not in said


def test_what_was_rebuilt_of_derma_loads_in_the_corrected_splits(drawn, monkeypatch):
    made = drawn("derma")
    made.command(size=20)
    rows = {"train": {"train": tuple(range(6)), "val": (1,), "test": (0, 3)}}
    rows |= {"val": {"val": (0, 2)}, "test": {"test": (1, 2)}}
    regrouped = catalog.regrouped
    facts = dataclasses.replace(regrouped.FACTS["derma_corrected"], rows=rows)
    monkeypatch.setattr(regrouped, "FACTS", {"derma_corrected": facts})
    variant = catalog.parse("medmnist_rebuilt/derma_corrected_20")
    opened = archive.Archive(variant, folder=made.folder)
    recipe = recipes.Recipe(mode="RGB")
    wanted = [recipe(made.pictures["test", row], 20) for row in (1, 2)]
    np.testing.assert_array_equal(opened.images("test"), wanted)
    assert len(opened.images("train")) == 9


@pytest.fixture
def real(official_root) -> tuple[pathlib.Path, pathlib.Path]:
    folder = official_root / "breast_sources"
    if not folder.exists():
        pytest.skip(f"no sources of BreastMNIST in {folder}")
    return official_root, folder


@pytest.mark.parametrize("size", [28, 64])
def test_fifty_real_images_equal_the_official_ones_to_the_bit(real, size, tmp_path):
    root, folder = real
    if size == 64 and not (root / "breastmnist_64.npz").exists():
        pytest.skip("no official breastmnist_64.npz in MEDMNIST_ROOT")
    out = tmp_path / "breast.npz"
    made = rebuilding.rebuild(
        "breast", folder, size=size, out=out, skip_missing=True, manual_dir=root
    )
    counts = [counts["equal"] for counts in made.compared.values()]
    assert sum(counts) == 50 and len(made.missing) == 730 and not made.farthest
    assert archives.ARCHIVES["breast"].images == 780
    name = f"breastmnist{'' if size == 28 else '_64'}.npz"
    with np.load(root / name) as official, np.load(out) as found:
        for split in catalog.SPLITS:
            rows = found[f"{split}_index"]
            for kind in ("images", "labels"):
                wanted = official[f"{split}_{kind}"][rows]
                np.testing.assert_array_equal(found[f"{split}_{kind}"], wanted)


def exchange(made: Drawn, places: list[tuple[str, int]]) -> list[str]:
    """Puts pictures of something else under the names of these sources."""
    given, rng = manifests.read(made.manifest), np.random.default_rng(99)
    names = [str(given[split]["source"][row]) for split, row in places]
    for name in names:
        (made.sources / name).write_bytes(draw(rng, name))
    return names


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("size", [28, 40])
def test_a_source_that_is_not_the_official_image_counts_as_missing(drawn, name, size):
    made, places = drawn(name), [("train", 2), ("val", 0)]
    names = exchange(made, places)
    code, said = made.command(size=size)
    assert code == 1 and "sources of 2 images are missing (train 2, val 0)" in said
    code, said = made.command("--skip-missing", size=size)
    assert code == 0 and "Left out: 2 images" in said, said
    assert "sources of 2 images are not near the official ones of 28 pixels" in said
    assert all(source in said for source in names)
    with np.load(made.folder / f"{name}mnist_{size}_rebuilt.npz") as found:
        np.testing.assert_array_equal(found["train_index"], [0, 1, 3, 4, 5])
        np.testing.assert_array_equal(found["val_index"], [1, 2])


def test_an_archive_of_other_images_under_the_right_names_is_refused(drawn):
    made = drawn("breast")
    exchange(made, [(s, i) for s, count in COUNTS.items() for i in range(count)])
    code, said = made.command("--skip-missing", size=40)
    assert code == 1 and "No image can be rebuilt. The sources of 13 images" in said
    assert [p.name for p in made.folder.iterdir()] == ["breastmnist.npz"]


def test_of_two_sources_with_one_name_the_right_one_counts(drawn, tmp_path):
    made, right = drawn("breast"), tmp_path / "right"
    shutil.copytree(made.sources, right)
    exchange(made, [("train", 2), ("val", 0)])
    for more in (right, made.sources):  # first the wrong ones, then the right ones
        code, said = made.command("--source", more)
        assert code == 0 and "13 equal, 0 within one level, 0 farther" in said, said
        assert "13 sources occur more than once (" in said
        made.sources = right
