"""The command line: facts, data, pictures and scores, in real processes."""

import os
import subprocess
import sys

import pytest

from medmnist_tfds.data import catalog
from medmnist_tfds.score import predictions

pytestmark = pytest.mark.usefixtures("places")


def run(*arguments, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "medmnist_tfds", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


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


def test_list_shows_the_ten_in_80_columns(places):
    places["root"].mkdir()
    (places["root"] / "breastmnist.npz").touch()
    done = run("list")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    for name, dataset in catalog.DATASETS.items():
        (line,) = [line for line in lines if line.split()[0] == name]
        assert dataset.license in line and str(dataset.num_labels) in line
        assert line.rstrip().endswith("here") == (name == "breast")
    assert max(map(len, lines[:-1])) <= 80


def test_info_shows_labels_checksums_and_the_caution():
    done = run("info", "derma")
    dataset = catalog.DATASETS["derma"]
    for word in (*dataset.labels, dataset.license, "no commercial use", "12:196"):
        assert word in done.stdout
    assert dataset.releases["3.0.0"].files[224].md5 in done.stdout


def test_prepare_writes_phantoms_and_says_where(tmp_path):
    done = run("prepare", "breast", "oct", "--phantom", "--data-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("breast", "oct"):
        folder = tmp_path / "medmnist_phantom" / name / "1.0.0"
        assert (folder / "dataset_info.json").exists() and str(folder) in done.stdout
    assert "train 600, val 200, test 200" in done.stdout


def test_prepare_reads_the_files_that_a_user_brings(official_root, tmp_path):
    folders = ["--manual-dir", official_root, "--data-dir", tmp_path]
    done = run("prepare", "breast", *folders)
    assert done.returncode == 0, done.stderr
    assert "train 546, val 78, test 156" in done.stdout


def test_montage_draws_a_picture(data_dir, phantom, tmp_path):
    phantom("derma")
    out = tmp_path / "derma.png"
    done = run("montage", "derma", "--phantom", "--data-dir", data_dir, "--out", out)
    assert done.returncode == 0 and str(out) in done.stdout
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_is_not_there_is_refused_and_not_passed_over(tmp_path):
    done = run("prepare", "breast", "--manual-dir", tmp_path / "nothing")
    assert done.returncode == 2 and "--manual-dir" in done.stderr


def test_a_disk_that_cannot_be_written_is_a_message(data_dir, phantom, tmp_path):
    phantom("derma")
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "derma.png"
    done = run("montage", "derma", "--phantom", "--data-dir", data_dir, "--out", out)
    assert done.returncode == 1 and done.stderr.startswith("Error: ")
    assert "choose another folder" in done.stderr


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "dermma"], "Did you mean 'derma'"),
        (["train", "derma", "--set", "epoch=3"], "Did you mean 'epochs'"),
        (["montage", "oct", "--split", "all"], "no split 'all'"),
        (["train", "derma_224"], "Expected 28, what the networks take"),
        (["train", "derma", "--seed", "-1"], "The seed is -1"),
        (["evaluate", "nothing.csv"], "no standard prediction file"),
        (["evaluate", "octmnist_test_@a.csv"], "octmnist_test_@a.csv"),
    ],
)
def test_a_users_mistake_is_a_message_and_no_traceback(arguments, message):
    done = run(*arguments)
    assert done.returncode == 1 and message in done.stderr
    assert done.stderr.startswith("Error: ") and "Traceback" not in done.stderr
