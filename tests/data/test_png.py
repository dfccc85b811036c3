"""PNG files, read back by two independent decoders."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from medmnist_tfds.data import png


@pytest.mark.parametrize("size", [28, 64, 224])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_come_back(size, channels):
    shape = (3, size, size, channels)
    images = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    files = list(png.encode(images))
    assert len(files) == 3
    for image, file in zip(images, files, strict=True):
        with Image.open(io.BytesIO(file)) as opened:
            opened.verify()  # checksums of all chunks
        pillow = np.asarray(Image.open(io.BytesIO(file))).reshape(image.shape)
        np.testing.assert_array_equal(pillow, image)
        np.testing.assert_array_equal(tf.io.decode_png(file), image)


def test_large_images_are_compressed():
    (file,) = png.encode(np.zeros((1, 224, 224, 3), np.uint8))
    assert len(file) < 224 * 224
