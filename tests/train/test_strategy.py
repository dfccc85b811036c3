"""`choose_strategy` says what it took, and refuses what is not there."""

import json

import lanes
import pytest
import tensorflow as tf

from medmnist_tfds.models import compat
from medmnist_tfds.process import errors
from medmnist_tfds.train import choose_strategy
from medmnist_tfds.train import strategy as strategies

on_tensorflow = lanes.needs_tensorflow("tf.distribute")


@pytest.mark.parametrize("name", ["auto", "single"])
def test_one_cpu_is_one_replica(name, capsys):
    strategy = choose_strategy(name)
    assert strategy.num_replicas_in_sync == 1
    lane = " (JAX)" if compat.BACKEND == "jax" else ""
    assert capsys.readouterr().out == f"Devices: one CPU{lane}.\n"


@on_tensorflow
def test_mirrored_takes_all_devices_of_a_kind(capsys):
    strategy = choose_strategy("mirrored")
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    count = len(tf.config.list_logical_devices("CPU"))
    assert strategy.num_replicas_in_sync == count
    assert f"mirrored on {count} CPU(s)" in capsys.readouterr().out


def test_a_tpu_that_is_not_there_is_refused_with_what_is():
    with pytest.raises(errors.MedMNISTError, match="no TPU. Found .*(CPU|cpu):0"):
        choose_strategy("tpu")


def test_an_unknown_name_is_refused():
    with pytest.raises(errors.MedMNISTError, match="no strategy 'gpu'.*mirrored"):
        choose_strategy("gpu")


def cluster(kind: str, index: int = 0, **counts: int) -> str:
    hosts = {name: ["localhost:1"] * count for name, count in counts.items()}
    return json.dumps({"cluster": hosts, "task": {"type": kind, "index": index}})


@on_tensorflow
@pytest.mark.skipif(compat.IS_KERAS_2, reason="several workers need Keras 3")
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[]", "Expected JSON"),
        ('{"cluster": {"worker": 2}}', "Expected JSON"),
        (cluster("worker", 2, worker=2), "there is no worker 2"),
        (cluster("worker", "a", worker=2), "Expected JSON"),
        (cluster("evaluator", chief=1, worker=1), "of the type evaluator"),
        (cluster("ps", worker=1, ps=2), "of the type ps"),
        (cluster("worker", worker=1, ps=2), "of the type ps"),
    ],
)
def test_a_cluster_of_another_kind_is_refused(config, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(errors.MedMNISTError, match=message):
        choose_strategy("multi-worker")


class Workers(tf.distribute.MultiWorkerMirroredStrategy):
    """One of several workers, which need not be there."""

    def __init__(self, kind: str, index: int, **counts: int):
        hosts = {name: ["localhost:1"] * count for name, count in counts.items()}
        self.resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(hosts), task_type=kind, task_id=index
        )

    @property
    def cluster_resolver(self):
        return self.resolver


@on_tensorflow
def test_one_of_several_workers_is_the_chief():
    assert strategies.is_chief(None)
    assert strategies.is_chief(Workers("worker", 0, worker=2))
    assert not strategies.is_chief(Workers("worker", 1, worker=2))
    assert strategies.is_chief(Workers("chief", 0, chief=1, worker=2))
    assert not strategies.is_chief(Workers("worker", 0, chief=1, worker=2))


@on_tensorflow
def test_several_workers_need_a_list_of_them_and_keras_3(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    reason = "with Keras 2" if compat.IS_KERAS_2 else "TF_CONFIG is ''"
    with pytest.raises(errors.MedMNISTError, match=reason):
        choose_strategy("multi-worker")
