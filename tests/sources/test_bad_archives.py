"""Bad input of `link`: each ends in a sentence or a row, and the rest is found."""

import os
import pathlib
import shutil
import struct
import time
import zipfile
import zlib

import drawn_archives as drawn
import numpy as np
import pytest

from medmnist_tfds.data import catalog
from medmnist_tfds.sources import decoding


@pytest.fixture
def breast(tmp_path):
    return drawn.archive("breast", tmp_path)


@pytest.fixture
def folder(breast):
    (folder,) = breast.sources
    return folder


def images(folder) -> list:
    """Without masks, in order."""
    return [p for p in sorted(folder.rglob("*.png")) if "_mask" not in p.name]


def found(manifest) -> set[str]:
    return {str(row["source"]) for row in manifest.rows()} - {""}


def packed(folder) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in images(folder)
    }


def test_a_folder_of_another_dataset_is_refused_with_what_is_expected(
    tmp_path, breast, command
):
    other = drawn.archive("path", tmp_path / "other")
    code, said = command(
        *("link", "breast", "--source", other.sources[0]),
        *("--official", breast.official, "--out", tmp_path / "m.csv"),
    )
    assert code == 1
    assert "There is no image of Breast ultrasound images (BUSI) in" in said
    assert (
        "Expected Dataset_BUSI.zip" in said and "medmnist-tfds sources breast" in said
    )
    assert "12 other images were passed over" in said
    assert not (tmp_path / "m.csv").exists()


def test_other_images_under_the_right_names_are_refused(
    tmp_path, breast, folder, command
):
    for number, path in enumerate(images(folder)):
        path.write_bytes(drawn.content(drawn.picture([99, number]), path.name))
    code, said = command(
        *("link", "breast", "--source", folder),
        *("--official", breast.official, "--out", tmp_path / "m.csv"),
    )
    assert code == 1 and "None of the 12 images in" in said
    assert "is near an official one" in said


def test_two_archives_that_are_mixed_are_told_apart(tmp_path, breast, folder, link):
    drawn.archive("pneumonia", folder)
    said, manifest = link("breast", [folder], breast.official)
    assert len(found(manifest)) == drawn.COUNT
    assert "12 other images were passed over, as no source in Breast ultrasound" in said


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_that_is_cut_off_is_read_as_far_as_it_goes(
    tmp_path, breast, folder, link, kind
):
    members = packed(folder)
    first = dict(list(members.items())[:3])
    write = drawn.write_zip if kind == "zip" else drawn.write_tar
    path = write(tmp_path / f"cut.{kind}", members)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    rest = drawn.write_folder(tmp_path / "rest", first)
    said, manifest = link("breast", [path, rest], breast.official)
    assert f"cut.{kind} is damaged or cut off" in said
    assert "Fetch it again" in said
    assert {name.split("/", 1)[1] for name in first} <= found(manifest)
    nothing = "Nothing of it was read" in said  # a .zip has its list at the end
    assert nothing == (kind == "zip") != ("What comes before was read" in said)
    if kind == "tar.gz":
        assert 3 < len(found(manifest)) < drawn.COUNT


def test_an_encrypted_zip_is_a_sentence(tmp_path, breast, folder, link):
    members = packed(folder)
    names = list(members)
    path = drawn.write_zip(tmp_path / "locked.zip", {n: members[n] for n in names[:4]})
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 4)
    path.write_bytes(content)
    rest = {name: members[name] for name in names[4:]}
    open_one = drawn.write_zip(tmp_path / "open.zip", rest)
    said, manifest = link("breast", [path, open_one], breast.official)
    assert "locked.zip: 4 of its 4 files are encrypted" in said
    assert "Unpack it with its password" in said
    assert found(manifest) == {name.split("/", 1)[1] for name in rest}


def test_names_that_leave_their_archive_are_passed_over(tmp_path, breast, folder, link):
    members = packed(folder)
    names = list(members)
    bad = [f"../../{names[0]}", f"/etc/{names[1]}", f"C:\\x\\{names[2]}"]
    for number, name in enumerate(bad):
        members[name] = members.pop(names[number])
    (tmp_path / "inner").mkdir()
    for write, kind in ((drawn.write_zip, "zip"), (drawn.write_tar, "tar.gz")):
        path = write(tmp_path / "inner" / f"evil.{kind}", members)
        said, manifest = link("breast", [path], breast.official)
        assert said.count("leads out of the archive, and was passed over") == 3
        assert len(found(manifest)) == drawn.COUNT - 3
        (tmp_path / "manifest.csv").unlink()
    assert {p.name for p in (tmp_path / "inner").iterdir()} == {
        "evil.zip",
        "evil.tar.gz",
    }


def test_damaged_images_are_named_and_passed_over(breast, folder, link):
    cut, empty, text, chunk, *_ = images(folder)
    cut.write_bytes(cut.read_bytes()[:2000])
    empty.write_bytes(b"")
    text.write_bytes(b"<html>Please log in</html>")
    content = bytearray(chunk.read_bytes())
    content[40:44] = b"\0\1\2\3"  # for which Pillow has a SyntaxError
    chunk.write_bytes(content)
    said, manifest = link("breast", [folder], breast.official)
    for path in (cut, empty, text, chunk):
        assert f"{path.relative_to(folder.parent)} is damaged, or no image" in said
    assert " object at 0x" not in said
    assert len(found(manifest)) == drawn.COUNT - 4


def test_an_image_beyond_pillows_limit_is_passed_over(breast, folder, link):
    path = images(folder)[0]
    path.write_bytes(_header_of_a_png(30_000, 30_000))
    said, manifest = link("breast", [folder], breast.official)
    assert f"{path.name} has more than 178,956,970 pixels, Pillow's limit" in said
    assert len(found(manifest)) == drawn.COUNT - 1


def _header_of_a_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    parts = chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_images_of_other_sizes_are_noted(tmp_path, link):
    files, labels, _, extra = drawn.layout("path")
    made = drawn.archive("path", tmp_path)
    small = {
        name.split("/", 1)[1]: drawn.content(
            drawn.picture([1, i], (112, 112), channels=3), name
        )
        for i, name in enumerate(files)
    }
    folder = drawn.write_folder(tmp_path / "small", small)
    said, _ = link("path", [folder], made.official)
    assert "12 sources are not 224 x 224 pixels" in said
    assert "copies are not equal to the bit" in said


@pytest.mark.parametrize("name", ["chest", "derma", "retina"])
def test_a_missing_table_is_noted_and_images_are_found_without_it(tmp_path, link, name):
    made = drawn.archive(name, tmp_path)
    for path in made.sources[0].rglob("*"):
        if path.suffix == ".csv" or path.name == "HAM10000_metadata":
            path.rename(tmp_path / path.name)
    said, manifest = link(name, made.sources, made.official)
    assert "There is no " in said and " stay empty" in said
    assert len(found(manifest)) == drawn.COUNT
    assert set(manifest["train"]["label"]) == {""}
    tables = [
        p for p in tmp_path.iterdir() if p.name.startswith(("Data", "HAM", "reg"))
    ]
    said, manifest = link(name, [*made.sources, *tables], made.official)
    assert "There is no " not in said and "" not in manifest["train"]["label"]


def test_a_table_of_another_kind_or_with_rows_missing_is_noted(tmp_path, link):
    made = drawn.archive("derma", tmp_path)
    path = made.sources[0] / "HAM10000_metadata"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-2]))
    said, _ = link("derma", made.sources, made.official)
    assert "2 sources have no row in HAM10000_metadata: ISIC_" in said
    path.write_text("colour,price\nred,3\n")
    said, _ = link("derma", made.sources, made.official)
    assert "HAM10000_metadata cannot be read as a table: it has no column" in said


def test_a_table_may_be_separated_by_tabs(tmp_path, link):
    made = drawn.archive("derma", tmp_path)
    path = made.sources[0] / "HAM10000_metadata"
    text = path.read_text().replace(",", "\t")
    path.rename(path.with_suffix(".tab")).write_text(text)
    _, manifest = link("derma", made.sources, made.official)
    for (split, index), facts in made.truth.items():
        assert manifest[split]["lesion"][index] == facts["lesion"]


def test_a_source_that_occurs_twice_is_taken_once_and_named(
    tmp_path, breast, folder, link
):
    members = dict(list(packed(folder).items())[:2])
    again = drawn.write_zip(tmp_path / "again.zip", members)
    said, manifest = link("breast", [folder, again], breast.official)
    name = next(iter(members))
    both = f"again.zip/{name} as {folder.name}/{name}, ..."
    assert f"2 sources occur again under their names: {both} Whichever" in said
    assert len(found(manifest)) == drawn.COUNT
    assert not any(row["remark"] for row in manifest.rows())


def test_of_two_sources_with_one_name_the_right_one_is_found(
    tmp_path, breast, folder, link
):
    wrong = shutil.copytree(folder, tmp_path / "wrong")
    for number, path in enumerate(images(wrong)[:5]):
        path.write_bytes(drawn.content(drawn.picture([99, number]), path.name))
    for given in ([wrong, folder], [folder, wrong]):
        said, manifest = link("breast", given, breast.official)
        assert len(found(manifest)) == drawn.COUNT
        assert not any(row["remark"] for row in manifest.rows())


def test_an_only_zip_that_is_cut_off_is_said_first(tmp_path, breast, folder, command):
    path = drawn.write_zip(tmp_path / "cut.zip", packed(folder))
    path.write_bytes(path.read_bytes()[:-100])
    given = ("--source", path, "--official", breast.official)
    code, said = command("link", "breast", *given, "--out", tmp_path / "m.csv")
    assert code == 1 and said.startswith(f"{path} is damaged or cut off")
    assert said.count("cut off") == 1 and "Nothing of it was read" in said


def test_a_source_must_be_there_of_a_kind_that_is_read_and_given_once(
    tmp_path, breast, folder, command
):
    rar = tmp_path / "images.rar"
    rar.write_bytes(b"Rar!")
    for given, words in (
        ([tmp_path / "none"], "There is no "),
        ([rar], "an archive of a kind that is not read"),
        ([folder, folder / "."], "was given twice"),
    ):
        options = [word for path in given for word in ("--source", path)]
        code, said = command("link", "breast", *options, "--official", breast.official)
        assert code == 1 and words in said and "Expected" in said


def test_an_archive_in_an_archive_is_named(tmp_path, breast, folder, link):
    inner = drawn.write_zip(tmp_path / "inner.zip", packed(folder)).read_bytes()
    outer = drawn.write_zip(
        tmp_path / "outer.zip", {**packed(folder), "a/b.zip": inner}
    )
    said, _ = link("breast", [outer], breast.official)
    assert "outer.zip holds the archive a/b.zip" in said and "Unpack the outer" in said


def test_an_out_that_cannot_be_written_is_refused_before_anything_is_read(
    tmp_path, breast, command
):
    (tmp_path / "file").touch()
    for out, words in (
        (tmp_path, "is a folder. Expected a file's name"),
        (".", ". is a folder. Expected a file's name, such as breast.csv"),
        ("", ". is a folder. Expected a file's name, such as breast.csv"),
        ("/proc/x.csv", "/proc/x.csv cannot be written: "),
        ("f" * 300, "f cannot be written: File name too long"),
        (tmp_path / "file" / "a.csv", "There can be no folder"),
    ):
        given = ("--source", breast.sources[0], "--out", out)
        code, said = command("link", "breast", *given, "--official", "none.npz")
        assert code == 1 and words in said and ".tmp" not in said


@pytest.mark.parametrize("form", ["text", "size", "arrays", "pickle"])
def test_an_official_file_of_another_form_is_refused(
    tmp_path, breast, folder, command, form
):
    path = tmp_path / "other.npz"
    with np.load(breast.official) as arrays:
        held = dict(arrays)
    if form == "text":
        path.write_text("no arrays")
    elif form == "size":
        held["val_images"] = np.zeros((2, 64, 64), np.uint8)
    elif form == "arrays":
        del held["test_labels"]
    else:
        held["test_labels"] = np.array([[{}]] * 3)
    if form != "text":
        np.savez(path, **held)
    code, said = command("link", "breast", "--source", folder, "--official", path)
    assert code == 1 and "has not the form of an official file" in said


@pytest.mark.parametrize("large, most", [(0, 2), (2**24, 5)])
def test_so_few_files_are_held_that_large_ones_fit(
    breast, folder, link, monkeypatch, large, most
):
    decode, read, held = decoding.image, pathlib.Path.read_bytes, [0]

    def reading(path):
        held.append(held[-1] + (path.suffix == ".png"))
        return read(path)

    def decoding_(*given):
        time.sleep(0.02)
        held.append(held[-1] - 1)
        return decode(*given)

    monkeypatch.setattr(decoding, "_LARGE_BYTES", large)
    monkeypatch.setattr(decoding, "image", decoding_)
    monkeypatch.setattr(pathlib.Path, "read_bytes", reading)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    _, manifest = link("breast", [folder], breast.official)
    assert len(found(manifest)) == drawn.COUNT and max(held) <= most


def test_a_zip_is_read_by_threads_without_mixing_files(tmp_path, breast, folder, link):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in packed(folder).items():
            file.writestr(name, data)
    for _ in range(3):
        _, manifest = link("breast", [path], breast.official)
        assert len(found(manifest)) == drawn.COUNT
        for split in catalog.SPLITS:
            assert set(manifest[split]["largest_difference"]) == {0}
