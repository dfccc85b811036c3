"""Whatever comes in, public functions give a right result or a MedMNISTError.

What a right result is, is asked of others: scikit-learn, pandas and NumPy.
"""

import io
import pathlib
import tempfile
import zipfile

import hypothesis
import numpy as np
import official_form
import pandas
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions, scoring

pytestmark = pytest.mark.usefixtures("places")


def examples(count: int):
    """The same examples in each run of the suite, so many of them."""
    return hypothesis.settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],  # to shrink a failure takes minutes
        suppress_health_check=list(hypothesis.HealthCheck),
    )


NUMBERS = st.one_of(
    st.integers(-3, 2**70), st.floats(), st.booleans(), st.sampled_from([2**63, -1])
)
TEXT = st.one_of(st.text(max_size=8), st.sampled_from(["\0", "x" * 300, "\ud800", ""]))
DTYPES = ["u1", "i8", "u8", "f2", "f4", "f8", "g", "?", "c16", "O", "U3", "M8[s]", "S2"]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(
        dtype,
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        elements=TEXT if dtype == "O" else None,
    )
)
ANYTHING = st.one_of(
    st.none(),
    NUMBERS,
    TEXT,
    ARRAYS,
    st.binary(max_size=4),
    st.recursive(NUMBERS | TEXT, lambda part: st.lists(part, max_size=4), max_leaves=8),
    st.just(pathlib.Path("nowhere")),
    st.just(object()),
)


@st.composite
def scored(draw, examples: int | None = None, task: catalog.Task | None = None):
    """(task, targets, scores) that can mostly be scored, and are odd in some way."""
    task = task or draw(st.sampled_from(catalog.Task))
    columns = 2 if task is catalog.Task.BINARY else draw(st.integers(2, 4))
    count = examples or draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    odd = st.sampled_from([0.5, 5e-324, 1e300, -1e300, 0.0, -0.0, np.nan, np.inf])
    pool = [*rng.normal(size=4), draw(odd)]
    scores = rng.choice(pool, (count, columns))
    if draw(st.booleans()) and np.abs(pool[-1]) < 9:
        scores = scores.astype(np.float32)
    highest = 2 if task is catalog.Task.MULTILABEL else columns
    width = columns if task is catalog.Task.MULTILABEL else 1
    return task, rng.integers(0, highest, (count, width)), scores


def reference(task: catalog.Task, y_true: np.ndarray, y_score: np.ndarray):
    """AUC and ACC of (examples, columns) by scikit-learn."""
    if task is catalog.Task.MULTILABEL:
        acc = metrics.accuracy_score(y_true.ravel(), y_score.ravel() > 0.5)
        return metrics.roc_auc_score(y_true, y_score), acc
    y_true = y_true.reshape(-1)
    if task is catalog.Task.BINARY:
        last = y_score.reshape(len(y_score), -1)[:, -1]
        acc = metrics.accuracy_score(y_true, last > 0.5)
        return metrics.roc_auc_score(y_true, last), acc
    classes = zip(np.arange(y_score.shape[1]), y_score.T, strict=True)
    aucs = [metrics.roc_auc_score(y_true == number, c) for number, c in classes]
    return np.mean(aucs), metrics.accuracy_score(y_true, y_score.argmax(axis=1))


def result(function, *arguments, **options):
    """What the function returns, or None if it refuses; all else fails the test."""
    try:
        return function(*arguments, **options)
    except errors.MedMNISTError as error:
        assert len(str(error)) > 20
        return None


@hypothesis.given(st.data())
@examples(150)
def test_scores_are_scikit_learns_or_refused(data):
    task, y_true, y_score = data.draw(scored())
    odd = data.draw(st.sampled_from([None, None, "task", "y_true", "y_score"]))
    given = {"task": task, "y_true": y_true, "y_score": y_score}
    if odd:
        given[odd] = data.draw(ANYTHING)
    scores = result(scoring.score, **given)
    if scores is not None:
        task = catalog.Task(given["task"])
        y_true = np.asarray(given["y_true"], np.int64)
        y_score = np.asarray(given["y_score"], np.float64)
        expected = reference(task, y_true, y_score)
        assert (scores.auc, scores.acc) == pytest.approx(expected, abs=1e-9, rel=0)


@hypothesis.given(st.data())
@examples(50)
def test_predictions_read_back_as_written_or_are_refused(data):
    name = data.draw(st.sampled_from(["breast:1.0.0", "breast:3.0.0"]))
    task, targets, scores = data.draw(scored(78, catalog.Task.BINARY))
    given = dict(dataset=name, split="val", scores=scores, run="run", targets=targets)
    odd = data.draw(st.sampled_from([None, *given, "folder"]))
    if odd and odd != "folder":
        value = data.draw(TEXT if odd == "run" else ANYTHING)
        given[odd] = value if odd != "targets" or value is not None else ()
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder, data.draw(TEXT)) if odd == "folder" else folder
        path = result(predictions.write, place, **given)
        if path is not None:
            back = predictions.read(path)
            assert back.variant == catalog.parse(given["dataset"])
            assert (back.split, back.run) == (given["split"], given["run"])
            scores = np.asarray(given["scores"], np.float64).reshape(back.scores.shape)
            np.testing.assert_array_equal(back.scores, scores)


@st.composite
def edited(draw, content: bytes, pieces: st.SearchStrategy[bytes]) -> bytes:
    """The content with some bytes in the middle replaced by others."""
    start = draw(st.integers(0, len(content)))
    length = draw(st.integers(0, 12))
    return content[:start] + draw(pieces) + content[start + length :]


CSV = "\n".join(f"{row},{row / 100},{1 - row / 100}" for row in range(78)).encode()
CELLS = b'|1_0|0|nan|-inf|1e999|"|\r\n|,|\n| |1.5|\xff|0x1|78,0,1\n|\0'.split(b"|")
CELLS += ["\u0661".encode(), b"9" * 5000]


@hypothesis.given(edited(CSV, st.sampled_from(CELLS) | st.binary(max_size=3)))
@examples(200)
def test_a_prediction_file_is_read_as_pandas_reads_it_or_refused(content):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "breastmnist_val@run.csv")
        path.write_bytes(content)
        prediction = result(predictions.read, path)
    if prediction is not None:
        table = pandas.read_csv(io.BytesIO(content), index_col=0, header=None)
        expected = table.sort_index().to_numpy()
        np.testing.assert_allclose(prediction.scores, expected, rtol=1e-12)


@hypothesis.given(
    st.from_regex(
        r"(medmnist(_phantom)?/)?[a-z_]{0,6}(_\d*)?(:[\d.]*)?", fullmatch=True
    )
    | st.sampled_from(
        [
            f"{name}_{size}"
            for dataset in catalog.DATASETS.values()
            for name in dataset.aliases
            for size in (28, 64, 65)
        ]
    )
    | ANYTHING
)
@examples(200)
def test_names_are_read_as_tfds_reads_them_or_refused(name):
    variant = result(catalog.parse, name)
    if variant is not None:
        assert catalog.parse(variant.tfds_name) == variant
        assert variant.config in variant.tfds_name


@hypothesis.given(st.data())
@examples(40)
def test_a_split_gives_its_arrays_in_batches_or_is_refused(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    shape = tuple(data.draw(st.integers(1, 3)) for _ in range(4))
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    labels = rng.integers(0, 2, shape[: data.draw(st.integers(1, 2))])
    given = {
        "images": images,
        "labels": labels,
        "batch_size": 2,
        "seed": 1,
        "rows": [0],
    }
    odd = data.draw(st.sampled_from([None, *given]))
    if odd:
        given[odd] = data.draw(ANYTHING)
    split = result(
        pipeline.Split.from_arrays, given["images"], given["labels"], name="train"
    )
    if split is None:
        return
    images, labels = np.asarray(given["images"]), np.asarray(given["labels"])
    images = images if images.ndim == 4 else images[..., None]
    labels = labels[:, 0] if labels.shape[1:] == (1,) else labels
    np.testing.assert_array_equal(split.images, images)
    np.testing.assert_array_equal(split.labels, labels)
    rows = result(split.rows, given["rows"])
    if rows is not None:
        np.testing.assert_array_equal(rows, images[given["rows"]])
    batches = result(split.eval_batches, given["batch_size"])
    if batches is not None and given["batch_size"] < 2**10:
        columns = zip(*batches.as_numpy_iterator(), strict=True)
        in_order, _, weights = map(np.concatenate, columns)
        np.testing.assert_array_equal(in_order[weights == 1], images)
    batches = result(split.train_batches, given["batch_size"], seed=given["seed"])
    if batches is not None and given["batch_size"] < 2**10:
        (batch, _) = next(iter(batches))
        assert batch.shape == (given["batch_size"], *images.shape[1:])


def _kinds() -> dict[str, bytes]:
    stored = official_form.official_arrays("breast")
    return {
        "stored": official_form.npz(stored),
        "deflated": official_form.npz(stored, zipfile.ZIP_DEFLATED),
    }


FILES = _kinds()


@hypothesis.given(st.data())
@examples(150)
def test_an_official_file_is_read_as_numpy_reads_it_or_refused(data):
    content = FILES[data.draw(st.sampled_from(sorted(FILES)))]
    # Most bytes are pixels, whose damage is of one kind: edit headers and directory.
    marks = [
        content.find(mark) for mark in (b"PK\3\4", b"\x93NUMPY", b"PK\1\2", b"PK\5")
    ]
    start = max(0, data.draw(st.sampled_from(marks)))
    changed = data.draw(edited(content[start : start + 100], st.binary(max_size=12)))
    content = content[:start] + changed + content[start + 100 :]
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        opened = result(official_form.open_archive, place, content)
        for split in catalog.SPLITS if opened else ():
            images, labels = result(opened.images, split), opened.labels(split)
            if images is not None:
                with np.load(opened.path) as stored:
                    same = stored[f"{split}_images"].reshape(images.shape)
                    np.testing.assert_array_equal(images, same)
                    np.testing.assert_array_equal(labels, stored[f"{split}_labels"])
