"""Methods that do what they should not: what they reach, and what they cannot spoil."""

import contextlib
import json
import os
import time

import numpy as np
import psutil
import pytest
import small_methods

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import answers, log, resources
from medmnist_tfds.process import errors

BAD = (
    *("spoiler", "chatty", "pipe", "linked", "vanished", "moved", "blocked"),
    *("mute", "complex", "pickled", "daemon", "parricide", "stopper", "good"),
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, data_dir):
    """One Decathlon of them all, and a good one at the end."""
    place = tmp_path_factory.mktemp("hostile")
    folders = small_methods.make(place, *BAD)
    chosen = small_methods.plan(data_dir, folders, jobs=2)
    states, output = small_methods.run(chosen, place / "out")
    return place, states, output


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("good", "done", ""),
        ("spoiler", "done", ""),
        ("daemon", "done", ""),
        ("stopper", "done", ""),
        ("pipe", "failed", "left train.npy as a link, a folder or a pipe"),
        ("linked", "failed", "left test.npy as a link, a folder or a pipe"),
        ("vanished", "failed", "its folder cannot be read (No such file"),
        ("moved", "failed", "its folder cannot be read"),
        ("chatty", "failed", "exit code 3: �� the last line"),
        ("parricide", "failed", "the cell's process ended with -9"),
        ("mute", "missing", "it lacks something (exit code 69), and did not say"),
        ("complex", "failed", "its type is complex128, expected numbers"),
        ("pickled", "failed", "its type is object, expected numbers"),
    ],
)
def test_a_hostile_method_is_a_row_with_its_reason(hostile, name, state, reason):
    place, states, output = hostile
    cell = f"breast-{name}-seed0"
    assert states[cell] == state, output
    assert reason in (small_methods.result(place / "out", cell).get("reason") or "")
    assert "pickle=" not in output and "\x1b" not in output


def test_a_folder_without_permissions_is_read_or_refused(hostile):
    _, states, _ = hostile
    assert states["breast-blocked-seed0"] in ("done", "failed")  # root may read all


def test_a_changed_data_file_is_changed_for_one_cell(hostile):
    place, _, _ = hostile
    logs = [path.read_bytes() for path in place.glob("out/cells/*/log.txt")]
    assert len(logs) == len(BAD) and not any(b"BadZipFile" in text for text in logs)


@pytest.mark.parametrize("name", ["daemon", "parricide"])
def test_what_a_method_leaves_running_ends_with_its_cell(hostile, name):
    place, _, _ = hostile
    with contextlib.suppress(psutil.NoSuchProcess):  # one that nobody has buried yet
        process = psutil.Process(int((place / f"{name}.txt").read_text()))
        assert process.status() == psutil.STATUS_ZOMBIE


def test_a_large_output_is_kept_by_its_ends(hostile):
    place, _, _ = hostile
    path = place / "out/cells/breast-chatty-seed0/log.txt"
    assert path.stat().st_size < log.HEAD + 2 * log.TAIL + 100
    lines = path.read_text(errors="replace").split("\n")
    assert lines[0] == "the first line" and lines[-2].endswith("the last line")
    (gap,) = [line for line in lines if "left out here" in line]
    left_out = int(gap.split()[1].replace(",", ""))
    printed = 15 + 160 * 2**15 * 18 + 21
    assert path.stat().st_size + left_out == printed + len(gap) + 2


def test_a_log_is_short_at_any_time_and_goes_on_after_an_interruption(tmp_path):
    line = b"x" * 99_999 + b"\n"
    for _ in range(3):
        book = log.Log(tmp_path / "log.txt")
        for _ in range(50):
            book.write(line)
            assert (tmp_path / "log.txt").stat().st_size < 3 * 2**20 + len(line)
    book.write(b"\xff the end \x1b[1m\n\n")
    assert book.last_line() == "� the end"
    content = (tmp_path / "log.txt").read_bytes()
    (gap,) = [line for line in content.split(b"\n") if b"left out here" in line]
    left_out = int(gap.split()[1].replace(b",", b""))
    assert len(content) - len(gap) - 2 + left_out == 150 * len(line) + 16


def test_the_last_line_of_a_log_steers_no_terminal(tmp_path):
    path = tmp_path / "log.txt"
    assert log.last_line(path) == ""
    text = "\x1b]0;a title\x07\x1b[31mepoch 3\x1b[0m\u202e\x07 AUC .9\r\n\x1b[2K\n \n"
    path.write_bytes(b"x" * 10_000 + b"\n" + text.encode())
    assert log.last_line(path) == "epoch 3 AUC .9"
    os.mkfifo(tmp_path / "pipe")  # where a program has put one, nobody waits
    assert log.last_line(tmp_path / "pipe") == ""
    (tmp_path / "link").symlink_to(path)
    assert log.last_line(tmp_path / "link") == ""


def test_a_forged_result_is_not_believed(tmp_path, data_dir):
    (folder,) = small_methods.make(tmp_path, "forger")
    (tmp_path / "pid").write_text(str(os.getpid()))
    forged = {"status": "done", "seconds": 1, "dataset": "medmnist_phantom/breast"}
    forged |= {"method": "forger", "seed": 0, "budget": {}, "settings": {}}
    forged["scores"] = {s: {"auc": 1.0, "acc": 1.0} for s in catalog.SPLITS}
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    chosen = small_methods.plan(data_dir, [folder])
    with pytest.raises(KeyboardInterrupt):
        small_methods.run(chosen, tmp_path / "out")
    states, _ = small_methods.run(chosen, tmp_path / "out")
    assert states == {"breast-forger-seed0": "done"}
    result = small_methods.result(tmp_path / "out", "breast-forger-seed0")
    assert result["scores"]["test"]["auc"] < 1


def test_cells_at_a_time_share_a_machine_as_they_are_told(
    tmp_path, data_dir, monkeypatch
):
    (folder,) = small_methods.make(tmp_path, "sharing")
    names = {"MEDMNIST_ROOT": "/labels", "TFDS_DATA_DIR": "/labels", "A_TOKEN": "x"}
    names |= {"CUDA_VISIBLE_DEVICES": "0,1", "MY_API_KEY": "y", "TOKENIZERS": "z"}
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "sharing/method.toml").write_text('variables = ["MY_API_KEY"]')
    chosen = small_methods.plan(data_dir, [folder], jobs=2, seeds=(0, 1))
    small_methods.run(chosen, tmp_path / "out")
    paths = [f"out/cells/breast-sharing-seed{s}/method/shared.json" for s in (0, 1)]
    one, other = (json.loads((tmp_path / path).read_text()) for path in paths)
    assert {*one["gpus"], *other["gpus"]} == {"0", "1"}
    available = os.sched_getaffinity(0)
    if len(available) > 1:
        assert {*one["affinity"], *other["affinity"]} == available
        assert not {*one["affinity"]} & {*other["affinity"]}
    half = psutil.virtual_memory().total / 2**31
    for each in (one, other):
        assert each["cores"] == len(each["affinity"])
        assert [each["variables"]["CUDA_VISIBLE_DEVICES"]] == each["gpus"]
        assert each["variables"]["OMP_NUM_THREADS"] == str(each["cores"])
        assert 0 < each["memory_gib"] <= half
        left = {name: each["variables"].get(name) for name in names}
        assert (left["MY_API_KEY"], left["TOKENIZERS"]) == ("y", "z")
        assert not (left["MEDMNIST_ROOT"] or left["TFDS_DATA_DIR"] or left["A_TOKEN"])
    told = small_methods.result(tmp_path / "out", "breast-sharing-seed0")
    assert {key: told[key] for key in ("cores", "gpus", "memory_gib")} == {
        key: one[key] for key in ("cores", "gpus", "memory_gib")
    }


@pytest.mark.parametrize(
    ("listed", "slots", "expected"),
    [
        ("GPU 0: A (UUID: GPU-a)\nGPU 1: A (UUID: GPU-b)", 1, ["GPU-a", "GPU-b"]),
        ("GPU 0: A (UUID: GPU-a)\nGPU 1: A (UUID: GPU-b)", 2, ["GPU-b"]),
        ("GPU 0: A (UUID: GPU-a)\n  MIG 1g (UUID: MIG-c)", 2, ["MIG-c"]),
        ("NVIDIA-SMI has failed", 2, []),
    ],
)
def test_gpus_are_shared_by_their_names(tmp_path, monkeypatch, listed, slots, expected):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<END\n{listed}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    share = resources.share(slots - 1, slots)
    assert list(share.gpus) == expected
    is_set = share.variables.get("CUDA_VISIBLE_DEVICES")
    assert is_set == (",".join(expected) if expected and slots > 1 else None)
    is_shared = len(expected) == 1 and "MIG" in expected[0]
    assert ("TF_FORCE_GPU_ALLOW_GROWTH" in share.variables) == is_shared


def test_more_slots_than_gpus_share_them_in_turn(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5,-1,7")  # CUDA stops at -1
    shares = [resources.share(slot, 3) for slot in range(3)]
    assert [share.gpus for share in shares] == [("3",), ("5",), ("3",)]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    share = resources.share(1, 3)
    assert share.gpus == () and "CUDA_VISIBLE_DEVICES" not in share.variables


def scores(folder, split="test", **change):
    """A folder with good scores of ten examples, but for `change`: name -> bytes."""
    for name in catalog.SPLITS:
        np.save(folder / f"{name}.npy", np.full((10, 7), 0.5, np.float32))
    for name, content in change.items():
        path = folder / name.replace("_", ".")
        (folder / f"{path.stem}.npy").unlink(missing_ok=True)
        path.write_bytes(content)
    return answers.read(
        folder, catalog.variant("derma"), dict.fromkeys(catalog.SPLITS, 10)
    )


def header(text: str) -> bytes:
    body = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000, 7)}"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("val_npy", b"", "not one NumPy array"),
        ("val_npy", header(HUGE), r"shape \(10000000000, 7\), expected \(10, 7\)"),
        ("val_npy", header(HUGE.replace("10000000000", "10")), "not one NumPy array"),
        ("val_npy", header("{" * 3000), "not one NumPy array"),
        ("val_npy", header(HUGE.replace("<f8", "|O")), "its type is object"),
        ("val_npy", header(HUGE.replace("<f8", "<U9")), "its type is <U9"),
        ("val_csv", b"", r"shape \(0, 1\), expected"),
        ("val_csv", b"1,2,3,4,5,6,x\n" * 10, "could not convert"),
        ("val_csv", b"1,2,3\n" * 10, r"shape \(10, 3\), expected"),
        ("val_csv", b"\xff\xfe1,2" * 10, "can't decode"),
        ("val_csv", b"1,2,3,4,5,6,1e999\n" * 10, "10 of them NaN or infinite"),
        ("val_csv", b"1,2,3,4,5,6,7\n" * 9_999, r"larger than [\d,]+ bytes"),
    ],
)
def test_scores_that_cannot_be_read_are_refused(tmp_path, name, content, message):
    with pytest.raises(errors.MedMNISTError, match=message) as refused:
        scores(tmp_path, **{name: content})
    assert len(str(refused.value)) < 800 and "allow_pickle" not in str(refused.value)


def test_a_huge_sparse_file_is_refused_at_once(tmp_path):
    scores(tmp_path)
    with (tmp_path / "val.npy").open("r+b") as file:
        file.truncate(2**40)
    start = time.monotonic()
    with pytest.raises(errors.MedMNISTError, match="larger than"):
        answers.read(
            tmp_path, catalog.variant("derma"), dict.fromkeys(catalog.SPLITS, 10)
        )
    assert time.monotonic() - start < 5


def test_longer_floats_than_ours_are_not_taken_for_numbers(tmp_path):
    scores(tmp_path)
    np.save(tmp_path / "val.npy", np.full((10, 7), np.longdouble("1e4000")))
    with pytest.raises(errors.MedMNISTError, match="70 of them NaN or infinite"):
        answers.read(
            tmp_path, catalog.variant("derma"), dict.fromkeys(catalog.SPLITS, 10)
        )
