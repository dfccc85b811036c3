"""Builds the distributions, and runs the tests where they find only what is installed.

`python tests/outside.py FOLDER PYTEST-ARGUMENTS...` (`make test-wheel`) makes a new
environment in FOLDER, installs the wheel that was built from the source distribution,
and runs the tests of that distribution there, its packages removed. Never writes into
the working tree.
"""

import pathlib
import shutil
import subprocess
import sys
import tarfile

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("medmnist_tfds", "models", "train", "decathlon")  # at the top of the tree
# In `medmnist==3.0.2` only the evaluator is used, an oracle: not what it depends on.
ORACLES = ("medmnist==3.0.2", "ACSConv==0.1.1")
# Of tests that are about the source files, or build from them.
needs_packages = pytest.mark.skipif(
    not all((ROOT / package).is_dir() for package in PACKAGES),
    reason="no package beside the tests",
)
_LEFT = (
    *(".git", ".venv*", ".*_cache", "__pycache__", "*.egg-info"),
    *("build", "dist", "runs", "site"),
)


def build(folder: pathlib.Path, *options: str) -> tuple[pathlib.Path, pathlib.Path]:
    """The paths of the source distribution, and of the wheel that was built from it.

    Args:
      folder: where they lie then.
      *options: of `python -m build`.
    """
    copy = folder / "copy"
    # setuptools would take in what an earlier SOURCES.txt names.
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*_LEFT))
    command = [sys.executable, "-m", "build", *options, copy, "--outdir", folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(copy)
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


def unpack(source: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The folder of an unpacked source distribution, without the packages."""
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
    unpacked = folder / source.name.removesuffix(".tar.gz")
    for package in PACKAGES:
        shutil.rmtree(unpacked / package)
    return unpacked


def install(wheel: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The Python of a new environment in which the wheel and its tests' needs are."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    python = folder / "bin/python"
    pip = [python, "-m", "pip", "install", "--quiet"]
    if subprocess.run([*pip, "uv"]).returncode == 0:  # seconds, not minutes
        pip = [python, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    subprocess.run([*pip, f"{wheel}[test]"], check=True)
    subprocess.run([*pip, "--no-deps", *ORACLES], check=True)
    return python


def main(folder: str, *arguments: str) -> int:
    """Builds, installs and tests in a folder that is emptied before."""
    place = pathlib.Path(folder).resolve()
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    source, wheel = build(place)
    python = install(wheel, place / "environment")
    tests = unpack(source, place)
    return subprocess.run([python, "-m", "pytest", *arguments], cwd=tests).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
