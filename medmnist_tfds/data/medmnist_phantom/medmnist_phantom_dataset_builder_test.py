"""TFDS's own test case for the builder `medmnist_phantom`, which needs no files."""

import pytest
import tensorflow_datasets as tfds

from medmnist_tfds.data.medmnist_phantom import (
    medmnist_phantom_dataset_builder as phantom,
)


@pytest.mark.slow  # writes all eighteen, several times
class BuilderTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = phantom.Builder
    SPLITS = phantom.SPLITS
    EXAMPLE_DIR = "."  # there are no files to bring


if __name__ == "__main__":
    tfds.testing.test_main()
