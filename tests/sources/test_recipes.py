"""The steps from a source to a small image, one by one."""

import numpy as np
import official_form
import pytest
from PIL import Image

from medmnist_tfds.sources import recipes


@pytest.mark.parametrize(
    "size, box",
    # Python rounds half to the even number: 0.5 to 0, 1.5 to 2.
    [((11, 10), (0, 0)), ((13, 10), (2, 0)), ((10, 15), (0, 2)), ((10, 10), (0, 0))],
)
def test_the_centred_square_starts_where_pythons_rounding_says(size, box):
    pixels = np.arange(size[0] * size[1], dtype=np.uint8).reshape(size[::-1])
    square = np.asarray(recipes.centred_square(Image.fromarray(pixels)))
    assert square.shape == (10, 10) and square[0, 0] == pixels[box[1], box[0]]


def test_grey_levels_are_rounded_or_cut():
    image = Image.fromarray(np.array([[[177, 175, 175], [3, 3, 3]]], np.uint8))
    assert np.asarray(recipes.cut_grey(image)).tolist() == [[175, 3]]
    assert np.asarray(image.convert("L")).tolist() == [[176, 3]]
    grey = Image.fromarray(np.array([[7, 200]], np.uint8))
    assert np.asarray(recipes.cut_grey(grey)).tolist() == [[7, 200]]


@pytest.mark.parametrize("mode, shape", [("L", (28, 28)), ("RGB", (28, 28, 3))])
@pytest.mark.parametrize("source", ["L", "RGB", "RGBA", "P", "1"])
def test_any_kind_of_image_becomes_a_small_one(mode, shape, source):
    image = Image.new("RGB", (60, 41), (200, 30, 90)).convert(source)
    for grey in ("cut", "rounded"):
        small = recipes.Recipe(mode=mode, grey=grey, jpeg=75)(image, 28)
        assert small.shape == shape and small.dtype == np.uint8


def test_a_recipe_that_cannot_be_is_refused():
    with official_form.refused("filter is 'sharp'", "Expected one of"):
        recipes.Recipe(filter="sharp")
    with official_form.refused("crop is 'left'", "centre, none"):
        recipes.Recipe(crop="left")
