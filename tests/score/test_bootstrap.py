"""Intervals against plain resampling with the scores of `scoring`."""

import numpy as np
import pytest

from medmnist_tfds.data import catalog
from medmnist_tfds.score import bootstrap, scoring

SHAPES = {
    catalog.Task.BINARY: (40, 2),
    catalog.Task.MULTICLASS: (60, 3),
    catalog.Task.ORDINAL: (60, 4),
    catalog.Task.MULTILABEL: (50, 3),
}


def draw(task, seed):
    rng = np.random.default_rng(seed)
    examples, columns = SHAPES[task]
    scores = rng.random((examples, columns)).round(1)  # with ties
    if task is catalog.Task.MULTILABEL:
        return rng.integers(2, size=(examples, columns)), scores
    return rng.permutation(np.arange(examples) % columns)[:, None], scores


@pytest.mark.parametrize("task", SHAPES)
def test_resampled_scores_are_those_of_the_drawn_examples(task):
    targets, first = draw(task, 0)
    _, second = draw(task, 1)
    found = bootstrap.resample(targets, [first, second], task=task, resamples=60)
    rng, size = np.random.default_rng(0), len(targets)
    for number in range(60):
        index = rng.integers(size, size=size)
        for run, scores in enumerate([first, second]):
            expected = scoring.score(targets[index], scores[index], task=task)
            auc, acc = (found[metric][number, run] for metric in ("auc", "acc"))
            assert auc == pytest.approx(expected.auc, abs=1e-12)
            assert acc == pytest.approx(expected.acc, abs=1e-12)


@pytest.mark.parametrize("task", SHAPES)
def test_resampled_scores_of_classes_are_those_of_the_drawn_examples(task):
    targets, scores = draw(task, 0)
    found = bootstrap.resample_classes(targets, scores, task=task, resamples=60)
    rng, size = np.random.default_rng(0), len(targets)
    for number in range(60):
        index = rng.integers(size, size=size)
        expected = scoring.score(targets[index], scores[index], task=task)
        assert found[number] == pytest.approx(expected.auc_per_class, abs=1e-12)


@pytest.mark.parametrize("task", SHAPES)
def test_of_many_examples_the_projection_is_as_good(task, monkeypatch):
    targets, scores = many(task, 3000)
    exact, projected = [], []
    for found, least in ((projected, 3000), (exact, 3001)):
        monkeypatch.setattr(bootstrap, "PROJECTED", least)
        found.append(bootstrap.resample(targets, [scores], task=task)["auc"])
    spread = exact[0].std()
    assert abs(exact[0] - projected[0]).max() < spread / 5
    for one, other in zip(
        bootstrap.interval(exact[0]), bootstrap.interval(projected[0]), strict=True
    ):
        assert one == pytest.approx(other, abs=spread / 30)


def many(task, examples: int):
    """Scores that tell something of the targets, one class of which is rare."""
    rng = np.random.default_rng(0)
    columns = SHAPES[task][1]
    rates = np.geomspace(0.02, 1, columns)
    if task is catalog.Task.MULTILABEL:
        targets = rng.random((examples, columns)) < rates / 2
        return targets.astype(np.uint8), rng.normal(size=targets.shape) + targets
    targets = rng.choice(columns, size=examples, p=rates / rates.sum())
    scores = rng.normal(size=(examples, columns)) + np.eye(columns)[targets]
    return targets, scores


def test_one_binary_column_is_scored_as_two():
    targets, scores = draw(catalog.Task.BINARY, 3)
    one = bootstrap.resample(targets, [scores[:, 1:]], task=catalog.Task.BINARY)
    two = bootstrap.resample(targets, [scores], task=catalog.Task.BINARY)
    np.testing.assert_array_equal(one["auc"], two["auc"])


def test_a_drawn_set_without_a_class_has_no_auc_and_is_left_out():
    targets = np.array([0, 0, 0, 0, 1])
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.35])[:, None]
    found = bootstrap.resample(targets, [scores], task=catalog.Task.BINARY)
    assert np.isnan(found["auc"]).any() and np.isfinite(found["acc"]).all()
    low, high = bootstrap.interval(found["auc"])
    assert 0 <= low <= high <= 1


def test_the_interval_has_its_coverage():
    """Of 200 test sets, about 95 % of the intervals hold the true accuracy."""
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        targets = rng.integers(2, size=200)
        is_right = rng.random(200) < 0.8
        scores = np.where(is_right, targets, 1 - targets)[:, None].astype(float)
        found = bootstrap.resample(
            targets, [scores], task=catalog.Task.BINARY, resamples=300
        )
        low, high = bootstrap.interval(found["acc"])
        hits += low <= 0.8 <= high
    assert 0.90 <= hits / 200 <= 0.99
