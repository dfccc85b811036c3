"""What tables say beside scores: what training cost, and what was pretrained."""

import csv
import io
import json
import re
import statistics

import pytest
import small_methods
from rich import console as rich_console

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import answers
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import result as results
from medmnist_tfds.decathlon import run as decathlon
from medmnist_tfds.decathlon.report import cost, summary, tables, untouched, write
from medmnist_tfds.process import errors
from medmnist_tfds.sources import leaks

DATASETS = ("breast", "retina")
NOTE = "† Pretrained on other images: The counted one on cats & dogs_2."
PAIRS = leaks.Leaks(
    dataset="medmnist_phantom/breast",
    pairs=((("train", 7), ("test", 3)),),
    threshold=0.99,
    origin="a list",
)
PROGRAMS = {
    "counted": """
        leave()
        images = 1000 * (1 + task["seed"]) + 300 * (task["dataset"] == "breast")
        (folder / "cost.json").write_text(json.dumps({"training_images": images}))
    """,
    "boastful": """
        leave()
        (folder / "cost.json").write_text('{"training_images": "few"}')
    """,
}


def as_text(table) -> str:
    console = rich_console.Console(file=io.StringIO(), width=100)
    console.print(tables.terminal(table, banner=None))
    return " ".join(console.file.getvalue().split())


@pytest.fixture(scope="module")
def report(tmp_path_factory, data_dir):
    """Two methods, two datasets and two seeds: the folder, and each form as text."""
    place = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_methods, "PROGRAMS", PROGRAMS)
        folders = small_methods.make(place, *PROGRAMS)
    with (place / "counted/method.toml").open("a") as file:
        file.write('pretrained = "cats & dogs_2"\n')
    plan = decathlon.Plan(
        methods=tuple(map(methods.find, folders)),
        variants=tuple(catalog.variant(name, phantom=True) for name in DATASETS),
        seeds=(0, 1),
        budget="smoke",
        data_dir=data_dir,
    )
    states, _ = small_methods.run(plan, place / "out")
    assert set(states.values()) == {"done"}
    out, _, table = write.write(place / "out", audits=[PAIRS])
    names = ("table2.md", "table2.csv", "table2.tex", "untouched.csv", "index.html")
    shown = {name: (out / name).read_text() for name in names}
    return place / "out", shown | {"terminal": as_text(table)}


def lines(shown) -> dict[tuple, dict]:
    found = csv.DictReader(io.StringIO(shown["table2.csv"]))
    return {(x["method"], x["column"]): x for x in found if x["metric"] == "auc"}


def test_a_cost_is_the_mean_over_seeds_and_in_all_the_sum_over_datasets(report):
    root, shown = report
    table, means = lines(shown), []
    for dataset, images in (("breast", 1800), ("retina", 1500)):
        assert float(table["counted", dataset]["training_images"]) == images
        names = [f"{dataset}-counted-seed{seed}" for seed in (0, 1)]
        seconds = [small_methods.result(root, name)["seconds"] for name in names]
        means.append(statistics.fmean(seconds))
        hours = float(table["counted", dataset]["hours"])
        assert hours == pytest.approx(means[-1] / 3600)
    whole = table["counted", "average"]
    assert float(whole["training_images"]) == 3300
    assert float(whole["hours"]) == pytest.approx(sum(means) / 3600)
    time = cost.duration(sum(means))
    for name, text in {
        "table2.md": f"| {time}, 3.3 k images |",
        "table2.tex": f"& {time} & 3.3 k \\\\",
        "index.html": f"<span>{time}<small>3.3 k images</small>",
    }.items():
        assert text in shown[name], name
    assert re.search(f"│ Cost │ .* │ {time} │ │ │ - │ 3.3 k │", shown["terminal"])
    for name in ("table2.md", "index.html"):  # of each dataset, too
        assert "1.8 k images" in shown[name] and "1.5 k images" in shown[name]


def test_every_table_says_what_a_cost_is(report):
    for name in ("table2.md", "table2.tex", "terminal", "index.html"):
        assert cost.NOTE in report[1][name].replace("&#39;", "'"), name


def test_a_cost_that_is_no_number_is_left_out_with_its_reason(report):
    root, shown = report
    result = small_methods.result(root, "breast-boastful-seed0")
    assert result["status"] == "done" and result["training_images"] is None
    reason = 'its cost.json says {"training_images": "few"}: expected'
    assert reason in result["cost_refused"]
    row = lines(shown)["boastful", "average"]
    assert row["training_images"] == "" and float(row["hours"]) > 0
    assert f"- breast-boastful-seed0: {reason}" in shown["table2.md"]
    assert reason in shown["index.html"].replace("&#34;", '"')


@pytest.mark.parametrize(
    "change", [{"training_images": "many"}, {"pretrained": ["ImageNet"]}]
)
def test_a_result_that_says_it_in_another_form_is_damaged(report, tmp_path, change):
    result = small_methods.result(report[0], "breast-counted-seed0")
    (tmp_path / "result.json").write_text(json.dumps(result))
    assert results.read(tmp_path) == result
    (tmp_path / "result.json").write_text(json.dumps(result | change))
    with pytest.raises(errors.MedMNISTError, match="is damaged"):
        results.read(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "says : expected an object"),
        (b"3", "says 3: expected an object"),
        (b'{"training_images": true}', "{.training_images.: N}, a whole number"),
        (b'{"training_images": -1}', "a whole number"),
        (b'{"training_images": 1e300}', "a whole number"),
        (b'{"trials": 2.5}', "{.trials.: N}, a whole number"),
        (b'{"training": 3}', "{.training.: .start, end.}, inside of the run"),
        (b'{"training": [100, 120, 140]}', "inside of the run"),
        (b'{"training": [90, 120]}', "inside of the run"),
        (b'{"prediction": [150, 120]}', "inside of the run"),
        (b'{"prediction": [150, 2000]}', "inside of the run"),
        (b'{"prediction": [true, NaN]}', "inside of the run"),
        (b"[" * 4000, "an object"),
        (b"\xff", "an object"),
        (b" " * 5000, "larger than 4,096 bytes: expected a few words of JSON"),
        (None, "as a link, a folder or a pipe"),
    ],
)
def test_a_cost_of_another_form_is_refused(tmp_path, content, message):
    path = tmp_path / "method/cost.json"
    path.parent.mkdir()
    if content is None:
        (tmp_path / "elsewhere").write_text('{"training_images": 3}')
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_bytes(content)
    with pytest.raises(errors.MedMNISTError, match=message) as refusal:
        answers.cost(path.parent, started=100.0, ended=200.0)
    assert "cost.json" in str(refusal.value)


def test_a_method_need_not_tell_its_cost(tmp_path):
    nothing = dict.fromkeys(answers.SPENT)
    for folder in (tmp_path, tmp_path / "none"):
        assert answers.cost(folder, started=100.0, ended=200.0) == nothing
    said = {"training_images": 0, "more": 1, "trials": 7, "training": [101.5, 160]}
    (tmp_path / "cost.json").write_text(json.dumps(said | {"prediction": [160, 161]}))
    assert answers.cost(tmp_path, started=100.0, ended=200.0) == {
        "training_images": 0,
        "trials": 7,
        "training_seconds": 58.5,
        "prediction_seconds": 1,
    }


def test_a_sum_is_known_where_every_dataset_is():
    known = cost.Cost(seconds=3600.0, images=10.0, is_more=True)
    more = cost.Cost(seconds=1800.0, images=None, is_more=False)
    whole = cost.total([known, more])
    assert (whole.time, whole.count) == ("over 1.5 h", "-")
    assert str(cost.total([known, known])) == "over 2.0 h, 20 images"
    assert str(cost.NONE) == "-"


@pytest.mark.parametrize(
    ("images", "text"),
    [(0, "0"), (999, "999"), (7800, "7.8 k"), (78_468, "78.5 k"), (780_000, "780 k")]
    + [(34_100_000, "34.1 M"), (1_234_000_000, "1,234 M")],
)
def test_images_are_counted_in_thousands_and_millions(images, text):
    assert cost.Cost(seconds=None, images=images, is_more=False).count == text


def test_a_pretrained_method_is_marked_in_every_table_with_a_note(report):
    _, shown = report
    name = "The counted one†"
    for form in ("table2.md", "index.html", "terminal"):
        assert name in shown[form], form
        assert "The boastful one†" not in shown[form]
        assert NOTE in shown[form].replace("&amp;", "&"), form
    official, leak = shown["table2.md"].split(f"## {untouched.TITLE}")
    assert NOTE in official and NOTE in leak
    assert (official.count(f"| {name} |"), leak.count(f"| {name} |")) == (3, 1)
    section = shown["index.html"].split('<h2 id="splits">')[0]
    tables_of_scores = section.split('<h2 id="auc">')[1].split('<h2 id="cost">')[0]
    assert tables_of_scores.count(f'<th scope="row">{name}</th>') == 3
    # Below each table of scores; comparisons, costs, closer look, splits, runs.
    assert shown["index.html"].count("† Pretrained on other images") == 3 + 5
    assert "The counted one$^\\dagger$ &" in shown["table2.tex"]
    note = (
        "$^\\dagger$ Pretrained on other images: The counted one on cats \\& dogs\\_2"
    )
    assert note in shown["table2.tex"]
    for form in ("table2.csv", "untouched.csv"):
        rows = list(csv.DictReader(io.StringIO(shown[form])))
        assert {(row["method"], row["pretrained"]) for row in rows} == {
            ("counted", "cats & dogs_2"),
            ("boastful", ""),
        }


def test_where_nothing_was_pretrained_there_is_no_note():
    rows = [summary.Named(method="a", display_name="A")]
    assert tables.pretrained(rows) == "" and rows[0].shown == "A"
