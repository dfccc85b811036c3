"""Which devices a run uses: one line of choice, in tf.distribute's terms.

Never changes learning rate, batch size or precision with the number of replicas.
"""

import json
import os

import tensorflow as tf

from medmnist_tfds.models import compat
from medmnist_tfds.process import errors

NAMES = ("auto", "single", "mirrored", "multi-worker", "tpu")


def choose_strategy(name: str = "auto") -> tf.distribute.Strategy:
    """The strategy of that name; prints one line that says what was chosen.

    Args:
      name: `auto` takes a TPU if there is one, else all GPUs, else the CPU. `single`
        is one device; `mirrored` all GPUs, or all logical CPUs where there is no GPU;
        `multi-worker` the workers that `TF_CONFIG` lists (choose it before anything
        else is done with TensorFlow); `tpu` a TPU.

    Raises:
      MedMNISTError: another name, `multi-worker` in the Keras 2 lane, or devices that
        are not there: the message lists what was found.
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
            "Strategy multi-worker was asked for in the Keras 2 lane, where only one "
            "machine's devices have been made to work. Expected Keras 3. Choose "
            "mirrored, or install medmnist-tfds without [addons]."
        )
    try:
        workers = json.loads(os.environ["TF_CONFIG"])["cluster"]["worker"]
    except (KeyError, TypeError, ValueError) as error:
        raise errors.MedMNISTError(
            "Strategy multi-worker needs the list of workers, but TF_CONFIG is "
            f"{os.environ.get('TF_CONFIG')!r}. Expected JSON: "
            '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", '
            '"index": 0}}. Set it on each worker, with its own index.'
        ) from error
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    task = strategy.cluster_resolver.task_id
    return strategy, f"worker {task} of {len(workers)}"


def is_multi_worker(strategy: tf.distribute.Strategy | None) -> bool:
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this process writes the results: the first worker, or the only one."""
    return not is_multi_worker(strategy) or strategy.cluster_resolver.task_id == 0


def _tpu():
    address = _tpu_address()
    if address is None:
        found = ", ".join(d.name for d in tf.config.list_logical_devices())
        raise errors.MedMNISTError(
            f"Strategy tpu was asked for, but there is no TPU. Found {found}. Choose "
            "a TPU runtime (install the extra [tpu] on a TPU machine), or another "
            "strategy."
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
