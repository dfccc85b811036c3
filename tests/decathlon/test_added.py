"""Prediction files of the official program, beside methods that were run here."""

import csv
import io

import numpy as np
import pytest
import small_methods

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import run as decathlon
from medmnist_tfds.decathlon.report import added, write
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions, scoring

DATASETS = ("breast", "retina")
PROGRAM = {"own": "leave()"}


def official(folder, name: str, run: str, splits=catalog.SPLITS, seed: int = 0):
    """Files as the official program names them; returns the scores of test."""
    variant = catalog.variant(name, phantom=True)
    rng, source = np.random.default_rng(seed), arrays.find(variant)
    for split in splits:
        labels = source.labels(split)[:, 0]
        shape = len(labels), variant.dataset.num_labels
        logits = rng.normal(size=shape) + 2 * np.eye(shape[1])[labels]
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        predictions.write(folder, dataset=variant, split=split, scores=scores, run=run)
    return scoring.score(labels, scores, task=variant.dataset.task)


@pytest.fixture(scope="module")
def root(tmp_path_factory, data_dir):
    """A method of two datasets and three seeds."""
    place = tmp_path_factory.mktemp("added")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_methods, "PROGRAMS", PROGRAM)
        folders = small_methods.make(place, *PROGRAM)
    plan = decathlon.Plan(
        methods=tuple(map(methods.find, folders)),
        variants=tuple(catalog.variant(name, phantom=True) for name in DATASETS),
        seeds=(0, 1, 2),
        budget="smoke",
        data_dir=data_dir,
    )
    states, _ = small_methods.run(plan, place / "out")
    assert set(states.values()) == {"done"}
    return place / "out"


def rows(folder, name: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO((folder / name).read_text())))


def test_official_files_are_a_method_of_their_own(root, tmp_path):
    expected = [
        official(tmp_path / "files" / name, name, run, seed=number)
        for name in DATASETS
        for number, run in enumerate(["model1", "model2"])
    ]
    official(tmp_path / "files", "path", "model1", splits=("test",))  # takes no part
    out, found, _ = write.write(
        root, out=tmp_path / "report", add=[("PyTorch", tmp_path / "files")]
    )
    values = {
        (row["method"], row["column"], row["metric"]): row
        for row in rows(out, "table2.csv")
    }
    mine = values["PyTorch", "breast", "auc"]
    assert float(mine["mean"]) == pytest.approx(np.mean([x.auc for x in expected[:2]]))
    assert (mine["seeds"], mine["is_complete"]) == ("2", "True")
    assert values["own", "breast", "auc"]["seeds"] == "3"
    assert set(found.datasets) == set(DATASETS)
    records = {(r["method"], r["metric"]): r for r in rows(out, "records.csv")}
    assert records["PyTorch", "auc"]["missing"] == "0"
    (pair,) = [
        row
        for row in rows(out, "pairs.csv")
        if (row["dataset"], row["metric"]) == ("breast", "auc")
    ]
    assert {pair["first"], pair["second"]} == {"PyTorch", "own"}
    page = (out / "index.html").read_text()
    assert f"prediction_files {tmp_path / 'files'}" in page


def test_a_method_of_test_files_alone_is_scored_on_test(root, tmp_path):
    for name in DATASETS:
        official(tmp_path / "files", name, "run", splits=("test",))
    out, _, table = write.write(
        root, out=tmp_path / "report", add=[("Theirs", tmp_path / "files")]
    )
    assert not next(r for r in table.rows if r.method == "Theirs").lacking
    told = {(r["method"], r["quantity"]) for r in rows(out, "quality.csv")}
    assert ("Theirs", "average_precision") in told
    assert ("Theirs", "temperature") not in told  # it is fitted on validation


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("files", "Expected a name and a folder that is there"),
        ("=.", "Expected a name"),
        ("Theirs=nowhere", "'Theirs=nowhere'"),
    ],
)
def test_what_is_no_pair_is_refused(text, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        added.parse(text)


def test_a_folder_without_files_of_test_is_refused(root, tmp_path):
    official(tmp_path, "breast", "run", splits=("train", "val"))
    with pytest.raises(errors.MedMNISTError, match="holds no prediction file of a te"):
        write.write(root, out=tmp_path / "report", add=[("Theirs", tmp_path)])


def test_data_of_another_kind_are_refused(root, tmp_path):
    name = "breastmnist_test_[AUC]0.852_[ACC]0.808@run.csv"
    (tmp_path / name).write_text("0,0.5\n")
    with pytest.raises(errors.MedMNISTError, match="Expected medmnist_phantom/breast"):
        write.write(root, out=tmp_path / "report", add=[("Theirs", tmp_path)])


def test_two_files_of_one_run_are_refused(root, tmp_path):
    for seed, place in enumerate(["a", "b"]):
        official(tmp_path / place, "breast", "run", splits=("test",), seed=seed)
    with pytest.raises(errors.MedMNISTError, match="are both of test and of the run"):
        write.write(root, out=tmp_path / "report", add=[("Theirs", tmp_path)])


def test_rows_in_another_order_are_seen_by_the_name(root, tmp_path):
    official(tmp_path, "breast", "run", splits=("test",))
    (path,) = tmp_path.iterdir()
    scores = [line.partition(",")[2] for line in path.read_text().splitlines()]
    np.random.default_rng(0).shuffle(scores)
    path.write_text("".join(f"{row},{line}\n" for row, line in enumerate(scores)))
    with pytest.raises(errors.MedMNISTError, match="as its name says: rows may be in"):
        write.write(root, out=tmp_path / "report", add=[("Theirs", tmp_path)])


def test_a_name_that_is_there_already_is_refused(root, tmp_path):
    official(tmp_path, "breast", "run", splits=("test",))
    with pytest.raises(errors.MedMNISTError, match="there is a method 'own' already"):
        write.write(root, out=tmp_path / "report", add=[("own", tmp_path)])
