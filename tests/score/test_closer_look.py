"""What a card tells of a run's scores, held against the parts it is made of."""

import numpy as np
import pytest
from sklearn import metrics

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.score import closer_look


def drawn(task, seed, *, sureness=1.0):
    """Labels of 400 examples, and probabilities that are true if as sure as 1."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (400, 3))
    if task is catalog.Task.MULTILABEL:
        said = 1 / (1 + np.exp(-logits))
        labels = (rng.random(said.shape) < said).astype(int)
        return labels, 1 / (1 + np.exp(-sureness * logits))
    said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (said.cumsum(axis=1) < rng.random((400, 1))).sum(axis=1, keepdims=True)
    surer = np.exp(sureness * logits)
    return labels, surer / surer.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("task", [catalog.Task.MULTICLASS, catalog.Task.MULTILABEL])
def test_each_class_has_its_auc_count_and_interval(task):
    labels, scores = drawn(task, 0)
    found = closer_look.look({"test": labels}, {"test": scores}, task=task)
    is_positive = labels if labels.shape[1] > 1 else labels == np.arange(3)
    for number, (value, count) in enumerate(
        zip(found.auc_per_class, found.positives, strict=True)
    ):
        expected = metrics.roc_auc_score(is_positive[:, number], scores[:, number])
        assert value.value == pytest.approx(expected, abs=1e-12)
        assert value.low < value.value < value.high
        assert count == is_positive[:, number].sum()
    assert found.auc.value == pytest.approx(
        np.mean([each.value for each in found.auc_per_class])
    )
    assert found.auc.high - found.auc.low < max(
        each.high - each.low for each in found.auc_per_class
    )
    assert (found.temperature, found.after) == (None, None)  # nothing of validation


@pytest.mark.parametrize("task", [catalog.Task.MULTICLASS, catalog.Task.MULTILABEL])
def test_a_temperature_from_validation_mends_what_is_too_sure(task):
    val, test = (drawn(task, seed, sureness=3) for seed in (1, 2))
    targets, scores = ({"val": v, "test": t} for v, t in zip(val, test, strict=True))
    found = closer_look.look(targets, scores, task=task)
    assert found.temperature == pytest.approx(3, rel=0.25)
    assert found.after.error.value < found.before.error.low
    assert found.after.brier < found.before.brier
    labels, true = drawn(task, 2)
    is_positive = labels if labels.shape[1] > 1 else labels == np.arange(3)
    squares = (true - is_positive) ** 2
    expected = squares.mean() if labels.shape[1] > 1 else squares.sum(axis=1).mean()
    assert found.after.brier == pytest.approx(expected, rel=0.05)


def test_scores_that_are_no_probabilities_are_refused():
    labels, scores = drawn(catalog.Task.MULTICLASS, 0)
    with pytest.raises(errors.MedMNISTError, match="test are no probabilities"):
        closer_look.look(
            {"test": labels}, {"test": 2 * scores}, task=catalog.Task.MULTICLASS
        )
