"""MatmulGradientConv2D is Keras' Conv2D, with another way to its kernel's gradient."""

import keras
import lanes
import numpy as np
import pytest
import tensorflow as tf
import two_cpus

from medmnist_tfds import train
from medmnist_tfds.data import catalog
from medmnist_tfds.models import (
    MatmulGradientConv2D,
    compat,
    convolution,
    plain,
    resnet18,
)
from medmnist_tfds.train import networks

on_tensorflow = lanes.needs_tensorflow("the gradient is written in its operations")


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


def outputs_and_gradients(convolve, x, *, xla=False, **options) -> list[np.ndarray]:
    """Outputs, and gradients of images, kernel and bias, all as float32."""
    variables = [
        compat.tf_variable(variable) for variable in convolve.trainable_variables
    ]

    @tf.function(jit_compile=xla)
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = convolve(x, **options)
            weights = np.random.default_rng(2).integers(-9, 9, size=y.shape)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) * weights.astype("float32"))
        return [y, *tape.gradient(loss, [x, *variables])]

    return [tf.cast(value, tf.float32).numpy() for value in run(x)]


def near(ours, others, tolerance=2e-2):
    for one, other in zip(ours, others, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance * np.abs(other).max())


@on_tensorflow
@pytest.mark.parametrize(
    ("side", "size"), [(1, 1), (2, 2), (4, 1), (4, 3), (7, 1), (7, 2), (7, 3), (7, 5)]
)
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_outputs_and_gradients_are_those_of_keras(
    products, side, size, padding, strides
):
    """In float32, of the same numbers: in bfloat16 old processors add up worse."""
    options = {"kernel_size": size, "padding": padding, "strides": strides}
    options |= {"side": side, "activation": "tanh"}
    ours = layer(**options)
    exact = layer(keras.layers.Conv2D, **options, dtype="float32")
    rounded = [tf.cast(tf.cast(w, "bfloat16"), "float32") for w in ours.get_weights()]
    for made in (ours, exact):
        made.set_weights(rounded)
    exact = outputs_and_gradients(exact, tf.cast(images(side), "float32"))
    found = outputs_and_gradients(ours, images(side), training=True)
    is_ours = padding == "valid" or strides == 1 or size == 1
    near(found, exact, tolerance=2e-2 if is_ours else 6e-2)
    assert products == [(size, size, 6, 7)] * is_ours


@on_tensorflow
def test_the_gradient_is_as_exact_as_that_of_keras(products):
    """Both against float32, of the same numbers, which bfloat16 holds exactly."""
    kinds = {"ours": MatmulGradientConv2D, "keras": keras.layers.Conv2D}
    layers = {name: layer(kind, kernel_size=3) for name, kind in kinds.items()}
    exact = layer(keras.layers.Conv2D, kernel_size=3, dtype="float32")
    rounded = tf.cast(tf.cast(exact.get_weights()[0], "bfloat16"), "float32")
    for made in [exact, *layers.values()]:
        made.set_weights([rounded, np.zeros(7)])
    gradient = outputs_and_gradients(exact, tf.cast(images(4), "float32"))[2]
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


@on_tensorflow
def test_inference_and_accelerators_are_left_to_keras(products, monkeypatch):
    convolve = layer(kernel_size=3)
    outputs_and_gradients(convolve, images(4), training=False)
    monkeypatch.setattr(compat, "has_slow_kernel_gradients", lambda: False)
    outputs_and_gradients(convolve, images(4), training=True)
    assert not products


def test_the_sizes_of_images_may_be_unknown(products):
    inputs = keras.Input((None, None, 6))
    model = keras.Model(inputs, layer(kernel_size=3, padding="same")(inputs))
    assert model(images(4), training=True).shape == (5, 4, 5, 7)
    assert not products


@on_tensorflow
def test_xla_computes_the_same(products):
    ours = layer(kernel_size=3, padding="same")
    keras_own = layer(keras.layers.Conv2D, kernel_size=3, padding="same")
    expected = outputs_and_gradients(keras_own, images(4))
    near(outputs_and_gradients(ours, images(4), xla=True, training=True), expected)
    assert products


def is_ours(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, MatmulGradientConv2D)


@on_tensorflow
def test_a_run_uses_it_where_images_are_small(products):
    variant, recipe = catalog.variant("path"), train.Recipe(precision="mixed_bfloat16")
    model = networks.compiled(variant, recipe)
    x = tf.zeros((2, 28, 28, 3), tf.uint8)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x, training=True) ** 2)
    tape.gradient(loss, [compat.tf_variable(v) for v in model.trainable_variables])
    assert not [
        made for made in networks.network(variant, recipe).layers if is_ours(made)
    ]
    # Two stages of four 3x3 convolutions and a strided one of 1x1.
    assert sorted(shape[0] for shape in products) == [1] * 2 + [3] * 8
    assert {shape[-1] for shape in products} == {256, 512}


def test_a_plain_copy_has_keras_layers_only():
    inputs = keras.Input((28, 28, 3))
    model = keras.Model(inputs, resnet18(9)(inputs))
    copy = plain.copy(model)
    for model_layer in [*copy.layers, *copy.layers[-1].layers]:
        assert type(model_layer).__module__.startswith("keras")
    x = np.random.default_rng(0).integers(256, size=(2, 28, 28, 3))
    near([copy(x)], [model(x)], 1e-5)


@on_tensorflow
def test_a_model_is_the_same_after_saving_and_loading(tmp_path, products):
    inputs = keras.Input((4, 5, 6))
    model = keras.Model(inputs, layer(kernel_size=3, name="conv")(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    near(
        outputs_and_gradients(loaded, images(4), training=True),
        outputs_and_gradients(model, images(4), training=True),
        0,
    )
    assert type(loaded.get_layer("conv")) is MatmulGradientConv2D
    assert len(products) == 2


REPLICAS = """
import keras
from medmnist_tfds import train
from medmnist_tfds.models import MatmulGradientConv2D, convolution

used, real = [], convolution._kernel_gradient
convolution._kernel_gradient = lambda *given: used.append(1) or real(*given)
keras.mixed_precision.set_global_policy("mixed_bfloat16")
images = np.random.default_rng(0).normal(1, 2, (16, 4, 4, 3)).astype("float32")
batches = tf.data.Dataset.from_tensor_slices((images, np.arange(16.0)[:, None]))
batches = batches.batch(8, drop_remainder=True)
result = []
for kind in (MatmulGradientConv2D, keras.layers.Conv2D):
    for xla in (False, True):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            x = keras.Input((4, 4, 3))
            y = keras.layers.GlobalAveragePooling2D()(kind(8, 3, activation="relu")(x))
            y = keras.layers.Dense(1, dtype="float32")(y)
            model = train.XLAModel(x, y)
            model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=xla)
        model.fit(batches, epochs=3, verbose=0)
        result.append([w.tolist() for w in model.get_weights()])
    result.append(len(used))
"""


@on_tensorflow
def test_two_replicas_train_as_with_keras_own_layer():
    *ours, used, keras_own, keras_xla, used_after = two_cpus.result_of(REPLICAS)
    assert used and used_after == used
    for found, expected in zip(ours, (keras_own, keras_xla), strict=True):
        near(map(np.array, found), map(np.array, expected))


def test_the_configuration_is_that_of_keras():
    ours, other = (
        kind(7, 3, strides=2, use_bias=False, name="same")
        for kind in (MatmulGradientConv2D, keras.layers.Conv2D)
    )
    assert ours.get_config() == other.get_config()
