"""Two real processes on the loopback address train one model."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import lanes
import numpy as np
import pytest

from medmnist_tfds.models import compat

pytestmark = [
    pytest.mark.slow,
    lanes.needs_tensorflow("several workers"),
    pytest.mark.skipif(compat.IS_KERAS_2, reason="several workers need Keras 3"),
]
HERE = pathlib.Path(__file__).parent


def start(command, index: int, ports: list[int], chief=False) -> subprocess.Popen:
    """Starts a worker; the first one is called chief, or the worker 0."""
    hosts = [f"127.0.0.1:{port}" for port in ports]
    cluster, kind = {"worker": hosts}, "worker"
    if chief:
        cluster = {"chief": hosts[:1], "worker": hosts[1:]}
        kind, index = ("worker", index - 1) if index else ("chief", 0)
    config = {"cluster": cluster, "task": {"type": kind, "index": index}}
    environment = {
        **os.environ,
        "TF_CONFIG": json.dumps(config),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONUNBUFFERED": "1",
    }
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_ports() -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.mark.parametrize("batch", [64, 63])
def test_two_workers_agree_with_one_process(batch):
    program = [sys.executable, HERE / "replicas.py"]
    options = {"epochs": 2, "optimizer": {"class_name": "SGD", "config": {}}}
    options["batch"] = batch
    ports = free_ports()
    command = [*program, json.dumps(options | {"workers": True})]
    workers = [start(command, index, ports) for index in range(2)]
    alone = subprocess.run(
        [*program, json.dumps(options)], capture_output=True, text=True, check=True
    )
    alone = json.loads(alone.stdout.splitlines()[-1])
    for worker in workers:
        output, errors = worker.communicate(timeout=180)
        assert worker.returncode == 0, errors
        found = json.loads(output.splitlines()[-1])
        for name, values in alone["history"].items():
            np.testing.assert_allclose(values, found["history"][name], atol=1e-5)
        for a, b in zip(alone["weights"], found["weights"], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def train(folder, data_dir, epochs: int, chief=False) -> list[subprocess.Popen]:
    command = [sys.executable, "-m", "medmnist_tfds", "train", "breast", "--phantom"]
    command += ["--data-dir", data_dir, "--epochs", str(epochs), "--out", folder]
    command += ["--strategy", "multi-worker"]
    ports = free_ports()
    return [start(command, index, ports, chief) for index in range(2)]


@pytest.mark.parametrize("has_chief", [False, True])
def test_two_workers_write_one_run_folder(data_dir, phantom, tmp_path, has_chief):
    phantom("breast")
    chief, other = train(tmp_path / "run", data_dir, epochs=1, chief=has_chief)
    (output, errors), (silence, _) = chief.communicate(300), other.communicate(300)
    assert chief.returncode == other.returncode == 0, errors
    assert "worker 0 of 2" in output and "val AUC" in output
    assert "worker 1 of 2" in silence
    assert "val AUC" not in silence  # one of them speaks
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert set(result["scores"]) == {"train", "val", "test"}
    assert len(list((tmp_path / "run").glob("*@*.csv"))) == 3


def test_a_worker_that_is_killed_ends_the_other_with_a_message(
    data_dir, phantom, tmp_path
):
    phantom("breast")
    chief, other = train(tmp_path / "run", data_dir, epochs=50)
    deadline = time.monotonic() + 240
    while not (tmp_path / "run/history.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    other.kill()
    try:
        _, errors = chief.communicate(timeout=200)
    finally:
        chief.kill()
        other.communicate()
    assert chief.returncode == 1
    assert "Another worker has gone" in errors and "Traceback" not in errors
    assert (tmp_path / "run/state.npz").exists()  # where it goes on
