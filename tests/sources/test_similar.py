"""All pairs against the plain way, in float64, under each of the eight symmetries."""

import drawn_pairs as drawn
import numpy as np
import pytest

from medmnist_tfds.sources import similar, symmetries


def brute_force(images: np.ndarray) -> np.ndarray:
    """(examples, examples): the largest correlation of the eight, by NumPy alone."""
    found = []
    for is_transposed in (False, True):
        turned = images.swapaxes(1, 2) if is_transposed else images
        for quarters in range(4):
            both = [images, np.rot90(turned, quarters, axes=(1, 2))]
            flat = [each.reshape(len(images), -1) for each in both]
            whole = np.corrcoef(*flat)
            found.append(whole[: len(images), len(images) :])
    return np.max(found, axis=0)


def alike(size: int, channels: int) -> np.ndarray:
    """60 images, of which half are another one, turned, with more or less noise."""
    rng = np.random.default_rng(1)
    first = drawn.images(30, size=size, channels=channels).astype(float)
    turns = list(symmetries.SYMMETRIES.values())
    others = [
        turns[number % 8](first[number : number + 1])
        + rng.normal(0, number / 5, (1, size, size, channels))
        for number in range(30)
    ]
    every = np.concatenate([first, *others]).round().clip(0, 255).astype(np.uint8)
    return every[rng.permutation(60)]


@pytest.mark.parametrize(
    ("size", "channels"), [(28, 1), (28, 3), (9, 1), (40, 1), (64, 3)]
)
def test_all_pairs_and_nearest_neighbours_are_those_of_the_plain_way(
    monkeypatch, size, channels
):
    monkeypatch.setattr(similar, "_ROWS", 7)  # many blocks, the last ones smaller
    monkeypatch.setattr(similar, "_AT_ONCE", 11)
    images = alike(size, channels)
    expected = brute_force(images)
    found = similar.search(lambda: [images[:25], images[25:]], examples=60)
    first, second = np.nonzero(np.triu(expected >= similar.FLOOR, 1))
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    named = found.pairs[["first", "second"]].tolist()
    assert len(named) == len(pairs) > 10 and set(named) == pairs
    by_pair = expected[found.pairs["first"], found.pairs["second"]]
    np.testing.assert_allclose(found.pairs["similarity"], by_pair, atol=1e-12)
    assert len(set(found.pairs["symmetry"])) >= 7
    np.fill_diagonal(expected, -1)
    nearest = expected.max(axis=1)
    is_near = nearest >= similar.FLOOR
    np.testing.assert_allclose(found.nearest[is_near], nearest[is_near], atol=1e-7)
    assert found.is_bound == (size > symmetries.HIGHEST)
    if found.is_bound:
        assert (found.nearest > nearest - 1e-6).all()
        assert found.nearest[~is_near] == pytest.approx(nearest[~is_near], abs=0.1)
    else:
        np.testing.assert_allclose(found.nearest, nearest, atol=1e-6)
        np.testing.assert_array_equal(found.neighbour, expected.argmax(axis=1))


@pytest.mark.parametrize("name", symmetries.SYMMETRIES)
def test_each_symmetry_is_named_and_lays_the_second_image_upon_the_first(name):
    turn = symmetries.SYMMETRIES[name]
    images = drawn.images(2)
    # Eight steps at most lead back.
    turned = images[:1]
    while not (turn(turned) == images[:1]).all():
        turned = turn(turned)
    both = np.concatenate([images[:1], turned, images[1:]])
    (pair,) = similar.search(lambda: [both], examples=3).pairs
    assert pair["is_exact"] and pair["similarity"] == 1
    assert list(symmetries.SYMMETRIES)[pair["symmetry"]] == name
    assert (turn(both[1:2])[0] == both[0]).all()


def test_a_turn_to_the_right_is_one_of_clock_hands():
    corner = np.zeros((1, 5, 5, 1), np.uint8)
    corner[0, 0, 0] = 1  # above on the left
    assert symmetries.SYMMETRIES["turned right"](corner)[0, 0, -1] == 1
    assert symmetries.SYMMETRIES["turned left"](corner)[0, -1, 0] == 1


def test_images_of_one_grey_are_alike_but_the_same_pixels_only_of_the_same_grey():
    images = np.concatenate([np.full((1, 28, 28, 1), grey) for grey in (7, 9, 7)])
    images = np.concatenate([images.astype(np.uint8), drawn.images(3)])
    found = similar.search(lambda: [images], examples=6)
    pairs = {(p["first"], p["second"]): bool(p["is_exact"]) for p in found.pairs}
    assert pairs == {(0, 2): True, (0, 1): False, (1, 2): False}
    assert found.pairs["similarity"].min() > 1 - 1e-12


@pytest.mark.parametrize("most", [20, 500])
def test_of_too_many_pairs_the_most_similar_are_kept_and_the_floor_says_so(
    monkeypatch, most
):
    monkeypatch.setattr(similar, "_ROWS", 8)
    monkeypatch.setattr(similar, "MOST_PAIRS", most)
    rng = np.random.default_rng(0)
    image = drawn.images(1).astype(float)
    noise = rng.normal(0, 1, (40, 28, 28, 1)) * np.linspace(0.5, 6, 40).reshape(
        -1, 1, 1, 1
    )
    images = (image + noise).round().clip(0, 255).astype(np.uint8)
    found = similar.search(lambda: [images], examples=40)
    every = np.sort(brute_force(images)[np.triu_indices(40, 1)])[::-1]
    assert (every > similar.FLOOR).sum() > most
    assert len(found.pairs) == most
    kept = len(found.pairs)
    np.testing.assert_allclose(found.pairs["similarity"], every[:kept], atol=1e-12)
    assert found.is_cut and found.floor == found.pairs["similarity"].min()


def test_of_too_many_equal_images_some_pairs_are_kept(monkeypatch):
    monkeypatch.setattr(similar, "MOST_PAIRS", 5)
    monkeypatch.setattr(similar, "_ROWS", 4)
    images = np.repeat(drawn.images(1), 12, axis=0)
    found = similar.search(lambda: [images], examples=12)
    assert len(found.pairs) == 5 and found.is_cut and found.pairs["is_exact"].all()


def test_one_image_has_no_neighbour():
    found = similar.search(lambda: [drawn.images(1)], examples=1)
    assert found.nearest.tolist() == [-1] and not len(found.pairs)
