"""Ranks over datasets: the paper's own table, and small ones by hand."""

import numpy as np
import pytest
import scikit_posthocs
from scipy import stats

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import collect, ranks


def of_the_paper(metric: str) -> dict[str, list[float]]:
    return {
        method: [row[name, metric] for name in catalog.SUITES["decathlon"]]
        for method, row in collect.paper_rows().items()
    }


def test_of_the_papers_methods_only_auto_sklearn_is_told_apart():
    found = ranks.ranks(of_the_paper("auc"))
    assert found.critical == pytest.approx(2.85, abs=0.005)  # Demsar: 2.949 * sqrt(...)
    assert list(found.mean)[-1] == "auto-sklearn"
    best, *_ = found.alike
    assert set(found.mean) - set(best) == {"auto-sklearn"}
    assert found.friedman < 0.001


def test_mean_ranks_by_hand():
    """Ties share the ranks that they stand on."""
    found = ranks.ranks({"a": [0.9, 0.5], "b": [0.8, 0.5], "c": [0.7, 0.1]})
    assert found.mean == {"a": 1.25, "b": 1.75, "c": 3.0}


def test_the_critical_difference_is_that_of_nemenyis_p_value():
    scores = {"a": [0.9, 0.8, 0.7], "b": [0.6, 0.9, 0.5], "c": [0.5, 0.4, 0.8]}
    found = ranks.ranks(scores)
    expected = stats.friedmanchisquare(*scores.values()).pvalue
    assert found.friedman == pytest.approx(expected)
    count, datasets = 3, 3
    error = (count * (count + 1) / 6 / datasets) ** 0.5
    quantile = found.critical / error * 2**0.5
    assert stats.studentized_range.sf(quantile, 3, float("inf")) == pytest.approx(0.05)


def test_who_differs_is_what_scikit_posthocs_says():
    rng = np.random.default_rng(0)
    for methods in (3, 5, 9):
        table = rng.normal(size=(10, methods)) + np.linspace(0, 2, methods)
        scores = {str(number): list(column) for number, column in enumerate(table.T)}
        found = ranks.ranks(scores)
        p_values = scikit_posthocs.posthoc_nemenyi_friedman(table).to_numpy()
        apart = {tuple(sorted(map(int, pair))) for pair in found.apart}
        expected = zip(*np.nonzero(np.triu(p_values < 0.05)), strict=True)
        assert apart == {(int(a), int(b)) for a, b in expected} and apart


def test_groups_end_where_the_critical_difference_is_passed():
    order = ["a", "b", "c", "d", "e"]
    scores = {name: [1 - 0.1 * place] * 8 for place, name in enumerate(order)}
    found = ranks.ranks(scores)
    assert 2 < found.critical < 3
    assert found.alike == (("a", "b", "c"), ("b", "c", "d"), ("c", "d", "e"))


@pytest.mark.parametrize(
    "scores",
    [
        {"a": [0.9, 0.8], "b": [0.6, 0.9]},
        {"a": [0.9], "b": [0.6], "c": [0.5]},
        # As far apart as can be, and not far enough for Nemenyi.
        {f"{number}": [number / 10] * 2 for number in range(10)},
    ],
    ids=["two methods", "one dataset", "two datasets"],
)
def test_too_few_are_ranked_without_a_test(scores):
    found = ranks.ranks(scores)
    assert found.friedman is None and found.critical is None and not found.alike
    assert "cannot tell any two" in str(found)


def test_methods_that_are_all_equal_do_not_differ():
    found = ranks.ranks({name: [0.5] * 3 for name in "abc"})
    assert found.friedman == 1.0 and found.alike == (("a", "b", "c"),)
