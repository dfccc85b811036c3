"""A process with its own logical CPUs: trains a small XLAModel, prints JSON.

Run by test_model.py as `replicas.py '{"replicas": 2, ...}'`.
"""

import hashlib
import json
import sys

import keras
import numpy as np
import tensorflow as tf

OPTIONS = {
    "replicas": 1,
    "workers": False,
    "xla": False,
    "normalization": False,
    "subclassed": False,
    "batch": 64,
    "steps": 5,
    "epochs": 1,
    "policy": "float32",
    "weights": False,
    "multilabel": False,
    "two_outputs": False,
    "sample_weight": False,
    "optimizer": {
        "class_name": "SGD",
        "config": {"learning_rate": 0.1, "momentum": 0.9},
    },
} | json.loads(sys.argv[1])

if OPTIONS["replicas"] > 1:
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * OPTIONS["replicas"],
    )

from medmnist_tfds.models import FusedBatchNormalization, compat  # noqa: E402
from medmnist_tfds.train import XLAModel, choose_strategy  # noqa: E402


def network() -> keras.Model:
    inputs = keras.Input((12, 12, 3))
    x = keras.layers.Conv2D(8, 3)(inputs)
    if OPTIONS["normalization"]:
        x = FusedBatchNormalization(momentum=0.9)(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(4, dtype="float32")(x)
    if OPTIONS["two_outputs"]:
        outputs = [outputs, keras.layers.Dense(4, name="second")(x)]
    return keras.Model(inputs, outputs)


class Subclassed(XLAModel):
    """The network, not built before `fit`."""

    def __init__(self):
        super().__init__()
        self.convolution = keras.layers.Conv2D(8, 3)
        self.relu, self.flatten = keras.layers.ReLU(), keras.layers.Flatten()
        self.outputs_ = keras.layers.Dense(4, dtype="float32")

    def call(self, images):
        return self.outputs_(self.flatten(self.relu(self.convolution(images))))


def batches() -> tf.data.Dataset:
    rng, size = np.random.default_rng(0), OPTIONS["batch"] * OPTIONS["steps"]
    images = rng.normal(size=(size, 12, 12, 3)).astype("float32")
    shape = (size, 4) if OPTIONS["multilabel"] else size
    labels = rng.integers(0, 2 if OPTIONS["multilabel"] else 4, shape)
    data = (images, labels)
    if OPTIONS["sample_weight"]:
        data += (rng.random(size).astype("float32"),)
    data = tf.data.Dataset.from_tensor_slices(data)
    if OPTIONS["two_outputs"]:
        data = data.map(lambda images, label: (images, (label, 3 - label)))
    return data.batch(OPTIONS["batch"], drop_remainder=True)


def main() -> None:
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy(OPTIONS["policy"])
    name = "mirrored" if OPTIONS["replicas"] > 1 else "single"
    strategy = choose_strategy("multi-worker" if OPTIONS["workers"] else name)
    with strategy.scope():
        model = Subclassed() if OPTIONS["subclassed"] else None
        model = model or XLAModel.from_functional(network())
        losses = keras.losses
        kind = (
            losses.BinaryCrossentropy
            if OPTIONS["multilabel"]
            else losses.SparseCategoricalCrossentropy
        )
        metric = "binary_accuracy" if OPTIONS["multilabel"] else "accuracy"
        outputs = 1 + OPTIONS["two_outputs"]
        model.compile(
            keras.optimizers.deserialize(OPTIONS["optimizer"]),
            [kind(from_logits=True)] * outputs,
            metrics=[[metric]] * outputs,
            jit_compile=OPTIONS["xla"],
        )
    first = model.fit(batches(), epochs=1, shuffle=False, verbose=0)
    traces = model._gradients.experimental_get_tracing_count()
    history = first.history
    if OPTIONS["epochs"] > 1:
        more = model.fit(
            batches(),
            initial_epoch=1,
            epochs=OPTIONS["epochs"],
            shuffle=False,
            verbose=0,
        )
        history = {name: history[name] + more.history[name] for name in history}
    statistics = map(compat.tf_variable, model.non_trainable_variables)
    weights = [np.array(v.numpy()) for v in model.trainable_variables]
    print(
        json.dumps(
            {
                "history": history,
                "weights": [w.ravel().tolist() for w in weights],
                "digest": hashlib.sha256(
                    b"".join(w.tobytes() for w in weights)
                ).hexdigest(),
                "statistics": [
                    [part.numpy().tolist() for part in getattr(v, "values", (v,))]
                    for v in statistics
                ],
                "retraced": model._gradients.experimental_get_tracing_count() - traces,
                "traces": traces,
            }
        )
    )


main()
