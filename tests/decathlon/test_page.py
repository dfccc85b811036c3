"""The page: what it says and shows, on any screen, read aloud, and without network."""

import base64
import dataclasses
import html.parser
import io
import re

import browsers
import numpy as np
import pytest
import small_methods
import ten_datasets as ten
from PIL import Image
from rich import console as rich_console

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import suites
from medmnist_tfds.decathlon.report import (
    cost,
    facts,
    figures,
    latex,
    page,
    samples,
    summary,
    tables,
    write,
)

BEST = "ResNet-18 (28)"


def written(path, found, **options) -> str:
    """The page of a Decathlon in memory."""
    table = summary.summarize(found, resamples=20)
    ran = facts.gather(found)
    options = {"method": BEST, "undone": [], "ran": ran} | options
    page.write(path, found, options.pop("table", table), **options)
    return path.read_text()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The Decathlon of ten datasets and eight methods, and its page."""
    found = ten.decathlon()
    return found, written(tmp_path_factory.mktemp("page") / "index.html", found)


class Parsed(html.parser.HTMLParser):
    """A page's elements: (tag, attributes), and its text without styles."""

    def __init__(self, text: str):
        super().__init__()
        self.elements, self.text, self._open = [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data):
        if self._open not in ("style", "script"):
            self.text += " ".join([" ", *data.split(), " "])

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", Parsed(text).text)


def test_a_spread_over_seeds_is_promised_only_where_there_are_several(tmp_path):
    for seeds, is_promised in (((0,), False), ((0, 1), True)):
        found = ten.decathlon(names=(BEST,), seeds=seeds, datasets=("breast",))
        table = summary.summarize(found, resamples=20)
        forms = (
            tables.markdown(table, banner="PHANTOM DATA", lists={}),
            written(tmp_path / "index.html", found),
            latex.table(table, banner="PHANTOM DATA"),
        )
        for text in forms:
            assert ("standard deviation over seeds" in text) == is_promised
            assert ("±" in text or "pm" in text) == is_promised


def test_the_interval_is_explained_once(whole):
    assert plain(whole[1]).lower().count("interval") == 1


def test_the_page_says_what_was_changed_from_the_paper_s_budget(whole, tmp_path):
    head = plain(whole[1]).split("Test split.")[0]
    assert "budget smoke, with settings changed" in head
    assert f"{BEST}: epochs 2 instead of 100" in head
    same = written(
        tmp_path / "index.html", ten.decathlon(datasets=("oct",), changed={})
    )
    assert "changed" not in plain(same).lower()


def test_the_dots_of_figure_2_are_explained_in_picture_and_in_words(whole):
    found, text = whole
    picture = figures.splits_picture(found)
    assert "Small dots: one dataset each" in picture.legends[0].get_title().get_text()
    assert "Small dots: one dataset each" in plain(text)
    strips = [a["aria-label"] for a in Parsed(text).all("svg") if "small" in str(a)]
    assert len(strips) == 2 * len(ten.NAMES)
    mean = np.mean([found.mean(BEST, n, "auc", "val") for n in found.datasets])
    (strip,) = [label for label in strips if label.startswith(f"{BEST}, AUC")]
    assert f"val {mean:.3f}" in strip and "small dots are one dataset each" in strip


def test_dots_lie_where_their_values_are(whole):
    found, text = whole
    axis = re.search(r'class="axis".*?</div>', text, re.DOTALL)[0]
    ticks = {
        float(value): float(left)
        for left, value in re.findall(r"left: ([\d.]+)%\">([\d.]+)<", axis)
    }
    (low, start), (high, end) = min(ticks.items()), max(ticks.items())
    (x, mean) = re.search(
        r'cx="([\d.]+)%"[^>]*><title>mean, train: ([\d.]+)', text
    ).groups()
    expected = start + (float(mean) - low) / (high - low) * (end - start)
    assert float(x) == pytest.approx(expected, abs=0.2)


def test_no_label_is_cut(whole):
    found, text = whole
    picture = figures.confusion_picture(found, BEST)
    words = plain(text)
    for axes, name in zip(picture.axes, found.datasets, strict=False):
        labels = [tick.get_text().replace("\n", " ") for tick in axes.get_yticklabels()]
        assert tuple(labels) == catalog.DATASETS[name].labels
        assert all(label in words for label in labels)
    assert "…" not in words


def test_grades_are_said_to_be_grades(whole):
    found, text = whole
    assert "grades of diabetic retinopathy" in plain(text)
    axes = figures.confusion_picture(found, BEST).axes
    note = axes[found.datasets.index("retina")].get_xlabel()
    assert "grades of diabetic retinopathy" in note.replace("\n", " ")


def test_seeds_that_are_counted_together_are_said_to_be(whole, tmp_path):
    found, text = whole
    assert plain(text).count("seeds 0, 1 together") == 10
    titles = [a.get_title() for a in figures.confusion_picture(found, BEST).axes[:10]]
    assert all("seeds 0, 1 together" in title for title in titles)
    one = ten.decathlon(names=(BEST,), seeds=(3,), datasets=("oct",))
    words = plain(written(tmp_path / "index.html", one))
    assert "% of row, seed 3" in words and "together" not in words


def cells(text: str, dataset: str) -> list[list[str]]:
    """The rows of a dataset's matrix on the page: percents, then AUC."""
    card = text.split(f"<h3>{dataset} (phantom)</h3>")[1].split("</table>")[0]
    rows = card.split("<tbody>")[1].split("<tr>")[1:]
    return [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in rows]


def test_the_matrix_on_the_page_counts_as_scikit_learn_does(whole):
    found, text = whole
    targets, total = found.targets["organ_axial"][:, 0], np.zeros((11, 11))
    for entry in found.done(BEST, "organ_axial"):
        np.add.at(total, (targets, entry.predicted["test"].argmax(axis=1)), 1)
    shares = 100 * total / total.sum(axis=1, keepdims=True)
    shown = [row[:-1] for row in cells(text, "OrganMNIST_Axial")]
    np.testing.assert_allclose(np.array(shown, float), shares, atol=0.51)
    each = [e.scores["test"].auc_per_class for e in found.done(BEST, "organ_axial")]
    aucs = [float(row[-1]) for row in cells(text, "OrganMNIST_Axial")]
    np.testing.assert_allclose(aucs, np.mean(each, axis=0), atol=5.1e-4)


def pictures(text: str) -> dict[str, np.ndarray]:
    """The samples on a page, by alternative text."""
    found = {}
    for image in Parsed(text).all("img"):
        content = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
        found[image["alt"]] = np.asarray(Image.open(io.BytesIO(content)))
    return found


def test_samples_are_the_first_test_images_and_the_first_wrong_ones(whole):
    found, text = whole
    shown = pictures(text)
    images = found.sources["derma"].images("test")
    entry = found.done(BEST, "derma")[0]
    decided = entry.predicted["test"].argmax(axis=1)
    wrong = np.flatnonzero(decided != found.targets["derma"][:, 0])
    rows = [0, 1, 2, 3, *wrong[wrong > 3][:4]]
    chosen = samples.choose(found, BEST, "derma")
    assert [sample.row for sample in chosen] == rows
    labels = catalog.DATASETS["derma"].labels
    for sample in chosen:
        pixels = shown[f"Phantom test image {sample.row} of DermaMNIST"]
        np.testing.assert_array_equal(pixels, images[sample.row])
        assert sample.true == labels[found.targets["derma"][sample.row, 0]]
        assert sample.predicted == labels[decided[sample.row]]
        assert sample.is_right == (sample.true == sample.predicted)


def test_samples_of_many_labels_name_them_all(whole):
    found, _ = whole
    labels = np.array(catalog.DATASETS["chest"].labels)
    for sample in samples.choose(found, BEST, "chest"):
        is_ = found.targets["chest"][sample.row].astype(bool)
        assert sample.true == (", ".join(labels[is_]) or "none")
        said = found.done(BEST, "chest")[0].predicted["test"][sample.row] > 0.5
        assert sample.predicted == (", ".join(labels[said]) or "none")
        assert sample.is_right == (is_ == said).all()


def test_phantom_samples_are_said_to_be_none_of_patients(whole):
    words = plain(whole[1])
    assert "All images are synthetic" in words
    assert words.count("MNIST (phantom)") >= 10


def test_curves_go_through_their_points(whole):
    lines = re.findall(r'<polyline class="seed(\d)" points="([^"]*)"', whole[1])
    assert len(lines) == len(ten.NAMES) * 10 * 2 * 2  # columns, seeds
    assert lines[0] == ("0", "0.0,0.0 50.0,50.0 100.0,100.0")  # loss: 3, 2, 1
    assert lines[2] == ("0", "0.0,100.0 50.0,0.0 100.0,50.0")  # AUC: .5, .7, .6
    labels = [a.get("aria-label", "") for a in Parsed(whole[1]).all("svg")]
    assert (
        "PathMNIST, loss by epoch, from 1 to 3; at the end seed 0: 1, seed 1: 1"
        in labels
    )


def test_the_page_says_how_cells_were_run(whole):
    words = plain(whole[1])
    for fact in (
        "All methods: EPYC 7B13, 4 of 8 cores, 31.3 GiB of memory, 2 x NVIDIA L4, "
        "Linux 6.1 x86_64, Python 3.11.9",
        "keras 3.15.1",
        "numpy==2.4.6",
        "2026-11-23",
        "1.5 h",  # a cell, on an average
        "30.0 h",  # of 20 cells together
        "3.0 GiB",
        "20 of 20",
    ):
        assert fact in words


def test_older_results_make_a_report_that_says_unknown(tmp_path):
    found = ten.decathlon(datasets=("breast",))
    for entry in found.entries:
        for fact in ten.FACTS:
            del entry.result[fact]
    text = written(tmp_path / "index.html", found)
    run = plain(text).split("How they were run")[-1]
    assert run.count("unknown") >= 4 * len(ten.NAMES)
    assert "All methods: unknown" in run
    assert "unknown" in facts.gather(found)[0].line


def test_versions_that_changed_between_cells_are_both_told(tmp_path):
    found = ten.decathlon(names=(BEST,), datasets=("oct",))
    found.entries[1].result["packages"] = ["keras==3.15.2"]
    words = plain(written(tmp_path / "index.html", found))
    assert "keras 3.15.1 and 3.15.2" in words


def test_of_a_method_that_was_not_run_nothing_is_said(tmp_path):
    found = ten.decathlon(names=(BEST,), datasets=("oct",))
    lacking = {f: found.entries[0].result[f] for f in ("seed", "settings", "budget")}
    lacking |= {"method": "none", "display_name": "None", "paper_row": None}
    entry = dataclasses.replace(
        found.entries[0],
        result=lacking | {"status": "missing", "changed": {"epochs": [100, 2]}},
        scores={},
    )
    found = dataclasses.replace(found, entries=(*found.entries, entry))
    words = plain(written(tmp_path / "index.html", found))
    assert "None 0 of 1 - - -" in words and "unknown" not in words
    assert "None: epochs 2 instead" not in words


def test_the_time_of_a_cell_that_was_resumed_is_a_lower_bound(tmp_path):
    found = ten.decathlon(names=(BEST,), datasets=("oct",), is_resumed=True)
    words = plain(written(tmp_path / "index.html", found))
    assert "over 1.5 h" in words and "was interrupted" in words


@pytest.fixture(scope="module")
def curved(tmp_path_factory, data_dir):
    """A run of methods that leave histories, good ones and others; its folder."""
    place = tmp_path_factory.mktemp("curved")
    lines = {
        "curved": "'epoch,loss\\n1,2.5\\n2,nan\\n3,0.5\\n'",
        "worded": "'epoch,loss\\n1,none\\n'",
        "uneven": "'epoch,loss\\n1\\n'",
        "huge": "'epoch,loss\\n' + '1,2\\n' * 10**6",
        "empty": "''",
    }
    for name, text in lines.items():
        small_methods.PROGRAMS[name] = f"""
            leave()
            (folder / "history.csv").write_text({text})
        """
    small_methods.PROGRAMS["elsewhere"] = """
        leave()
        (folder.parents[3] / "secret.csv").write_text("epoch,secret\\n1,2\\n")
        (folder / "history.csv").symlink_to(folder.parents[3] / "secret.csv")
    """
    folders = small_methods.make(place, *lines, "elsewhere")
    small_methods.run(small_methods.plan(data_dir, folders), place / "out")
    return place / "out"


def test_a_plain_history_is_drawn_and_no_other(curved):
    out, found, _ = write.write(curved)
    drawn = {e.method: e.history for e in found.entries if e.history}
    assert set(drawn) == {"curved"}
    text = (out / "index.html").read_text()
    assert 'points="0.0,0.0 100.0,100.0"' in text  # without what is no number
    assert "secret" not in text
    assert len(found.entries) == len([e for e in found.entries if e.scores]) == 6


def test_a_page_asks_for_nothing_else(whole):
    parsed = Parsed(whole[1])
    names = ("src", "href", "srcset")
    found = [a[n] for _, a in parsed.elements for n in names if n in a]
    assert found and all(address.startswith(("data:", "#")) for address in found)
    assert not parsed.all("iframe") and "fetch(" not in whole[1]
    assert "url(" not in whole[1] and "@import" not in whole[1]


def test_a_page_of_all_datasets_and_methods_is_small(whole):
    assert len(whole[1].encode()) < 2 * 10**6


def test_the_page_is_one_for_screen_readers(whole):
    parsed = Parsed(whole[1])
    levels = [int(t[1]) for t, _ in parsed.elements if re.fullmatch(r"h[1-6]", t)]
    assert levels[0] == 1 and levels.count(1) == 1
    steps = zip(levels, levels[1:], strict=False)
    assert all(after - before <= 1 for before, after in steps)
    assert {a.get("scope") for a in parsed.all("th")} == {"row", "col"}
    assert all(a["alt"] for a in parsed.all("img"))
    drawings = [a for a in parsed.all("svg") if a.get("aria-hidden") != "true"]
    assert all(a["role"] == "img" and a["aria-label"] for a in drawings)
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    targets = [a["href"][1:] for a in parsed.all("a")]
    assert len(ids) == len(set(ids)) and set(targets) <= set(ids)
    assert len(targets) == 6  # the contents


def shown(table, width: int) -> str:
    console = rich_console.Console(file=io.StringIO(), width=width)
    console.print(tables.terminal(table, banner="PHANTOM DATA"))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("methods", [2, 10])
def test_no_name_is_broken_in_a_terminal(whole, width, methods):
    found, _ = whole
    table = summary.summarize(found, resamples=2)
    rows = table.rows[:methods]
    text = shown(summary.Summary(columns=table.columns, rows=rows), width)
    assert max(map(len, text.splitlines())) <= width
    words = set(re.split(r"[\s│┃]+", text))
    assert {word for row in rows for word in row.shown.split()} <= words
    assert set(table.columns) <= words
    numbers = re.findall(r"\d\.\d{3} / \d\.\d{3}", text)
    assert len(numbers) == len(rows) * len(table.columns)


@pytest.mark.parametrize(("width", "has_cost"), [(100, False), (120, True)])
def test_a_terminal_shows_the_cost_where_there_is_room(whole, width, has_cost):
    table = summary.summarize(whole[0], resamples=2)
    columns = (*catalog.SUITES["decathlon"][:4], summary.AVERAGE)
    text = shown(summary.Summary(columns=columns, rows=table.rows), width)
    assert text.count("┏") == 1  # not in a block of its own
    assert ("15.0 h" in text, "5.0 M" in text) == (has_cost, has_cost)
    said = " ".join(text.split())
    assert (cost.NOTE in said) == has_cost
    note = "† Pretrained on other images: Recipe best (ours) on ImageNet"
    assert note in said


def widest(path, suite: suites.Suite) -> str:
    """A page with all datasets of a suite, and all that can stand in a cell."""
    value = summary.Value(
        mean=0.5, sd=0.01, low=0.4, high=0.6, seeds=3, paper=0.6, is_best=True
    )
    columns = (*suite.datasets, summary.AVERAGE)
    row = summary.Row(
        method="good",
        display_name="Google AutoML Vision",
        values={(c, m): value for c in columns for m in summary.METRICS},
        lacking=("breast",),
    )
    table = summary.Summary(columns=columns, rows=(row, row), suite=suite)
    undone = ["a reason " + "x" * 300]
    return written(path, ten.decathlon(), table=table, undone=undone)


@pytest.mark.parametrize("suite", ["decathlon", "v2_2d"])
@pytest.mark.parametrize("width", [1920, 1340, 1280, 1160, 800, 390, 320])
def test_the_page_fits_the_window_of_a_browser(tmp_path, width, suite):
    text = widest(tmp_path / "widest.html", suites.find(suite))
    full, seen, has_images, has_cards_whole = browsers.measure(text, width, tmp_path)
    assert full <= seen <= width and has_images
    assert has_cards_whole or width < 390


@pytest.mark.parametrize(("suite", "room"), [("decathlon", 72), ("v2_2d", 83)])
def test_more_columns_are_shown_as_a_table_in_wider_windows_only(tmp_path, suite, room):
    text = widest(tmp_path / "widest.html", suites.find(suite))
    assert f"@media (max-width: {room}rem)" in text
    assert text.count(f"@media (min-width: {room}.01rem)") == 1
