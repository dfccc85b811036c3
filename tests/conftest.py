"""What tests share: prepared phantom data, and the user's official files if any."""

import os
import pathlib

import pytest

# Read before any test changes the environment.
_PLACES = [os.environ.get("MEDMNIST_ROOT"), "~/.medmnist"]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def official_root() -> pathlib.Path:
    """The folder with the official breast and retina files; skips where none is."""
    for place in filter(None, _PLACES):
        folder = pathlib.Path(place).expanduser()
        if all((folder / f"{n}mnist.npz").exists() for n in ("breast", "retina")):
            return folder
    pytest.skip("no official breastmnist.npz and retinamnist.npz in MEDMNIST_ROOT")


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> pathlib.Path:
    """A folder for TFDS's prepared data, kept for the whole session."""
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture(scope="session")
def phantom(data_dir):
    """A function from a dataset's name to its prepared phantom builder."""
    import tensorflow_datasets as tfds

    import medmnist_tfds  # noqa: F401

    def prepared(name: str):
        builder = tfds.builder(f"medmnist_phantom/{name}", data_dir=data_dir)
        builder.download_and_prepare()
        return builder

    return prepared
