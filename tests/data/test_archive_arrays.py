"""The arrays of an official file: as documented, or refused with a way out."""

import dataclasses
import os
import pathlib
import zipfile

import numpy as np
import official_form
import pytest

from medmnist_tfds.data import archive, catalog

# Content


@pytest.mark.parametrize("name", ["breast", "retina", "chest", "organ_3d"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_archive_gives_images_with_channels_and_labels_as_stored(places, name, order):
    arrays = official_form.official_arrays(name)
    stored = {key: np.asarray(value, order=order) for key, value in arrays.items()}
    opened = official_form.open_archive(places["own"], official_form.npz(stored), name)
    for split, count in official_form.COUNTS.items():
        images, labels = opened.images(split), opened.labels(split)
        assert images.dtype == labels.dtype == np.uint8
        assert images.shape == (count, *catalog.variant(name).image_shape)
        expected = arrays[f"{split}_images"].reshape(images.shape)
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(labels, arrays[f"{split}_labels"])


@pytest.mark.parametrize("block_bytes, rows", [(2000, [2, 2, 1]), (1, [1] * 5)])
def test_image_blocks_are_small_and_make_up_the_whole(
    places, monkeypatch, block_bytes, rows
):
    monkeypatch.setattr(archive, "_BLOCK_BYTES", block_bytes)
    arrays = official_form.official_arrays()
    blocks = list(
        official_form.open_archive(
            places["own"], official_form.npz(arrays)
        ).image_blocks("train")
    )
    assert [len(block) for block in blocks] == rows
    whole = np.concatenate(blocks)[..., 0]
    np.testing.assert_array_equal(whole, arrays["train_images"])


def zeros(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    "name, array, value, words",
    [
        ("breast", "val_labels", None, ["has no array val_labels", "six arrays"]),
        ("breast", "test_images", zeros(3, 28, 27), ["(3, 28, 27)", "(3, 28, 28)"]),
        ("breast", "val_images", zeros(2, 28, 28, 3), ["28, 3)", "uint8 (2, 28, 28)"]),
        ("retina", "val_images", zeros(2, 28, 28), ["(2, 28, 28)", "(2, 28, 28, 3)"]),
        ("breast", "val_images", zeros(2, 28, 28, 28), ["28, 28)", "(2, 28, 28)"]),
        ("organ_3d", "val_images", zeros(2, 28, 28), ["28)", "(2, 28, 28, 28)"]),
        ("organ_3d", "val_images", zeros(2, 64, 64, 64), ["64)", "(2, 28, 28, 28)"]),
        ("organ_3d", "val_labels", zeros(2, 11), ["(2, 11)", "integers (2, 1)"]),
        ("breast", "train_images", zeros(4, 28, 28), ["(4, 28, 28)", "(5, 28, 28)"]),
        ("breast", "train_labels", zeros(6, 1), ["(6, 1)", "integers (5, 1)"]),
        ("breast", "train_labels", zeros(5), ["(5,)", "integers (5, 1)"]),
        ("chest", "train_labels", zeros(5, 1), ["(5, 1)", "integers (5, 14)"]),
        ("breast", "val_images", zeros(2, 28, 28, dtype="f4"), ["float32", "uint8"]),
        ("breast", "val_labels", zeros(2, 1, dtype="f8"), ["float64", "integers"]),
        ("breast", "val_labels", [[0], [2]], ["[2] in row 1", "from 0 to 1"]),
        ("retina", "test_labels", [[4], [5], [6]], ["[5] in row 1", "from 0 to 4"]),
        ("breast", "val_labels", np.array([[-1], [0]], "i1"), ["[-1] in row 0"]),
        ("chest", "val_labels", [[0] * 14, [0] * 13 + [2]], ["2] in row 1", "0 to 1"]),
        ("chest", "val_labels", -np.ones((2, 14), "i1"), ["row 0", "from 0 to 1"]),
        ("breast", "val_images", official_form.PAGE, ["magic string", "a NumPy array"]),
        ("breast", "val_labels", b"", ["EOF", "a NumPy array"]),
        (
            "breast",
            "val_labels",
            official_form.npy(zeros(2, 1))[:-1],
            ["129 bytes", "130 bytes"],
        ),
        (
            "breast",
            "val_images",
            official_form.npy(zeros(2, 28, 28))[:-784],
            ["912", "1696 bytes"],
        ),
    ],
)
def test_archive_refuses_an_array_which_is_not_as_documented(
    places, name, array, value, words
):
    content = official_form.npz(official_form.official_arrays(name, **{array: value}))
    with official_form.refused(
        array, *words, "Delete the file", official_form.variant_of(b"").file.url
    ):
        official_form.open_archive(places["own"], content, name)
    assert official_form.files_in(places) == [official_form.NAME]


@dataclasses.dataclass
class Trap:
    """Whose unpickling makes a folder."""

    path: pathlib.Path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("array", ["val_images", "val_labels"])
def test_archive_refuses_pickled_objects_without_unpickling_them(
    places, tmp_path, array
):
    arrays, sprung = official_form.official_arrays(), tmp_path / "sprung"
    arrays[array] = np.full(arrays[array].shape, None)
    arrays[array].flat[0] = Trap(sprung)
    with official_form.refused(
        array, "pickled objects", "plain numbers", "Delete the file"
    ):
        official_form.open_archive(places["own"], official_form.npz(arrays))
    assert not sprung.exists()
    with np.load(places["own"] / official_form.NAME, allow_pickle=True) as unsafe:
        assert unsafe[array] is not None and sprung.exists()


@pytest.mark.parametrize(
    "content", [b"no archive at all", official_form.OFFICIAL[:-100]]
)
def test_archive_refuses_what_is_no_whole_zip_though_its_md5_is_right(places, content):
    words = ["is damaged", "not a zip file", "a whole .npz file", "Delete the file"]
    with official_form.refused(str(places["own"] / official_form.NAME), *words):
        official_form.open_archive(places["own"], content)
    assert official_form.files_in(places) == [official_form.NAME]


@pytest.mark.parametrize("array", ["train_labels", "train_images"])
@pytest.mark.parametrize(
    "compression, offset",  # of the byte: the first label or pixel, the first of all
    [(zipfile.ZIP_STORED, 128), (zipfile.ZIP_DEFLATED, 0)],
)
def test_archive_refuses_a_damaged_array_at_the_latest_when_it_is_read(
    places, array, compression, offset
):
    content = bytearray(
        official_form.npz(official_form.official_arrays("retina"), compression)
    )
    content[content.index(f"{array}.npy".encode()) + len(array) + 4 + offset] = 255
    with official_form.refused(
        str(places["own"] / official_form.NAME), "is damaged", "a whole .npz file"
    ):
        official_form.open_archive(places["own"], bytes(content), "retina").images(
            "train"
        )
    assert official_form.files_in(places) == [official_form.NAME]


def real_folder(variant: catalog.Variant) -> pathlib.Path:
    """Where a user keeps the official file."""
    for place in official_form.REAL_FOLDERS:
        if (place / variant.file.name).is_file():
            return place
    pytest.skip(f"no {variant.file.name} in MEDMNIST_ROOT or ~/.medmnist")


@pytest.mark.parametrize(
    ("asked", "own"),
    [("breast", "breast_64"), ("breast", "adrenal_3d"), ("organ_3d", "breast")],
)
def test_an_official_file_under_anothers_name_is_told_by_its_own(places, asked, own):
    asked, own = catalog.parse(asked), catalog.parse(own)
    content = (real_folder(own) / own.file.name).read_bytes()
    places["own"].mkdir(parents=True, exist_ok=True)
    (places["own"] / asked.file.name).write_bytes(content)
    said = f"is the official file of {own.tfds_name}, {own.file.name}"
    with official_form.refused(asked.file.name, said, asked.file.md5):
        archive.Archive(asked, folder=places["own"], download=False)


@pytest.mark.parametrize("name", ["breast", "retina", "breast_64", "adrenal_3d"])
def test_archive_of_the_real_file_has_the_published_counts(name):
    variant = catalog.parse(name)
    folder = real_folder(variant)
    opened = archive.Archive(variant, folder=folder, download=False)
    with np.load(opened.path) as arrays:
        for split, examples in variant.release.splits.items():  # Table 1 of the paper
            images, labels = opened.images(split), opened.labels(split)
            stored = arrays[f"{split}_images"]
            np.testing.assert_array_equal(images.reshape(stored.shape), stored)
            values, counts = np.unique(arrays[f"{split}_labels"], return_counts=True)
            assert values.tolist() == list(range(variant.dataset.num_labels))
            assert np.bincount(labels[:, 0]).tolist() == counts.tolist()
            assert len(images) == len(labels) == sum(counts) == examples
