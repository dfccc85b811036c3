"""The wheel, in a fresh environment without the source tree, loads a dataset."""

import pathlib
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import pytest

SOURCE = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> pathlib.Path:
    """Built from a copy, so that the source tree stays as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    unwanted = shutil.ignore_patterns(
        ".*", "build", "*.egg-info", "runs", "__pycache__"
    )
    shutil.copytree(SOURCE, folder / "source", ignore=unwanted)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    subprocess.run([*command, folder / "source", "--outdir", folder], check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_only_the_package_itself_stands_in_site_packages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"medmnist_tfds"}
    for builder in ("medmnist", "medmnist_phantom", "medmnist_rebuilt"):
        for file in ("CITATIONS.bib", "TAGS.txt", "README.md"):
            assert f"medmnist_tfds/data/{builder}/{file}" in names
    for file in (
        *("data/catalog.json", "models/resnet.py", "train/run.py"),
        *("sources/archives.json", "sources/shipped/breast.csv"),
        "models/efficientnet_lite0.npz",
    ):
        assert f"medmnist_tfds/{file}" in names


def test_a_phantom_loads_from_the_wheel_alone(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    # The dependencies of this environment, but none of its .pth files: not our source.
    site = next((tmp_path / "venv").rglob("site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", wheel]
    subprocess.run(install, check=True)
    script = (
        "import tensorflow_datasets as tfds, medmnist_tfds, medmnist_tfds.models as m\n"
        "import medmnist_tfds.train\n"
        "data = tfds.load('medmnist_phantom/derma', split='val', data_dir='data')\n"
        "info = tfds.builder('medmnist_phantom/derma', data_dir='data').info\n"
        "print(medmnist_tfds.__file__, m.__file__, len(data), len(info.citation))"
    )
    done = subprocess.run(
        [python, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    package, models, examples, citation = done.stdout.split()[-4:]
    assert package == str(site / "medmnist_tfds/__init__.py")
    assert models == str(site / "medmnist_tfds/models/__init__.py")
    assert examples == "200" and int(citation) > 100
