"""Keras 2 and Keras 3 side by side: `make test`, `make test-addons` build one each."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from medmnist_tfds.models import compat

HERE = pathlib.Path(__file__).parent
OTHER = HERE.parent / (".venv" if compat.IS_KERAS_2 else ".venv-addons") / "bin/python"


def run(python: pathlib.Path | str, *arguments) -> None:
    command = [str(python), str(HERE / "other_keras.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("network", ["resnet18_28", "resnet50_28", "resnet18_224"])
@pytest.mark.parametrize("here_first", [True, False])
def test_weights_of_one_keras_predict_the_same_in_the_other(
    network, here_first, tmp_path
):
    if not OTHER.exists():
        pytest.skip(f"the other Keras' environment is not there: {OTHER}")
    pythons = [sys.executable, OTHER]
    if not here_first:
        pythons.reverse()
    run(pythons[0], "train", network, tmp_path)
    run(pythons[1], "predict", network, tmp_path)
    trained, predicted = (np.load(tmp_path / f"{n}.npy") for n in ("train", "predict"))
    assert np.std(trained) > 1e-3
    np.testing.assert_allclose(predicted, trained, atol=1e-5, rtol=1e-5)
