"""TFDS's CroissantBuilder reads the arrays that we wrote: in `make test-croissant`.

It works by Apache Beam, which wants other libraries than those that we are tested with.
"""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from medmnist_tfds.data import arrays, catalog, croissant
from medmnist_tfds.data.medmnist_phantom import medmnist_phantom_dataset_builder

pytest.importorskip("apache_beam", reason="CroissantBuilder wants Apache Beam")
pytest.importorskip("mlcroissant")


def check_round_trip(variant: catalog.Variant, folder):
    *_, path = croissant.write(variant, folder / "croissant.json", with_data=True)
    builder = tfds.dataset_builders.CroissantBuilder(
        jsonld=path, data_dir=folder / "tfds", disable_shuffling=True
    )
    builder.download_and_prepare()
    assert set(builder.info.splits) == set(catalog.SPLITS)
    source = arrays.find(variant)
    for split in catalog.SPLITS:
        examples = list(builder.as_dataset(split=split).as_numpy_iterator())
        images, labels, index = (
            np.stack([example[name] for example in examples])
            for name in ("image", "label", "index")
        )
        expected = source.images(split)
        if variant.dataset.form == "volumes":
            expected = expected[..., 0]
        else:  # the builder makes every picture RGB: grey in three equal channels
            expected = np.broadcast_to(expected, (*expected.shape[:-1], 3))
        np.testing.assert_array_equal(images, expected, strict=True)
        labels = labels.reshape(len(labels), -1)
        np.testing.assert_array_equal(labels, source.labels(split))
        np.testing.assert_array_equal(index, np.arange(len(expected)))


@pytest.mark.parametrize("name", ["derma", "retina", "chest", "vessel_3d"])
def test_the_builder_reads_the_same_arrays(name, tmp_path, monkeypatch):
    variant = catalog.variant(name, phantom=True)
    few = {split: variant.dataset.num_labels + 1 for split in catalog.SPLITS}
    monkeypatch.setattr(medmnist_phantom_dataset_builder, "SPLITS", few)
    check_round_trip(variant, tmp_path)


def test_the_builder_reads_the_official_arrays(official_root, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMNIST_ROOT", str(official_root))
    check_round_trip(catalog.variant("breast"), tmp_path)
