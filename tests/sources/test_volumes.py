"""Slices of scans: drawn NIfTI volumes with boxes, linked, and rebuilt."""

import dataclasses
import pathlib

import drawn_archives
import numpy as np
import pytest
from PIL import Image

from medmnist_tfds.sources import archives, kinds, manifests, rebuilding, volumes

nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed")

ORGANS = {
    "liver": ((4, 27), (6, 35), (5, 18)),
    "spleen": ((20, 37), (10, 24), (8, 15)),
    "femur-l": ((0, 12), (22, 39), (0, 9)),
}
SCANS = ("volume-0", "volume-3", "test-volume-1")
OFFSETS = (-1, 0, 1)


def volume(seed: int, shape=(40, 42, 24)) -> np.ndarray:
    """Smooth Hounsfield units, about the abdomen's; the axes tell from each other."""
    coarse = np.random.default_rng(seed).normal(40, 150, (6, 5, 4))
    for axis, length in enumerate(shape):
        places = np.linspace(0, coarse.shape[axis] - 1, length)
        low = np.floor(places).astype(int)
        high = np.minimum(low + 1, coarse.shape[axis] - 1)
        share = (places - low).reshape([-1 if a == axis else 1 for a in range(3)])
        coarse = np.take(coarse, low, axis) * (1 - share) + share * np.take(
            coarse, high, axis
        )
    return coarse.astype(np.int16)


def expected(scan: np.ndarray, box, axis: int, place: int, size: int) -> np.ndarray:
    """By other means than the code's: 50/400, a quarter turn, the last voxel in."""
    window = tuple(slice(first, last + 1) for first, last in box)
    plane = np.take(scan, place, axis)
    inside = plane[tuple(window[other] for other in range(3) if other != axis)]
    grey = np.clip((inside.astype(np.float32) + 150) / 400, 0, 1) * 255
    image = Image.fromarray(grey.astype(np.uint8)).transpose(Image.Transpose.ROTATE_90)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


@dataclasses.dataclass
class Drawn:
    sources: pathlib.Path
    official: pathlib.Path
    truth: dict[tuple[str, int], tuple[str, str, int, np.ndarray]]


@pytest.fixture
def drawn(tmp_path):
    """A function from a dataset's name to scans, boxes, and twelve images of them."""

    def drawn(name: str, *, packed: bool = False) -> Drawn:
        axis = volumes.AXES[name.removeprefix("organ_")]
        made, labels, truth = [], [], {}
        numbers = archives.ARCHIVES[name].labels
        for seed, scan in enumerate(SCANS):
            voxels = volume(seed)
            stored = nibabel.Nifti1Image(voxels, np.eye(4)).to_bytes()
            suffix = ".nii"
            if packed:
                import gzip

                stored, suffix = gzip.compress(stored), ".nii.gz"
            lines = [
                f"{organ} {number} {' '.join(str(v) for pair in box for v in pair)}"
                for number, (organ, box) in enumerate(ORGANS.items())
            ]
            boxes = "\n".join([*lines, ""]).encode()
            place = "annotations/" + scan.replace("volume", "segmentation") + ".txt"
            files = {f"Batch/{scan}{suffix}": stored, place: boxes}
            drawn_archives.write_folder(tmp_path / "lits", files)
            for organ, box in ORGANS.items():
                first, last = box[axis]
                for offset in OFFSETS:
                    where = (first + last) // 2 + offset
                    made.append((scan + suffix, organ, where, voxels, box))
                    labels.append([numbers[organ]])
        order = np.random.default_rng(3).permutation(len(made))[: drawn_archives.COUNT]
        images = []
        places = [(s, i) for s, n in drawn_archives.SPLITS.items() for i in range(n)]
        for place, number in zip(places, order, strict=True):
            file, organ, where, voxels, box = made[number]
            images.append(expected(voxels, box, axis, where, 28))
            truth[place] = (file, organ, where, expected(voxels, box, axis, where, 64))
        path = tmp_path / "official.npz"
        drawn_archives.write_npz(path, images, [labels[number] for number in order])
        return Drawn(tmp_path / "lits", path, truth)

    return drawn


@pytest.mark.parametrize("plane", volumes.AXES)
def test_every_slice_is_found_and_the_window_told(drawn, link, plane):
    name = f"organ_{plane}"
    made = drawn(name, packed=plane == "axial")
    said, manifest = link(name, [made.sources], made.official)
    assert f"{plane} slices of each box, window 50/400 HU, turned by 90" in said
    for (split, index), (file, organ, where, _) in made.truth.items():
        row = manifest[split][index]
        assert row["source"] == f"{file}#{organ}/{plane}/{where}"
        assert row["largest_difference"] == 0
        first, last = ORGANS[organ][volumes.AXES[plane]]
        assert int(row["offset"]) == where - (first + last) // 2
        assert (row["patient"], row["label"]) == (file.split(".")[0], organ)


@pytest.mark.parametrize("plane", volumes.AXES)
def test_slices_are_rebuilt_at_another_size(drawn, link, monkeypatch, tmp_path, plane):
    made = drawn(f"organ_{plane}")
    _, manifest = link(f"organ_{plane}", [made.sources], made.official)
    drawn_archives.as_official(monkeypatch, f"organ_{plane}", made.official)
    out = tmp_path / "organs.npz"
    for size in (28, 64):
        found = rebuilding.rebuild(
            f"organ_{plane}",
            made.sources,
            size=size,
            manifest=manifest,
            out=out,
            manual_dir=tmp_path,
        )
        if size == 28:
            assert sum(c["equal"] for c in found.compared.values()) == len(made.truth)
    with np.load(out) as arrays:
        for (split, index), (*_, image) in made.truth.items():
            np.testing.assert_array_equal(arrays[f"{split}_images"][index], image)


def test_squares_keep_the_shape_and_stay_inside_of_the_scan():
    archive = archives.ARCHIVES["organ_axial"]
    tried = kinds.candidates(archive)
    assert len(set(tried)) == len(tried) == 128
    content = nibabel.Nifti1Image(volume(1), np.eye(4)).to_bytes()
    found = {"volume-5": list(ORGANS.items())}
    source = archives.Source(name="volume-5.nii", facts={})
    squares = tuple(recipe for recipe in tried if recipe.cut == "square")
    made = volumes._decode(found, source, content, squares, 28)
    assert len(made) == sum(box[2][1] - box[2][0] + 1 for box in ORGANS.values())
    assert [candidate.source.facts["offset"] for candidate in made[:3]] == ["0"] * 3
    assert all(s.shape == (28, 28) for c in made for s in c.small.values())


def test_what_is_missing_or_wrong_is_said(drawn, command, tmp_path):
    made = drawn("organ_axial")

    def link(*more) -> tuple[int, str]:
        given = ["--source", made.sources, "--official", made.official]
        return command("link", "organ_axial", *given, "--out", tmp_path / "m.csv")

    wrong = made.sources / "annotations/segmentation-3.txt"
    wrong.write_text("liver 6 1 2 3\n")
    code, said = link()
    assert code == 1 and "segmentation-3.txt, line 1" in said and "six voxels" in said
    wrong.unlink()
    code, said = link()
    assert code == 0 and "there are no boxes of its organs" in " ".join(said.split())
    for file in wrong.parent.iterdir():
        file.unlink()
    code, said = link()
    assert code == 1 and "no boxes of organs" in said and "--source" in said


def test_without_nibabel_the_command_says_how_to_get_it(drawn, command, monkeypatch):
    made = drawn("organ_axial")
    monkeypatch.setattr(volumes.importlib.util, "find_spec", lambda name: None)
    given = ["--source", made.sources, "--official", made.official]
    code, said = command("link", "organ_axial", *given)
    assert code == 1 and 'pip install "medmnist-tfds[sources]"' in said


def test_a_manifest_of_slices_is_written_and_read_back(drawn, link, tmp_path):
    made = drawn("organ_sagittal")
    _, manifest = link("organ_sagittal", [made.sources], made.official)
    manifests.write(tmp_path / "again.csv", manifest)
    again = manifests.read(tmp_path / "again.csv")
    assert {s: len(t) for s, t in again.items()} == drawn_archives.SPLITS
