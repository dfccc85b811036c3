"""Optimizers and the focal loss by name: in Keras 2 and 3 the same, by NumPy."""

import keras
import numpy as np
import pytest

from medmnist_tfds.models import compat
from medmnist_tfds.process import errors
from medmnist_tfds.train import XLAModel, focal_loss, optimizer, optimizers

INPUTS = np.array([[1.0, -2.0, 0.5]] * 8, np.float32)
START = np.array([[0.3], [-0.1], [0.2]], np.float32)


def trained(chosen, *, steps: int, xla: bool = False) -> XLAModel:
    """A model whose gradient is `INPUTS[0]` in every step: targets are far below."""
    inputs = keras.Input((3,))
    outputs = keras.layers.Dense(1, use_bias=False)(inputs)
    model = XLAModel(inputs, outputs)
    model.set_weights([START])
    model.compile(chosen, "mean_absolute_error", jit_compile=xla)
    model.fit(INPUTS, np.full((8, 1), -99.0), batch_size=8, epochs=steps, verbose=0)
    return model


@pytest.mark.parametrize("xla", [False, True])
def test_sgdw_decays_weights_apart_from_the_gradient(xla):
    chosen = optimizer("sgdw", 0.1, momentum=0.9, weight_decay=0.5)
    (found,) = trained(chosen, steps=3, xla=xla).get_weights()
    weights, velocity = START[:, 0].copy(), np.zeros(3)
    for _ in range(3):
        velocity = 0.9 * velocity - 0.1 * INPUTS[0]
        weights = weights - weights * 0.1 * 0.5 + velocity
    np.testing.assert_allclose(found[:, 0], weights, rtol=1e-5)


@pytest.mark.parametrize("xla", [False, True])
def test_adamw_by_a_schedule_is_adam_that_decays_weights_by_its_rate(xla):
    rate = optimizers.schedule("cosine", 0.1, steps=20)
    chosen = optimizer("adamw", rate, weight_decay=0.5)
    (found,) = trained(chosen, steps=6, xla=xla).get_weights()
    weights, gradient = START[:, 0].astype(float), INPUTS[0].astype(float)
    first, second = np.zeros(3), np.zeros(3)
    for step in range(6):
        now = 0.1 * step / 3 if step < 3 else 0.05 + 0.05 * np.cos(
            np.pi * (step - 3) / 17
        )  # fmt: skip
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        update = first / (1 - 0.9 ** (step + 1))
        update /= np.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-7
        weights = weights * (1 - now * 0.5) - now * update
    np.testing.assert_allclose(found[:, 0], weights, rtol=1e-4)


def test_adam_is_pytorchs():
    (found,) = trained(optimizer("adam", 0.1), steps=3).get_weights()
    first, second, weights = 0.0, 0.0, START[:, 0].astype(float)
    for step in range(1, 4):
        first = 0.9 * first + 0.1 * INPUTS[0]
        second = 0.999 * second + 0.001 * INPUTS[0] ** 2
        root = np.sqrt(second / (1 - 0.999**step)) + 1e-8
        weights = weights - 0.1 * first / (1 - 0.9**step) / root
    np.testing.assert_allclose(found[:, 0], weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("epochs", "steps"), [(100, 17), (4, 1), (8, 3)])
def test_the_rate_in_steps_falls_at_half_and_three_quarters_of_the_epochs(
    epochs, steps
):
    """As PyTorch's MultiStepLR, which the official code steps after each epoch."""
    rate = optimizers.schedule("steps", 0.1, steps=epochs * steps)
    found = [float(rate(step)) for step in range(epochs * steps)]
    falls = np.array([epochs // 2, 3 * epochs // 4])
    wanted = [
        0.1 / 10 ** (epoch >= falls).sum()
        for epoch in range(epochs)
        for _ in range(steps)
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 20, 67])
def test_the_cosine_rises_then_falls_to_nothing_by_the_last_step(steps):
    rate = optimizers.schedule("cosine", 0.3, steps=steps)
    rates = [float(rate(step)) for step in range(steps + 1)]
    rise = max(1, round(steps * 0.15))
    assert rates[0] == 0 and rates[rise] == pytest.approx(0.3) == max(rates)
    assert rates[rise // 2] == pytest.approx(0.3 * (rise // 2) / rise)
    if steps > 1:
        assert rates[-1] == pytest.approx(0, abs=1e-7)
        half = (rise + steps) / 2
        if half == int(half):
            assert rates[int(half)] == pytest.approx(0.15, rel=1e-3)


def test_a_constant_rate_is_a_number():
    assert optimizers.schedule("constant", 0.3, steps=9) == 0.3


def test_lamb_is_adam_scaled_by_the_weights_norm():
    (found,) = trained(optimizer("lamb", 0.1), steps=3).get_weights()
    weights, gradient = START[:, 0].astype(float), INPUTS[0].astype(float)
    first, second = np.zeros(3), np.zeros(3)
    for step in range(1, 4):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        update = first / (1 - 0.9**step)
        update /= np.sqrt(second / (1 - 0.999**step)) + 1e-6
        ratio = np.linalg.norm(weights) / np.linalg.norm(update)
        weights = weights - 0.1 * ratio * update
    np.testing.assert_allclose(found[:, 0], weights, rtol=1e-4)


def test_a_moving_average_lags_behind_the_weights():
    chosen = optimizer("moving_average", 0.1, momentum=0.0, average_decay=0.5)
    model = trained(chosen, steps=3)
    if compat.IS_KERAS_2:  # Keras 3 does so at the end of `fit`
        model.optimizer.assign_average_vars(model.trainable_variables)
    (found,) = model.get_weights()
    ahead = START[:, 0] - 3 * 0.1 * INPUTS[0]
    assert (abs(found[:, 0] - ahead) > 0.01).all()
    assert (abs(found[:, 0] - START[:, 0]) > 0.05 * abs(INPUTS[0])).all()


def test_lookahead_is_in_addons_only():
    if not compat.IS_KERAS_2:
        with pytest.raises(errors.MedMNISTError, match="exists in TensorFlow Addons"):
            optimizer("lookahead")
        return
    (found,) = trained(optimizer("lookahead", 0.1, momentum=0.0), steps=6).get_weights()
    # Six steps forward, and half of the way back.
    wanted = START[:, 0] - 6 * 0.1 * INPUTS[0] / 2
    np.testing.assert_allclose(found[:, 0], wanted, rtol=1e-5)


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(errors.MedMNISTError, match="no optimizer 'adamax'"):
        optimizer("adamax")


def test_the_focal_loss_by_hand():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(6, 14)).astype(np.float32)
    targets = (rng.random((6, 14)) < 0.2).astype(np.float32)
    positive = 1 / (1 + np.exp(-logits.astype(float)))
    right = np.where(targets, positive, 1 - positive)
    weight = np.where(targets, 0.3, 0.7) * (1 - right) ** 1.5
    wanted = np.mean(-weight * np.log(right))
    found = focal_loss(alpha=0.3, gamma=1.5)(targets, logits)
    assert float(found) == pytest.approx(wanted, rel=1e-5)
    if compat.IS_KERAS_2:
        addons = compat.addons().losses.SigmoidFocalCrossEntropy(
            from_logits=True, alpha=0.3, gamma=1.5
        )
        theirs = np.mean(addons(targets, logits)) / 14
        assert float(found) == pytest.approx(theirs, rel=1e-5)
