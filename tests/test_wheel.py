"""The wheel, in a fresh environment without the source tree, loads a dataset.

`make test-wheel` runs the tests on it, with its own dependencies.
"""

import os
import pathlib
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile

import outside
import pytest

pytestmark = outside.needs_packages


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[pathlib.Path, pathlib.Path]:
    """Source distribution and wheel."""
    return outside.build(tmp_path_factory.mktemp("built"), "--no-isolation")


@pytest.fixture(scope="module")
def source(built) -> pathlib.Path:
    return built[0]


@pytest.fixture(scope="module")
def wheel(built) -> pathlib.Path:
    return built[1]


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


def test_the_source_distribution_holds_what_the_repository_holds(source):
    if not (outside.ROOT / ".git").exists():
        pytest.skip("what a repository tracks is known in a repository alone")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    given = dict(cwd=outside.ROOT, capture_output=True, text=True)
    listed = subprocess.run(command, check=True, **given)
    tracked = set(listed.stdout.splitlines())
    with tarfile.open(source) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
        files = [m for m in archive.getmembers() if m.isfile()]
    assert tracked - set(names) <= {".gitignore"}
    made = {f.name.partition("/")[2] for f in files} - tracked
    assert {name for name in made if ".egg-info/" not in name} == {"PKG-INFO"}


def test_tests_run_in_the_source_distribution_without_its_packages(source, tmp_path):
    tests = outside.unpack(source, tmp_path)
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-q"]
    done = subprocess.run(
        [*command, "tests/test_rooms.py", "tests/test_release.py"],
        cwd=tests,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "no package beside the tests" in done.stdout  # those of the rooms skip


@pytest.mark.slow
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
