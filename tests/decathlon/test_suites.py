"""Other suites than the ten: what runs on what, and beside which paper's values."""

import dataclasses
import json

import numpy as np
import official_form
import pytest
import small_methods

from medmnist_tfds.commands import cli
from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import run as decathlon
from medmnist_tfds.decathlon import suites
from medmnist_tfds.decathlon.methods import google_images
from medmnist_tfds.decathlon.report import write
from medmnist_tfds.process import errors

V2_2D, V2_3D = suites.find("v2_2d"), suites.find("v2_3d")
COUNTS = {"train": 12, "val": 8, "test": 10}
MIDDLE = 200  # what all pixels of a volume's slice in the middle are


@pytest.fixture
def nodule(tmp_path, monkeypatch) -> catalog.Variant:
    """NoduleMNIST3D of a few volumes, whose official file lies in `official`."""
    rng, held = np.random.default_rng(0), {}
    for split, count in COUNTS.items():
        volumes = rng.integers(0, 100, (count, 28, 28, 28), np.uint8)
        volumes[:, 14] = MIDDLE
        held[f"{split}_images"] = volumes
        held[f"{split}_labels"] = np.arange(count, dtype=np.uint8)[:, None] % 2
    real = catalog.variant("nodule_3d")
    (tmp_path / "official").mkdir()
    content = official_form.npz(held)
    (tmp_path / "official" / real.file.name).write_bytes(content)
    file = official_form.variant_of(content, name="nodule_3d").file
    release = dataclasses.replace(real.release, splits=COUNTS, files={28: file})
    file = dataclasses.replace(file, url=real.file.url)
    release = dataclasses.replace(release, files={28: file})
    dataset = dataclasses.replace(real.dataset, releases={"3.0.0": release})
    changed = {**catalog.DATASETS, "nodule_3d": dataset}
    monkeypatch.setattr(catalog, "DATASETS", changed)
    return catalog.variant("nodule_3d")


def plan(tmp_path, folders, *, variant, suite=V2_3D):
    return decathlon.Plan(
        methods=tuple(map(methods.find, folders)),
        variants=(variant,),
        suite=suite,
        data_dir=tmp_path / "tfds",
        manual_dir=tmp_path / "official",
    )


def call(monkeypatch, capsys, *arguments) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["medmnist-tfds", "decathlon", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    return ended.value.code or 0, said.out + said.err


def test_a_method_is_given_volumes_and_told_their_shape(tmp_path, nodule):
    (folder,) = small_methods.make(tmp_path, "good")
    look = 'print("GOT", data["test_images"].shape, task["image_shape"])\n'
    program = small_methods.START + look + "leave()\n"
    (tmp_path / "good/run.py").write_text(program)
    small_methods.run(plan(tmp_path, [folder], variant=nodule), tmp_path / "out")
    log = tmp_path / "out/cells/nodule_3d-good-seed0/log.txt"
    assert log.read_text() == "GOT (10, 28, 28, 28, 1) [28, 28, 28, 1]\n"


def test_what_takes_images_only_is_a_row_with_its_reason_and_is_not_started(tmp_path):
    """Nor are volumes looked for: none are here."""
    (folder,) = small_methods.make(tmp_path, "crash")
    definition = tmp_path / "crash/method.toml"
    definition.write_text('display_name = "Flat"\ntakes = ["images"]\n')
    wanted = plan(tmp_path, [folder, "autokeras"], variant=catalog.variant("nodule_3d"))
    states, said = small_methods.run(wanted, tmp_path / "out")
    assert set(states.values()) == {"missing"}
    reason = "it takes images only, and NoduleMNIST3D has volumes"
    for name in ("crash", "autokeras"):
        result = small_methods.result(tmp_path / "out", f"nodule_3d-{name}-seed0")
        assert (result["status"], result["reason"]) == ("missing", reason)
        assert f"{name} cannot run: {reason}." in said
    assert "environment" not in said  # that of AutoKeras would help nobody


def test_a_report_of_volumes_sets_their_paper_beside_them(tmp_path, nodule):
    folders = small_methods.make(tmp_path, "good")
    text = 'display_name = "Good"\npaper_row = "ResNet-18 + ACS"\n'
    (tmp_path / "good/method.toml").write_text(text)
    wanted = plan(tmp_path, [*folders, "constant"], variant=nodule)
    small_methods.run(wanted, tmp_path / "out")
    out, found, table = write.write(tmp_path / "out", manual_dir=tmp_path / "official")
    assert found.suite == V2_3D and found.datasets == ["nodule_3d"]
    page = (out / "index.html").read_text()
    assert "<h1>MedMNIST v2, 3D</h1>" in page and "1 of 6 datasets" in page
    assert "Of a volume: its middle slice." in page
    assert 'alt="Test volume 0 of NoduleMNIST3D"' in page
    assert "on the test volumes of one dataset" in page
    for name in ("table2.md", "table2.tex", "index.html"):
        text = (out / name).read_text()
        assert "0.873" in text  # published
        assert "Yang et al., Scientific Data 2023, 10:41" in text
    value = next(r for r in table.rows if r.method == "good").values["nodule_3d", "acc"]
    assert value.paper == 0.847


def test_of_a_volume_the_slice_in_the_middle_is_shown(tmp_path, nodule):
    source = arrays.find(nodule, manual_dir=tmp_path / "official")
    seen = arrays.pictures(source.images("test"))
    assert seen.shape == (10, 28, 28, 1) and (seen == MIDDLE).all()
    flat = np.zeros((2, 28, 28, 3), np.uint8)
    assert arrays.pictures(flat) is flat
    path = google_images.export(
        source, nodule.dataset, tmp_path / "images", prefix="gs://bucket"
    )
    assert len(path.read_text().splitlines()) == sum(COUNTS.values())


def test_a_row_of_another_suites_paper_is_not_set_beside_it(tmp_path, nodule):
    folders = small_methods.make(tmp_path, "good")
    text = 'paper_row = "auto-sklearn"\nsuites = ["decathlon"]\n'
    (tmp_path / "good/method.toml").write_text(text)
    small_methods.run(plan(tmp_path, folders, variant=nodule), tmp_path / "out")
    result = small_methods.result(tmp_path / "out", "nodule_3d-good-seed0")
    assert result["status"] == "done" and result["paper_row"] is None


def test_two_suites_are_not_mixed_in_one_folder(tmp_path, data_dir):
    ten = small_methods.plan(data_dir, ["constant"])
    small_methods.run(ten, tmp_path / "out")
    twelve = dataclasses.replace(ten, suite=V2_2D)
    with pytest.raises(errors.MedMNISTError, match="a Decathlon with suite decathlon"):
        small_methods.run(twelve, tmp_path / "out")
    # As of a folder from before there were suites.
    path = tmp_path / "out/decathlon.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in said.items() if k != "suite"}))
    with pytest.raises(errors.MedMNISTError, match="a Decathlon with suite decathlon"):
        small_methods.run(twelve, tmp_path / "out")
    states, _ = small_methods.run(ten, tmp_path / "out")
    assert states == {"breast-constant-seed0": "done"}
    _, found, _ = write.write(tmp_path / "out")
    assert found.suite == suites.DECATHLON
    # A cell that does not belong there.
    path.write_text(json.dumps(said | {"suite": "v2_3d"}))
    with pytest.raises(errors.MedMNISTError, match="none of MedMNIST v2's six of vol"):
        write.write(tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "suite", "expected"),
    [
        ("breast", suites.DECATHLON, "medmnist/breast:1.0.0"),
        ("breast_64", suites.DECATHLON, "medmnist/breast_64:3.0.0"),
        ("breast", V2_2D, "medmnist/breast:3.0.0"),
        ("breast:1.0.0", V2_2D, "medmnist/breast:1.0.0"),
        ("medmnist_phantom/breast", V2_2D, "medmnist_phantom/breast"),
        ("medmnist_rebuilt/breast_40", V2_2D, "medmnist_rebuilt/breast_40"),
        ("NoduleMNIST3D", V2_3D, "medmnist/nodule_3d:3.0.0"),
    ],
)
def test_a_suites_data_are_of_its_release(name, suite, expected):
    assert suite.variant(name).tfds_name == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "v2"], "There is no suite 'v2'. Expected one of decathlon, v2_2d"),
        (["--datasets", "blood"], "none of the Decathlon's ten. Expected some of path"),
        (["--datasets", "blood"], "Choose --suite v2_2d, which has it."),
        (["--suite", "v2_3d", "--datasets", "breast"], "Choose --suite decathlon, wh"),
        (["--datasets", "derma_corrected"], "it is derma in other splits. Expected"),
    ],
)
def test_what_is_not_in_the_suite_is_refused_with_where_it_is(
    tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    code, said = call(monkeypatch, capsys, "run", *arguments)
    assert code == 1 and said.count("\n") == 1 and message in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("suite", "count"), [("decathlon", 10), ("v2_2d", 12), ("v2_3d", 6)]
)
def test_a_suite_is_run_whole_by_its_methods(
    tmp_path, monkeypatch, capsys, suite, count
):
    monkeypatch.chdir(tmp_path)
    options = ["--suite", suite, "--budget", "smoke", "--dry-run"]
    code, said = call(monkeypatch, capsys, "run", "--methods", "constant", *options)
    assert code == 0, said
    assert f"{count} cells: 1 method x {count} datasets x 1 seed." in said


def test_the_table_of_each_paper_is_told(monkeypatch, capsys, tmp_path):
    code, said = call(monkeypatch, capsys, "report", "--paper", "--suite", "v2_3d")
    assert code == 0 and "MedMNIST v2, 3D (Yang et al." in said
    assert "Nemenyi, 6 datasets" in said and "ResNet-18 + ACS" in said
    code, said = call(monkeypatch, capsys, "report", "x", "--suite", "v2_3d")
    assert code == 1 and "x is given, which knows its suite" in said
