"""The command line: facts, data, pictures and scores, in real processes."""

import errno
import os
import re
import subprocess
import sys
import warnings

import numpy as np
import processes
import pytest
import tensorflow_datasets as tfds
import typer
from PIL import Image

import medmnist_tfds
from medmnist_tfds.commands import cli
from medmnist_tfds.data import catalog, finding
from medmnist_tfds.score import predictions

pytestmark = pytest.mark.usefixtures("places")


def run(*arguments, **environment) -> subprocess.CompletedProcess:
    return processes.run(
        [sys.executable, "-m", "medmnist_tfds", *map(str, arguments)],
        env={**os.environ, **environment},
    )


@pytest.fixture
def refusal(capfd, monkeypatch):
    """A function from a command line to what it says as it fails, without a process."""

    def refusal(*arguments) -> str:
        monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
        monkeypatch.setattr(sys, "argv", ["medmnist-tfds", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == 1
        return capfd.readouterr().err

    return refusal


@pytest.fixture
def perfect(official_root, tmp_path):
    """A function from a dataset to a prediction file that has every label right."""

    def perfect(dataset: str):
        variant = catalog.parse(dataset)
        labels = predictions.split_targets(variant, "val", folder=official_root)
        given = dict(split="val", scores=labels, targets=labels, run="perfect")
        return predictions.write(tmp_path, dataset=variant, **given)

    return perfect


def test_help_names_every_command_and_imports_no_tensorflow():
    script = (
        "import sys; sys.argv = ['medmnist-tfds', '--help']\n"
        "from medmnist_tfds.commands import cli\n"
        "try: cli.main()\n"
        "finally: print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True
    )
    for name in ("list", "info", "prepare", "montage", "train", "evaluate"):
        assert f" {name} " in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_the_installed_command_is_the_module():
    command = os.path.join(os.path.dirname(sys.executable), "medmnist-tfds")
    done = subprocess.run([command, "list"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == run("list").stdout


def commands(command, *, path=()):
    """Paths of words and the command that each means, from `medmnist-tfds` down."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, path=(*path, name))


TREE = dict(commands(typer.main.get_command(cli.app)))


@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_help_tells_what_each_option_is_and_what_happens_without_it(path):
    shown = run(*path, "--help", COLUMNS="80").stdout
    assert max(map(len, shown.splitlines())) <= 80
    for parameter in TREE[path].params:
        # What the terminal's markup takes for a tag is not shown.
        told = parameter.help or ""
        assert told and "[default" not in told, parameter.name
        if isinstance(parameter.show_default, str):
            assert parameter.show_default in " ".join(re.split(r"[\s│]+", shown))


def test_the_version_is_the_packages():
    assert run("--version").stdout == f"medmnist-tfds {medmnist_tfds.__version__}\n"


def test_a_shell_completes_commands_and_names():
    def complete(line: str) -> list[str]:
        asked = {
            "_MEDMNIST_TFDS_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split()) - 1),
        }
        command = os.path.join(os.path.dirname(sys.executable), "medmnist-tfds")
        done = subprocess.run(
            [command], capture_output=True, text=True, env={**os.environ, **asked}
        )
        return done.stdout.split()

    assert complete("medmnist-tfds deca") == ["decathlon"]
    assert complete("medmnist-tfds info organ_c") == ["organ_coronal"]


@pytest.mark.parametrize("columns", [74, 80])
def test_list_shows_the_eighteen_whole_in_a_narrow_terminal(places, columns):
    places["root"].mkdir()
    (places["root"] / "breastmnist_64.npz").touch()
    shown = run("list", COLUMNS=str(columns)).stdout
    lines = [line for line in shown.splitlines() if line.strip()]
    for name, dataset in catalog.DATASETS.items():
        (line,) = [line for line in lines if line.split()[0] == name]
        assert dataset.license in line and f"({dataset.num_labels})" in line
        assert len(catalog.DATASETS) == 18
        for number in catalog.variant(name).release.splits.values():
            assert f" {number:,} " in line
    assert "28, 64, 128, 224" in shown and "medmnist/path_224:3.0.0" in shown
    assert lines[-1].endswith("breast (64).") and "…" not in shown
    assert max(map(len, lines[:-1])) <= columns


def test_info_shows_labels_checksums_and_the_caution():
    shown = run("info", "derma", COLUMNS="80").stdout
    dataset = catalog.DATASETS["derma"]
    for word in (*dataset.labels, dataset.license, "no commercial use", "12:196"):
        assert word in shown
    file = dataset.releases["3.0.0"].files[224]
    assert file.md5 in shown and file.url in shown


def test_info_shows_what_is_known_to_be_wrong():
    shown = " ".join(run("info", "organ_axial").stdout.split())
    (fault,) = catalog.DATASETS["organ_axial"].faults
    assert f"known faults {fault}" in shown and "blank images" in fault
    assert "known faults" not in run("info", "path").stdout


def test_prepare_writes_phantoms_and_says_where(tmp_path):
    done = run("prepare", "breast", "oct", "--phantom", "--data-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("breast", "oct"):
        folder = tmp_path / "medmnist_phantom" / name / "3.0.0"
        assert (folder / "dataset_info.json").exists()
        (line,) = [line for line in done.stderr.splitlines() if str(folder) in line]
        assert line.startswith(f"medmnist_phantom/{name}: 650 synthetic images written")
    assert len(done.stderr.splitlines()) == 2 and not done.stdout
    again = run("prepare", "BreastMNIST", "--phantom", "--data-dir", tmp_path)
    assert "medmnist_phantom/breast: is there already, " in again.stdout


def test_prepare_reads_the_files_that_a_user_brings(official_root, tmp_path):
    folders = ["--manual-dir", official_root, "--data-dir", tmp_path]
    done = run("prepare", "breast", *folders)
    assert done.returncode == 0, done.stderr
    assert "780 images of release 1.0.0 (breastmnist.npz, found in " in done.stderr


def test_another_release_is_prepared_without_a_word_of_the_first(
    official_root, tmp_path
):
    # Not forked: TFDS reads at its import where data lie if nobody says.
    environment = {k: v for k, v in os.environ.items() if k != "TFDS_DATA_DIR"}
    command = [sys.executable, "-m", "medmnist_tfds", "prepare"]
    done = subprocess.run(
        [*command, "breast", "breast:3.0.0", "--manual-dir", official_root],
        capture_output=True,
        text=True,
        env=environment | {"HOME": str(tmp_path)},
        cwd=tmp_path,
    )
    assert "the same as release 1.0.0's" in done.stderr
    assert len(done.stderr.splitlines()) == 2, done.stderr


def test_montage_draws_a_picture(data_dir, phantom, tmp_path):
    phantom("derma")
    starts = {"png": b"\x89PNG", "JPG": b"\xff\xd8\xff", "pdf": b"%PDF"}
    for suffix, start in starts.items():
        out = tmp_path / f"derma.{suffix}"
        places = ["--data-dir", data_dir, "--out", out]
        done = run("montage", "derma", "--phantom", *places)
        assert done.returncode == 0 and str(out) in done.stdout
        assert out.read_bytes().startswith(start)


@pytest.mark.slow
def test_montage_of_volumes_has_three_planes_or_moves_through_the_depth(
    data_dir, phantom, tmp_path, refusal
):
    phantom("fracture_3d")
    for suffix, options in (("png", []), ("gif", ["--gif"])):
        out = tmp_path / f"fracture.{suffix}"
        places = ["--data-dir", data_dir, "--out", out]
        done = run("montage", "fracture_3d", "--phantom", *options, *places)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"Wrote {out}\n" and not done.stderr
    assert Image.open(out).n_frames == 28
    said = refusal("montage", "breast", "--phantom", "--gif", "--data-dir", data_dir)
    assert "breast has images, which do not move" in said and "organ_3d" in said


def test_montage_refuses_a_format_that_pictures_do_not_have(
    data_dir, phantom, tmp_path, refusal
):
    phantom("derma")
    places = ["--data-dir", data_dir, "--out", tmp_path / "derma.txt"]
    said = refusal("montage", "derma", "--phantom", *places)
    assert "ends in .txt" in said and "png" in said
    assert not list(tmp_path.glob("*derma*"))


def test_a_folder_that_is_not_there_is_refused_and_not_passed_over(tmp_path):
    done = run("prepare", "breast", "--manual-dir", tmp_path / "nothing")
    assert done.returncode == 2 and "--manual-dir" in done.stderr


def test_a_folder_that_cannot_be_made_is_a_message(
    data_dir, phantom, tmp_path, refusal
):
    phantom("derma")
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "derma.png"
    places = ["--data-dir", data_dir, "--out", out]
    said = refusal("montage", "derma", "--phantom", *places)
    assert said.startswith("Error: ") and str(out.parent) in said
    assert "choose another folder" in said and "Free space" not in said


def test_a_name_that_is_too_long_is_said_to_be(data_dir, phantom, tmp_path, refusal):
    phantom("derma")
    out = tmp_path / f"{'x' * 300}.png"
    places = ["--data-dir", data_dir, "--out", out]
    said = refusal("montage", "derma", "--phantom", *places)
    assert str(out.parent) in said and "File name too long. Choose a shorter" in said
    assert "Free space" not in said


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/full/a.csv"),
            "/full/a.csv: No space left on device. Free space there",
        ),
        (
            OSError(errno.EMFILE, "Too many open files", "a.csv"),
            "a.csv: Too many open files. Raise the limit of open files",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "a", None, "b"),
            "a -> b: Read-only file system. It cannot be written",
        ),
        (
            OSError("libcudart.so.12: cannot open shared object file"),
            "libcudart.so.12: cannot open shared object file.\n",
        ),
        (OSError(errno.EXDEV, "Invalid cross-device link"), "cross-device link.\n"),
    ],
)
def test_what_the_system_says_is_said_with_what_helps(
    monkeypatch, refusal, error, message
):
    def fail(variant):
        raise error

    monkeypatch.setattr(finding, "is_here", fail)
    said = refusal("list")
    assert said.startswith("Error: ") and message in said
    assert ("Free space" in said) == (error.errno == errno.ENOSPC)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("{", "Expecting"), ("[]", "it holds a list"), ("\xff", "'utf-8' codec")],
)
def test_a_damaged_file_is_named_and_not_taken_for_none(
    tmp_path, refusal, content, reason
):
    path = tmp_path / "decathlon.json"
    path.write_text(content, encoding="latin-1")
    said = refusal("decathlon", "report", tmp_path)
    assert f"{path} holds no JSON object ({reason}" in said


def test_evaluate_names_the_release_that_the_file_was_written_for(
    perfect, official_root
):
    done = run("evaluate", perfect("breast:3.0.0"), "--manual-dir", official_root)
    assert "BreastMNIST 3.0.0, val" in done.stdout, done.stderr


def test_evaluate_takes_labels_of_prepared_data_where_there_is_no_file(
    perfect, official_root, tmp_path
):
    data_dir = tmp_path / "data"
    config = tfds.download.DownloadConfig(manual_dir=official_root)
    builder = tfds.builder("medmnist/breast", data_dir=data_dir)
    builder.download_and_prepare(download_config=config)
    done = subprocess.run(  # not forked: TFDS reads the variable at its import
        [sys.executable, "-m", "medmnist_tfds", "evaluate", perfect("breast")],
        capture_output=True,
        text=True,
        env={**os.environ, "TFDS_DATA_DIR": str(data_dir)},
    )
    assert "AUC 1.000  ACC 1.000" in done.stdout, done.stderr


def test_evaluate_scores_a_file(tmp_path):
    variant = catalog.parse("medmnist_phantom/oct")
    targets = predictions.split_targets(variant, "test")
    scores = (targets == range(4)) * 0.7 + 0.1
    path = predictions.write(
        tmp_path, dataset=variant, split="test", scores=scores, run="perfect"
    )
    done = run("evaluate", path)
    assert "AUC 1.000  ACC 1.000" in done.stdout and "PHANTOM" in done.stdout
    assert all(label in done.stdout for label in variant.dataset.labels)


def test_evaluate_scores_a_file_of_any_name_of_a_dataset_of_any_name(tmp_path):
    variant = catalog.parse("medmnist_phantom/oct")
    targets = predictions.split_targets(variant, "test")
    np.save(tmp_path / "mine.npy", (targets == range(4)) * 0.7 + 0.1)
    of = ["--dataset", "medmnist_phantom/OCTMNIST", "--split", "test"]
    done = run("evaluate", tmp_path / "mine.npy", *of)
    assert "AUC 1.000  ACC 1.000" in done.stdout and "OCTMNIST" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "dermma"], "Did you mean 'derma'"),
        (["train", "derma", "--set", "epoch=3"], "Did you mean 'epochs'"),
        (["montage", "oct", "--split", "all"], "no split 'all'"),
        (["train", "derma_224", "--set", "resolution=224"], "has images of 224x224"),
        (["train", "organ_3d", "--recipe", "best"], "organ_3d has volumes, and eff"),
        (["train", "organ_3d", "--set", "resolution=224"], "has volumes of 28x28x28"),
        (["train", "derma", "--seed", "-1"], "The seed is -1"),
        (["evaluate", "nothing.csv"], "nothing.csv: No such file"),
        (["evaluate", "octmnist_test_@a.csv"], "octmnist_test_@a.csv"),
    ],
)
def test_a_users_mistake_is_a_message_and_no_traceback(arguments, message, refusal):
    said = refusal(*arguments)
    assert said.startswith("Error: ") and message in said and "Traceback" not in said
