"""What the report says in words is what its numbers say."""

import dataclasses
import re

import browsers
import numpy as np
import pytest
import ten_datasets as ten

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import (
    comparison,
    facts,
    page,
    pairs,
    quality,
    standings,
    summary,
)
from medmnist_tfds.score import scoring

NAMES = ("ResNet-18 (28)", "AutoKeras", "Recipe best (ours)", "Class frequencies")
SKILL = dict(zip(NAMES, (0.2, 0.5, 0.52, 0.0), strict=True))


@pytest.fixture(scope="module")
def found():
    """Four methods of known order, of which two are nearly equal."""
    results = ten.decathlon(names=NAMES, seeds=(0, 1, 2), skill=SKILL)
    table = summary.summarize(results, resamples=300)
    return results, table, comparison.compare(results, table)


def without(results, method: str, dataset: str, seed: int | None = None):
    """The Decathlon without some of its cells."""
    kept = [
        entry
        for entry in results.entries
        if (entry.method, entry.dataset) != (method, dataset)
        or seed not in (None, entry.result["seed"])
    ]
    return dataclasses.replace(results, entries=tuple(kept))


def test_the_sentences_say_what_is_better_and_what_cannot_be_told(found):
    compared, better, untold = found[2].sentences
    assert compared.startswith(
        "Four methods were scored on the test images of ten data"
    )
    assert "with three random seeds each" in compared
    leader, *_ = found[2].records["auc"]
    assert better.startswith(f"{found[0].shown(leader)} has the highest AUC")
    assert leader in NAMES[1:3]
    for name in ("ResNet-18 (28)", "Class frequencies"):
        assert name in better and name not in untold
    assert "(less than 0.1 % each)" in better
    assert "Nothing" in untold or "nothing here says how these methods do" in untold


def test_methods_that_are_equal_are_not_said_to_differ():
    results = ten.decathlon(names=NAMES[:3], seeds=(0, 1), datasets=("breast", "oct"))
    table = summary.summarize(results, resamples=200)
    sentences = comparison.compare(results, table).sentences
    assert "cannot be said to be better than any other" in sentences[1]
    assert "Whether" in sentences[2] and "cannot be told" in sentences[2]


def test_equal_methods_seldom_lead_to_a_claim():
    """The best of four, found by looking: Holm and the seeds' spread are for that."""
    claims = 0
    for number in range(100):
        seeds = tuple(range(3 * number, 3 * number + 3))
        results = ten.decathlon(
            names=NAMES,
            seeds=seeds,
            datasets=("breast", "pneumonia"),
            skill=dict.fromkeys(NAMES, 0.3),
        )
        table = summary.summarize(results, resamples=100)
        claims += "is better than" in comparison.compare(results, table).sentences[1]
    assert claims <= 5 + 2 * 2.2


def test_one_seed_tells_of_networks_and_not_of_methods():
    results = ten.decathlon(names=NAMES, seeds=(4,), datasets=("breast",), skill=SKILL)
    table = summary.summarize(results, resamples=100)
    compared, _, untold = comparison.compare(results, table).sentences
    assert "one random seed" in compared and "of one dataset" in compared
    assert "these trained networks" in untold and "or with another seed" in untold


def test_one_method_is_compared_with_nothing():
    results = ten.decathlon(names=NAMES[:1], seeds=(0,), datasets=("breast",))
    table = summary.summarize(results, resamples=100)
    alone = comparison.compare(results, table)
    assert alone.pairs == () and alone.sentences[0].startswith("One method was scored")
    assert alone.sentences[1].startswith("Its AUC is 0.")


def test_records_add_up(found):
    for records in found[2].records.values():
        assert sum(r.wins for r in records.values()) == sum(
            r.losses for r in records.values()
        )
        for record in records.values():
            count = record.wins + record.ties + record.losses
            assert count == 3 * len(catalog.SUITES["decathlon"])
            assert record.low < record.mean < record.high and not record.missing


def test_a_mean_over_datasets_has_the_error_of_all_of_them(found):
    """By hand: squared errors add up, over the square of their number."""
    results, table, compared = found
    pair = next(
        p
        for p in compared.pairs
        if (p.dataset, p.metric, p.second) == (summary.AVERAGE, "auc", NAMES[0])
    )
    each = standings.standings(results, table)
    two = [
        pairs.differ(each[pair.first, name, "auc"], each[pair.second, name, "auc"])
        for name in results.targets
    ]
    differences, errors, _ = np.transpose(two)
    assert pair.difference == pytest.approx(differences.mean())
    error = np.sqrt(np.square(errors).sum()) / len(two)
    margin = (pair.high - pair.low) / 2
    assert 1.96 * error <= margin < 2.3 * error  # few seeds: a little more than normal


def test_what_is_missing_counts_as_class_frequencies(found):
    results = without(without(found[0], NAMES[2], "breast"), NAMES[2], "path", seed=1)
    table = summary.summarize(results, resamples=100)
    each = standings.standings(results, table)
    gone, partly = (each[NAMES[2], name, "acc"] for name in ("breast", "path"))
    train, test = (
        found[0].sources["breast"].labels(s)[:, 0] for s in ("train", "test")
    )
    frequent = np.bincount(train).argmax()
    assert gone.missing == 3 and gone.mean == pytest.approx((test == frequent).mean())
    assert each[NAMES[2], "breast", "auc"].mean == 0.5
    assert partly.missing == 1
    done = found[0].values(NAMES[2], "path", "acc")
    floor = standings.class_frequencies(found[0], "path").acc
    assert partly.mean == pytest.approx((done[0] + done[2] + floor) / 3)
    compared = comparison.compare(results, table)
    assert compared.records["acc"][NAMES[2]].missing == 4
    shown, (first, second, third) = results.shown(NAMES[2]), compared.sentences
    assert f"of {shown}, which lack runs (below is why), nothing is said here" in first
    assert shown not in second + third


def test_a_method_that_never_ran_is_not_counted_nor_beaten(found):
    results = found[0]
    for name in results.targets:
        results = without(results, NAMES[1], name)
    gone = next(e for e in found[0].entries if e.method == NAMES[1])
    gone = dataclasses.replace(gone, scores={}, predicted={})
    results = dataclasses.replace(results, entries=(*results.entries, gone))
    table = summary.summarize(results, resamples=100)
    first, second, third = comparison.compare(results, table).sentences
    assert first.startswith("Three methods were scored") and NAMES[1] in first
    assert NAMES[1] not in second + third


def test_the_floor_is_that_of_the_method_of_class_frequencies(found):
    results = found[0]
    for name in catalog.SUITES["decathlon"]:
        dataset = catalog.DATASETS[name]
        labels = results.sources[name].labels("train")
        if dataset.task is not catalog.Task.MULTILABEL:
            labels = labels == np.arange(dataset.num_labels)
        targets = results.targets[name]
        said = np.tile(labels.mean(axis=0), (len(targets), 1))
        expected = scoring.score(targets, said, task=dataset.task)
        assert standings.class_frequencies(results, name) == expected
        assert expected.auc == 0.5


@pytest.fixture(scope="module")
def written(found, tmp_path_factory):
    results, table, compared = found
    path = tmp_path_factory.mktemp("page") / "index.html"
    page.write(
        path,
        results,
        table,
        ran=facts.gather(results),
        method=None,
        undone=[],
        compared=compared,
        qualities=quality.qualities(results, resamples=50),
    )
    return path


def test_the_page_opens_with_the_three_sentences(found, written):
    text = written.read_text()
    start = text.index('id="answer"')
    for sentence in found[2].sentences:
        shown = sentence.replace("'", "&#39;").replace(">", "&gt;")
        assert start < text.index(shown) < text.index('id="compared"')
    assert text.index('id="answer"') < text.index("<nav")


def test_the_page_asks_for_nothing_else(written):
    assert not re.findall(r'(?:src|href)="(?!#|data:)', written.read_text())


def test_every_mark_is_explained_where_it_stands(written):
    sections = re.split("<section", written.read_text())[2:]  # the first: sentences
    for section in sections:
        tables = section.split("</table>")[:-1]
        if any("Recipe best (ours)†" in table for table in tables):
            assert "† Pretrained on other images" in section


@pytest.mark.parametrize("width", [1200, 360])
def test_the_page_fits_the_window_of_a_browser(written, tmp_path, width):
    full, seen, *_ = browsers.measure(written.read_text(), width, tmp_path)
    assert full <= seen <= width


TABLE = "document.querySelector('#quality').parentNode.querySelector('table')"


def test_a_click_on_a_columns_head_sorts_its_table(written, tmp_path):
    script = f"""
    const head = {TABLE}.querySelectorAll('th button')[1];
    const found = () => [...{TABLE}.tBodies[0].rows].map(row =>
        row.cells[1].textContent.trim()).join(' ');
    head.click(); const up = found();
    head.click(); document.title = up + '|' + found();
    """
    up, down = browsers.after(written.read_text(), script, tmp_path).split("|")
    numbers = [float(number) for number in up.split()]
    assert len(set(numbers)) > 2 and numbers == sorted(numbers)
    assert [float(number) for number in down.split()] == numbers[::-1]


def test_times_are_sorted_as_times(written, tmp_path):
    script = f"""
    const times = ["12.3 min", "over 2.0 h", "1.5 h", "40 s"];
    const rows = () => [...{TABLE}.tBodies[0].rows];
    rows().forEach((row, number) => row.cells[1].textContent = times[number]);
    {TABLE}.querySelectorAll('th button')[1].click();
    document.title = rows().map(row => row.cells[1].textContent).join(', ');
    """
    found = browsers.after(written.read_text(), script, tmp_path)
    assert found == "40 s, 12.3 min, 1.5 h, over 2.0 h"


def test_words_above_a_long_table_show_its_rows_that_have_them(written, tmp_path):
    script = """
    const search = document.querySelector('input[type=search]');
    const rows = [...search.nextElementSibling.tBodies[0].rows];
    search.value = 'breast auc'; search.dispatchEvent(new Event('input'));
    const left = rows.filter(row => !row.hidden);
    document.title = rows.length + '|' + left.map(row => row.textContent).join('#');
    """
    count, left = browsers.after(written.read_text(), script, tmp_path).split("|")
    left = left.split("#")
    assert 0 < len(left) < int(count)
    assert all("breast" in row.lower() and "AUC" in row for row in left)
