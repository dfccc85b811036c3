"""Which devices a run uses: one line of choice, in tf.distribute's terms.

Never changes learning rate, batch size or precision with the number of replicas.
"""

import json
import os

import tensorflow as tf

from medmnist_tfds.models import compat
from medmnist_tfds.process import errors

NAMES = ("auto", "single", "mirrored", "multi-worker", "tpu")
WORKER_ERRORS = (tf.errors.OpError,)  # of which a lost worker's is one


def make_deterministic() -> None:
    """Two runs give equal bits from here on; for the whole process."""
    tf.config.experimental.enable_op_determinism()


def choose_strategy(name: str = "auto") -> tf.distribute.Strategy:
    """The strategy of that name; prints one line that says what was chosen.

    Args:
      name: `auto` takes a TPU if there is one, else all GPUs, else the CPU. `single`
        is one device; `mirrored` all GPUs, or all logical CPUs where there is no GPU;
        `multi-worker` the workers that `TF_CONFIG` lists (choose it before anything
        else is done with TensorFlow); `tpu` a TPU.

    Raises:
      MedMNISTError: another name, `multi-worker` with Keras 2 or in a cluster of
        another kind, or devices that are not there: the message lists those that are.
    """
    if name not in NAMES:
        raise errors.MedMNISTError(
            f"There is no strategy {name!r}. Expected one of {', '.join(NAMES)}."
        )
    strategy, what = {
        "auto": _auto,
        "single": _single,
        "mirrored": _mirrored,
        "multi-worker": _multi_worker,
        "tpu": _tpu,
    }[name]()
    print(f"Devices: {what}.", flush=True)
    return strategy


def _auto():
    if _tpu_address() is not None:
        return _tpu()
    if tf.config.list_logical_devices("GPU"):
        return _mirrored()
    return _single()


def _single():
    # The default strategy: TensorFlow takes the first GPU by itself.
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return tf.distribute.get_strategy(), f"one {kind}"


def _mirrored():
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    count = len(tf.config.list_logical_devices(kind))
    devices = [f"{kind}:{number}" for number in range(count)]
    return tf.distribute.MirroredStrategy(devices), f"mirrored on {count} {kind}(s)"


def _multi_worker():
    if compat.IS_KERAS_2:
        raise errors.MedMNISTError(
            "Strategy multi-worker was asked for with Keras 2, where only the devices "
            "of one machine have been made to work. Expected Keras 3. Choose mirrored, "
            "or install medmnist-tfds without [addons]."
        )
    number, count = _place_in_cluster(os.environ.get("TF_CONFIG", ""))
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    return strategy, f"worker {number} of {count}"


def _place_in_cluster(text: str) -> tuple[int, int]:
    """This process's number among the workers, the chief's is 0; and their number."""
    try:
        config = json.loads(text)
        kind, index = config["task"]["type"], config["task"]["index"]
        counts = {name: len(hosts) for name, hosts in config["cluster"].items()}
        others = {kind, *counts} - {"chief", "worker"}
        if not others and not 0 <= index < counts[kind]:
            raise ValueError(f"there is no {kind} {index}")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise errors.MedMNISTError(
            "Strategy multi-worker needs the list of workers, but TF_CONFIG is "
            f"{text!r} ({type(error).__name__}: {error}). Expected JSON: "
            '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", '
            '"index": 0}}. Set it on each worker, with its own index.'
        ) from error
    if others:
        raise errors.MedMNISTError(
            f"TF_CONFIG has processes of the type {', '.join(sorted(others))}. "
            "Expected workers, one of which may be the chief: all train, and none else "
            "takes part. Leave the others out."
        )
    number = index if kind == "chief" else index + counts.get("chief", 0)
    return number, sum(counts.values())


def is_multi_worker(strategy: tf.distribute.Strategy | None) -> bool:
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this process writes the results: the chief, or else the first worker."""
    if not is_multi_worker(strategy):
        return True
    resolver = strategy.cluster_resolver
    if resolver.task_type == "chief":
        return True
    return resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs


def check_batch_size(batch_size: int, strategy: tf.distribute.Strategy | None) -> None:
    """Refuses a batch of which not every replica gets an example.

    TensorFlow gives each ceil(batch / replicas) of them, and the last what is left.

    Raises:
      MedMNISTError: such a batch; on a TPU, one that cannot be shared evenly.
    """
    replicas = strategy.num_replicas_in_sync if strategy else 1
    if batch_size % replicas == 0:
        return
    last = batch_size - (replicas - 1) * -(-batch_size // replicas)
    is_tpu = isinstance(strategy, tf.distribute.TPUStrategy)
    if last < 1 or is_tpu:
        less = batch_size // replicas * replicas
        expected = " or ".join(str(n) for n in (less, less + replicas) if n)
        raise errors.MedMNISTError(
            f"{replicas} replicas cannot share a batch of {batch_size}: "
            f"{'a TPU needs parts of one size' if is_tpu else 'one would get nothing'}."
            f" Expected a multiple of {replicas}. Set batch_size={expected}."
        )
    compat.check_build(f"A batch of {batch_size} on {replicas} replicas")


def _tpu():
    address = _tpu_address()
    if address is None:
        devices = ", ".join(d.name for d in tf.config.list_logical_devices())
        raise errors.MedMNISTError(
            f"Strategy tpu was asked for, but there is no TPU. Found {devices}. Choose "
            "a TPU runtime, with tensorflow-tpu or KERAS_BACKEND=jax and the extra "
            "[tpu], or another strategy."
        )
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(address)
    if address != "local":
        tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    strategy = tf.distribute.TPUStrategy(resolver)
    return strategy, f"{strategy.num_replicas_in_sync} TPU cores"


def _tpu_address() -> str | None:
    """`local` on a TPU machine, Colab's address of a remote one, or None."""
    if tf.config.list_physical_devices("TPU"):
        return "local"
    colab = os.environ.get("COLAB_TPU_ADDR")
    return f"grpc://{colab}" if colab else None
