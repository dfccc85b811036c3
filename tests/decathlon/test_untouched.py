"""The score without the leak: beside the official one, and never in its place."""

import csv
import json
import sys
import warnings

import numpy as np
import pytest
import small_methods
import ten_datasets as ten
from rich import console as rich_console
from sklearn import metrics

from medmnist_tfds.commands import cli
from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import run as decathlon
from medmnist_tfds.decathlon.report import page, summary, untouched, write
from medmnist_tfds.process import errors
from medmnist_tfds.score import bootstrap, predictions
from medmnist_tfds.sources import audit_lists, leaks

BREAST = "medmnist_phantom/breast"
# Of test 3, 5 and 8 an earlier split has a duplicate; of 9 and 10 none has.
PAIRS = [
    ("train", 7, "test", 3),
    ("test", 5, "val", 2),
    ("train", 1, "test", 8),
    ("train", 2, "test", 8),
    ("test", 9, "test", 10),
    ("train", 4, "val", 6),
]
LEFT_OUT = {"train": [], "val": [6], "test": [3, 5, 8]}


def pairs_csv(path, pairs=PAIRS, *, dataset=BREAST, header=audit_lists.COLUMNS):
    lines = [",".join(header)]
    lines += [
        f"{dataset},{','.join(map(str, pair))},0.99950000,none,False,0,0,False"
        for pair in pairs
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def command(capfd, monkeypatch, places):
    """A function from a command line to (exit code, what it says), in this process."""

    def command(*arguments) -> tuple[int, str]:
        monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
        monkeypatch.setattr(sys, "argv", ["medmnist-tfds", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capfd.readouterr()
        return end.value.code or 0, said.out + said.err

    return command


def targets_and_scores(split: str):
    targets = arrays.find(catalog.parse(BREAST)).labels(split)
    scores = np.random.default_rng(0).random((len(targets), 2))
    return targets, scores


@pytest.mark.parametrize("split", LEFT_OUT)
def test_evaluate_adds_the_score_on_images_of_which_no_earlier_split_has_a_duplicate(
    command, tmp_path, split
):
    targets, scores = targets_and_scores(split)
    given = dict(dataset=BREAST, split=split, scores=scores, run="guess")
    file = predictions.write(tmp_path, **given, targets=targets)
    code, official = command("evaluate", file)
    assert code == 0 and "leak" not in official
    code, said = command("evaluate", file, "--audit", pairs_csv(tmp_path / "p.csv"))
    assert code == 0 and said.startswith(official)
    if split == "train":
        assert "Of train no image is left out" in said
        return
    keep = np.setdiff1d(np.arange(len(targets)), LEFT_OUT[split])
    auc = metrics.roc_auc_score(targets[keep, 0], scores[keep, 1])
    acc = metrics.accuracy_score(targets[keep, 0], scores[keep, 1] > 0.5)
    last = said.splitlines()[-1]
    assert last.startswith(f"Without the leak: AUC {auc:.3f} [")
    assert f"ACC {acc:.3f} [" in last
    assert "ours, not the official score" in said
    assert f"{len(keep)} of {len(targets)} {split} images" in said


def test_evaluate_knows_the_leaks_of_breast_by_itself(command, official_root, tmp_path):
    variant = catalog.variant("breast")
    labels = predictions.split_targets(variant, "test", folder=official_root)
    scores = np.random.default_rng(0).random(len(labels))
    given = dict(dataset=variant, split="test", scores=scores, targets=labels)
    file = predictions.write(tmp_path, **given, run="guess")
    code, said = command("evaluate", file, "--manual-dir", official_root)
    assert code == 0 and "145 of 156 test images" in said
    assert "28 pairs, correlation 0.999 or more). By pixels alone" in said
    assert "This is a lower bound" in said
    keep = np.array([i for i in range(156) if i not in _leaked_breast()])
    auc = metrics.roc_auc_score(labels[keep, 0], scores[keep])
    assert f"Without the leak: AUC {auc:.3f} [" in said


def _leaked_breast() -> set[int]:
    """The test images of the package's list, read here by hand."""
    place = leaks._SHIPPED / "breast_leaks.csv"
    found = set()
    for row in csv.DictReader(place.read_text().splitlines()):
        sides = [(row["split"], row["index"]), (row["other_split"], row["other_index"])]
        if sides[0][0] != sides[1][0]:
            found |= {int(index) for split, index in sides if split == "test"}
    assert len(found) == 11
    return found


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is no list of pairs: it is empty"),
        ("a,b\n1,2\n", "it begins with 'a,b'"),
        ("\0\1\2", "is no list of pairs"),
        (b"\xff\xfe\x00", "is no list of pairs"),
        ([("train", 1, "test", 200)], "names the image test 200. Expected test 0"),
        ([("train", 1, "tset", 2)], "line 2 names the image tset 2"),
        ([("train", 1, "test", -2)], "line 2 names the image test -2"),
        ([("train", 1, "test", 2, 5)], "line 2 is not whole"),
        ("cut", "line 7 is not whole"),
        ("breast", "is of medmnist/breast:1.0.0. Expected the pairs of medmnist_ph"),
        ("two", "several datasets"),
        (None, "No such file"),
    ],
)
def test_evaluate_refuses_a_damaged_or_foreign_list(command, tmp_path, content, words):
    path, split = tmp_path / "pairs.csv", "test"
    if isinstance(content, list):
        pairs_csv(path, content)
    elif content == "cut":
        text = pairs_csv(path).read_text()
        path.write_text(text[:-20])
    elif content == "breast":
        pairs_csv(path, dataset="medmnist/breast:1.0.0")
    elif content == "two":
        other = pairs_csv(path, dataset="medmnist_phantom/oct").read_text()
        pairs_csv(path)
        path.write_text(path.read_text() + other.splitlines()[1] + "\n")
    elif content is not None:
        is_text = isinstance(content, str)
        path.write_bytes(content.encode() if is_text else content)
    targets, scores = targets_and_scores(split)
    given = dict(dataset=BREAST, split=split, scores=scores, run="guess")
    file = predictions.write(tmp_path, **given, targets=targets)
    code, said = command("evaluate", file, "--audit", path)
    assert code == 1 and "Traceback" not in said
    assert words in said and "AUC" not in said, said


def prediction_file(folder):
    targets, scores = targets_and_scores("test")
    given = dict(dataset=BREAST, split="test", scores=scores, run="guess")
    return predictions.write(folder, **given, targets=targets)


def test_a_list_without_pairs_leaves_no_image_out_of_its_own_dataset(command, tmp_path):
    file, audit = prediction_file(tmp_path), tmp_path / "audit"
    options = ["--threshold", "1", "--out", audit]
    for name in ("breast", "oct"):
        code, said = command("audit", f"medmnist_phantom/{name}", *options)
        assert code == 0 and "0 pairs at 1" in said, said
        code, said = command("evaluate", file, "--audit", audit / "pairs.csv")
        if name == "breast":
            assert code == 0 and "200 of 200 test images: 0 are left out" in said
            assert "(audit/pairs.csv: 0 pairs, correlation 1 or more)" in said
        else:
            assert code == 1 and "is of medmnist_phantom/oct. Expected" in said
            assert "AUC" not in said


def test_a_list_without_pairs_is_refused_where_nothing_says_of_which_dataset(
    command, finished, tmp_path
):
    file, none = prediction_file(tmp_path), pairs_csv(tmp_path / "pairs.csv", [])
    for facts in (None, {"dataset": BREAST}, {"dataset": BREAST, "pairs": 7}):
        if facts is not None:
            counts = [{"threshold": 0.999, "pairs": facts.pop("pairs", 0)}]
            facts |= {"threshold": 0.999, "counts": counts}  # `floor` is missing, or
            facts |= {"floor": 0.99} if counts[0]["pairs"] else {}  # of another list
            (tmp_path / "audit.json").write_text(json.dumps(facts))
        for line in (["evaluate", file], ["decathlon", "report", finished]):
            code, said = command(*line, "--audit", none)
            assert code == 1 and "has no pair, so that it does not say" in said
            assert "AUC" not in said and "Traceback" not in said


def groups_csv(path, rows, *, dataset=BREAST):
    lines = [",".join(audit_lists.GROUP_COLUMNS)]
    lines += [f"{dataset},{','.join(map(str, row))}" for row in rows]
    path.write_text("\n".join(lines) + "\n")


def test_patients_and_lesions_of_earlier_splits_are_left_out_too(command, tmp_path):
    file = prediction_file(tmp_path)
    audit = pairs_csv(tmp_path / "pairs.csv")
    code, said = command("evaluate", file, "--audit", audit)
    assert code == 0 and "3 by pixels" in said and "By pixels alone" in said
    groups_csv(
        tmp_path / "groups.csv",
        [("patient", "A", "train", 1), ("patient", "A", "test", 3)]
        + [("patient", "A", "test", 11), ("patient", "B", "val", 1)]
        + [("patient", "B", "test", 12), ("lesion", "A", "val", 2)]
        + [("lesion", "A", "train", 2), ("lesion", "B", "val", 2)]
        + [("lesion", "B", "test", 13)],
    )
    code, said = command("evaluate", file, "--audit", audit)
    assert code == 0 and "194 of 200 test images: 6 are left out" in said, said
    assert "3 by patient, 1 by lesion. This is a lower bound" in said
    targets, scores = targets_and_scores("test")
    keep = np.setdiff1d(np.arange(200), [3, 5, 8, 11, 12, 13])
    auc = metrics.roc_auc_score(targets[keep, 0], scores[keep, 1])
    assert f"Without the leak: AUC {auc:.3f} [" in said


@pytest.mark.parametrize(
    ("rows", "dataset", "words"),
    [
        ([("lesion", "A", "test", 200)], BREAST, "names the image test 200"),
        ([("lesion", "A", "tset", 2)], BREAST, "line 2 names the image tset 2"),
        ([("lesion", "A", "test")], BREAST, "line 2 names the image test"),
        ([("lesion", "A", "test", 2)], "medmnist/derma:1.0.0", "is of medmnist/derma"),
    ],
)
def test_a_damaged_or_foreign_list_of_groups_is_refused(
    command, tmp_path, rows, dataset, words
):
    audit = pairs_csv(tmp_path / "pairs.csv")
    groups_csv(tmp_path / "groups.csv", rows, dataset=dataset)
    code, said = command("evaluate", prediction_file(tmp_path), "--audit", audit)
    assert code == 1 and words in said and "Traceback" not in said, said


@pytest.fixture(scope="module")
def finished(tmp_path_factory, data_dir):
    """A small Decathlon on two phantoms, two seeds."""
    place = tmp_path_factory.mktemp("untouched")
    folders = small_methods.make(place, "good")
    plan = decathlon.Plan(
        methods=tuple(map(methods.find, folders)),
        variants=tuple(
            catalog.parse(f"medmnist_phantom/{n}") for n in ("breast", "oct")
        ),
        seeds=(0, 1),
        budget="smoke",
        data_dir=data_dir,
    )
    decathlon.run(plan, place / "out", console=rich_console.Console(quiet=True))
    return place / "out"


def test_the_report_sets_it_beside_the_official_score(command, finished, tmp_path):
    audit, out = pairs_csv(tmp_path / "pairs.csv"), tmp_path / "report"
    code, said = command("decathlon", "report", finished, "--out", out)
    assert code == 0, said
    official = {name: (out / name).read_text() for name in ("table2.csv", "table2.tex")}
    assert not (out / "untouched.csv").exists()  # none ships for phantoms
    for name in ("table2.md", "index.html"):
        assert "leak" not in (out / name).read_text()
    code, said = command(
        "decathlon", "report", finished, "--out", out, "--audit", audit
    )
    assert code == 0, said
    for name, text in official.items():
        assert (out / name).read_text() == text
    with (out / "untouched.csv").open(newline="") as file:
        lines = {line["metric"]: line for line in csv.DictReader(file)}
    found, every, kept = [], [], []
    for seed in (0, 1):
        (path,) = (finished / f"cells/breast-good-seed{seed}").glob("*_test_*.csv")
        targets, scores = targets_and_scores("test")[0], predictions.read(path).scores
        keep = np.setdiff1d(np.arange(len(targets)), LEFT_OUT["test"])
        found.append(metrics.roc_auc_score(targets[keep, 0], scores[keep, 1]))
        kept.append(scores[keep])
        every.append(metrics.roc_auc_score(targets[:, 0], scores[:, 1]))
    line = lines["auc"]
    assert float(line["untouched_mean"]) == pytest.approx(np.mean(found), abs=1e-12)
    assert float(line["official_mean"]) == pytest.approx(np.mean(every), abs=1e-12)
    sd = float(line["untouched_sd"])
    assert sd == pytest.approx(np.std(found, ddof=1), abs=1e-12)
    low, high = float(line["untouched_low95"]), float(line["untouched_high95"])
    assert low < np.mean(found) < high
    draws = bootstrap.resample(
        targets[keep], kept, task=catalog.Task.BINARY, resamples=bootstrap.RESAMPLES
    )
    assert (low, high) == pytest.approx(
        bootstrap.interval(draws["auc"].mean(axis=1)), abs=1e-12
    )
    assert (line["dataset"], line["data"]) == ("breast", "phantom")
    assert (line["test_images"], line["left_out"]) == ("200", "3")
    for name in ("table2.md", "index.html"):
        text = (out / name).read_text()
        assert untouched.TITLE in text and "197 of 200 test images" in text
        assert f"{np.mean(found):.3f}" in text.split(untouched.TITLE)[1]
        assert text.count("PHANTOM") >= 1
        assert str(tmp_path) not in text and f"{tmp_path.name}/pairs.csv" in text
    code, said = command("decathlon", "report", finished, "--out", out)
    assert code == 0 and not (out / "untouched.csv").exists()


def test_the_report_refuses_lists_of_no_dataset_of_its_own_and_two_of_one(
    command, finished, tmp_path
):
    out = ["--out", tmp_path / "report"]
    own = pairs_csv(tmp_path / "pairs.csv")
    derma = pairs_csv(tmp_path / "derma.csv", dataset="medmnist_phantom/derma")
    real = pairs_csv(tmp_path / "real.csv", dataset="medmnist/breast:1.0.0")
    for given, words in [
        ([derma], "is of medmnist_phantom/derma. Expected one of the datasets"),
        ([real], "is of medmnist/breast:1.0.0. Expected one of the datasets"),
        ([own, own], "are both of medmnist_phantom/breast"),
    ]:
        audits = [word for path in given for word in ("--audit", path)]
        code, said = command("decathlon", "report", finished, *out, *audits)
        assert code == 1 and words in said and "Traceback" not in said


def test_a_class_that_is_left_out_whole_has_a_reason_and_no_score(tmp_path):
    found = ten.decathlon(datasets=("breast",), seeds=(0,))
    targets = found.targets["breast"][:, 0]
    pairs = [("train", 0, "test", int(row)) for row in np.flatnonzero(targets == 1)]
    given = leaks.read(pairs_csv(tmp_path / "pairs.csv", pairs))
    table = summary.summarize(found, resamples=20)
    without = untouched.tables(found, table, lists=[given], resamples=20)
    assert "so its AUC is not defined" in without[0].problem
    assert without[0].problem in untouched.markdown(without)
    assert not without[0].rows
    options = dict(ran=[], method=None, undone=[], untouched=without)
    page.write(tmp_path / "index.html", found, table, **options)
    assert "No score: " in (tmp_path / "index.html").read_text()


def test_real_data_have_the_packages_list_by_default(official_root, tmp_path):
    folders = small_methods.make(tmp_path, "good")
    plan = decathlon.Plan(
        methods=tuple(map(methods.find, folders)),
        variants=(catalog.variant("breast"), catalog.variant("retina")),
        data_dir=tmp_path / "tfds",
        manual_dir=official_root,
    )
    root = tmp_path / "out"
    decathlon.run(plan, root, console=rich_console.Console(quiet=True))
    write.write(root, manual_dir=official_root)
    text = (root / "report/untouched.csv").read_text()
    assert ",156,11," in text and "retina" not in text
    given = leaks.read(
        pairs_csv(tmp_path / "pairs.csv", dataset="medmnist/retina:1.0.0")
    )
    write.write(root, manual_dir=official_root, audits=[given])
    text = (root / "report/untouched.csv").read_text()
    assert ",156,11," in text and ",retina,auc," in text and ",400,3," in text


def test_a_list_of_another_release_with_other_images_is_refused():
    found = leaks.Leaks(
        dataset="medmnist/organ_axial:1.0.0", pairs=(), threshold=None, origin="a list"
    )
    with pytest.raises(errors.MedMNISTError, match="Expected the pairs of medmnist/or"):
        found.untouched(catalog.parse("organ_axial:3.0.0"), "test", 17778)
    keep = found.untouched(catalog.parse("organ_axial"), "test", 17778)
    assert keep.all() and len(keep) == 17778
