"""Claims that one method is better: drawn methods, and what others compute."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats import multitest

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import pairs, standings
from medmnist_tfds.score import bootstrap, scoring

EXAMPLES, SEEDS = 200, 3
TASK = catalog.Task.BINARY


def drawn(rng, *, better: float = 0.0, unsteady: float = 0.1, seeds: int = SEEDS):
    """Targets, and runs of two methods on them that are equal, or the second better.

    Each image is easy or hard for both, and for each; each seed is luckier or less.
    Seeds are as many for both, or a number for each.
    """
    targets = (np.arange(EXAMPLES) % 3 > 0).astype(int)
    easy = 1.2 * targets + 0.8 * rng.normal(size=EXAMPLES)
    methods, counts = [], np.broadcast_to(seeds, 2)
    for gain, count in zip((0, better), counts, strict=True):
        own = easy + gain * targets + 0.3 * rng.normal(size=EXAMPLES)
        runs = [
            own + unsteady * rng.normal() * targets + 0.4 * rng.normal(size=EXAMPLES)
            for _ in range(count)
        ]
        methods.append([1 / (1 + np.exp(0.6 - run))[:, None] for run in runs])
    return targets, methods


def standing(targets, runs, metric="auc", seed=0) -> standings.Standing:
    draws = bootstrap.resample(targets, runs, task=TASK, seed=seed, resamples=100)
    scores = [scoring.score(targets, run, task=TASK) for run in runs]
    return standings.Standing(
        scores=np.array([getattr(score, metric) for score in scores]),
        draws=draws[metric],
        missing=0,
    )


def rate(metric="auc", repeats=200, **how) -> float:
    """How often methods are said to differ."""
    rng, claims = np.random.default_rng(0), 0
    for number in range(repeats):
        targets, methods = drawn(rng, **how)
        two = [standing(targets, runs, metric, seed=number) for runs in methods]
        difference, spread, freedom = pairs.differ(*two)
        claims += 2 * pairs.doubt(abs(difference), spread, freedom) < pairs.LEVEL
    return claims / repeats


@pytest.mark.parametrize("metric", ["auc", "acc"])
@pytest.mark.parametrize(
    "unsteady, seeds", [(0.0, 3), (0.1, 3), (0.5, 3), (0.1, (3, 1)), (0.5, (1, 3))]
)
def test_equal_methods_are_said_to_differ_in_one_of_twenty_at_most(
    metric, unsteady, seeds
):
    # And two standard errors of such a count.
    limit = 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5
    assert rate(metric, unsteady=unsteady, seeds=seeds) <= limit


def test_a_real_difference_is_found_as_often_as_its_size_allows():
    """The rate that a normal test with the true error would have, within a tenth."""
    rng, found = np.random.default_rng(1), []
    for _ in range(300):
        targets, methods = drawn(rng, better=0.4)
        means = [
            np.mean([scoring.score(targets, run, task=TASK).auc for run in runs])
            for runs in methods
        ]
        found.append(means[1] - means[0])
    expected = np.mean(
        np.abs(
            np.random.default_rng(2).normal(
                np.mean(found) / np.std(found), size=100_000
            )
        )
        > 1.96
    )
    assert 0.5 < expected < 0.95
    assert rate(better=0.4) == pytest.approx(expected, abs=0.1)


def test_among_ten_equal_methods_holm_claims_nothing_in_nineteen_of_twenty():
    """45 pairs: without Holm some pair nearly always seems to differ."""
    rng, plain, adjusted = np.random.default_rng(0), 0, 0
    for _ in range(100):
        z = rng.normal(size=10)
        one, other = np.triu_indices(10, k=1)
        p_values = 2 * stats.norm.sf(abs(z[one] - z[other]) / np.sqrt(2))
        plain += min(p_values) < pairs.LEVEL
        adjusted += min(pairs.holm(p_values)) < pairs.LEVEL
    assert plain > 50 and adjusted <= 9


def test_delong_agrees_with_the_bootstrap_where_seeds_are_alike():
    targets, (first, second) = drawn(np.random.default_rng(3), better=0.4, seeds=1)
    two = [standing(targets, runs) for runs in (first, second)]
    difference, spread, _ = pairs.differ(*two)
    delong = stats.norm.isf(pairs.delong(targets, first, second) / 2)
    assert delong == pytest.approx(abs(difference) / spread, rel=0.1)


def test_delong_by_hand():
    """The covariance of placement values, pair by pair."""
    targets, (first, second) = drawn(np.random.default_rng(4), seeds=1)
    placed = []
    for (scores,) in (first, second):
        up, down = scores[targets == 1, 0], scores[targets == 0, 0]
        wins = (up[:, None] > down) + (up[:, None] == down) / 2
        placed.append((wins.mean(axis=1), wins.mean(axis=0)))
    up, down = (np.subtract(*values) for values in zip(*placed, strict=True))
    error = np.sqrt(up.var(ddof=1) / len(up) + down.var(ddof=1) / len(down))
    expected = 2 * pairs.doubt(abs(up.mean()), error)
    assert pairs.delong(targets, first, second) == pytest.approx(expected, rel=1e-5)


def test_a_method_is_no_better_than_itself():
    targets, (runs, _) = drawn(np.random.default_rng(5))
    same = standing(targets, runs)
    difference, spread, freedom = pairs.differ(same, same)
    assert difference == 0
    assert pairs.doubt(difference, spread, freedom) == 0.5
    assert pairs.delong(targets, runs, runs) == 1.0


def test_holm_is_that_of_statsmodels():
    for p_values in ([0.01, 0.04, 0.03], [0.4, 0.9, 0.9, 0.001], [0.2]):
        expected = multitest.multipletests(p_values, method="holm")[1]
        np.testing.assert_allclose(pairs.holm(p_values), expected)
