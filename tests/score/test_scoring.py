"""AUC and ACC: equal to the official evaluator, or an error; never a wrong number.

Never reads data, and never touches the home folder that the official package fills.
"""

import numpy as np
import pytest
from sklearn import metrics

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.score import scoring

BINARY, MULTILABEL = catalog.Task.BINARY, catalog.Task.MULTILABEL
MULTICLASS, ORDINAL = catalog.Task.MULTICLASS, catalog.Task.ORDINAL

# (task, columns of the scores): those of the catalog, then others.
FORMS = list(dict.fromkeys((d.task, d.num_labels) for d in catalog.DATASETS.values()))
FORMS += [(MULTICLASS, 2), (ORDINAL, 3), (MULTILABEL, 2)]
KINDS = {
    "random": lambda rng, shape: rng.random(shape),
    "probabilities": lambda rng, shape: rng.dirichlet(np.ones(shape[1]), shape[0]),
    "tied": lambda rng, shape: rng.random(shape).round(1),
    "around_half": lambda rng, shape: rng.choice([np.nextafter(0.5, 1), 0.5], shape),
    "constant": lambda rng, shape: np.full(shape, 0.5),
    "logits": lambda rng, shape: rng.normal(-3, 4, shape),
    "tiny": lambda rng, shape: rng.normal(0, 1e-300, shape),
    "huge": lambda rng, shape: rng.normal(0, 1e300, shape),
    "extreme": lambda rng, shape: rng.choice([-1e300, -1e-300, 0, 1e-300, 1], shape),
    "float32": lambda rng, shape: rng.random(shape, np.float32),
    "float16": lambda rng, shape: rng.random(shape).astype(np.float16),
    "int64": lambda rng, shape: rng.integers(-2, 3, shape),
    "uint8": lambda rng, shape: rng.integers(0, 3, shape, np.uint8),
}
ALL_FORMS = pytest.mark.parametrize(
    ("task", "columns"), FORMS, ids=[f"{task.name}-{n}" for task, n in FORMS]
)


def _targets(rng, task: catalog.Task, columns: int, examples: int = 90) -> np.ndarray:
    """uint8 (examples, 1) or (examples, labels), each class present, none even."""
    if task is MULTILABEL:
        labels = rng.random((examples, columns)) < np.linspace(0.1, 0.9, columns)
        labels[0], labels[1] = False, True
        return labels.astype(np.uint8)
    rest = columns * rng.random(examples - columns) ** 2
    return rng.permutation([*range(columns), *rest]).astype(np.uint8)[:, None]


def _per_class(task, y_true, y_score):
    """(is positive, its scores) for each class or label, by the definition."""
    if task is MULTILABEL:
        return list(zip(y_true.T == 1, y_score.T, strict=True))
    if task is BINARY:  # the area of class 0 is that of the mirrored score
        last = y_score[:, -1]
        return [(y_true[:, 0] == 0, -last), (y_true[:, 0] == 1, last)]
    return [(y_true[:, 0] == i, y_score[:, i]) for i in range(y_score.shape[1])]


def _counted_auc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Share of pairs in the right order, ties for half: the definition, O(n^2)."""
    ours, others = scores[positive][:, None], scores[~positive][None, :]
    return float(np.mean((ours > others) + 0.5 * (ours == others)))


def test_the_catalog_has_each_task_so_that_these_tests_score_each():
    assert {task for task, _ in FORMS} == set(catalog.Task)


@pytest.mark.parametrize("kind", KINDS)
@ALL_FORMS
def test_score_equals_the_official_evaluator(official, task, columns, kind):
    for seed in range(2):
        rng = np.random.default_rng([seed, columns])
        y_true = _targets(rng, task, columns)
        y_score = KINDS[kind](rng, (len(y_true), columns))
        found = scoring.score(y_true, y_score, task=task)
        auc = official.getAUC(y_true, y_score, task.value)
        acc = official.getACC(y_true, y_score, task.value)
        assert found.auc == pytest.approx(auc, abs=1e-12, rel=0)
        assert found.acc == pytest.approx(acc, abs=1e-12, rel=0)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "bool"])
@pytest.mark.parametrize("score_shape", [(-1,), (-1, 1), (-1, 2)])
@pytest.mark.parametrize("true_shape", [(-1,), (-1, 1)])
def test_binary_scores_of_each_shape_score_as_officially(
    official, true_shape, score_shape, dtype
):
    rng = np.random.default_rng(0)
    y_true = _targets(rng, BINARY, 2).reshape(true_shape).astype(dtype)
    size = len(y_true) * (score_shape[1:] or (1,))[0]
    y_score = rng.random(size).round(1).reshape(score_shape)
    found = scoring.score(y_true, y_score, task=BINARY)
    auc = official.getAUC(y_true, y_score, BINARY.value)
    assert found.auc == pytest.approx(auc, abs=1e-12, rel=0)
    assert found.acc == official.getACC(y_true, y_score, BINARY.value)


@pytest.mark.parametrize("task", [MULTICLASS, ORDINAL])
def test_class_numbers_may_have_a_column_axis_or_not(task):
    rng = np.random.default_rng(0)
    y_true, y_score = _targets(rng, task, 5), rng.random((90, 5))
    expected = scoring.score(y_true, y_score, task=task)
    assert scoring.score(y_true[:, 0], y_score, task=task) == expected
    assert scoring.score(y_true.tolist(), y_score.tolist(), task=task) == expected


@pytest.mark.parametrize("task", catalog.Task)
def test_a_task_may_be_given_by_its_official_name(task):
    rng = np.random.default_rng(0)
    y_true, y_score = _targets(rng, task, 2), rng.random((90, 2))
    by_name = scoring.score(y_true, y_score, task=task.value)
    assert by_name == scoring.score(y_true, y_score, task=task)


@pytest.mark.parametrize("kind", ["random", "tied", "extreme", "constant", "int64"])
@ALL_FORMS
def test_auc_per_class_is_the_share_of_pairs_in_the_right_order(task, columns, kind):
    rng = np.random.default_rng(columns)
    y_true = _targets(rng, task, columns)
    y_score = KINDS[kind](rng, (len(y_true), columns))
    found = scoring.score(y_true, y_score, task=task)
    assert len(found.auc_per_class) == columns
    assert found.auc == pytest.approx(np.mean(found.auc_per_class), abs=1e-12, rel=0)
    for auc, column in zip(
        found.auc_per_class, _per_class(task, y_true, y_score), strict=True
    ):
        assert auc == pytest.approx(_counted_auc(*column), abs=1e-12, rel=0)
        assert auc == pytest.approx(metrics.roc_auc_score(*column), abs=1e-12, rel=0)


@pytest.mark.parametrize(
    "transform", [np.exp, np.arctan, np.cbrt, lambda x: 7 * x - 3, lambda x: x**3]
)
@ALL_FORMS
def test_auc_stays_where_a_transform_keeps_the_order(task, columns, transform):
    rng = np.random.default_rng(columns)
    y_true = _targets(rng, task, columns)
    y_score = rng.normal(0, 1, (len(y_true), columns)).round(2)  # ties stay ties
    plain = scoring.score(y_true, y_score, task=task)
    transformed = scoring.score(y_true, transform(y_score), task=task)
    assert transformed.auc_per_class == plain.auc_per_class


@pytest.mark.parametrize("task", [BINARY, MULTILABEL])
def test_a_score_of_exactly_one_half_counts_as_negative(task):
    half = np.full((2, 2), 0.5)
    y_true = np.array([[0, 1], [1, 0]]) if task is MULTILABEL else np.array([0, 1])
    assert scoring.score(y_true, half, task=task).acc == 0.5
    last = scoring.score([0, 0, 1], [0.5, 0.5, np.nextafter(0.5, 1)], task=BINARY)
    assert last == scoring.Scores(auc=1.0, acc=1.0, auc_per_class=(1.0, 1.0))


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("task", catalog.Task)
def test_score_leaves_its_arguments_as_they_are(task, dtype):
    rng = np.random.default_rng(0)
    y_true, y_score = _targets(rng, task, 2), (9 * rng.random((90, 2))).astype(dtype)
    before = y_true.copy(), y_score.copy()
    scoring.score(y_true, y_score, task=task)
    np.testing.assert_array_equal(y_true, before[0], strict=True)
    np.testing.assert_array_equal(y_score, before[1], strict=True)


THREE = np.eye(3)  # three examples' scores for three classes
PAIRS = np.array([[0, 1], [1, 0], [1, 1]])  # three examples' labels, two each


@pytest.mark.parametrize(
    ("task", "y_true", "y_score", "message"),
    [
        (MULTICLASS, [0, 1, 1], THREE, "Class 2 has 0 of 3 examples"),
        (ORDINAL, [0, 2, 2], THREE, "Class 1 has 0 of 3.*Score the whole split"),
        (MULTICLASS, [0, 1, 2], np.eye(3, 4), "Class 3 has 0 of 3 examples"),
        (BINARY, [1, 1], [0.1, 0.9], "Class 0 has 0 of 2 examples"),
        (BINARY, [0, 0], [0.1, 0.9], "Class 0 has 2 of 2.*with and without each"),
        (MULTILABEL, [[0, 1], [1, 1]], np.eye(2), "Class 1 has 2 of 2 examples"),
        (MULTILABEL, [[0, 0], [1, 0]], np.eye(2), "Class 1 has 0 of 2 examples"),
        (BINARY, [0, 1, 1], [0, np.nan, 1], "NaN or inf.* 1 rows, first in row 1"),
        (
            MULTICLASS,
            [0, 1, 2],
            np.full((3, 3), -np.inf),
            "NaN or inf.* 3 rows, first in row 0",
        ),
        (ORDINAL, [0, 1, 2], THREE + [[0], [0], [np.inf]], "first in row 2.*finite"),
        (MULTILABEL, PAIRS, PAIRS * np.nan, "NaN or inf.* 3 rows.*diverge"),
        (MULTICLASS, [0, 1, 2], THREE[0], r"shape \(3,\).*one column per class"),
        (ORDINAL, [0, 1, 2], THREE[:, :1], r"shape \(3, 1\).*one column per class"),
        (MULTICLASS, [0, 1, 2], THREE[None], r"float64 \(1, 3, 3\).*one array"),
        (BINARY, [0, 1, 1], 0.5, r"float64 \(\).*\(examples, classes\)"),
        (BINARY, [0, 1, 1], THREE, r"shape \(3, 3\).*\(examples, 2\) for the binary"),
        (MULTILABEL, PAIRS[:, :0], PAIRS[:, :0], r"\(3, 0\).*\(examples, labels\)"),
        (MULTICLASS, [0, 1, 2], THREE.astype(str), "y_score is <U.*Expected numbers"),
        (MULTICLASS, ["a", "b", "c"], THREE, "y_true is <U1.*class numbers"),
        (MULTICLASS, [[0], [1, 2]], THREE, "y_true cannot be made an array"),
        (MULTICLASS, [0, 1, 2], [[0.1], [0.2, 0.8]], "y_score cannot be made an arr"),
        (MULTICLASS, [0, None, 2], THREE, "y_true is object"),
        (MULTICLASS, [0, 1, 2], THREE.astype(complex), "is complex128.*numbers"),
        (MULTICLASS, [0, 1, 2], THREE.astype(object), "is object.*numbers"),
        (MULTICLASS, THREE, THREE, r"\(3, 3\).*arg max of one-hot targets"),
        (ORDINAL, THREE.astype(int), THREE, "arg max of one-hot targets first"),
        (BINARY, PAIRS, PAIRS, r"\(3, 2\).*arg max of one-hot targets"),
        (MULTICLASS, 1, THREE, r"y_true is int64 \(\).*class numbers"),
        (
            MULTICLASS,
            [0, 1, 4],
            np.ones((3, 4)),
            "the label 4.*0 to 3.*miss a class column",
        ),
        (MULTICLASS, [0, -1, 2], THREE, "the label -1.*whole numbers from 0 to 2"),
        (ORDINAL, [0, 1.5, 2], THREE, "the label 1.5.*whole numbers from 0 to 2"),
        (ORDINAL, [0, np.nan, 2], THREE, "the label nan.*whole numbers"),
        (BINARY, [0, 2, 1], [0.1, 0.2, 0.3], "the label 2.*from 0 to 1"),
        (MULTILABEL, PAIRS * 2, THREE[:, :2], "the label 2.*from 0 to 1"),
        (MULTILABEL, PAIRS, THREE, r"\(3, 2\), y_score \(3, 3\).*both"),
        (MULTILABEL, [0, 1, 1], PAIRS, r"\(3,\), y_score \(3, 2\).*multi-label"),
        (MULTILABEL, [[0], [1], [1]], [0.1, 0.2, 0.3], r"y_score \(3,\).*both"),
        (MULTILABEL, 1, PAIRS, r"y_true is int64 \(\).*multi-label task"),
        (BINARY, [], [], "0 examples, y_score 0.*at least one"),
        (BINARY, [], np.ones((0, 2)), "0 examples, y_score 0.*at least one"),
        (MULTICLASS, [], np.ones((0, 3)), "0 examples, y_score 0.*at least one"),
        (MULTILABEL, PAIRS[:0], PAIRS[:0], "0 examples, y_score 0.*at least one"),
        (BINARY, [0, 1], [0.1, 0.2, 0.3], "2 examples, y_score 3.*whole split"),
        (ORDINAL, [0, 1, 2, 2], THREE, "4 examples, y_score 3.*the same number"),
        (MULTILABEL, PAIRS[:2], PAIRS, "2 examples, y_score 3.*own order"),
    ],
)
def test_what_cannot_be_scored_is_refused(task, y_true, y_score, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        scoring.score(y_true, y_score, task=task)


@pytest.mark.parametrize("task", ["binary", "BINARY", "Binary class", BINARY])
def test_a_task_may_be_named_as_one_would_say_it(task):
    assert scoring.score([0, 1], [0.1, 0.9], task=task).auc == 1


@pytest.mark.parametrize("task", ["binry", "", None, 3, ["binary"], np.arange(3)])
def test_an_unknown_task_is_refused_with_the_choices(task):
    choices = "'binary'.*'multiclass'.*'ordinal'.*'multilabel'"
    with pytest.raises(errors.MedMNISTError, match=f"is not a task.*{choices}"):
        scoring.score([0, 1], [0.1, 0.9], task=task)
