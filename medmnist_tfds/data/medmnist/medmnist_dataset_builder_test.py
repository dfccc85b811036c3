"""TFDS's own test case for the builder `medmnist`, on files of the official form."""

import dataclasses
import hashlib
import pathlib
import types
from unittest import mock

import tensorflow_datasets as tfds

from medmnist_tfds.data import catalog
from medmnist_tfds.data.medmnist import medmnist_dataset_builder

DUMMY = pathlib.Path(__file__).parent / "dummy_data"
SPLITS = {"train": 3, "val": 2, "test": 2}


def dummy_catalog() -> dict[str, catalog.Dataset]:
    """The catalog, with the counts and checksums of the dummy files."""
    md5s = {p.name: hashlib.md5(p.read_bytes()).hexdigest() for p in DUMMY.iterdir()}

    def small(release: catalog.Release) -> catalog.Release:
        files = {
            size: dataclasses.replace(file, md5=md5s.get(file.name, file.md5))
            for size, file in release.files.items()
        }
        return dataclasses.replace(
            release, splits=SPLITS, files=types.MappingProxyType(files)
        )

    return {
        name: dataclasses.replace(
            dataset, releases={v: small(r) for v, r in dataset.releases.items()}
        )
        for name, dataset in catalog.DATASETS.items()
    }


class BuilderTest(tfds.testing.DatasetBuilderTestCase):
    """One config of each kind: binary, multi-label, RGB, a larger size and volumes."""

    DATASET_CLASS = medmnist_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["breast", "chest", "derma", "derma_64", "vessel_3d"]
    SPLITS = SPLITS

    def setUp(self):
        patch = mock.patch.object(catalog, "DATASETS", dummy_catalog())
        patch.start()
        self.addCleanup(patch.stop)
        place = mock.patch.dict("os.environ", MEDMNIST_ROOT=str(DUMMY))
        place.start()
        self.addCleanup(place.stop)
        super().setUp()


class CurrentReleaseTest(BuilderTest):
    """The same in release 3.0.0."""

    VERSION = "3.0.0"


if __name__ == "__main__":
    tfds.testing.test_main()
