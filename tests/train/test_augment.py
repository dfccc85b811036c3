"""Augmentations of training batches, against SciPy and by hand."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from medmnist_tfds.data import pipeline, records
from medmnist_tfds.train import augment, moving

SEED = tf.constant([3, 7], tf.int64)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(16, 28, 28, 3), dtype=np.uint8)


def test_translated_images_are_shifted_ones(images):
    moved = augment.translate(2)(tf.constant(images), SEED)
    assert moved.dtype == tf.uint8 and moved.shape == images.shape
    offsets = set()
    for before, after in zip(images, moved.numpy(), strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)))
        fits = [
            (row, column)
            for row in range(5)
            for column in range(5)
            if (padded[row : row + 28, column : column + 28] == after).all()
        ]
        offsets.update(fits)
        assert len(fits) == 1
    assert len(offsets) > 5 and {0, 4} <= {place for fit in offsets for place in fit}


def test_rotated_images_are_those_of_scipy(images):
    smooth = ndimage.gaussian_filter(images.astype(float), (0, 2, 2, 0))
    smooth = smooth.astype(np.uint8)
    turned = augment.rotate(30)(tf.constant(smooth), SEED).numpy()
    bound = np.radians(30)
    angles = tf.random.stateless_uniform((16,), SEED, -bound, bound).numpy()
    inner = np.s_[4:24, 4:24]  # corners come from outside
    for before, after, angle in zip(smooth, turned, np.degrees(angles), strict=True):
        wanted = ndimage.rotate(before, angle, axes=(0, 1), reshape=False, order=1)
        assert abs(after[inner].astype(int) - wanted[inner].astype(int)).max() <= 1


@pytest.mark.parametrize("fill", ["constant", "reflect"])
def test_moved_volumes_are_those_of_scipy(fill):
    shape = (6, 7, 8, 9, 2)
    volumes = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    degrees, directions = tf.constant([20.0] * 6), tf.random.normal((6, 3), seed=1)
    turns = moving.turns(degrees, directions)
    shifts = tf.random.uniform((6, 3), -2.5, 2.5, seed=2)
    found = moving.moved(tf.constant(volumes), turns, shifts, fill=fill.upper())
    assert found.dtype == tf.uint8
    mode = {"constant": "grid-constant", "reflect": "reflect"}[fill]
    centre = (np.array(shape[1:4]) - 1) / 2
    for before, after, turn, shift in zip(
        volumes, found.numpy(), turns.numpy(), shifts.numpy(), strict=True
    ):
        # SciPy's axes are those of the array: the depth first.
        turn, shift = turn[::-1, ::-1].astype(float), shift[::-1]
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
        assert np.trace(turn) == pytest.approx(1 + 2 * np.cos(np.radians(20)))
        offset = centre - turn @ centre + shift
        for channel in range(2):
            wanted = ndimage.affine_transform(
                before[..., channel].astype(float), turn, offset, order=1, mode=mode
            )
            differs = after[..., channel] - wanted
            assert differs.min() > -1.01 and differs.max() < 0.01  # cut, not rounded


def test_translated_volumes_move_along_all_three_axes():
    volumes = np.zeros((64, 7, 7, 7, 1), np.uint8)
    volumes[:, 3, 3, 3] = 255
    moved = augment.translate(1)(tf.constant(volumes), SEED).numpy()
    places = np.argwhere(moved[..., 0] == 255)[:, 1:]
    assert len(places) == 64
    assert (np.ptp(places, axis=0) == 2).all() and {*places.ravel()} == {2, 3, 4}


@pytest.mark.parametrize("mirror", ["horizontal", "vertical", "depth"])
def test_volumes_are_mirrored_along_the_axes_that_are_allowed(mirror):
    volumes = np.random.default_rng(0).integers(256, size=(32, 5, 5, 5, 1))
    volumes = volumes.astype(np.uint8)
    change = augment.affine(degrees=0, zoom=0, pixels=0, mirrors=(mirror,))
    moved = change(tf.constant(volumes), SEED).numpy()
    mirrored = np.flip(volumes, records.MIRRORS[mirror])
    axes = (1, 2, 3, 4)
    same = (moved == volumes).all(axis=axes)
    turned = (moved == mirrored).all(axis=axes)
    assert (same ^ turned).all() and 8 < turned.sum() < 24


def test_a_volume_is_turned_zoomed_moved_and_lit_as_a_whole():
    half = np.zeros((8, 9, 9, 9, 1), np.uint8)
    half[:, :4] = 100
    change = augment.affine(degrees=15, zoom=0.1, pixels=2)
    moved = change(tf.constant(half), SEED).numpy()
    assert moved.shape == half.shape and len(np.unique(moved[:, 4], axis=0)) == 8
    assert (np.abs(moved.mean(axis=(2, 3, 4)) - 100).min(axis=1) < 30).all()
    lit = augment.brightness(0.5, contrast=0)(tf.constant(half + 50), SEED).numpy()
    factors = lit.mean(axis=(1, 2, 3, 4)) / (half + 50).mean(axis=(1, 2, 3, 4))
    assert factors.min() < 0.9 and factors.max() > 1.1


@pytest.mark.parametrize("size", [28, 64])
@pytest.mark.parametrize("mirrors", [(), ("horizontal",), ("horizontal", "vertical")])
def test_turned_zoomed_moved_and_mirrored_images_are_those_of_scipy(size, mirrors):
    drawn = np.random.default_rng(0).integers(256, size=(16, size, size, 3))
    images = ndimage.gaussian_filter(drawn.astype(float), (0, 2, 2, 0))
    images = (images * 4 - 384).clip(0, 255).astype(np.uint8)  # of all brightness
    change = augment.affine(degrees=30, zoom=0.3, pixels=4, mirrors=mirrors)
    found = change(tf.constant(images), SEED).numpy()
    assert found.dtype == np.uint8 and found.shape == images.shape
    draw = tf.random.stateless_uniform((6, 16), SEED, -1.0, 1.0).numpy()
    centre, reach = (size - 1) / 2, 4 * size / 28
    signs = set()
    for before, after, numbers in zip(images, found, draw.T, strict=True):
        angle, zoom, right, down, flip_x, flip_y = numbers
        flip_x = -1 if flip_x < 0 and "horizontal" in mirrors else 1
        flip_y = -1 if flip_y < 0 and "vertical" in mirrors else 1
        signs.add((flip_x, flip_y))
        cos, sin = np.cos(angle * np.pi / 6), np.sin(angle * np.pi / 6)
        matrix = np.exp(0.3 * zoom) * np.array([[cos, sin], [-sin, cos]])
        matrix = matrix @ np.diag([flip_y, flip_x])  # of rows and columns
        offset = centre - matrix @ [centre, centre] + reach * np.array([down, right])
        for channel in range(3):
            wanted = ndimage.affine_transform(
                before[..., channel].astype(float), matrix, offset, order=1,
                mode="reflect",
            )  # fmt: skip
            assert abs(after[..., channel] - wanted).max() < 1.01  # it rounds down
    assert len(signs) == 2 ** len(mirrors)


@pytest.mark.parametrize("mirrors", [(), ("horizontal",), ("vertical",)])
def test_a_mark_changes_sides_only_where_mirrors_are_allowed(mirrors):
    images = np.zeros((32, 28, 28, 1), np.uint8)
    images[:, 3:6, 20:25] = 200
    still = augment.affine(degrees=0, zoom=0, pixels=0, mirrors=mirrors)
    found = still(tf.constant(images), SEED).numpy()
    axes = {"horizontal": 2, "vertical": 1}
    allowed = {images[0].tobytes()}
    allowed |= {np.flip(images, axes[name])[0].tobytes() for name in mirrors}
    assert {image.tobytes() for image in found} == allowed


def test_brightness_and_contrast_change_by_hand(images):
    change = augment.brightness(0.3, contrast=0.5)
    found = change(tf.constant(images), SEED).numpy()
    draw = tf.random.stateless_uniform((2, 16, 1, 1, 1), SEED, -1.0, 1.0).numpy()
    light, more = draw.reshape(2, 16)
    assert found.dtype == np.uint8 and found.shape == images.shape
    for number, image in enumerate(images.astype(float)):
        wanted = (image - image.mean()) * np.exp(0.5 * more[number])
        wanted += image.mean() * np.exp(0.3 * light[number])
        assert abs(found[number] - wanted.clip(0, 255)).max() < 0.51
    nothing = augment.brightness(0, contrast=0)(tf.constant(images), SEED)
    np.testing.assert_array_equal(nothing, images)


@pytest.mark.parametrize(
    "change",
    [
        augment.affine(degrees=9, zoom=0.1, pixels=2, mirrors=("horizontal",)),
        augment.brightness(0.2, contrast=0.2),
    ],
)
def test_a_seed_decides_what_an_image_goes_through(change, images):
    one, same = (change(tf.constant(images), SEED).numpy() for _ in range(2))
    other = change(tf.constant(images), SEED + 1).numpy()
    np.testing.assert_array_equal(one, same)
    assert all((one != other).any(axis=(1, 2, 3)))
    assert len({image.tobytes() for image in one - one[:1]}) == 16  # each its own way


def test_batches_are_augmented_by_seed_and_step_alone(images):
    split = pipeline.Split.from_arrays(images, np.arange(16), name="train")
    options = {"seed": 5, "augment": [augment.rotate(20), augment.translate(2)]}
    whole = list(split.train_batches(8, **options).take(4).as_numpy_iterator())
    late = list(
        split.train_batches(8, first_step=2, **options).take(2).as_numpy_iterator()
    )
    plain = list(split.train_batches(8, seed=5).take(4).as_numpy_iterator())
    for (found, labels), (expected, same) in zip(late, whole[2:], strict=True):
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(labels, same)
    for (changed, labels), (untouched, same) in zip(whole, plain, strict=True):
        assert (changed != untouched).any()
        np.testing.assert_array_equal(labels, same)
    # The same images come again in the second epoch, and are turned otherwise.
    first, second = (np.concatenate([x for x, _ in whole[i : i + 2]]) for i in (0, 2))
    assert not {image.tobytes() for image in first} & {i.tobytes() for i in second}
