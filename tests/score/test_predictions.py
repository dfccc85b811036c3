"""Prediction files: the official form both ways, whole and in order, or refused.

Never downloads; only the tests on real labels read official files, and skip without.
"""

import contextlib
import os
import pathlib
import threading

import numpy as np
import pandas
import pytest

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions, scoring

NAMES = [f"{name}:3.0.0" for name in catalog.DATASETS] + ["derma_64", "breast_224"]
LINES = [f"{row},0.25,0.75" for row in range(78)]  # breast's validation split


@pytest.fixture(params=["line by line", "at once"])
def each_way(request, monkeypatch):
    """Small files are read as large ones are, too."""
    if request.param == "at once":
        monkeypatch.setattr(predictions, "_LARGE", 0)


def _with(line: str) -> list[str]:
    return LINES[:5] + [line] + LINES[6:]


def _rooted(official, folder):
    """The official class, its `.npz` files in `folder`; `seen` is what it scored."""

    class Evaluator(official.Evaluator):
        def __init__(self, flag, split, size=None):
            super().__init__(flag, split, size, root=str(folder))

        def evaluate(self, y_score, save_folder=None, run=None):
            type(self).seen = y_score
            return super().evaluate(y_score, save_folder, run)

    return Evaluator


def _synthetic(official, folder, variant, split, targets):
    """The official class, reading a small file with `targets` made in `folder`."""
    np.savez(folder / f"{variant.flag}.npz", **{f"{split}_labels": targets})
    return _rooted(official, folder)


def _split(name: str):
    """(variant, its smallest split, random targets, random scores of that split)."""
    rng = np.random.default_rng(0)
    variant = catalog.parse(name)
    split = min(variant.release.splits, key=variant.release.splits.get)
    shape = variant.release.splits[split], variant.dataset.num_labels
    if variant.dataset.task is catalog.Task.MULTILABEL:
        targets = rng.integers(0, 2, shape, np.uint8)
    else:
        targets = rng.permutation(np.arange(shape[0]) % shape[1])[:, None]
    return variant, split, targets.astype(np.uint8), rng.random(shape)


def _write(folder, name="breast", run="test", **changes) -> pathlib.Path:
    variant, split, targets, scores = _split(name)
    given = dict(dataset=variant, split=split, scores=scores, targets=targets)
    return predictions.write(folder, run=run, **(given | changes))


@pytest.mark.parametrize("name", NAMES)
def test_official_parser_reads_our_file(official, tmp_path, name):
    variant, split, targets, scores = _split(name)
    evaluator = _synthetic(official, tmp_path, variant, split, targets)
    path = _write(tmp_path / "new" / "folder", name, run="cnn-1_seed0")
    metrics = evaluator.parse_and_evaluate(str(path))
    found = scoring.score(targets, scores, task=variant.dataset.task)
    assert metrics == pytest.approx((found.auc, found.acc), abs=1e-12, rel=0)
    np.testing.assert_allclose(evaluator.seen, scores, rtol=0, atol=1e-12)
    # It saved what it had parsed under the name that it gives: ours, so one file.
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["breast", "retina", "chest", "derma_64"])
def test_official_evaluators_file_is_read_with_the_same_scores(
    official, tmp_path, name, dtype
):
    variant, split, targets, scores = _split(name)
    scores = scores.astype(dtype)
    evaluator = _synthetic(official, tmp_path, variant, split, targets)
    flag, _, size = variant.flag.partition("_")
    evaluator(flag, split, size=size or None).evaluate(scores, str(tmp_path), "run")
    (path,) = tmp_path.glob("*.csv")
    found = predictions.read(path)
    assert (found.variant.flag, found.split, found.run) == (variant.flag, split, "run")
    np.testing.assert_array_equal(found.scores.astype(dtype), scores, strict=True)


@pytest.mark.parametrize("split", catalog.SPLITS)
@pytest.mark.parametrize("name", ["breast", "retina"])
def test_evaluate_equals_the_official_evaluator_on_real_labels(
    official, official_root, tmp_path, monkeypatch, name, split
):
    variant = catalog.parse(name)
    shape = variant.release.splits[split], variant.dataset.num_labels
    scores = np.random.default_rng(0).random(shape).round(2)
    given = dict(dataset=name, split=split, scores=scores, run="real")
    monkeypatch.setenv("MEDMNIST_ROOT", str(official_root))
    path = predictions.write(tmp_path, **given)
    expected = _rooted(official, official_root)(variant.flag, split).evaluate(scores)
    found = predictions.evaluate(path)
    assert (found.auc, found.acc) == pytest.approx(expected, abs=1e-12, rel=0)
    monkeypatch.setenv("MEDMNIST_ROOT", str(tmp_path))
    assert predictions.evaluate(path, folder=official_root) == found


@pytest.mark.parametrize("name", ["breast", "derma_64", "organ_sagittal"])
def test_name_holds_flag_split_rounded_scores_and_run(tmp_path, name):
    variant, split, targets, scores = _split(name)
    result = scoring.score(targets, scores, task=variant.dataset.task)
    path = _write(tmp_path, name, run="a-b_c+1")
    numbers = f"[AUC]{result.auc:.3f}_[ACC]{result.acc:.3f}"
    assert path == tmp_path / f"{variant.flag}_{split}_{numbers}@a-b_c+1.csv"
    found = predictions.read(path)
    assert (found.variant.flag, found.split) == (variant.flag, split)
    assert found.run == "a-b_c+1"


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("columns", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64"])
def test_read_gives_back_the_very_bits_that_were_written(tmp_path, dtype, columns):
    rng = np.random.default_rng(columns)
    scores = rng.normal(0, 9, (78, columns) if columns else 78).astype(dtype)
    if dtype == "float64":
        odd = [1e-300, 5e-324, -0.0, 1 / 3, 0.1 + 0.2, np.finfo(float).max]
        scores[: len(odd)] = np.reshape(odd, (-1,) + (1,) * (scores.ndim - 1))
    found = predictions.read(_write(tmp_path, scores=scores)).scores
    assert found.dtype == np.float64
    assert found.shape == (78, columns or 1)
    assert found.tobytes() == scores.astype(np.float64).tobytes()


@pytest.mark.usefixtures("each_way")
def test_rows_in_any_order_are_read_in_the_official_order(official, tmp_path):
    variant, split, targets, scores = _split("retina")
    path = _write(tmp_path, "retina")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(np.random.default_rng(0).permutation(lines)))
    assert not path.read_text().startswith("0,")
    np.testing.assert_array_equal(predictions.read(path).scores, scores)
    evaluator = _synthetic(official, tmp_path, variant, split, targets)
    evaluator.parse_and_evaluate(str(path))
    np.testing.assert_allclose(evaluator.seen, scores, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (LINES[:5] + LINES[6:], "row 5 is missing.*rows 0 to 77 once each"),
        (LINES[:-1], "row 77 is missing"),
        (LINES + ["78,0.1,0.9"], "row 78 in line 79 is extra"),
        (["id,first,second", *LINES], "line 1: 'id,first,second'.*no header"),
        ([",0,1", *LINES], "line 1: ',0,1' is not a row of numbers.*no header"),
        ([f"{line},0" for line in LINES], "row 0 in line 1 has 3 scores"),
        ([*map(str, range(78))], "row 0 in line 1 has 0 scores"),
        ([], "row 0 is missing"),
        (_with("4,0.1,0.9"), "row 4 is repeated in line 6"),
        (_with("-1,0.1,0.9"), "row -1 in line 6 is extra"),
        (_with("5,0.2,high"), "line 6: '5,0.2,high' is not a row"),
        (_with("5,0.2,"), "line 6: '5,0.2,' is not a row"),
        (_with("5.0,0.2,0.8"), "line 6: '5.0,0.2,0.8' is not a row"),
        (_with("5,\xff,0.8"), "line 6: '5,.,0.8' is not a row"),  # not UTF-8
        (_with(""), "line 6: '' is not a row of numbers"),
        (_with("5,nan,0.8"), r"line 6 \(row 5\) has a score that is NaN"),
        (_with("5,0.2,inf"), r"line 6 \(row 5\).*infinite"),
        (_with("5,-inf,1"), r"line 6 \(row 5\).*diverge"),
        (_with("0_5,0.2,0.8"), "line 6: '0_5,0.2,0.8' is not a row"),
        (_with("5,1_0,0.8"), "line 6: '5,1_0,0.8' is not a row"),
        (_with("5,infinity,0.8"), r"line 6 \(row 5\).*infinite"),
        (_with(f"5,0.2,{'9' * 5000}"), r"line 6 \(row 5\).*infinite"),
        (_with(f"{'9' * 5000},0.2,0.8"), "line 6: '9999.* is not a row"),
        (_with("5,0.2"), "row 5 in line 6 has 1 scores.*with 1 or 2 scores"),
        (_with("5,0,0,1"), "row 5 in line 6 has 3 scores"),
        (_with("5"), "row 5 in line 6 has 0 scores"),
    ],
)
def test_a_file_that_is_not_the_split_is_refused_by_row(tmp_path, lines, message):
    path = tmp_path / "breastmnist_val_[AUC]0.500_[ACC]0.500@run.csv"
    path.write_text("\n".join(lines), encoding="latin-1")
    for reader in (predictions.read, predictions.evaluate):
        with pytest.raises(errors.MedMNISTError, match=message) as error:
            reader(path)
        assert str(error.value).startswith(path.name)


@pytest.mark.usefixtures("each_way")
def test_digits_of_other_scripts_are_no_scores(tmp_path):
    path = tmp_path / "breastmnist_val.csv"
    path.write_text("\n".join(_with("5,0.2,\u0661")), encoding="utf-8")
    with pytest.raises(errors.MedMNISTError, match="line 6: .* is not a row"):
        predictions.read(path)


def test_a_file_is_read_no_further_than_its_first_extra_row(tmp_path):
    path, lines = tmp_path / "breastmnist_val.csv", 200_000
    written = []
    os.mkfifo(path)

    def write():
        with contextlib.suppress(BrokenPipeError), path.open("w") as file:
            for row in range(lines):
                file.write(f"{row},0.25,0.75\n")
                written.append(row)

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(errors.MedMNISTError, match="row 78 in line 79 is extra"):
        predictions.read(path)
    writer.join()
    assert len(written) < lines / 2  # what a pipe and a buffer take, and no more


def test_a_task_of_classes_or_labels_needs_all_its_columns(tmp_path):
    path = tmp_path / "retinamnist_val.csv"
    path.write_text("\n".join(f"{row},0.1,0.2,0.3,0.4" for row in range(120)))
    with pytest.raises(errors.MedMNISTError, match="has 4 scores.*all with 5 scores"):
        predictions.read(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scores.csv", "scores.csv is no standard prediction file.*such as"),
        ("breastmnist.csv", "no standard prediction file"),
        ("breastmnist_holdout_[AUC]0.5@run.csv", "no standard prediction file"),
        ("breastmnist_testing.csv", "no standard prediction file"),
        ("breastmnist_val_[AUC]0.5@run.txt", "no standard prediction file"),
        ("_val.csv", "no standard prediction file"),
        ("brestmnist_val@run.csv", "no flag 'brestmnist'.*mean 'breastmnist'"),
        ("breastmnist_65_val@run.csv", "no flag 'breastmnist_65'"),
        ("organmnist_val@run.csv", "no flag 'organmnist'.*mean 'organ"),
    ],
)
def test_a_file_name_of_another_form_is_refused(tmp_path, name, message):
    (tmp_path / name).write_text("\n".join(LINES))
    with pytest.raises(errors.MedMNISTError, match=message):
        predictions.read(tmp_path / name)


def test_a_file_name_may_end_after_the_split_as_officially(tmp_path):
    (tmp_path / "breastmnist_val.csv").write_text("\n".join(LINES))
    found = predictions.read(tmp_path / "breastmnist_val.csv")
    assert (found.variant.flag, found.split, found.run) == ("breastmnist", "val", "")


def test_a_file_that_is_not_there_is_said_not_to_be(tmp_path):
    for name in ("nosuch.csv", "breastmnist_val.csv", "no/such.npy"):
        with pytest.raises(errors.MedMNISTError, match=f"{name}: No such file"):
            predictions.evaluate(tmp_path / name)


@pytest.mark.parametrize("name", ["BreastMNIST", "breast", "BREASTMNIST"])
def test_a_file_may_be_named_with_any_name_of_the_dataset(tmp_path, name):
    (tmp_path / f"{name}_val@mine.csv").write_text("\n".join(LINES))
    found = predictions.read(tmp_path / f"{name}_val@mine.csv")
    assert found.variant == catalog.parse("breast") and found.run == "mine"


ROWS = np.random.default_rng(0).random((120, 5))  # retina's validation split


def _pandas(path, scores, *, index: bool, header: bool) -> None:
    table = pandas.DataFrame(scores).sample(frac=1, random_state=0)
    table = table if index else table.sort_index()
    table.to_csv(path, index=index, header=header)


@pytest.mark.parametrize("columns", [1, 2, 5])
@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("index", [False, True])
def test_a_csv_file_of_any_name_is_read_with_index_and_header_or_without(
    tmp_path, columns, header, index
):
    name = "retina" if columns == 5 else "breast"
    scores = ROWS[: 120 if columns == 5 else 78, :columns]
    _pandas(tmp_path / "mine.csv", scores, index=index, header=header)
    found = predictions.read(tmp_path / "mine.csv", dataset=name, split="val")
    assert (found.variant, found.split) == (catalog.parse(name), "val")
    np.testing.assert_array_equal(found.scores, scores)


def test_a_npy_file_of_any_name_is_read(tmp_path):
    np.save(tmp_path / "mine.npy", ROWS.astype("f4"))
    given = dict(dataset="RetinaMNIST", split="val")
    found = predictions.read(tmp_path / "mine.npy", **given)
    np.testing.assert_array_equal(found.scores, ROWS.astype("f4"))
    np.save(tmp_path / "mine.npy", ROWS[:78, 0])
    found = predictions.read(tmp_path / "mine.npy", dataset="breast", split="val")
    np.testing.assert_array_equal(found.scores, ROWS[:78, :1])


def test_a_file_of_any_name_is_evaluated_as_the_same_scores_in_ours(tmp_path):
    given = dict(dataset="medmnist_phantom/retina", split="val")
    scores = np.random.default_rng(1).random((200, 5))
    path = predictions.write(tmp_path, scores=scores, run="run", **given)
    np.save(tmp_path / "mine.npy", scores)
    _pandas(tmp_path / "mine.csv", scores, index=False, header=True)
    expected = predictions.evaluate(path)
    for name in ("mine.npy", "mine.csv"):
        assert predictions.evaluate(tmp_path / name, **given) == expected


SCORES = ["0.25,0.75"] * 78


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (SCORES[1:], "scores of 77 examples. Expected 78, the whole val split"),
        (["a,b", *SCORES[1:]], "scores of 77 examples"),
        (_with("5,0.2,high"), "line 6: '5,0.2,high' is not a row"),
        (SCORES[1:] + ["0.2,high"], "line 78: '0.2,high' is not a row of numbers"),
        (SCORES[1:] + ["0.2,nan"], "line 78 has a score that is NaN"),
        (SCORES[1:] + ["0.2"], "line 78 has 1 scores. Expected 2, as the first"),
        ([SCORES[0], "", *SCORES[2:]], "line 2 has 0 scores. Expected 2"),
        (["0.1,0.2,0.3,0.4"] * 78, "y_score has 4 columns. Expected .* 1 or 2"),
        (["id,no,yes", *LINES[:5], *LINES[6:]], "row 5 is missing"),
        (["id,no,yes", *LINES[:-1], "5,0,1"], "row 5 is repeated in line 79"),
        ([f"{row},0.5" for row in range(1, 79)], "whole numbers, but not the rows"),
        ([f"{min(row, 76)},0.5" for row in range(78)], "number all rows"),
        ([f"{row}" for row in range(78)], "has 0 scores"),
        ([], "y_score is|scores of 0"),
        (["0.25;0.75"] * 78, "line 2: '0.25;0.75' is not a row"),
    ],
)
def test_a_csv_file_that_is_not_the_split_or_ambiguous_is_refused(
    tmp_path, lines, message
):
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    with pytest.raises(errors.MedMNISTError, match=message):
        predictions.read(tmp_path / "mine.csv", dataset="breast", split="val")


def test_scores_of_zero_and_one_are_no_index(tmp_path):
    decided = np.eye(2, dtype=int)[np.arange(78) % 2]
    _pandas(tmp_path / "mine.csv", decided, index=False, header=False)
    found = predictions.read(tmp_path / "mine.csv", dataset="breast", split="val")
    np.testing.assert_array_equal(found.scores, decided)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.ones((77, 2)), "scores of 77"),
        (np.ones((78, 3)), "y_score has 3 columns"),
        (np.full((78, 2), np.inf), "NaN or infinite in row 0"),
        (np.full((78, 2), None), "Object arrays.*as numpy.save writes it"),
        (np.full((78, 2), "high"), "y_score is <U4"),
        (b"PK\3\4 no array", "magic string.*as numpy.save writes it"),
        (b"", "cannot be read"),
    ],
)
def test_a_npy_file_that_is_not_the_split_is_refused(tmp_path, content, message):
    if isinstance(content, bytes):
        (tmp_path / "mine.npy").write_bytes(content)
    else:
        np.save(tmp_path / "mine.npy", content)
    with pytest.raises(errors.MedMNISTError, match=message):
        predictions.read(tmp_path / "mine.npy", dataset="breast", split="val")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dataset": "breast"}, "split None. Expected both"),
        ({"split": "val"}, "dataset is None.*Expected both"),
        ({"dataset": "breast", "split": "vla"}, "no split 'vla'"),
        ({"dataset": "brest", "split": "val"}, "mean 'breast'"),
        ({"dataset": "breast", "split": "val"}, "mine.txt is neither .csv nor .npy"),
        ({}, "mine.txt is no standard prediction file.*say the dataset and the split"),
    ],
)
def test_what_is_asked_of_a_file_of_another_name_is_said(tmp_path, given, message):
    (tmp_path / "mine.txt").write_text("\n".join(SCORES))
    with pytest.raises(errors.MedMNISTError, match=message):
        predictions.read(tmp_path / "mine.txt", **given)


@pytest.mark.parametrize(
    ("name", "version"),
    [(name, v) for name, each in catalog.DATASETS.items() for v in each.releases],
)
def test_a_file_is_read_as_the_release_it_was_written_for(tmp_path, name, version):
    variant = catalog.parse(f"{name}:{version}")
    path = _write(tmp_path, f"{name}:{version}", run="cnn_seed0")
    prediction = predictions.read(path)
    assert prediction.variant == variant and prediction.run == "cnn_seed0"
    is_first = catalog.from_flag(variant.flag) == variant
    assert path.stem.endswith("@cnn_seed0" + "+release-3-0-0" * (not is_first))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("breastmnist_val@a+release-2-0-0.csv", "no release of breastmnist '2.0.0'"),
        ("organamnist_val@a+release-1-0-0.csv", "no release of organamnist '1.0.0'"),
    ],
)
def test_a_release_that_does_not_have_the_flag_is_refused(tmp_path, name, message):
    (tmp_path / name).write_text("\n".join(LINES))
    with pytest.raises(errors.MedMNISTError, match=message):
        predictions.read(tmp_path / name)


def test_a_run_is_not_named_as_a_release_is_marked(tmp_path):
    with pytest.raises(errors.MedMNISTError, match="ends in a release"):
        _write(tmp_path / "new", run="cnn+release-3-0-0")


@pytest.mark.parametrize(
    "run",
    [
        "a@b",
        "a.b",
        "a/b",
        "a\\b",
        "a:b",
        "a b",
        "a\n",
        " ",
        "",
        "a\0",
        "\ud800",
        "a" * 300,
        3,
        None,
    ],
)
def test_a_run_name_that_cannot_be_parsed_back_is_refused(tmp_path, run):
    with pytest.raises(errors.MedMNISTError, match="run's name is .*any of @"):
        _write(tmp_path / "new", run=run)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("split", ["validation", "TEST", "", "test_"])
@pytest.mark.parametrize("dataset", ["breast", "medmnist_phantom/breast"])
def test_an_unknown_split_is_refused(tmp_path, dataset, split):
    with pytest.raises(errors.MedMNISTError, match="no split .*train, val, test"):
        _write(tmp_path / "new", dataset=dataset, split=split, targets=None)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["breast", "retina", "chest"])
def test_a_phantom_is_scored_without_files_and_its_name_says_phantom(tmp_path, name):
    variant = catalog.parse(f"medmnist_phantom/{name}")
    targets = predictions.split_targets(variant, "val")
    scores = np.random.default_rng(0).random((len(targets), variant.dataset.num_labels))
    given = dict(dataset=f"medmnist_phantom/{name}", split="val", scores=scores)
    path = predictions.write(tmp_path, run="run", **given)
    assert path.name.startswith(f"phantom-{name}mnist_val_")
    assert predictions.read(path).variant == variant
    expected = scoring.score(targets, scores, task=variant.dataset.task)
    assert predictions.evaluate(path) == expected


def test_a_phantom_file_of_a_part_of_the_split_is_not_scored(tmp_path):
    path = tmp_path / "phantom-breastmnist_val@run.csv"
    path.write_text("\n".join(LINES))
    with pytest.raises(errors.MedMNISTError, match="y_score 78.*whole split"):
        predictions.evaluate(path)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.full((78, 2), np.nan), "y_score has NaN"),
        (np.ones((78, 3)), "y_score has 3 columns. Expected .* 1 or 2 columns.*breast"),
        (np.ones((77, 2)), "scores of 77"),
        (None, "y_score is object.*Expected numbers"),
        ([[1], [1, 2]], "y_score cannot be made an array"),
    ],
)
def test_scores_that_cannot_be_scored_leave_no_file(tmp_path, scores, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        _write(tmp_path / "new", scores=scores)
    assert not (tmp_path / "new").exists()


def test_a_column_too_many_is_said_and_no_class_is_blamed(tmp_path):
    scores = np.ones((120, 6))
    with pytest.raises(errors.MedMNISTError, match="has 6 columns.*with 5 columns"):
        _write(tmp_path, "retina", scores=scores)


@pytest.mark.parametrize("folder", ["file", "file/in/it", "f" * 300, "nul\0", None])
def test_a_folder_that_cannot_be_one_is_refused(tmp_path, folder):
    (tmp_path / "file").touch()
    place = folder and f"{tmp_path}/{folder}"
    with pytest.raises(errors.MedMNISTError, match="can be no folder|is no path"):
        _write(place)


@pytest.mark.parametrize("path", [None, 3, "nul\0_val@run.csv"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(errors.MedMNISTError, match="is no path"):
        predictions.read(path)


@pytest.mark.parametrize("earlier", [False, True])
def test_an_interrupted_write_leaves_what_was_there(tmp_path, monkeypatch, earlier):
    def visible():
        return {path: path.read_bytes() for path in tmp_path.glob("[!.]*")}

    class CutWriter:
        def __init__(self, file):
            self.file = file

        def writerows(self, rows):
            self.file.write(f"{next(iter(rows))}\n")
            self.file.flush()
            assert visible() == before  # a half-written file has another name
            raise KeyboardInterrupt

    if earlier:
        _write(tmp_path)
    before = visible()
    monkeypatch.setattr(predictions.csv, "writer", CutWriter)
    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path)
    assert visible() == before
    assert len(list(tmp_path.iterdir())) == earlier


def test_a_write_that_cannot_be_moved_into_place_leaves_no_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        _write(tmp_path)
    assert not list(tmp_path.iterdir())
