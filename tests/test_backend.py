"""Which backend Keras gets, and what a user is told of one that does not fit."""

import importlib.util
import os
import subprocess
import sys

import pytest
from lanes import needs_tensorflow

from medmnist_tfds.process import backend, errors
from medmnist_tfds.train import choose_strategy

pytestmark = pytest.mark.skipif(backend.is_keras_2(), reason="Keras 2 has no backends")


def run(*arguments, **variables) -> subprocess.CompletedProcess:
    """Python in a process of its own: Keras reads its backend when it is imported."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | quiet | variables,
    )


@pytest.fixture
def tpu(tmp_path, monkeypatch) -> None:
    """A machine that looks like one with a TPU, JAX and its library."""
    for name in ("jax", "libtpu"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "accel0").touch()
    (tmp_path / "vendor").write_text("0x1ae0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(backend, "_VENDORS", str(tmp_path / "vendor"))
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr(backend, "_CHIPS", (str(tmp_path / "accel[0-9]*"),))
    monkeypatch.setenv("KERAS_BACKEND", "")


def test_on_a_tpu_the_command_line_takes_jax_and_says_so(tpu, capsys):
    backend.choose()
    assert os.environ["KERAS_BACKEND"] == "jax"
    assert "There is a TPU: Keras computes on JAX" in capsys.readouterr().out


def test_on_a_tpu_what_the_user_has_set_stays(tpu, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    backend.choose()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert not capsys.readouterr().out


@pytest.mark.parametrize("lacking", ["accel0", "vendor", "libtpu"])
def test_without_a_tpu_nothing_is_chosen(tpu, lacking, tmp_path):
    (tmp_path / lacking).rename(tmp_path / "other")
    backend.choose()
    assert not os.environ["KERAS_BACKEND"]


def test_with_a_tpu_that_jax_must_not_use_nothing_is_chosen(tpu, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    backend.choose()
    assert not os.environ["KERAS_BACKEND"]


@needs_tensorflow("JAX uses the TPU")
def test_tensorflow_beside_a_tpu_says_what_to_set(tpu):
    with pytest.warns(UserWarning, match="TPU, but JAX can. Set KERAS_BACKEND=jax"):
        choose_strategy("auto")


def test_keras_that_started_before_its_backend_was_chosen_is_refused():
    program = (
        "import os, keras; os.environ['KERAS_BACKEND'] = 'jax'\n"
        "from medmnist_tfds.train import fit"
    )
    done = run("-c", program, KERAS_BACKEND="tensorflow")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "KERAS_BACKEND is jax, but Keras was imported before it was set and computes "
        "on tensorflow. Expected it to be set first. Restart Python (in a notebook: "
        "the runtime) and set it before anything else is imported."
    )


def test_another_backend_is_refused_in_one_sentence(tmp_path):
    """TensorFlow itself crashes with it, where PyTorch's Triton is installed."""
    arguments = ("train", "breast", "--phantom", "--out", tmp_path)
    done = run("-m", "medmnist_tfds", *arguments, KERAS_BACKEND="torch")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Keras' backend is torch, on which nothing")
    fit = ("-c", "from medmnist_tfds.train import fit")
    done = run(*fit, KERAS_BACKEND="torch")
    assert "MedMNISTError: Keras' backend is torch" in done.stderr
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    done = run(*fit, KERAS_BACKEND="", KERAS_HOME=str(tmp_path))
    assert "MedMNISTError: Keras' backend is torch" in done.stderr


def test_jax_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(errors.MedMNISTError, match=r"JAX is not here.*\[jax\]"):
        backend.check("jax")
