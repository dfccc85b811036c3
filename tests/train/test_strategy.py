"""`choose_strategy` says what it took, and refuses what is not there."""

import pytest
import tensorflow as tf

from medmnist_tfds.models import compat
from medmnist_tfds.process import errors
from medmnist_tfds.train import choose_strategy


@pytest.mark.parametrize("name", ["auto", "single"])
def test_one_cpu_is_one_replica(name, capsys):
    strategy = choose_strategy(name)
    assert strategy.num_replicas_in_sync == 1
    assert capsys.readouterr().out == "Devices: one CPU.\n"


def test_mirrored_takes_all_devices_of_a_kind(capsys):
    strategy = choose_strategy("mirrored")
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    count = len(tf.config.list_logical_devices("CPU"))
    assert strategy.num_replicas_in_sync == count
    assert f"mirrored on {count} CPU(s)" in capsys.readouterr().out


def test_a_tpu_that_is_not_there_is_refused_with_what_is():
    with pytest.raises(errors.MedMNISTError, match="no TPU. Found .*CPU:0"):
        choose_strategy("tpu")


def test_an_unknown_name_is_refused():
    with pytest.raises(errors.MedMNISTError, match="no strategy 'gpu'.*mirrored"):
        choose_strategy("gpu")


def test_several_workers_need_a_list_of_them_and_keras_3(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    reason = "in the Keras 2 lane" if compat.IS_KERAS_2 else "TF_CONFIG is None"
    with pytest.raises(errors.MedMNISTError, match=reason):
        choose_strategy("multi-worker")
