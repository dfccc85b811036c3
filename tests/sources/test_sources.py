"""The command `sources`: facts of the ten archives, and the trace of a JPEG."""

import numpy as np
import pytest
from PIL import Image

from medmnist_tfds import catalog
from medmnist_tfds.data.medmnist_phantom import images as phantoms
from medmnist_tfds.process import errors
from medmnist_tfds.sources import archives, jpeg_trace, manifests, recipes


def test_sources_lists_the_ten_at_eighty_columns(command):
    code, said = command("sources")
    assert code == 0
    assert max(map(len, said.splitlines())) <= 80
    for name, archive in archives.ARCHIVES.items():
        assert f"\n {name} " in said
        assert archive.title.split()[0] in said


@pytest.mark.parametrize("name", archives.ARCHIVES)
def test_sources_tells_all_facts_of_one(name, command, places):
    code, said = command("sources", name)
    told, archive = "".join(said.split()), archives.ARCHIVES[name]
    assert code == 0
    for fact in (archive.title, archive.address, archive.citation, *archive.files):
        assert "".join(fact.split()) in told
    assert "".join(str(archive.recipe).split()) in told
    assert archive.license is None or "".join(archive.license.split()) in told
    assert "Noofficialfileisathand" in told


@pytest.mark.parametrize(
    "name, whole",
    [
        ("derma_corrected", "derma"),
        ("medmnist_phantom/breast", "breast"),
        ("medmnist_rebuilt/breast_64", "breast"),
    ],
)
def test_what_has_no_sources_of_its_own_is_refused_by_all_three(name, whole, command):
    for words in (["sources"], ["link", "--source", "."], ["rebuild", "--size", 64]):
        given = ["--source", "."] if words[0] == "rebuild" else []
        code, said = command(words[0], name, *words[1:], *given)
        assert code == 1 and "has no sources of its own" in said
        assert f"Expected one of the ten. Give {whole}." in said


def test_the_sources_of_the_papers_ten_are_known_and_of_others_that_is_said(command):
    assert tuple(archives.ARCHIVES) == catalog.SUITES["decathlon"]
    code, said = command("sources", "organ_3d")
    assert code == 1 and "What organ_3d was made of is not known here" in said
    code, said = command("audit", "organ_3d", "--phantom")
    assert code == 1 and "has volumes, and an audit compares images" in said


def test_what_is_not_official_or_not_known_is_not_said_to_be(command):
    said = " ".join(command("sources", "chest")[1].split())
    assert "NIH's own lists, not ChestMNIST's split" in said
    said = " ".join(command("sources", "derma")[1].split())
    assert "does not speak of a crop, and the centred square is what was seen" in said


def test_the_advice_for_a_manifest_names_what_can_be_linked():
    with pytest.raises(errors.MedMNISTError, match="`medmnist-tfds link derma --so"):
        manifests.manifest("derma_corrected")


@pytest.mark.parametrize("name", sorted(set(archives.ARCHIVES) - {"chest"}))
def test_what_an_archive_calls_a_class_is_a_class(name):
    archive = archives.ARCHIVES[name]
    if archive.kind == "images":
        numbers = set(archive.labels.values())
        assert numbers == set(range(archive.dataset.num_labels))
        assert all(archive.targets(label) == {n} for label, n in archive.labels.items())
    assert archive.targets("no such label") is None


def test_findings_of_chest_are_several_classes_or_none():
    archive = archives.ARCHIVES["chest"]
    assert archive.targets("No Finding") == frozenset()
    assert archive.targets("Cardiomegaly|Effusion") == {1, 2}
    names = [name.lower() for name in list(archive.labels)[:14]]
    for name, label in zip(names, archive.dataset.labels, strict=True):
        assert name.startswith(label)


@pytest.mark.parametrize(
    "name, path, source",
    [
        ("pneumonia", "chest_xray/train/NORMAL/IM-0115-0001.jpeg", "train/NORMAL/IM-"),
        ("pneumonia", "test/PNEUMONIA/VIRUS-1008087-0001.jpeg", "test/PNEUMONIA/VIRUS"),
        ("breast", "benign/benign (1)_mask.png", None),
        ("chest", "1_000.png", None),
        ("organ_axial", "Training Batch 1/volume-3.nii", "volume-3.nii"),
    ],
)
def test_a_path_is_recognised_by_its_end(name, path, source):
    found = archives.ARCHIVES[name].recognise(f"somewhere/{path}")
    assert (found is None) == (source is None)
    assert source is None or (found.name in path and found.name.startswith(source))


def phantom(name: str, size: int) -> np.ndarray:
    """200 images of a phantom, enlarged to the size."""
    images = phantoms.generate(catalog.DATASETS[name], split="train", examples=200)[0]
    pictures = [Image.fromarray(image.squeeze()) for image in images]
    return np.stack([np.asarray(p.resize((size, size), 3)) for p in pictures])


def channels_last(images: np.ndarray) -> np.ndarray:
    return images.reshape(*images.shape[:3], -1)


@pytest.mark.parametrize("size", [28, 64])
@pytest.mark.parametrize("name", ["pneumonia", "derma", "oct"])
def test_images_that_were_jpegs_are_told_from_those_that_were_not(name, size):
    images = phantom(name, size)
    assert jpeg_trace.look(channels_last(images)).quality is None
    for quality in (75, 90):
        stored = [
            np.asarray(recipes.as_jpeg(Image.fromarray(image), quality))
            for image in images
        ]
        trace = jpeg_trace.look(channels_last(np.stack(stored)))
        assert trace.quality == quality
        assert f"were JPEGs of quality {quality}" in trace.verdict


def test_official_files_show_what_their_sources_were(official_root, command):
    code, said = command("sources", "retina", "--manual-dir", official_root)
    told = " ".join(said.split())
    assert code == 0 and "retinamnist.npz (1.0.0): were JPEGs of quality 75" in told
    assert "50: 4.63, 75: 0.87, 90: 1.34, 95: 1.06" in told
    code, said = command("sources", "breast", "--manual-dir", official_root)
    assert code == 0 and "breastmnist.npz (1.0.0): no trace of a JPEG" in said
    if (official_root / "breastmnist_64.npz").exists():
        assert "breastmnist_64.npz (3.0.0): no trace of a JPEG" in said
