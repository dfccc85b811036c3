"""The card that a run leaves, as Hugging Face's library reads it."""

import json
import pathlib
import re
import shutil
import subprocess

import huggingface_hub
import pytest
import small_runs
from rich import console as rich_console
from small_runs import interrupt, run

from medmnist_tfds import models, train
from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    monkeypatch.setitem(models.NETWORKS, "resnet18", small_runs.small)


@pytest.fixture(scope="module")
def of_module(data_dir, tmp_path_factory) -> pathlib.Path:
    """The folder of a run that has ended."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.NETWORKS, "resnet18", small_runs.small)
        run(folder, data_dir, epochs=2, seed=3)
    return folder


@pytest.fixture
def finished(of_module, tmp_path) -> pathlib.Path:
    return shutil.copytree(of_module, tmp_path / "run")


def rewrite(path: pathlib.Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table below a line that begins so, without its head."""
    lines = text[text.index(f"\n| {heading}") :].strip().splitlines()[2:]
    table = lines[: next((i for i, x in enumerate(lines) if x[:1] != "|"), len(lines))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_a_run_leaves_a_card_that_hugging_face_reads(finished):
    card = huggingface_hub.ModelCard.load(finished / "README.md")
    data, result = card.data, json.loads((finished / "result.json").read_text())
    assert (data.library_name, data.license) == ("keras", "apache-2.0")
    assert data.datasets == ["phantom-breastmnist"]
    assert {"medmnist", "not-for-clinical-use", "synthetic-data"} <= {*data.tags}
    found = {each.metric_type: each for each in data.eval_results}
    for kind, metric in (("roc_auc", "auc"), ("accuracy", "acc")):
        value = found[kind].metric_value
        assert value == pytest.approx(result["scores"]["test"][metric], abs=1e-4)
        assert found[kind].dataset_split == "test"
    assert "**SYNTHETIC DATA.**" in card.text and "Not for clinical use" in card.text
    assert "Seed 3; one run. Epoch " in card.text
    assert ["epochs", "**2**", "100"] in rows(card.text, "field of the recipe")
    assert "medmnist-tfds 0" in card.text and "FOLDER" in card.text


def test_each_class_stands_there_with_its_interval_and_count(finished):
    text = (finished / "README.md").read_text()
    source = arrays.find(catalog.parse("medmnist_phantom/breast"))
    labels = source.labels("test")
    (path,) = predictions.find(finished, split="test")
    expected = predictions.evaluate(path)
    table = rows(text, "class | test images")
    assert [row[0] for row in table] == list(catalog.DATASETS["breast"].labels)
    for number, (_, count, auc) in enumerate(table):
        assert int(count) == (labels == number).sum()
        value, low, high = map(float, re.findall(r"[\d.]+", auc))
        assert value == pytest.approx(expected.auc_per_class[number], abs=5e-4)
        assert low < value < high
    (_, before, _), (after, _, _) = rows(text, "test | calibration error")
    assert before.endswith("]") and after.startswith("logits divided by")


def test_the_listed_checksums_are_those_of_the_files(finished):
    text = (finished / "README.md").read_text()
    shown = {row[0].strip("`"): row[1].strip("`") for row in rows(text, "file | SHA")}
    assert len(shown) == 5 and {"model.keras", "kind.npz"} < shown.keys()
    lines = (finished / "SHA256SUMS").read_text().splitlines()
    assert {line[66:]: line[:64] for line in lines} == shown
    if program := shutil.which("sha256sum"):
        command = [program, "--strict", "-c", "SHA256SUMS"]
        subprocess.run(command, cwd=finished, check=True, capture_output=True)


def test_a_card_is_written_anew_as_it_was(finished):
    before = (finished / "README.md").read_text()
    (finished / "README.md").unlink()
    (finished / "SHA256SUMS").unlink()
    assert train.write_card(finished) == finished / "README.md"
    assert (finished / "README.md").read_text() == before
    models.load(finished)


def test_a_run_from_before_there_were_cards_gets_one(finished):
    before = (finished / "README.md").read_text()
    for name in ("README.md", "SHA256SUMS"):
        (finished / name).unlink()
    rewrite(finished / "result.json", lambda r: [r.pop("closer"), r.pop("network")])
    train.write_card(finished)
    named = before.replace("`small`", "`resnet18`").replace(", small", ", resnet18")
    assert (finished / "README.md").read_text() == named
    models.load(finished)


@pytest.mark.parametrize(
    ("dataset", "license", "words"),
    [
        ("derma:1.0.0", "cc-by-nc-4.0", ["no commercial use", "Duplicates across"]),
        ("path:3.0.0", "cc-by-4.0", ["medmnist-tfds audit", "CC BY 4.0", "7,180"]),
        ("chest:1.0.0", "cc-by-4.0", ["for 14 labels", "activations.sigmoid"]),
        ("organ_3d:3.0.0", "cc-by-4.0", ["(28, 28, 28, 1)", "from uint8 volumes"]),
    ],
)
def test_licence_leak_and_form_are_those_of_the_catalog(
    finished, dataset, license, words
):
    """Of official data that are not at hand: only the scores are missing."""

    def change(result):
        result |= {"dataset": f"medmnist/{dataset}", "phantom": False, "closer": None}

    rewrite(finished / "result.json", change)
    train.write_card(finished)
    card = huggingface_hub.ModelCard.load(finished / "README.md")
    assert card.data.license == license and "synthetic-data" not in card.data.tags
    assert "SYNTHETIC" not in card.text
    assert not [word for word in words if word not in card.text]


@pytest.mark.parametrize("dataset", ["chest", "nodule_3d"])
def test_labels_and_volumes_have_cards_of_their_own(dataset, data_dir, tmp_path):
    run(tmp_path, data_dir, epochs=1, dataset=f"medmnist_phantom/{dataset}")
    text = (tmp_path / "README.md").read_text()
    labels = catalog.DATASETS[dataset].labels
    heading = "label" if dataset == "chest" else "class"
    assert [row[0] for row in rows(text, f"{heading} | test")] == list(labels)
    (_, error, brier), _ = rows(text, "test | calibration error")
    assert error.endswith("]") and 0 < float(brier) < 2
    models.load(tmp_path)


def test_the_packages_list_of_duplicates_is_told(official_root, tmp_path):
    train.fit(
        "breast",
        recipe=train.Recipe(epochs=1),
        out=tmp_path / "run",
        data_dir=tmp_path / "tfds",
        manual_dir=official_root,
        console=rich_console.Console(quiet=True),
    )
    text = (tmp_path / "run/README.md").read_text()
    found = re.search(r"(\d+) of 156 test images have a duplicate in training", text)
    assert int(found[1]) > 0 and "without them AUC 0." in text


def refused(folder, *words: str) -> None:
    for function in (train.write_card, lambda path: train.push(path, folder / "to")):
        with pytest.raises(errors.MedMNISTError) as caught:
            function(folder)
        assert not [word for word in words if word not in str(caught.value)]
    assert not (folder / "to").exists()


def test_an_interrupted_run_has_no_card_and_gets_one_when_it_goes_on(
    data_dir, tmp_path
):
    run(tmp_path, data_dir, after=lambda n: interrupt(n, 1), epochs=2)
    assert not {"README.md", "SHA256SUMS"} & {p.name for p in tmp_path.iterdir()}
    refused(tmp_path, "was interrupted. Expected one that came to its end", "train`")
    run(tmp_path, data_dir, epochs=2)
    assert "of 2 was kept" in (tmp_path / "README.md").read_text()


def test_what_is_no_finished_run_has_no_card(finished, tmp_path):
    refused(tmp_path / "nothing", "There is no folder")
    refused(tmp_path, "holds no run: it has no config.json", "medmnist-tfds train")
    (finished / "model.keras").unlink()
    refused(finished, "has no model.keras. Expected the file beside")
    (finished / "result.json").unlink()
    refused(finished, "is not finished. Expected one that came to its end")
    (finished / "config.json").write_text("{")
    refused(finished, "holds no JSON object")
