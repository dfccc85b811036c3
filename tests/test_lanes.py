"""Keras on JAX and Keras on TensorFlow compute the same, on one device or eight.

Each lane runs in a process of its own: Keras reads its backend when it is imported.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from medmnist_tfds.models import compat

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("jax") is None, reason="there is no jax here"
    ),
    pytest.mark.skipif(compat.IS_KERAS_2, reason="Keras 2 has no backends"),
]
PROGRAM = pathlib.Path(__file__).with_name("lane_program.py")


def lane(backend: str, *arguments, devices: int = 1) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ
        | {
            "KERAS_BACKEND": backend,
            "JAX_PLATFORMS": "cpu",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        },
    )


def parts(backend: str, names: str, folder: pathlib.Path, **options) -> dict:
    done = lane(backend, PROGRAM, names, folder, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict:
    """Twenty steps in each lane, from the same weights."""
    folder = tmp_path_factory.mktemp("lanes")
    jax = parts("jax", "steps", folder)
    tensorflow = parts("tensorflow", "steps", folder)
    return {"tensorflow": tensorflow, "jax": jax, "folder": folder}


def close(one, other, tolerance: float) -> None:
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_twenty_steps_are_the_same_in_both_lanes(found):
    """Of a network of two convolutions, in float32.

    A ResNet-18 makes 1e-3 of rounding in as many steps: it is chaotic, not wrong.
    """
    one, other = found["tensorflow"]["steps"], found["jax"]["steps"]
    close(one["losses"], other["losses"], 1e-4)
    close(one["predicted"], other["predicted"], 1e-4)
    for weight, same in zip(one["weights"], other["weights"], strict=True):
        close(weight, same, 1e-4)


@pytest.mark.parametrize("saved_by", ["tensorflow", "jax"])
def test_weights_go_from_one_lane_to_the_other(saved_by, tmp_path):
    other = {"tensorflow": "jax", "jax": "tensorflow"}[saved_by]
    logits = parts(saved_by, "save", tmp_path)["save"]["logits"]
    assert np.std(logits) > 0.01
    close(parts(other, "load", tmp_path)["load"]["logits"], logits, 1e-5)


def test_eight_devices_compute_what_one_does_and_compile_once(found):
    eight = parts("jax", "steps,uneven", found["folder"], devices=8)
    one, shared = found["jax"]["steps"], eight["steps"]
    assert (one["devices"], shared["devices"]) == (1, 8)
    close(one["losses"], shared["losses"], 1e-4)
    close(one["predicted"], shared["predicted"], 1e-4)
    assert np.shape(shared["predicted"]) == (150, 4)  # each example once
    for run in (one, shared):
        first, second = run["compiled_by_step"][:10], run["compiled_by_step"][10:]
        assert first[0] > 0 and len(set(first)) == len(set(second)) == 1
    refused = eight["uneven"]["refused"]
    assert "8 devices cannot share a batch of 12 evenly" in refused
    assert "Set batch_size=8 or 16." in refused


# Keras first: PyTorch's Triton and TensorFlow crash in the other order.
TORCH = """
import keras
import numpy as np
from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.score import scoring
labels = np.array([0, 1, 1, 0])
scores = np.eye(2)[labels]
print(scoring.score(labels, scores, task=catalog.Task.BINARY).auc)
try:
    from medmnist_tfds.train import fit
except errors.MedMNISTError as error:
    print(error)
"""


def test_another_backend_scores_and_is_told_that_it_does_not_train():
    pytest.importorskip("torch")
    done = lane("torch", "-c", TORCH)
    assert done.returncode == 0, done.stderr
    auc, refused = done.stdout.splitlines()
    assert float(auc) == 1
    assert refused.startswith("Keras' backend is torch") and "KERAS_BACKEND" in refused
