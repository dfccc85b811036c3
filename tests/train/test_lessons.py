"""Training batches as a recipe changes them: soft targets, members, mirrors."""

import numpy as np
import pytest

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.train import Recipe, lessons

LABELS = {"breast": [0, 1, 1, 0], "derma": [6, 0, 3, 2], "retina": [4, 1, 0, 2]}
ROWS = np.arange(4, dtype=np.uint8)  # each image is of its row's number


def batch(name: str, *, images=None, labels=None, **settings):
    """Images and targets of the first batch: all four examples, in the seed's order."""
    variant = catalog.parse(name)
    if images is None:
        images = np.broadcast_to(ROWS[:, None, None, None], (4, 28, 28, 1))
    labels = np.array(LABELS[name] if labels is None else labels)
    split = pipeline.Split.from_arrays(images, labels, name="train")
    recipe = Recipe(batch_size=len(images), **settings)
    drawn = lessons.batches(split, variant=variant, recipe=recipe, seed=0)
    return next(iter(drawn.as_numpy_iterator()))


@pytest.mark.parametrize("name", LABELS)
def test_smoothing_gives_each_class_an_even_part_of_each_label(name):
    images, targets = batch(name, label_smoothing=0.2)
    count = catalog.DATASETS[name].num_labels
    assert targets.dtype == np.float32 and targets.shape == (4, count)
    for row, target in zip(images[:, 0, 0, 0], targets, strict=True):
        wanted = np.full(count, 0.2 / count)
        wanted[LABELS[name][row]] += 0.8
        np.testing.assert_allclose(target, wanted, rtol=1e-6)


def test_smoothing_draws_labels_that_are_there_or_not_towards_a_half():
    labels = np.random.default_rng(0).integers(2, size=(4, 14), dtype=np.uint8)
    images, targets = batch("chest", labels=labels, label_smoothing=0.2)
    wanted = labels[images[:, 0, 0, 0]] * 0.8 + 0.1
    np.testing.assert_allclose(targets, wanted, rtol=1e-6)


@pytest.mark.parametrize("name", ["derma", "chest"])
def test_each_member_learns_from_the_same_targets(name):
    labels = np.eye(4, 14, dtype=np.uint8) if name == "chest" else None
    options = {"labels": labels, "label_smoothing": 0.1}
    _, alone = batch(name, **options)
    _, shared = batch(name, model="resnet10+resnet18+efficientnet", **options)
    assert shared.shape == (4, 3, catalog.DATASETS[name].num_labels)
    for member in range(3):
        np.testing.assert_array_equal(shared[:, member], alone)


def test_labels_stay_numbers_where_nothing_softens_them():
    images, labels = batch("derma")
    assert labels.dtype.kind == "i"
    assert labels.tolist() == [LABELS["derma"][row] for row in images[:, 0, 0, 0]]
    assert not lessons.are_soft(Recipe())
    assert lessons.are_soft(Recipe(model="resnet10+efficientnet"))
    _, hard = batch("derma", model="resnet10+efficientnet")
    np.testing.assert_array_equal(hard[:, 0], np.eye(7)[labels])


@pytest.mark.parametrize(
    ("name", "sides"), [("organ_axial", 1), ("breast", 2), ("path", 4)]
)
def test_light_augmentation_mirrors_as_the_dataset_allows(name, sides):
    images = np.zeros((64, 28, 28, 1), np.uint8)
    images[:, 3:11, 17:25] = 200  # above, at the right
    found, _ = batch(name, images=images, labels=np.zeros(64, int), augment="light")
    assert len({image.tobytes() for image in found}) == 64
    halves = found.reshape(64, 2, 14, 2, 14).mean(axis=(2, 4)).reshape(64, 4)
    assert len(set(halves.argmax(axis=1))) == sides


def test_a_run_that_goes_on_meets_the_batches_it_would_have_met():
    images = np.random.default_rng(0).integers(256, size=(12, 28, 28, 1))
    split = pipeline.Split.from_arrays(
        images.astype(np.uint8), np.arange(12) % 2, name="train"
    )
    recipe = Recipe(batch_size=4, augment="light", label_smoothing=0.1)
    options = {"variant": catalog.parse("breast"), "recipe": recipe, "seed": 3}
    whole = lessons.batches(split, **options).take(6).as_numpy_iterator()
    late = lessons.batches(split, first_step=4, **options).take(2).as_numpy_iterator()
    for found, expected in zip(late, list(whole)[4:], strict=True):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
