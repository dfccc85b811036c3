"""FusedBatchNormalization is Keras' BatchNormalization, but for unbiased variances."""

import keras
import lanes
import numpy as np
import pytest
import tensorflow as tf
import two_cpus

from medmnist_tfds.models import FusedBatchNormalization, compat

SHAPE = (6, 5, 4, 3)


def inputs(seed: int = 0) -> np.ndarray:
    """Images (6, 5, 4, 3) whose channels differ in mean and variance."""
    noise = np.random.default_rng(seed).normal(size=SHAPE)
    return (noise * [0.5, 1, 3] + [-1, 0, 2]).astype("float32")


def layer(kind=FusedBatchNormalization, shape=SHAPE, **options):
    """A built layer without any default value."""
    made = kind(momentum=0.8, epsilon=1e-2, **options)
    made.build(shape)
    draw = np.random.default_rng(1)
    for variable in made.weights:
        variable.assign(draw.uniform(0.5, 2, 3))
    return made


def both(**options) -> tuple:
    return layer(**options), layer(keras.layers.BatchNormalization, **options)


def close(one, other, tolerance=1e-5):
    one, other = (np.asarray(x).astype("float32") for x in (one, other))
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def gradients(normalize, x) -> list:
    """Of inputs, gamma and beta, for a loss that weighs each output differently."""
    weights = np.random.default_rng(2).normal(size=SHAPE).astype("float32")
    return lanes.gradients(normalize, x, weights)


@pytest.mark.parametrize("is_scaled", [True, False])
@pytest.mark.parametrize("is_centered", [True, False])
@pytest.mark.parametrize("is_training", [True, False])
def test_outputs_are_those_of_keras(is_training, is_centered, is_scaled):
    fused, plain = both(scale=is_scaled, center=is_centered)
    close(fused(inputs(), training=is_training), plain(inputs(), training=is_training))
    assert len(fused.weights) == len(plain.weights)


@pytest.mark.parametrize("is_scaled", [True, False])
@pytest.mark.parametrize("is_centered", [True, False])
def test_gradients_are_those_of_keras(is_centered, is_scaled):
    fused, plain = both(scale=is_scaled, center=is_centered)
    ours, expected = gradients(fused, inputs()), gradients(plain, inputs())
    assert len(ours) == 1 + is_scaled + is_centered
    for one, other in zip(ours, expected, strict=True):
        close(one, other)


def test_moving_statistics_are_those_of_pytorch():
    normalize = layer()
    start = [v.numpy() for v in (normalize.moving_mean, normalize.moving_variance)]
    normalize(inputs(), training=True)
    mean = inputs().mean((0, 1, 2))
    unbiased = inputs().var((0, 1, 2), ddof=1)
    close(normalize.moving_mean, 0.8 * start[0] + 0.2 * mean)
    close(normalize.moving_variance, 0.8 * start[1] + 0.2 * unbiased)


@pytest.mark.parametrize("shape", [(6, 5, 2, 2, 3), (3, 1, 5, 8, 3)])
@pytest.mark.parametrize("is_training", [True, False])
def test_volumes_are_normalized_as_images_are(shape, is_training):
    volumes, (fused, plain), images = (
        inputs().reshape(shape),
        both(shape=shape),
        layer(),
    )
    outputs = fused(volumes, training=is_training)
    close(outputs, plain(volumes, training=is_training))
    assert tuple(outputs.shape) == shape
    of_images = images(inputs(), training=is_training)
    close(outputs, np.asarray(of_images).reshape(shape))
    for one, other in zip(fused.weights, images.weights, strict=True):
        close(one, other)  # the unbiased variance too


def test_gradients_of_volumes_are_those_of_keras():
    volumes = inputs().reshape(6, 5, 2, 2, 3)
    weights = np.random.default_rng(2).normal(size=volumes.shape).astype("float32")
    ours, expected = (
        lanes.gradients(each, volumes, weights) for each in both(shape=volumes.shape)
    )
    for one, other in zip(ours, expected, strict=True):
        close(one, other)


def test_the_size_of_volumes_may_be_unknown():
    shape = (None, None, None, 3)
    normalize, volumes = layer(shape=(None, *shape)), inputs().reshape(6, 5, 2, 2, 3)
    images = keras.Input(shape)
    model = keras.Model(images, normalize(images))
    close(np.asarray(model(volumes)).reshape(SHAPE), layer()(inputs()))


def test_inference_and_a_frozen_layer_change_no_statistics():
    fused, plain = both()
    fused.trainable = plain.trainable = False
    start = [v.numpy() for v in fused.weights]
    inferred = fused(inputs(), training=False)
    close(fused(inputs(), training=True), inferred)
    close(fused(inputs(), training=True), plain(inputs(), training=True))
    for variable, value in zip(fused.weights, start, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_mixed_precision_keeps_statistics_in_float32(dtype):
    tolerance = {"float16": 1e-2, "bfloat16": 5e-2}[dtype]
    mixed, full = layer(dtype=f"mixed_{dtype}"), layer()
    for is_training in (True, False):
        outputs = mixed(inputs(), training=is_training)
        assert outputs.dtype == dtype
        close(outputs, full(inputs(), training=is_training), tolerance)
    assert {tf.as_dtype(v.dtype) for v in mixed.weights} == {tf.float32}
    close(mixed.moving_mean, full.moving_mean, 1e-2)
    close(mixed.moving_variance, full.moving_variance, 1e-2)
    assert any(v % 2**-8 for v in mixed.moving_mean.numpy())  # not rounded to bfloat16


def test_a_layer_all_in_bfloat16_works():
    outputs = layer(dtype="bfloat16")(inputs(), training=True)
    assert outputs.dtype == "bfloat16"
    close(outputs, layer()(inputs(), training=True), 0.1)


def test_the_configuration_is_that_of_keras():
    fused, plain = both(center=False, name="same", gamma_regularizer="l2")
    assert fused.get_config() == plain.get_config()
    again = FusedBatchNormalization.from_config(fused.get_config())
    assert again.get_config() == fused.get_config()
    assert [v.name for v in fused.weights] == [v.name for v in plain.weights]


def model(kind=FusedBatchNormalization) -> keras.Model:
    keras.utils.set_random_seed(0)
    images = keras.Input(SHAPE[1:])
    x = keras.layers.Conv2D(4, 2, use_bias=False)(images)
    x = kind(momentum=0.8, name="normalize")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    return keras.Model(images, keras.layers.Dense(1)(x))


def fitted(made: keras.Model, epochs: int = 3) -> keras.Model:
    made.compile(keras.optimizers.SGD(0.05), "mse", jit_compile=False)
    targets = np.arange(6.0)[:, None]
    made.fit(inputs(), targets, batch_size=3, epochs=epochs, verbose=0, shuffle=False)
    return made


def test_fit_trains_as_with_keras_own_layer():
    start, fused = model(), fitted(model())
    plain = fitted(model(keras.layers.BatchNormalization))
    for before, one, other in zip(
        start.trainable_weights,
        fused.trainable_weights,
        plain.trainable_weights,
        strict=True,
    ):
        assert np.abs(before.numpy() - one.numpy()).max() > 1e-3  # it learned
        close(one, other)
    moved = fused.get_layer("normalize").moving_mean
    close(moved, plain.get_layer("normalize").moving_mean)
    assert np.abs(moved.numpy()).min() > 1e-3


def test_fit_leaves_a_frozen_layer_alone():
    made = model()
    made.get_layer("normalize").trainable = False
    start = made.get_layer("normalize").get_weights()
    fitted(made)
    for one, other in zip(
        start, made.get_layer("normalize").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_model_is_the_same_after_saving_and_loading(tmp_path):
    made = fitted(model())
    made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.get_layer("normalize"), FusedBatchNormalization)
    close(loaded(inputs()), made(inputs()), 0)
    for one, other in zip(fitted(made).weights, fitted(loaded).weights, strict=True):
        close(one, other)


def test_weights_fit_keras_own_layer():
    made, plain = fitted(model()), model(keras.layers.BatchNormalization)
    plain.set_weights(made.get_weights())
    close(plain(inputs()), made(inputs()))


def test_an_exported_model_serves_inference(tmp_path):
    made = fitted(model())
    compat.export_saved_model(made, tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    close(served.serve(inputs()), made(inputs()))
    close(served.serve(inputs()[:1]), made(inputs())[:1])


@lanes.needs_tensorflow("the other computes by XLA anyway")
@pytest.mark.parametrize("is_training", [True, False])
def test_xla_computes_the_same(is_training):
    eager, compiled = layer(), layer()

    @tf.function(jit_compile=True)
    def outputs_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = compiled(x, training=is_training)
            loss = tf.reduce_sum(outputs**3)
        return outputs, tape.gradient(loss, x)

    with tf.GradientTape() as tape:
        tape.watch(x := tf.constant(inputs()))
        expected = eager(x, training=is_training)
        loss = tf.reduce_sum(expected**3)
    outputs, gradient = outputs_and_gradient(tf.constant(inputs()))
    close(outputs, expected)
    close(gradient, tape.gradient(loss, x), 1e-4)
    for one, other in zip(compiled.weights, eager.weights, strict=True):
        close(one, other)  # unbiased under XLA too


REPLICAS = """
import keras
from medmnist_tfds.models import compat
from medmnist_tfds.models import FusedBatchNormalization

images = np.random.default_rng(0).normal(1, 2, (16, 4, 4, 3)).astype("float32")
result = {}
for kind in (FusedBatchNormalization, keras.layers.BatchNormalization):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        x = keras.Input((4, 4, 3))
        y = kind(momentum=0.8, name="normalize")(keras.layers.Conv2D(4, 2)(x))
        y = keras.layers.Dense(1)(keras.layers.GlobalMaxPooling2D()(y))
        model = keras.Model(x, y)
        model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=False)
    model.fit(images, np.arange(16.0)[:, None], batch_size=8, epochs=2, verbose=0,
              shuffle=False)
    values = compat.tf_variable(model.get_layer("normalize").moving_mean).values
    result[kind.__name__] = {
        "weights": [w.numpy().tolist() for w in model.trainable_weights],
        "means": [v.numpy().tolist() for v in values],
    }
"""


@lanes.needs_tensorflow("replicas of tf.distribute")
def test_two_replicas_train_as_with_keras_own_layer():
    result = two_cpus.result_of(REPLICAS)
    fused, plain = result["FusedBatchNormalization"], result["BatchNormalization"]
    for one, other in zip(fused["weights"], plain["weights"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(fused["means"], plain["means"], rtol=1e-4, atol=1e-5)
    one, other = fused["means"]
    assert one != other  # of each replica's own part, which XLAModel averages


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"axis": 1}, SHAPE),
        ({"axis": 2}, SHAPE),
        ({}, (6, 3)),
        ({}, (6, 4, 3)),
        ({}, (6, 4, 4, 4, 4, 3)),
        ({"axis": 3}, (6, 4, 4, 4, 3)),
        pytest.param(
            {"synchronized": True},
            SHAPE,
            marks=lanes.needs_tensorflow("Keras itself refuses it"),
        ),
    ],
)
def test_what_the_fused_kernel_cannot_do_is_refused(options, shape):
    normalize = FusedBatchNormalization(name="norm", **options)
    with pytest.raises(
        ValueError, match="norm got.*Use keras.layers.BatchNormalization"
    ):
        normalize(np.zeros(shape, np.float32))


def test_renormalization_is_refused():
    normalize = FusedBatchNormalization()
    normalize.renorm = True  # older Keras does not know the argument
    with pytest.raises(ValueError, match="renorm=True"):
        normalize(inputs())


def test_the_last_axis_may_be_named_by_its_number():
    close(layer(axis=3)(inputs(), training=True), layer()(inputs(), training=True))


def test_a_mask_is_refused():
    masked = keras.layers.Masking()(inputs())
    with pytest.raises(ValueError, match="got a mask. Expected none."):
        layer()(masked)


def test_one_image_of_one_pixel_gives_no_nan():
    normalize = layer()
    outputs = normalize(np.ones((1, 1, 1, 3), np.float32), training=True)
    assert np.isfinite(np.asarray(outputs)).all()
    assert np.isfinite(normalize.moving_variance.numpy()).all()
