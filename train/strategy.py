"""Which devices a run uses: one line of choice, in tf.distribute's terms.

Never changes learning rate, batch size or precision with the number of replicas.
"""

import os

import tensorflow as tf

from medmnist_tfds import errors

NAMES = ("auto", "single", "mirrored", "tpu")


def choose_strategy(name: str = "auto") -> tf.distribute.Strategy:
    """The strategy of that name; prints one line that says what was chosen.

    Args:
      name: `auto` takes a TPU if there is one, else all GPUs, else the CPU. `single`
        is one device; `mirrored` all GPUs, or all logical CPUs where there is no GPU;
        `tpu` a TPU.

    Raises:
      MedMNISTError: another name, or devices that are not there: the message lists
        what was found.
    """
    if name not in NAMES:
        raise errors.MedMNISTError(
            f"There is no strategy {name!r}. Expected one of {', '.join(NAMES)}."
        )
    strategy, what = {
        "auto": _auto,
        "single": _single,
        "mirrored": _mirrored,
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
