"""Probabilities that are true by construction, or wrong by a known amount."""

import numpy as np
import pytest
from scipy import special

from medmnist_tfds.data import catalog
from medmnist_tfds.score import calibration

BINARY, MULTILABEL = catalog.Task.BINARY, catalog.Task.MULTILABEL
CLASSES = catalog.Task.MULTICLASS


def drawn(examples: int, *, sure: float = 1.0, seed: int = 0):
    """Labels that come true as said; then surer or less sure probabilities."""
    rng = np.random.default_rng(seed)
    true = special.softmax(2 * rng.normal(size=(examples, 4)), axis=1)
    labels = (true.cumsum(axis=1) < rng.random((examples, 1))).sum(axis=1)
    return labels, special.softmax(sure * np.log(true), axis=1)


def measured(labels, scores, task=CLASSES, resamples=200):
    return calibration.calibration(
        *calibration.claims(labels, scores, task), resamples=resamples
    )


def test_what_is_true_has_no_error_however_few_the_images():
    """Without taking off what chance adds, 200 images would seem off by 9 points."""
    squares, plain = [], []
    for seed in range(60):
        said, came = calibration.claims(*drawn(200, seed=seed), CLASSES)
        found = calibration.calibration(said, came, resamples=2)
        squares.append(found.error**2)
        bins = [(one.said - one.came) ** 2 * one.count / 200 for one in found.bins]
        plain.append(sum(bins))
    assert np.sqrt(np.mean(plain)) > 0.08
    assert np.sqrt(np.mean(squares)) < 0.05


def test_an_error_of_known_size_is_found():
    rng = np.random.default_rng(0)
    said = rng.uniform(0.3, 0.9, size=(50_000, 1))
    came = rng.random(said.shape) < said - 0.2
    found = calibration.calibration(said, came, resamples=200)
    assert found.error == pytest.approx(0.2, abs=0.01)
    assert found.low < found.error < found.high < found.low + 0.02
    assert sum(one.count for one in found.bins) == 50_000


def test_the_interval_holds_the_error_of_true_probabilities():
    hits = 0
    for seed in range(60):
        found = measured(*drawn(400, seed=seed))
        hits += found.low <= 0.02
    assert hits >= 54


@pytest.mark.parametrize("sure", [0.5, 2.0])
def test_the_temperature_undoes_what_was_done(sure):
    labels, scores = drawn(20_000, sure=sure)
    degrees = calibration.temperature(labels, scores, CLASSES)
    assert degrees == pytest.approx(sure, rel=0.05)
    cooled = calibration.apply(scores, degrees, CLASSES)
    before, after = measured(labels, scores), measured(labels, cooled)
    assert before.error > 0.1 > 0.02 > after.error
    np.testing.assert_array_equal(scores.argmax(axis=1), cooled.argmax(axis=1))


@pytest.mark.parametrize("task", [BINARY, MULTILABEL])
def test_labels_are_cooled_one_by_one(task):
    rng = np.random.default_rng(0)
    true = rng.uniform(0.05, 0.95, size=(20_000, 1 if task is BINARY else 3))
    labels = (rng.random(true.shape) < true).astype(int)
    sure = special.expit(3 * special.logit(true))
    degrees = calibration.temperature(labels, sure, task)
    assert degrees == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(calibration.apply(sure, 3.0, task), true, atol=1e-6)


def test_one_column_or_two_of_a_binary_task_are_the_same():
    rng = np.random.default_rng(0)
    one, labels = rng.random((300, 1)), rng.integers(2, size=(300, 1))
    two = np.concatenate([1 - one, one], axis=1)
    for function in (calibration.brier, calibration.log_loss, calibration.temperature):
        first, second = (function(labels, scores, BINARY) for scores in (one, two))
        assert first == pytest.approx(second, rel=1e-4)
    assert measured(labels, one, BINARY) == measured(labels, two, BINARY)


def test_brier_by_hand():
    labels, scores = np.array([0, 1]), np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0]])
    expected = ((0.09 + 0.04 + 0.01) + (0.25 + 0.25)) / 2
    assert calibration.brier(labels, scores, CLASSES) == pytest.approx(expected)
    assert calibration.brier(np.array([[1]]), np.array([[0.8]]), BINARY) == (
        pytest.approx(0.04)
    )


@pytest.mark.parametrize(
    "scores, task, expected",
    [
        ([[0.2, 0.8]], CLASSES, True),
        ([[0.2, 0.9]], CLASSES, False),
        ([[0.9, 0.9]], MULTILABEL, True),
        ([[-1.0, 2.0]], CLASSES, False),
        ([[0.4]], BINARY, True),
    ],
)
def test_scores_that_are_no_probabilities_are_known(scores, task, expected):
    assert calibration.are_probabilities(np.array(scores), task) is expected


def test_certainty_that_is_wrong_has_a_finite_loss():
    labels, scores = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    assert np.isfinite(calibration.log_loss(labels, scores, CLASSES))
    assert np.isfinite(calibration.temperature(labels, scores, CLASSES))
