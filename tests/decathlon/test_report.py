"""A report against numbers computed here from the prediction files alone."""

import csv
import io
import json
import pathlib
import re
import shutil
import statistics

import numpy as np
import pytest
import small_methods
from PIL import Image
from rich import console as rich_console
from sklearn import metrics

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import run as decathlon
from medmnist_tfds.decathlon import suites
from medmnist_tfds.decathlon.report import collect, confusion, figures, tables, write
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions

DATASETS = ("breast", "retina", "chest")
FORMS = ("table2.md", "table2.tex", "index.html")


def quietly(plan, root):
    console = rich_console.Console(file=io.StringIO())
    return decathlon.run(plan, root, console=console)


@pytest.fixture(scope="module")
def report(tmp_path_factory, data_dir):
    """Two methods and one that crashes, two seeds, three datasets; its folder."""
    place = tmp_path_factory.mktemp("report")
    folders = small_methods.make(place, "good", "crash")
    plan = decathlon.Plan(
        methods=tuple(map(methods.find, [*folders, "constant"])),
        variants=tuple(catalog.variant(name, phantom=True) for name in DATASETS),
        seeds=(0, 1),
        budget="smoke",
        jobs=2,
        data_dir=data_dir,
    )
    quietly(plan, place / "out")
    write.write(place / "out")
    return place / "out"


def lines(report) -> dict[tuple, dict]:
    with (report / "report/table2.csv").open(newline="") as file:
        return {
            (x["method"], x["column"], x["metric"]): x for x in csv.DictReader(file)
        }


def expected(report, dataset: str, seed: int) -> tuple[float, float]:
    """AUC and ACC of the good method by scikit-learn, from its prediction file."""
    place = report / f"cells/{dataset}-good-seed{seed}"
    (path,) = place.glob("*_test_*.csv")
    found = predictions.read(path)
    targets = predictions.split_targets(found.variant, "test")
    if dataset == "chest":
        auc = metrics.roc_auc_score(targets, found.scores, average="macro")
        return auc, np.mean((found.scores > 0.5) == targets)
    if dataset == "breast":
        auc = metrics.roc_auc_score(targets, found.scores[:, 1])
        return auc, metrics.accuracy_score(targets, found.scores[:, 1] > 0.5)
    one_hot = targets == np.arange(5)
    auc = metrics.roc_auc_score(one_hot, found.scores, average="macro")
    return auc, metrics.accuracy_score(targets, found.scores.argmax(axis=1))


def test_table_2_holds_mean_and_spread_over_seeds(report):
    table, means = lines(report), {"auc": [], "acc": []}
    for dataset in DATASETS:
        seeds = [expected(report, dataset, seed) for seed in (0, 1)]
        for metric, values in zip(
            ("auc", "acc"), zip(*seeds, strict=True), strict=True
        ):
            line = table["good", dataset, metric]
            assert float(line["mean"]) == pytest.approx(np.mean(values), abs=1e-12)
            assert float(line["sd"]) == pytest.approx(np.std(values, ddof=1), abs=1e-12)
            assert line["seeds"] == "2"
            assert float(line["low95"]) < float(line["mean"]) < float(line["high95"])
            means[metric].append(values)
    for metric, values in means.items():
        line = table["good", "average", metric]
        per_seed = np.mean(values, axis=0)
        assert float(line["mean"]) == pytest.approx(per_seed.mean(), abs=1e-12)
        assert float(line["sd"]) == pytest.approx(per_seed.std(ddof=1), abs=1e-12)


def test_the_best_of_a_column_is_marked(report):
    table = lines(report)
    for dataset in DATASETS:
        auc = {m: float(table[m, dataset, "auc"]["mean"]) for m in ("good", "constant")}
        best = max(auc, key=auc.get)
        assert table[best, dataset, "auc"]["is_best"] == "True"
    marked = re.findall(r"\*\*0\.\d{3}\*\*", (report / "report/table2.md").read_text())
    count = sum(line["is_best"] == "True" for line in table.values())
    assert len(marked) == count > 0


def test_a_method_that_failed_is_marked_incomplete_with_its_reason(report):
    assert lines(report)["crash", "breast", "auc"]["is_complete"] == "False"
    for name in ("table2.md", "index.html"):
        text = (report / "report" / name).read_text()
        assert "incomplete" in text and "no such luck" in text
    assert "$^*$ incomplete" in (report / "report/table2.tex").read_text()


def test_phantom_results_carry_a_banner_and_no_number_of_the_paper(report):
    for name in ("table2.md", "table2.tex", "index.html"):
        text = (report / "report" / name).read_text()
        assert "PHANTOM DATA" in text and "paper" not in text.lower()
    assert {line["paper"] for line in lines(report).values()} == {""}
    assert {line["data"] for line in lines(report).values()} == {"phantom"}


@pytest.fixture(scope="module")
def beside_paper(tmp_path_factory, official_root):
    """A report on real data: two methods, one with a row in the paper's table."""
    place = tmp_path_factory.mktemp("real")
    folders = small_methods.make(place, "good")
    (place / "good/method.toml").write_text(
        'display_name = "Good | [one] & co"\npaper_row = "AutoKeras"\n'
    )
    plan = decathlon.Plan(
        methods=tuple(map(methods.find, [*folders, "constant"])),
        variants=(catalog.variant("breast"), catalog.variant("retina")),
        data_dir=place / "tfds",
        manual_dir=official_root,
    )
    quietly(plan, place / "out")
    _, found, table = write.write(place / "out", manual_dir=official_root)
    return place / "out", found, table


def test_every_form_shows_our_number_the_papers_and_the_difference(beside_paper):
    root, found, table = beside_paper
    console = rich_console.Console(file=io.StringIO(), width=200)
    console.print(tables.terminal(table, banner=None))
    shown = {
        "terminal": console.file.getvalue(),
        **{name: (root / "report" / name).read_text() for name in FORMS},
    }
    for dataset, (auc, acc) in {
        "breast": (0.833, 0.801),
        "retina": (0.655, 0.42),
    }.items():
        line = lines(root)["good", dataset, "auc"]
        assert float(line["paper"]) == auc
        ours = float(line["mean"])
        assert float(line["difference"]) == pytest.approx(ours - auc, abs=1e-12)
        assert float(lines(root)["good", dataset, "acc"]["paper"]) == acc
        for text in shown.values():
            assert f"{ours:.3f}" in text
        for name in ("table2.md", "index.html"):
            assert f"{auc:.3f} ({ours - auc:+.3f})" in shown[name]
        assert f"\\textcolor{{gray}}{{{auc:.3f}}}" in shown["table2.tex"]
    average = float(lines(root)["good", "average", "auc"]["paper"])
    assert average == pytest.approx((0.833 + 0.655) / 2)
    assert "PHANTOM" not in "".join(shown.values())
    # A name with marks of every form.
    assert "Good | [one] & co" in shown["terminal"]
    assert "Good \\| [one] & co" in shown["table2.md"]
    assert "Good | [one] \\& co" in shown["table2.tex"]
    assert "Good | [one] &amp; co" in shown["index.html"]


def test_the_close_up_is_of_the_best_method_and_true(beside_paper, official_root):
    root, found, table = beside_paper
    rows = {row.method: row.values["average", "auc"].mean for row in table.rows}
    with (root / "report/per_class.csv").open(newline="") as file:
        close_up = list(csv.DictReader(file))
    assert {line["method"] for line in close_up} == {max(rows, key=rows.get)}
    write.write(root, method="good", out=root / "good", manual_dir=official_root)
    with (root / "good/per_class.csv").open(newline="") as file:
        aucs = [
            float(line["test_auc"])
            for line in csv.DictReader(file)
            if line["dataset"] == "RetinaMNIST"
        ]
    (path,) = (root / "cells/retina-good-seed0").glob("*_test_*.csv")
    scores = predictions.read(path).scores
    targets = found.targets["retina"][:, 0]
    for k, auc in enumerate(aucs):
        assert auc == pytest.approx(metrics.roc_auc_score(targets == k, scores[:, k]))
    assert len(aucs) == 5


def test_a_row_that_lacks_a_seed_is_incomplete_and_has_no_average(report, tmp_path):
    shutil.copytree(report, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy/cells/retina-good-seed1")
    write.write(tmp_path / "copy")
    table = lines(tmp_path / "copy")
    assert table["good", "retina", "auc"]["is_complete"] == "False"
    assert table["good", "breast", "auc"]["is_complete"] == "True"
    assert table["good", "average", "auc"]["mean"] == ""
    text = (tmp_path / "copy/report/table2.md").read_text()
    assert "The good one (incomplete)" in text


def test_a_report_without_any_score_tells_why(report, tmp_path):
    shutil.copytree(report, tmp_path / "copy")
    for place in (tmp_path / "copy/cells").iterdir():
        if "-crash-" not in place.name:
            shutil.rmtree(place)
    shutil.rmtree(tmp_path / "copy/report")
    write.write(tmp_path / "copy")
    for name in ("table2.md", "index.html"):
        assert "no such luck" in (tmp_path / "copy/report" / name).read_text()


def test_the_average_s_interval_is_that_of_the_mean(report):
    """Narrower than any dataset's own, since their draws are independent."""
    table = lines(report)
    widths = {
        column: float(table["good", column, "auc"]["high95"])
        - float(table["good", column, "auc"]["low95"])
        for column in (*DATASETS, "average")
    }
    squares = sum(widths[name] ** 2 for name in DATASETS)
    assert widths["average"] == pytest.approx(squares**0.5 / 3, rel=0.2)


def test_figure_2_shows_each_split_and_metric(report):
    found = collect.collect(report)
    picture = figures.splits_picture(found)
    number = list(found.methods).index("good")
    for axes, metric in zip(picture.axes, ("auc", "acc"), strict=True):
        large = {
            round(line.get_ydata()[0] - number, 1): line.get_xdata()[0]
            for line in axes.lines
            if line.get_marker() == "o" and abs(line.get_ydata()[0] - number) < 0.4
        }
        for shift, split in ((-0.2, "train"), (0.0, "val"), (0.2, "test")):
            each = [found.mean("good", name, metric, split) for name in DATASETS]
            assert large[shift] == pytest.approx(np.mean(each))


def test_confusion_cells_show_the_share_of_their_row(report):
    found = collect.collect(report)
    picture = figures.confusion_picture(found, "good")
    axes = picture.axes[found.datasets.index("retina")]
    shown = np.array([int(text.get_text()) for text in axes.texts]).reshape(5, 5)
    counts = confusion.matrices(found, "good")["retina"].counts
    shares = 100 * counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shown, shares, atol=0.51)


@pytest.mark.parametrize(
    ("suite", "release", "paper"),
    [
        ("decathlon", "1.0.0", 0.897),
        ("decathlon", "3.0.0", None),
        ("decathlon", "phantom", None),
        ("v2_2d", "3.0.0", 0.901),
        ("v2_2d", "1.0.0", None),
    ],
)
def test_the_paper_stands_beside_its_own_release_only(suite, release, paper):
    result = {"method": "resnet18_28", "paper_row": "ResNet-18 (28)"}
    entry = collect.Entry(
        result=result,
        folder=pathlib.Path("none"),
        variant=catalog.variant("breast"),
        scores={},
        predicted={},
        history={},
    )
    found = collect.Decathlon(
        root=pathlib.Path("none"),
        phantom=release == "phantom",
        release=release,
        budget="paper",
        entries=(entry,),
        targets={},
        sources={},
        suite=suites.find(suite),
    )
    assert found.paper("resnet18_28", "breast", "auc") == paper


@pytest.mark.parametrize(
    ("name", "count", "method", "mean"),
    [
        ("decathlon", 7, "Google AutoML Vision", 0.9215),  # by hand from Table 2
        ("v2_2d", 7, "ResNet-18 (28)", 0.9218),
        ("v2_3d", 8, "ResNet-50 + 3D", 0.8633),
    ],
)
def test_a_papers_table_is_whole(name, count, method, mean):
    suite = suites.find(name)
    rows = collect.paper_rows(suite)
    assert len(rows) == count
    for row in rows.values():
        assert {name for name, _ in row} == set(suite.datasets)
        assert all(0 < value < 1 for value in row.values())
    auc = [rows[method][name, "auc"] for name in suite.datasets]
    assert statistics.fmean(auc) == pytest.approx(mean, abs=5e-5)


@pytest.mark.parametrize(
    ("split", "metric"), [("test", "auc"), ("val", "acc"), ("train", "auc")]
)
def test_a_changed_score_is_an_error(report, tmp_path, split, metric):
    shutil.copytree(report, tmp_path / "copy")
    path = tmp_path / "copy/cells/breast-good-seed0/result.json"
    result = json.loads(path.read_text())
    result["scores"][split][metric] += 1e-6
    path.write_text(json.dumps(result))
    with pytest.raises(errors.MedMNISTError, match="its prediction file gives"):
        write.write(tmp_path / "copy")


def test_an_unknown_method_is_refused_with_those_that_there_are(report, tmp_path):
    with pytest.raises(errors.MedMNISTError, match="scores: .*good"):
        write.write(report, method="godo", out=tmp_path)


def test_a_folder_without_a_decathlon_is_refused(tmp_path):
    with pytest.raises(errors.MedMNISTError, match="holds no Decathlon"):
        write.write(tmp_path)


def test_the_confusion_matrix_counts_every_example(report):
    found = collect.collect(report)
    for name, matrix in confusion.matrices(found, "good").items():
        dataset, counts = matrix.dataset, matrix.counts
        per_example = dataset.num_labels if name == "chest" else 1
        assert counts.sum() == 2 * 200 * per_example  # two seeds
        targets = found.targets[name]
        positives = (
            targets.sum(axis=0) if name == "chest" else np.bincount(targets[:, 0])
        )
        rows = counts[:, :2].sum(axis=1) if name == "chest" else counts.sum(axis=1)
        np.testing.assert_array_equal(rows, 2 * positives)


def test_the_pictures_are_pictures(report):
    for name in ("figure2.png", "confusion.png"):
        with Image.open(report / "report" / name) as picture:
            pixels = np.asarray(picture.convert("L"))
        assert pixels.shape[1] > 600 and pixels.std() > 5
