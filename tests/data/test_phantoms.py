"""The phantoms as arrays, of all eighteen datasets: what is drawn, and drawn again."""

import functools

import numpy as np
import pytest
from sklearn import linear_model, metrics, pipeline, preprocessing

from medmnist_tfds.data import catalog
from medmnist_tfds.data.medmnist_phantom import images, solids
from medmnist_tfds.process import errors

# What tells 40 test images and their labels from others, see `print_of`, since version
# 3.0.0: drawn otherwise they want a new one, or prepared data of both kinds get mixed.
PRINTS = {
    "path": (-1123.5, 17.6),
    "chest": (139.0, -13.6),
    "derma": (2135.2, -6.0),
    "oct": (-2063.2, -2.0),
    "pneumonia": (-658.9, 0.1),
    "retina": (1767.7, 6.4),
    "breast": (-1423.1, -2.9),
    "organ_axial": (-137.4, -16.0),
    "organ_coronal": (-243.0, 8.7),
    "organ_sagittal": (745.2, 24.5),
    "blood": (856.3, 15.6),
    "tissue": (268.1, -9.0),
    "organ_3d": (2742.5, 23.4),
    "nodule_3d": (5989.3, -3.7),
    "adrenal_3d": (-10984.3, 1.1),
    "fracture_3d": (-3978.8, 2.9),
    "vessel_3d": (7493.6, -0.5),
    "synapse_3d": (730.3, 1.6),
}


@functools.cache
def draw(name: str, split: str = "test", examples: int = 40):
    return images.generate(catalog.DATASETS[name], split=split, examples=examples)


@pytest.mark.parametrize("name", catalog.DATASETS)
def test_what_is_drawn_has_the_shape_of_the_real_data_and_every_label(name):
    dataset = catalog.DATASETS[name]
    shape = catalog.parse(name, phantom=True).image_shape
    for split in catalog.SPLITS:
        drawn, labels = draw(name, split)
        assert drawn.shape == (40, *shape) and drawn.dtype == np.uint8
        assert labels.shape == (40, dataset.label_columns) and labels.dtype == np.uint8
        if dataset.task is not catalog.Task.MULTILABEL:
            assert set(labels[:, 0]) == set(range(dataset.num_labels))


@pytest.mark.parametrize("name", catalog.DATASETS)
def test_no_image_is_drawn_twice_but_each_is_the_same_again(name):
    drawn = {split: draw(name, split) for split in catalog.SPLITS}
    every = [image.tobytes() for split in drawn.values() for image in split[0]]
    assert len(set(every)) == len(every) == 3 * 40
    again = draw.__wrapped__(name, "val")
    for one, other in zip(drawn["val"], again, strict=True):
        np.testing.assert_array_equal(one, other)


def print_of(values: np.ndarray) -> float:
    """Sum that a change of any value, or of their order, moves as much as itself."""
    return np.dot(np.cos(np.arange(values.size)), values.ravel())


@pytest.mark.parametrize("name", catalog.DATASETS)
def test_what_is_prepared_already_is_drawn_as_it_was(name):
    # Another machine may round ten pixels otherwise, or two voxels of a mask.
    rounding = 2 * 255 if is_mask(name) else 10
    for values, known, most in zip(
        draw(name), PRINTS[name], (rounding, 1), strict=True
    ):
        assert abs(print_of(values) - known) < most


def is_mask(name: str) -> bool:
    return catalog.DATASETS[name].modality.startswith("Shape")


@pytest.mark.parametrize("name", catalog.DATASETS)
def test_masks_are_of_two_values_and_exposures_of_many(name):
    values = np.unique(draw(name)[0])
    assert values.tolist() == [0, 255] if is_mask(name) else len(values) > 100


def seen(drawn: np.ndarray) -> np.ndarray:
    """(examples, features): coarse pixels, and how grey levels spread in rings."""
    count, *sides, channels = drawn.shape
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in sides))
    ring = np.minimum(4 * np.sqrt(sum(axis**2 for axis in axes)), 4).astype(int)
    features = []
    for channel in np.moveaxis(drawn / 255, -1, 0):
        rings = [channel[:, ring == each] for each in range(5)]
        features += [level for each in rings for level in (each.mean(1), each.std(1))]
        features += list(np.quantile(channel.reshape(count, -1), (0.1, 0.9), axis=1))
        for axis in range(1, 1 + len(sides)):
            shape = (*channel.shape[:axis], 4, -1, *channel.shape[axis + 1 :])
            channel = channel.reshape(shape).mean(axis + 1)
        features += list(channel.reshape(count, -1).T)
    return np.stack(features, axis=1)


SINGLE = [n for n, d in catalog.DATASETS.items() if d.label_columns == 1]


@pytest.mark.parametrize("name", SINGLE)
def test_a_simple_model_learns_something_but_not_everything(name):
    train, test = (draw.__wrapped__(name, split, 200) for split in ("train", "test"))
    model = pipeline.make_pipeline(
        preprocessing.StandardScaler(),
        linear_model.LogisticRegression(C=0.01, max_iter=300),
    )
    model.fit(seen(train[0]), train[1][:, 0])
    targets = np.eye(catalog.DATASETS[name].num_labels)[test[1][:, 0]]
    auc = metrics.roc_auc_score(targets, model.predict_proba(seen(test[0])))
    assert 0.65 < auc < 0.98


def test_a_split_that_is_none_and_too_few_examples_are_refused():
    with pytest.raises(errors.MedMNISTError, match="no split 'dev'.*train, val, test"):
        draw("nodule_3d", "dev")
    with pytest.raises(errors.MedMNISTError, match="at least 11, one for each label"):
        draw("organ_3d", examples=10)


def test_an_ellipsoid_fills_its_volume_however_it_is_turned():
    place = solids.turned(np.random.default_rng(0), 5)
    radii = 0.3, 0.5, 0.7
    for spot in (solids.GRID, place):
        solid = solids.ellipsoid(spot, (0, 0, 0), radii, sharpness=50)
        volume = solid.sum(axis=(-3, -2, -1)) * (2 / 27) ** 3
        np.testing.assert_allclose(volume, 4 / 3 * np.pi * np.prod(radii), rtol=0.05)
    distances = solids.length(*solids.GRID)
    np.testing.assert_allclose(solids.length(*place[:, 0]), distances)
    middles = (solids.turned(np.random.default_rng(0), 500) > 0)[..., 0, 0, 0]
    assert (abs(middles.mean(axis=1) - 0.5) < 0.1).all()  # no side comes more often


def test_grains_of_noise_are_alike_along_all_three_axes():
    fine, coarse = (solids.noise(np.random.default_rng(0), 9, g) for g in (0.6, 3))
    for noise, least, most in ((fine, 0.3, 0.6), (coarse, 0.95, 0.99)):
        assert noise.shape == (9, 28, 28, 28) and abs(noise.std() - 1) < 0.1
        for axis in (1, 2, 3):
            one = noise.take(range(27), axis).ravel()
            other = noise.take(range(1, 28), axis).ravel()
            assert least < np.corrcoef(one, other)[0, 1] < most
