"""The catalog agrees with the paper's Table 1 and the official package, and names lead
to the right variant.
"""

import dataclasses
import importlib.util
import pathlib
import subprocess
import sys

import pytest

from medmnist_tfds.data import catalog, records
from medmnist_tfds.process import errors

# Table 1 of the paper: classes or labels, training, validation, test.
TABLE_1 = {
    "path": (9, 89_996, 10_004, 7_180),
    "chest": (14, 78_468, 11_219, 22_433),
    "derma": (7, 7_007, 1_003, 2_005),
    "oct": (4, 97_477, 10_832, 1_000),
    "pneumonia": (2, 4_708, 524, 624),
    "retina": (5, 1_080, 120, 400),
    "breast": (2, 546, 78, 156),
    "organ_axial": (11, 34_581, 6_491, 17_778),
    "organ_coronal": (11, 13_000, 2_392, 8_268),
    "organ_sagittal": (11, 13_940, 2_452, 8_829),
}


def test_release_1_is_the_papers_table_1():
    sizes = {
        name: (d.num_labels, *(d.releases["1.0.0"].splits[s] for s in catalog.SPLITS))
        for name, d in catalog.DATASETS.items()
        if "1.0.0" in d.releases
    }
    assert sizes == TABLE_1
    assert catalog.SUITES["decathlon"] == tuple(TABLE_1)


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """What the official package's own file of facts says, without its other code."""
    package = pathlib.Path(importlib.util.find_spec("medmnist").origin).parent
    spec = importlib.util.spec_from_file_location("facts", package / "info.py")
    facts = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:  # it makes a folder at import
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        spec.loader.exec_module(facts)
    assert facts.__version__ == "3.0.2"
    return facts.INFO


def test_the_eighteen_are_those_of_the_official_package(official):
    ours = {d.releases["3.0.0"].flag for d in catalog.DATASETS.values()}
    assert ours == set(official)
    assert len(ours) == 18


@pytest.mark.parametrize("name", catalog.DATASETS)
def test_todays_release_is_what_the_official_package_says(name, official):
    dataset = catalog.DATASETS[name]
    release = dataset.releases["3.0.0"]
    theirs = official[release.flag]
    assert dataset.paper_name.startswith(theirs["python_class"][:5])
    assert catalog.Task(theirs["task"]) is dataset.task
    assert theirs["n_channels"] == dataset.channels
    assert (dataset.form == "volumes") == release.flag.endswith("3d")
    assert theirs["n_samples"] == release.splits
    assert theirs["license"] == dataset.license
    assert list(theirs["label"]) == [str(n) for n in range(dataset.num_labels)]
    assert tuple(theirs["label"].values()) == dataset.labels
    sizes = {key.removeprefix("MD5") for key in theirs if key.startswith("MD5")}
    assert sizes == {"" if size == 28 else f"_{size}" for size in release.files}
    for size, file in release.files.items():
        suffix = "" if size == 28 else f"_{size}"
        assert theirs[f"MD5{suffix}"] == file.md5
        assert theirs[f"url{suffix}"].removesuffix("?download=1") == file.url


def test_suites_are_the_ten_and_what_medmnist_v2_has():
    ten, images, volumes = map(set, catalog.SUITES.values())
    assert list(catalog.SUITES) == ["decathlon", "v2_2d", "v2_3d"]
    assert images - ten == {"blood", "tissue"} and ten < images
    assert images | volumes == set(catalog.DATASETS) and not images & volumes
    assert {catalog.DATASETS[name].form for name in images} == {"images"}
    assert {catalog.DATASETS[name].form for name in volumes} == {"volumes"}


def test_every_file_has_an_address_and_an_md5():
    for name, dataset in catalog.DATASETS.items():
        is_old = name in TABLE_1
        assert list(dataset.releases) == ["1.0.0"] * is_old + ["3.0.0"]
        assert not is_old or list(dataset.releases["1.0.0"].files) == [28]
        sizes = [28, 64] if dataset.form == "volumes" else [28, 64, 128, 224]
        assert list(dataset.releases["3.0.0"].files) == sizes
        for release in dataset.releases.values():
            for size, file in release.files.items():
                assert file.url.startswith("https://zenodo.org/record")
                assert len(file.md5) == 32
                suffix = "" if size == 28 else f"_{size}"
                assert file.name == f"{release.flag}{suffix}.npz"


def test_records_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        catalog.DATASETS["derma"].channels = 1
    with pytest.raises(TypeError):
        catalog.DATASETS["derma"] = None


@pytest.mark.parametrize(
    ("name", "tfds_name", "flag"),
    [
        ("derma", "medmnist/derma:1.0.0", "dermamnist"),
        ("derma_224", "medmnist/derma_224:3.0.0", "dermamnist_224"),
        ("medmnist/derma", "medmnist/derma:1.0.0", "dermamnist"),
        ("organ_axial", "medmnist/organ_axial:1.0.0", "organmnist_axial"),
        ("organ_axial:3.0.0", "medmnist/organ_axial:3.0.0", "organamnist"),
        ("medmnist_phantom/chest", "medmnist_phantom/chest", "phantom-chestmnist"),
        ("organ_3d", "medmnist/organ_3d:3.0.0", "organmnist3d"),
        ("OrganMNIST3D", "medmnist/organ_3d:3.0.0", "organmnist3d"),
        ("organmnist3d_64", "medmnist/organ_3d_64:3.0.0", "organmnist3d_64"),
    ],
)
def test_parse_reads_names_as_tfds_does(name, tfds_name, flag):
    variant = catalog.parse(name)
    assert (variant.tfds_name, variant.flag) == (tfds_name, flag)
    assert catalog.from_flag(flag).flag == flag


@pytest.mark.parametrize("name", catalog.DATASETS)
def test_every_name_of_a_dataset_is_understood_and_ours_is_given_back(name):
    """Names of the paper and of the official package, in any case and any place."""
    dataset = catalog.DATASETS[name]
    assert dataset.paper_name in dataset.aliases
    names = [alias.lower() for alias in dataset.aliases]
    assert len(set(names)) == len(names)
    assert {release.flag for release in dataset.releases.values()} < {*names}
    version = "1.0.0" if name in TABLE_1 else "3.0.0"
    for alias in dataset.aliases:
        for asked in (alias, alias.lower(), alias.upper()):
            assert catalog.DATASETS[asked] is dataset
            assert catalog.variant(asked).dataset is dataset
            assert catalog.from_flag(asked).dataset is dataset
            assert catalog.parse(asked).tfds_name == f"medmnist/{name}:{version}"
            assert catalog.parse(f"{asked}_64") == catalog.parse(f"{name}_64")
            assert catalog.parse(f"medmnist/{asked}:3.0.0").config == name
            phantom = catalog.parse(f"medmnist_phantom/{asked}")
            assert phantom.tfds_name == f"medmnist_phantom/{name}"
            assert catalog.from_flag(f"phantom-{asked}").tfds_name == phantom.tfds_name


def test_the_datasets_are_keyed_by_our_names():
    assert list(catalog.DATASETS)[:10] == list(TABLE_1)
    with pytest.raises(KeyError, match="no dataset 'brest'.*mean 'breast'"):
        catalog.DATASETS["brest"]


@pytest.mark.parametrize("task", catalog.Task)
def test_a_task_is_found_by_its_name_and_its_official_one(task):
    for name in (task.name, task.name.lower(), task.value, task.value.upper()):
        assert catalog.Task(name) is task


def test_a_mistyped_name_is_answered_without_the_seconds_of_tensorflows_import():
    script = (
        "import sys\n"
        "from medmnist_tfds import catalog\n"
        "try: catalog.parse('blod')\n"
        "except ValueError as error: print(error)\n"
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True
    )
    said, has_tensorflow = done.stdout.splitlines()
    assert "no dataset 'blod'" in said and "retina, breast" in said
    assert has_tensorflow == "False"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dermma", "Did you mean 'derma'"),
        ("medmnist/brest", "no dataset 'brest'.*Did you mean 'breast'"),
        ("organmnist", "mean 'organ_axial' or 'organ_coronal' or 'organ_sagittal'"),
        ("CellMNIST", "no dataset 'CellMNIST'.*synapse_3d.$"),
        ("organ3d", "Did you mean 'organ_3d'"),
        ("organ_3d_128", r"no volumes of size 128. Expected one of \[28, 64\].$"),
        ("organ_3d:1.0.0", "no release '1.0.0'"),
        ("breastmnist_65", "Release 3.0.0 of breast has no images of size 65"),
        ("Derma!", "is no dataset name"),
        ("derma:2.0.0", "no release '2.0.0'"),
        ("derma_224:1.0.0", "no images of size 224"),
        ("derma_65", "no images of size 65"),
        ("medmnist_phantom/derma_64", "phantom data have neither"),
    ],
)
def test_parse_refuses_what_does_not_exist(name, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        catalog.parse(name)


def test_mirror_images_are_allowed_where_no_class_is_a_side_and_for_a_reason():
    for name, dataset in catalog.DATASETS.items():
        ways = list(records.MIRRORS)[: dataset.dimensions]
        assert ways == ["horizontal", "vertical", "depth"][: dataset.dimensions]
        assert set(dataset.mirrors) <= set(ways)
        assert len(set(dataset.mirrors)) == len(dataset.mirrors)
        assert len(dataset.mirrors_reason.split()) >= 5
        has_sides = any("left" in label.lower() for label in dataset.labels)
        assert has_sides == name.startswith("organ_")
        assert not (has_sides and dataset.mirrors)


def test_a_phantom_is_called_one_wherever_it_is_named():
    variant = catalog.parse("derma", phantom=True)
    for name in (variant.tfds_name, variant.flag, variant.title):
        assert "phantom" in name.lower()


@pytest.mark.parametrize("name", catalog.DATASETS)
def test_releases_that_share_a_flag_are_the_same_file(name):
    first, *others = catalog.DATASETS[name].releases.values()
    for release in others:
        if release.flag == first.flag:
            assert release.files[28].md5 == first.files[28].md5
            assert release.splits == first.splits
