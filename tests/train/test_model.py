"""`XLAModel` computes the same on any number of replicas, compiled or not."""

import json
import os
import pathlib
import sys

import keras
import lanes
import numpy as np
import processes
import pytest
import tensorflow as tf

from medmnist_tfds.models import (
    FusedBatchNormalization,
    compat,
    precision,
    resnet10,
    resnet18,
)
from medmnist_tfds.process import errors
from medmnist_tfds.train import XLAModel

on_tensorflow = lanes.needs_tensorflow("replicas of tf.distribute")


def train(**options) -> dict:
    """Five steps in a process that has its own logical CPUs."""
    program = pathlib.Path(__file__).with_name("replicas.py")
    done = processes.run(
        [sys.executable, program, json.dumps(options)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def plain() -> dict:
    return train()


def test_rgb_images_for_a_grey_network_end_in_one_sentence():
    model = XLAModel.from_functional(resnet18(2, channels=1))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rgb = np.zeros((4, 28, 28, 3), np.uint8)
    message = r"The images are RGB \(3 channels\), but resnet18_28 takes grey \(1 chan"
    for use in (
        lambda: model.fit(rgb, np.zeros(4), verbose=0),
        lambda: model.evaluate(rgb, np.zeros(4), verbose=0),
        lambda: model.predict(rgb, verbose=0),
    ):
        # Keras 2 puts lines of its own before it, in an error of TensorFlow's.
        kind = Exception if compat.IS_KERAS_2 else errors.MedMNISTError
        with pytest.raises(kind, match=message) as error:
            use()
        assert compat.IS_KERAS_2 or str(error.value).startswith("The images")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (28, 28, 28, 1),
            "are volumes, but resnet10_28 takes images. Expected images "
            r"\(28, 28, 1\). Build a network for volumes",
        ),
        ((64, 64, 1), "are 64 pixels wide, but resnet10_28 takes 28.*size=64"),
    ],
)
def test_images_of_another_form_than_the_network_takes_end_in_one_sentence(
    shape, message
):
    model = XLAModel.from_functional(resnet10(2, channels=1))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    kind = Exception if compat.IS_KERAS_2 else errors.MedMNISTError
    with pytest.raises(kind, match=f"The images {message}"):
        model.fit(np.zeros((4, *shape), np.uint8), np.zeros(4), verbose=0)


def assert_same(one: dict, other: dict, tolerance: float) -> None:
    for name, values in one["history"].items():
        np.testing.assert_allclose(values, other["history"][name], atol=tolerance)
    for a, b in zip(one["weights"], other["weights"], strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)


@on_tensorflow
@pytest.mark.parametrize(
    "options",
    [{"replicas": 2}, {"replicas": 3}, {"replicas": 2, "subclassed": True}],
    ids=["even parts", "uneven parts", "built in fit"],
)
def test_replicas_change_neither_loss_nor_weights(plain, options):
    assert_same(plain, train(**options, xla=True), 1e-5)


@on_tensorflow
def test_xla_changes_nothing(plain):
    assert_same(plain, train(xla=True), 1e-4)


@on_tensorflow
def test_moving_statistics_are_the_same_on_all_replicas_and_nothing_is_traced_twice():
    result = train(replicas=2, xla=True, normalization=True, epochs=3)
    assert len(result["statistics"]) == 2
    for one, other in result["statistics"]:
        assert one == other
        assert np.ptp(one) > 0  # they moved
    assert result["retraced"] == 0 and result["traces"] > 0
    assert result["history"]["loss"][-1] < result["history"]["loss"][0]


@on_tensorflow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_learns_on_two_replicas(plain, policy):
    result = train(replicas=2, xla=True, policy=policy, epochs=2)
    loss = result["history"]["loss"]
    assert loss[1] < loss[0]
    assert loss[0] == pytest.approx(plain["history"]["loss"][0], rel=0.05)


@on_tensorflow
@pytest.mark.parametrize(
    "optimizer",
    [
        {"class_name": "RMSprop", "config": {"learning_rate": 0.001, "epsilon": 0.01}},
        {"class_name": "SGD", "config": {"learning_rate": 0.1, "clipvalue": 0.5}},
    ],
    ids=["RMSprop", "clipped"],
)
def test_multi_label_loss_weights_and_optimizers_work_on_replicas(optimizer):
    options = {"multilabel": True, "sample_weight": True, "optimizer": optimizer}
    assert_same(train(**options), train(**options, replicas=2, xla=True), 1e-4)


def compiled(*, dropout: float = 0.5, **options) -> XLAModel:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3)(inputs)
    x = FusedBatchNormalization()(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dropout(dropout)(x)
    x = keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.01))(x)
    model = XLAModel(inputs, x)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.SGD(0.05, 0.9), loss, metrics=["accuracy"], **options
    )
    return model


@keras.saving.register_keras_serializable("tests")
class Subclassed(XLAModel):
    def __init__(self, **options):
        super().__init__(**options)
        self.normalization = FusedBatchNormalization()
        self.flatten, self.dense = keras.layers.Flatten(), keras.layers.Dense(2)

    def call(self, images):
        return self.dense(self.flatten(self.normalization(images)))


@keras.saving.register_keras_serializable("tests")
class MadeOfInputsAndOutputs(XLAModel):
    def __init__(self, **options):
        images = keras.Input((8, 8, 1))
        outputs = keras.layers.Dense(2)(keras.layers.Flatten()(images))
        super().__init__(images, outputs, **options)

    def get_config(self):
        return {}


def functional() -> XLAModel:
    images = keras.Input((8, 8, 1))
    outputs = keras.layers.Dense(2)(keras.layers.Flatten()(images))
    return XLAModel.from_functional(keras.Model(images, outputs, name="small"))


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(96, 8, 8, 1)).astype("float32")
    labels = (images.mean(axis=(1, 2, 3)) > 0).astype("int64")
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(32, True)


def test_a_step_is_the_step_of_keras(data):
    ours = compiled(jit_compile=True, dropout=0)  # the two would draw other numbers
    theirs = keras.Model(ours.input, ours.output)
    copy = keras.models.clone_model(theirs)
    copy.set_weights(ours.get_weights())
    copy.compile(keras.optimizers.SGD(0.05, 0.9), ours.loss, metrics=["accuracy"])
    one = ours.fit(data, epochs=2, verbose=0, shuffle=False).history
    other = copy.fit(data, epochs=2, verbose=0, shuffle=False).history
    for name in one:
        np.testing.assert_allclose(one[name], other[name], atol=1e-5)
    for a, b in zip(ours.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("xla", [False, True])
def test_losses_of_several_outputs_are_logged_as_by_keras(data, xla):
    images = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(images)
    widths = {"kind": 2, "size": 1}
    outputs = {k: keras.layers.Dense(n, name=k)(flat) for k, n in widths.items()}
    plain = keras.Model(images, outputs)
    ours = XLAModel.from_functional(keras.models.clone_model(plain))
    ours.set_weights(plain.get_weights())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    losses = {"kind": loss, "size": "mse"}
    plain.compile("sgd", losses)
    ours.compile("sgd", losses, jit_compile=xla)
    both = data.map(lambda x, y: (x, {"kind": y, "size": tf.cast(y, tf.float32)}))
    one, other = (
        model.fit(both, epochs=2, verbose=0, shuffle=False).history
        for model in (ours, plain)
    )
    assert set(one) == set(other) == {"loss", "kind_loss", "size_loss"}
    for name, values in one.items():
        np.testing.assert_allclose(values, other[name], atol=1e-5)


@on_tensorflow
def test_the_loss_of_each_output_is_the_same_on_two_replicas():
    one, two = (train(replicas=n, two_outputs=True, xla=True) for n in (1, 2))
    assert len(one["history"]) == 5  # losses, and an accuracy each
    assert_same(one, two, 1e-5)


def test_saved_loaded_and_continued_is_as_not_stopped(data, tmp_path):
    # Without dropout: Keras does not save the state of its random numbers.
    whole, part = (compiled(jit_compile=True, dropout=0) for _ in range(2))
    whole.fit(data, epochs=3, verbose=0, shuffle=False)
    part.fit(data, epochs=1, verbose=0, shuffle=False)
    part.save(tmp_path / "part.keras")
    loaded = keras.models.load_model(tmp_path / "part.keras")
    assert isinstance(loaded, XLAModel) and loaded.uses_xla
    loaded.fit(data, initial_epoch=1, epochs=3, verbose=0, shuffle=False)
    for a, b in zip(whole.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("xla", [False, True])
def test_models_of_each_kind_train_and_load_in_any_order(data, xla, tmp_path):
    kinds = [Subclassed, functional, MadeOfInputsAndOutputs, Subclassed, functional]
    for make in kinds:
        model = make()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.05, 0.9), loss, jit_compile=xla)
        history = model.fit(data, epochs=2, verbose=0, shuffle=False).history
        assert isinstance(model, XLAModel) and history["loss"][1] < history["loss"][0]
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert type(loaded) is type(model) and loaded.uses_xla == xla
        more = [m.fit(data, verbose=0, shuffle=False) for m in (model, loaded)]
        losses = [history.history["loss"] for history in more]
        np.testing.assert_allclose(*losses, atol=1e-5)


def test_a_model_keeps_the_precision_of_what_it_is_made_of():
    with precision.policy("mixed_float16"):
        images = keras.Input((8, 8, 1))
        made = keras.Model(images, keras.layers.Flatten()(images))
    model = XLAModel.from_functional(made)
    assert model.dtype_policy.name == "mixed_float16"
    model.compile("sgd", "mse")
    assert type(model.optimizer).__name__.startswith("LossScaleOptimizer")
    assert keras.mixed_precision.global_policy().name == "float32"


@on_tensorflow
@pytest.mark.skipif(compat.IS_KERAS_2, reason="Keras 2 has no such method")
def test_without_the_private_method_of_keras_one_replica_trains(data, monkeypatch):
    name = "_maybe_symbolic_build"
    owner = next(kind for kind in keras.Model.__mro__ if name in vars(kind))
    monkeypatch.delattr(owner, name)
    model = compiled()
    assert len(model.fit(data, epochs=2, verbose=0).history["loss"]) == 2
    with pytest.raises(errors.MedMNISTError, match=f"works by .*{name}.*Expected"):
        compat.check_build("Training by several workers")


@lanes.needs_tensorflow("Keras on JAX always compiles")
def test_auto_is_off_where_there_is_only_a_cpu():
    assert not compiled().uses_xla and not compiled(jit_compile=False).uses_xla
    assert compiled(jit_compile=True).uses_xla


@lanes.needs_tensorflow("JAX lowers by itself")
def test_the_step_of_a_resnet_can_be_lowered_to_static_shapes():
    model = XLAModel.from_functional(resnet18(2, 1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    program = model.lowered_step(
        (tf.zeros((4, 28, 28, 1), tf.uint8), tf.zeros(4, tf.int64))
    )
    assert program.startswith("HloModule") and "f32[4,512]" in program
    assert "<=" not in program.split("ENTRY")[1].split("\n")[0]  # no bounded shape


def test_evaluate_and_predict_are_those_of_keras(data):
    model = compiled()
    assert set(model.evaluate(data, verbose=0, return_dict=True)) == {
        "loss",
        "accuracy",
    }
    assert model.predict(data, verbose=0).shape == (96, 2)
