"""MatmulGradientConv2D is Keras' Conv2D, with another way to its kernel's gradient."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from medmnist_tfds import lane
from medmnist_tfds.models import MatmulGradientConv2D, convolution, plain, resnet18


@pytest.fixture
def products(monkeypatch) -> list:
    """Shapes of the kernels whose gradients were computed by matrix products."""
    shapes, real = [], convolution._kernel_gradient

    def spy(images, upstream, shape, *rest):
        shapes.append(tuple(shape))
        return real(images, upstream, shape, *rest)

    monkeypatch.setattr(convolution, "_kernel_gradient", spy)
    return shapes


def images(side: int, dtype="bfloat16") -> tf.Tensor:
    noise = np.random.default_rng(0).normal(size=(5, side, side + 1, 6))
    return tf.cast(noise, dtype)


def layer(kind=MatmulGradientConv2D, *, side=4, **options):
    keras.utils.set_random_seed(1)
    given = {"filters": 7, "dtype": "mixed_bfloat16", "bias_initializer": "ones"}
    made = kind(**given | options)
    made.build((None, side, side + 1, 6))
    return made


def outputs_and_gradients(convolve, x, **options) -> list[np.ndarray]:
    """Outputs, and gradients of images, kernel and bias, all as float32."""
    variables = [lane.held(variable) for variable in convolve.trainable_variables]

    @tf.function
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = convolve(x, **options)
            weights = np.random.default_rng(2).normal(size=y.shape)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) * weights.astype("float32"))
        return [y, *tape.gradient(loss, [x, *variables])]

    return [tf.cast(value, tf.float32).numpy() for value in run(x)]


def near(ours, others, tolerance=2e-2):
    assert len(ours) == len(others)
    for one, other in zip(ours, others, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance * np.abs(other).max())


@pytest.mark.parametrize(
    ("side", "size"), [(1, 1), (2, 2), (4, 1), (4, 3), (7, 1), (7, 2), (7, 3), (7, 5)]
)
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_outputs_and_gradients_are_those_of_keras(
    products, side, size, padding, strides
):
    options = {"kernel_size": size, "padding": padding, "strides": strides}
    ours = layer(side=side, activation="tanh", **options)
    exact = layer(keras.layers.Conv2D, side=side, activation="tanh", **options)
    exact = outputs_and_gradients(exact, images(side))
    near(outputs_and_gradients(ours, images(side), training=True), exact)
    is_ours = padding == "valid" or strides == 1 or size == 1
    assert products == [(size, size, 6, 7)] * is_ours


def test_the_gradient_is_as_exact_as_that_of_keras(products):
    """Both against float32, of the same numbers rounded to bfloat16."""
    kinds = {"ours": MatmulGradientConv2D, "keras": keras.layers.Conv2D}
    layers = {name: layer(kind, kernel_size=3) for name, kind in kinds.items()}
    exact = layer(keras.layers.Conv2D, kernel_size=3, dtype="float32")
    rounded = tf.cast(tf.cast(exact.get_weights()[0], "bfloat16"), "float32")
    for made in [exact, *layers.values()]:
        made.set_weights([rounded, np.zeros(7)])
    gradient = outputs_and_gradients(exact, images(4, dtype="float32"))[2]
    error = {}
    for name, made in layers.items():
        ours = {"training": True} if name == "ours" else {}
        found = outputs_and_gradients(made, images(4), **ours)[2]
        error[name] = np.sqrt(np.mean((found - gradient) ** 2))
    assert products and 0 < error["ours"] < 1.1 * error["keras"]


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "float32"},
        {"side": 8},  # 8 x 9 pixels
        {"dilation_rate": 2},
        {"groups": 2, "filters": 6},
        {"kernel_size": (3, 1)},
        {"padding": "same", "strides": 2},
    ],
)
def test_the_rest_is_left_to_keras(monkeypatch, options):
    monkeypatch.setattr(convolution, "_convolve", None)
    options = {"kernel_size": 3, "padding": "same"} | options
    ours, other = layer(**options), layer(keras.layers.Conv2D, **options)
    other.set_weights(ours.get_weights())
    x = tf.cast(images(options.get("side", 4)), ours.compute_dtype)
    outputs = [tf.cast(ours(x, training=True), "float32"), tf.cast(other(x), "float32")]
    near(outputs[:1], outputs[1:], 0)


def test_inference_and_accelerators_are_left_to_keras(products, monkeypatch):
    convolve = layer(kernel_size=3)
    outputs_and_gradients(convolve, images(4), training=False)
    monkeypatch.setattr(convolution, "_has_accelerator", lambda: True)
    outputs_and_gradients(convolve, images(4), training=True)
    assert not products


def test_the_sizes_of_images_may_be_unknown(products):
    inputs = keras.Input((None, None, 6))
    model = keras.Model(inputs, layer(kernel_size=3, padding="same")(inputs))
    assert model(images(4), training=True).shape == (5, 4, 5, 7)
    assert not products


def test_xla_computes_the_same(products):
    convolve = layer(kernel_size=3, padding="same")
    compiled = tf.function(
        lambda x: outputs_and_gradients_of(convolve, x), jit_compile=True
    )
    found = [tf.cast(value, tf.float32).numpy() for value in compiled(images(4))]
    expected = outputs_and_gradients_of(convolve, images(4))
    near(found, [tf.cast(value, tf.float32).numpy() for value in expected])
    assert products


def outputs_and_gradients_of(convolve, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = convolve(x, training=True)
        loss = tf.reduce_sum(tf.cast(y, tf.float32) ** 2)
    return [y, *tape.gradient(loss, [x, lane.held(convolve.kernel)])]


def test_resnet_uses_it_where_images_are_small(products):
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = resnet18(9)
    finally:
        keras.mixed_precision.set_global_policy(policy)
    x = tf.zeros((2, 28, 28, 3), tf.uint8)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x, training=True) ** 2)
    tape.gradient(loss, [lane.held(v) for v in model.trainable_variables])
    # Two stages of four 3x3 convolutions and a strided one of 1x1.
    assert sorted(shape[0] for shape in products) == [1] * 2 + [3] * 8
    assert {shape[-1] for shape in products} == {256, 512}


def test_a_plain_copy_has_keras_layers_only(tmp_path):
    model = resnet18(9)
    copy = plain.copy(model)
    assert {type(each).__module__.split(".")[0] for each in copy.layers} == {"keras"}
    x = np.random.default_rng(0).integers(256, size=(2, 28, 28, 3))
    near([copy(x)], [model(x)], 1e-5)
    assert copy.get_config()["layers"][0] == model.get_config()["layers"][0]


def test_the_configuration_is_that_of_keras():
    ours, other = (
        kind(7, 3, strides=2, use_bias=False, name="same")
        for kind in (MatmulGradientConv2D, keras.layers.Conv2D)
    )
    assert ours.get_config() == other.get_config()
