"""A Decathlon that is really interrupted or killed, and one whose cluster loses a part.

Real processes: the command line, its cells, Dask's scheduler and workers.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import psutil
import pytest
import small_methods


def start(place, data_dir, *options) -> subprocess.Popen:
    """A Decathlon of a patient method on two seeds, in its own process."""
    (folder,) = small_methods.make(place, "patient")
    command = [sys.executable, "-m", "medmnist_tfds", "decathlon", "run", "--phantom"]
    command += ["--method", folder, "--datasets", "breast", "--seeds", "0,1"]
    command += ["--budget", "smoke", "--data-dir", data_dir, "--out", place / "out"]
    return subprocess.Popen(
        [*map(str, command), *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A job that a shell starts in the background ignores SIGINT; a user's does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def starts(place, count: int, *, process=None) -> list[tuple[str, int]]:
    """Waits for so many starts of cells; their names and process ids."""
    deadline = time.monotonic() + 120
    path = place / "starts.txt"
    while time.monotonic() < deadline:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= count and all(" " in line for line in lines):
            return [(a, int(b)) for a, b in (line.split() for line in lines)]
        assert process is None or process.poll() is None, process.stdout.read()
        time.sleep(0.05)
    raise AssertionError(f"{count} cells were not started within 120 s")


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            said = f"process {pid} goes on without its parent"
            assert time.monotonic() < deadline, said
            time.sleep(0.05)


def finish(place, data_dir) -> str:
    """The same command again, with nothing to wait for."""
    (place / "go").touch()
    process = start(place, data_dir)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    for seed in (0, 1):
        path = place / f"out/cells/breast-patient-seed{seed}/result.json"
        assert json.loads(path.read_text())["status"] == "done"
    return output


SIGTERM = pytest.param(signal.SIGTERM, marks=pytest.mark.slow)


@pytest.mark.parametrize("sent", [signal.SIGINT, SIGTERM])
def test_an_interrupt_ends_the_cells_and_leaves_what_can_be_resumed(
    sent, tmp_path, data_dir
):
    process = start(tmp_path, data_dir)
    ((name, pid),) = starts(tmp_path, 1, process=process)
    process.send_signal(sent)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Traceback" not in output and "The same command goes on" in output
    wait_until_gone(pid)
    assert not (tmp_path / "out/cells").exists()
    finish(tmp_path, data_dir)
    assert len(starts(tmp_path, 3)) == 3  # the first cell twice, the second once


@pytest.mark.parametrize("sent", [signal.SIGINT, SIGTERM])
def test_an_interrupt_ends_an_estimate(sent, tmp_path, data_dir):
    small_methods.make(tmp_path, "patient")
    told = f"open({str(tmp_path / 'starts.txt')!r}, 'w').write(f'me {{os.getpid()}}')"
    program = f"import os, time; {told}; time.sleep(60)"
    (tmp_path / "patient/estimate.py").write_text(program)
    process = start(tmp_path, data_dir, "--dry-run")
    ((_, pid),) = starts(tmp_path, 1, process=process)
    process.send_signal(sent)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and output.endswith("Interrupted.\n"), output
    wait_until_gone(pid)


def test_a_killed_decathlon_leaves_no_process_and_resumes(tmp_path, data_dir):
    process = start(tmp_path, data_dir, "--jobs", 2)
    begun = starts(tmp_path, 2, process=process)
    process.kill()
    process.wait()
    for _, pid in begun:
        wait_until_gone(pid)
    finish(tmp_path, data_dir)


@pytest.mark.slow
def test_a_cell_that_had_ended_when_all_was_killed_is_not_run_again(tmp_path, data_dir):
    process = start(tmp_path, data_dir)
    starts(tmp_path, 1, process=process)
    os.kill(process.pid, signal.SIGSTOP)  # the harness does not see the cell's end
    (tmp_path / "go").touch()
    outcome = tmp_path / "out/work/breast-patient-seed0/outcome.json"
    deadline = time.monotonic() + 60
    while not outcome.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    finish(tmp_path, data_dir)
    names = [name for name, _ in starts(tmp_path, 2)]
    assert names.count("breast-patient-seed0") == 1


@pytest.mark.slow
def test_a_killed_cell_is_a_row_and_the_others_go_on(tmp_path, data_dir):
    process = start(tmp_path, data_dir)
    ((_, pid),) = starts(tmp_path, 1, process=process)
    (tmp_path / "go").touch()
    os.kill(pid, signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert "killed by signal 9" in output
    assert "done     breast-patient-seed1" in output
    assert process.returncode == 1


def dask_program(place: pathlib.Path, *arguments: str, wait_for: str):
    log = (place / f"{arguments[0]}{len(list(place.glob('*.log')))}.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]],
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=place,
    )
    deadline = time.monotonic() + 60
    while wait_for not in pathlib.Path(log.name).read_text():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    return process, pathlib.Path(log.name).read_text()


@pytest.fixture
def cluster(tmp_path):
    """The address of a Dask scheduler, and its two worker processes."""
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    scheduler, log = dask_program(
        tmp_path, "scheduler", *options, wait_for="Scheduler at"
    )
    address = next(word for word in log.split() if word.startswith("tcp://"))
    workers = [
        dask_program(
            tmp_path,
            "worker",
            address,
            "--nthreads=1",
            "--no-nanny",
            "--no-dashboard",
            wait_for="Registered to",
        )[0]
        for _ in range(2)
    ]
    yield address, workers
    for process in [*workers, scheduler]:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_cell_of_a_lost_dask_worker_runs_again_elsewhere(tmp_path, data_dir, cluster):
    address, workers = cluster
    process = start(tmp_path, data_dir, "--dask", address)
    begun = starts(tmp_path, 2, process=process)
    lost = workers[0]
    family = {child.pid for child in psutil.Process(lost.pid).children(recursive=True)}
    (again,) = [name for name, pid in begun if pid in family]
    lost.kill()
    for pid in family:
        wait_until_gone(pid)
    (tmp_path / "go").touch()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    names = [name for name, _ in starts(tmp_path, 3)]
    assert len(names) == 3 and names.count(again) == 2
    assert sorted(path.name for path in (tmp_path / "out/cells").iterdir()) == [
        "breast-patient-seed0",
        "breast-patient-seed1",
    ]
    assert "2 of 2 cells are done" in output


@pytest.mark.slow
def test_an_interrupt_ends_the_cells_on_a_dask_cluster(tmp_path, data_dir, cluster):
    address, _ = cluster
    process = start(tmp_path, data_dir, "--dask", address)
    begun = starts(tmp_path, 2, process=process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    for _, pid in begun:
        wait_until_gone(pid)


@pytest.mark.slow
def test_an_address_without_a_scheduler_is_an_error(tmp_path, data_dir):
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    process = start(tmp_path, data_dir, "--dask", "tcp://127.0.0.1:9")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in output
    assert "Traceback" not in output
