"""A Decathlon on data that were rebuilt: it runs, is marked, and is never mixed in."""

import csv
import json
import shutil

import numpy as np
import official_form
import pytest
import small_methods

from medmnist_tfds.commands import cli
from medmnist_tfds.data import catalog, rebuilt

COUNTS = {"train": 8, "val": 4, "test": 6}
ROWS = {split: np.arange(count) * 2 + 1 for split, count in COUNTS.items()}
TEST = "Only 6 of 156 test images of BreastMNIST are there."


def put(folder, size: int) -> None:
    """A rebuilt file of every second image of BreastMNIST's first ones."""
    variant = catalog.parse(f"medmnist_rebuilt/breast_{size}")
    rng, arrays = np.random.default_rng(size), {}
    for split, count in COUNTS.items():
        images = rng.integers(0, 256, (count, size, size)).astype(np.uint8)
        arrays[f"{split}_images"] = images
        arrays[f"{split}_labels"] = np.arange(count, dtype=np.uint8)[:, None] % 2
        arrays[f"{split}_index"] = ROWS[split]
    arrays[rebuilt.NAME] = rebuilt.about(variant, splits=COUNTS)
    (folder / variant.file.name).write_bytes(official_form.npz(arrays))


@pytest.fixture
def command(tmp_path, monkeypatch, capfd, places):
    """Calls `decathlon` where rebuilt files of 28 and 40 pixels are at hand."""
    places["root"].mkdir()
    for size in (28, 40):
        put(places["root"], size)
    monkeypatch.chdir(tmp_path)

    def command(*words) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["medmnist-tfds", "decathlon", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capfd.readouterr()
        return end.value.code or 0, said.out + said.err

    return command


def run(command, *names, method="constant", more=()) -> tuple[int, str]:
    chosen = ["--methods", method, "--budget", "smoke", *more]
    return command("run", "--datasets", ",".join(names), *chosen)


def test_methods_get_the_rebuilt_data_and_are_told_which(command, tmp_path):
    (folder,) = small_methods.make(tmp_path, "good")
    look = 'print("GOT", task["dataset"], task["variant"], task["size"],'
    look += ' *(data[f"{s}_images"].shape for s in ("train", "test")))\n'
    program = tmp_path / "good/run.py"
    program.write_text(small_methods.START + look + "leave()\n")
    code, said = run(command, "medmnist_rebuilt/breast_40", method=folder)
    assert code == 0, said
    log = (
        tmp_path / "runs/decathlon-rebuilt/cells/breast_40-good-seed0/log.txt"
    ).read_text()
    shapes = "(8, 40, 40, 1) (6, 40, 40, 1)"
    assert log == f"GOT breast medmnist_rebuilt/breast_40 40 {shapes}\n"


def test_every_part_of_the_report_says_that_the_data_are_rebuilt(command, tmp_path):
    code, said = run(command, "medmnist_rebuilt/breast")
    assert code == 0, said
    root = tmp_path / "runs/decathlon-rebuilt"
    result = small_methods.result(root, "breast-constant-seed0")
    assert result["dataset"] == "medmnist_rebuilt/breast" and result["rebuilt"] is True
    names = {path.name.split("_")[0] for path in root.glob("cells/*/*.csv")}
    assert names == {"rebuilt-breastmnist"}
    code, said = command("report", str(root))
    assert code == 0 and "REBUILT DATA" in said, said
    for name in ("table2.md", "table2.tex", "index.html"):
        text = (root / "report" / name).read_text()
        assert "REBUILT DATA" in text and TEST in text
    with (root / "report/table2.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["data"] for line in lines} == {"rebuilt"}
    page = (root / "report/index.html").read_text()
    assert "BreastMNIST (rebuilt)" in page and "rebuilt data, release 1.0.0" in page
    assert 'alt="Test image 3 of BreastMNIST"' in page  # its row in the official split
    assert "hantom" not in page


def test_the_paper_never_stands_beside_rebuilt_data(command, tmp_path):
    root = tmp_path / "runs/decathlon-rebuilt"
    run(command, "medmnist_rebuilt/breast")
    path = root / "cells/breast-constant-seed0/result.json"
    result = json.loads(path.read_text()) | {"paper_row": "ResNet-18 (28)"}
    path.write_text(json.dumps(result))
    command("report", str(root))
    with (root / "report/table2.csv").open(newline="") as file:
        assert {line["paper"] for line in csv.DictReader(file)} == {""}
    assert "the paper's" not in (root / "report/table2.md").read_text()


def test_networks_refuse_another_size_in_a_row_with_its_reason(command, tmp_path):
    """Its name says of which size it is; a recipe's networks take any."""
    code, said = run(command, "medmnist_rebuilt/breast_40", method="resnet18_28")
    assert code == 1
    reason = "it takes images of 28 pixels only, and those of breast_40 have 40"
    assert reason in said
    place = tmp_path / "runs/decathlon-rebuilt"
    result = small_methods.result(place, "breast_40-resnet18_28-seed0")
    assert result["status"] == "missing" and reason in result["reason"]


@pytest.mark.slow
def test_our_recipe_takes_another_size(command, tmp_path):
    more = ["--set", "recipe_fast.epochs=1"]
    names = ["medmnist_rebuilt/breast_40"]
    code, said = run(command, *names, method="recipe_fast", more=more)
    assert code == 0, said
    place = tmp_path / "runs/decathlon-rebuilt"
    result = small_methods.result(place, "breast_40-recipe_fast-seed0")
    assert result["training_images"] == COUNTS["train"]


@pytest.mark.parametrize(
    "names",
    [
        ("breast", "medmnist_rebuilt/breast"),
        ("medmnist_rebuilt/retina", "medmnist_rebuilt/breast_40"),
        ("breast", "breast_64"),
        ("breast", "medmnist_phantom/breast"),
        ("breast:1.0.0", "breast:3.0.0"),
    ],
)
def test_data_of_two_kinds_are_refused_in_one_decathlon(command, tmp_path, names):
    code, said = run(command, *names)
    assert code == 1 and "are not of one kind" in said
    assert "Run them apart, each into an --out of its own." in said
    assert not (tmp_path / "runs").exists()


def test_a_folder_of_official_results_takes_no_rebuilt_ones(command, tmp_path):
    run(command, "medmnist_rebuilt/breast", more=["--out", "one"])
    code, said = run(command, "medmnist_rebuilt/breast_40", more=["--out", "one"])
    assert code == 1 and "holds a Decathlon with size 28. Expected one with" in said
    code, said = run(command, "breast", more=["--out", "one"])
    assert code == 1 and "holds a Decathlon with rebuilt True. Expected one" in said
    # As of a folder from before there were rebuilt data.
    (tmp_path / "old").mkdir()
    old = {"phantom": False, "release": "1.0.0", "budget": "smoke"}
    (tmp_path / "old/decathlon.json").write_text(json.dumps(old))
    code, said = run(command, "medmnist_rebuilt/breast", more=["--out", "old"])
    assert code == 1 and "holds a Decathlon with rebuilt False. Expected one" in said
    shutil.copytree(tmp_path / "one/cells", tmp_path / "old/cells")
    code, said = command("report", "old")
    assert code == 1 and "is of medmnist_rebuilt/breast (phantom False, rebuilt" in said
    assert "Move it to a Decathlon of its own." in said


def test_where_nothing_was_rebuilt_the_row_says_how_to(command):
    code, said = run(command, "medmnist_rebuilt/retina")
    assert code == 1 and "There is no retinamnist_28_rebuilt.npz in" in said
    assert "medmnist-tfds rebuild retina --source ARCHIVE --size 28" in said
