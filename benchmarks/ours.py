"""What is measured of medmnist_tfds: one figure per process.

`python -m benchmarks.ours WHAT FOLDER OPTIONS` prints one JSON line.
"""

import argparse
import dataclasses
import io
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pooch

from medmnist_tfds.data import catalog
from medmnist_tfds.process import memory
from medmnist_tfds.score import scoring


def splits(folder: str, name: str) -> dict:
    """The splits of a file that `data.write` has made, in memory."""
    from medmnist_tfds.data import pipeline

    found, dataset = {}, catalog.DATASETS[name]
    path = pathlib.Path(folder) / catalog.variant(name).file.name
    with np.load(path) as arrays:
        for split in catalog.SPLITS:
            images = arrays[f"{split}_images"]
            labels = arrays[f"{split}_labels"]
            if dataset.task is not catalog.Task.MULTILABEL:
                labels = labels[:, 0].astype(np.int64)
            images = images.reshape(len(images), 28, 28, dataset.channels)
            found[split] = pipeline.Split.from_arrays(images, labels, name=split)
    return found


def pipeline(options) -> dict:
    train = splits(options.folder, "path")["train"]
    count = 10 * train.examples  # it takes a fraction of a second for each
    done, start = 0, time.perf_counter()
    for images, _ in train.train_batches(128, seed=0):
        done += len(images)
        if done >= count:
            break
    return {"images_per_second": done / (time.perf_counter() - start)}


def step(options) -> dict:
    """Steps of `fit`, on batches as the pipeline gives them; after two epochs more."""
    import keras
    import tensorflow as tf

    from medmnist_tfds import train
    from medmnist_tfds.models import plain
    from medmnist_tfds.train import networks

    memory.keep_freed()  # as the command line does
    cpus = tf.config.list_physical_devices("CPU")
    if options.replicas > 1:
        logical = [tf.config.LogicalDeviceConfiguration()] * options.replicas
        tf.config.set_logical_device_configuration(cpus[0], logical)
    variant = catalog.variant("path")
    recipe = train.Recipe(
        model=options.model,
        resolution=options.resolution,
        precision=options.precision,
        xla=options.xla,
        batch_size=options.batch,
    )
    strategy = train.choose_strategy("mirrored" if options.replicas > 1 else "single")
    with strategy.scope():
        model = networks.compiled(variant, recipe)
        if options.keras_layers:
            copy = plain.copy(networks.network(variant, recipe))
            model = train.XLAModel.from_functional(copy)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(
                keras.optimizers.SGD(1e-3, 0.9), loss, jit_compile=options.xla == "on"
            )
    seconds = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            seconds.append((time.perf_counter() - self.start) / options.steps)

    model.fit(
        splits(options.folder, "path")["train"].train_batches(options.batch, seed=0),
        steps_per_epoch=options.steps,
        epochs=4,
        verbose=0,
        callbacks=[Clock()],
    )
    return {"images_per_second": options.batch / float(np.median(seconds[1:]))}


def volumes(options) -> dict:
    """Steps of `fit` on volumes in memory, by Adam as the official recipe has it."""
    import keras
    import tensorflow as tf

    from medmnist_tfds import models, train
    from medmnist_tfds.models import precision

    memory.keep_freed()  # as the command line does
    build = models.NETWORKS[options.model]
    with precision.policy(options.precision):
        model = build(11, 1, convolution=options.convolution)
        model = train.XLAModel.from_functional(model)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=options.xla == "on")
    shape = (options.batch, 28, 28, 28, 1)
    batch = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    batches = tf.data.Dataset.from_tensors((batch, np.arange(options.batch) % 11))
    ends = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            ends.append(time.perf_counter())

    steps = options.steps + 2  # of which the first does not count, nor its end's start
    model.fit(batches.repeat(), steps_per_epoch=steps, verbose=0, callbacks=[Clock()])
    return {"volumes_per_second": options.batch / float(np.median(np.diff(ends)[1:]))}


def feed(options) -> dict:
    """What Python could feed to a device that takes no time, by its own seconds.

    `fit` as a run has it, of a network with as many variables as ResNet-18 and next to
    no arithmetic. Of the main thread's CPU time, which other work does not lengthen.
    """
    import keras

    from medmnist_tfds import train
    from medmnist_tfds.train import callbacks

    seconds = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.thread_time()

        def on_epoch_end(self, epoch, logs=None):
            seconds.append((time.thread_time() - self.start) / options.steps)

    if options.replicas > 1:
        import jax

        jax.config.update("jax_num_cpu_devices", options.replicas)
    strategy = train.choose_strategy("mirrored" if options.replicas > 1 else "single")
    with strategy.scope():
        model = train.XLAModel.from_functional(_nothing_to_do())
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(1e-3, 0.9), loss)
    with tempfile.TemporaryDirectory() as folder:
        board = callbacks.TensorBoard(folder, write_graph=False)
        watchers = [callbacks.StopAtNonFiniteLoss(), board, Clock()]
        about = {"epochs": 4, "steps": options.steps}
        model.fit(
            splits(options.folder, "path")["train"].train_batches(
                options.batch, seed=0
            ),
            steps_per_epoch=options.steps,
            epochs=4,
            shuffle=False,
            verbose=0,
            callbacks=callbacks.UnreadLogs(
                watchers, add_history=True, model=model, **about
            ),
        )
    return {"images_per_second": options.batch / float(np.median(seconds[1:]))}


def _nothing_to_do():
    """62 variables that are trained and 40 that are not, of two pixels of an image."""
    import keras

    from medmnist_tfds import models

    inputs = keras.Input((28, 28, 3))
    x = keras.layers.Cropping2D(((0, 27), (0, 26)))(inputs)
    x = keras.layers.Rescaling(1 / 255)(x)
    for _ in range(20):
        x = keras.layers.Conv2D(2, 1, use_bias=False)(x)
        x = models.FusedBatchNormalization(momentum=0.9)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(9)(x))


def peak(options) -> dict:
    """The most that this machine does: one large matrix multiplication."""
    import tensorflow as tf

    dtype = "bfloat16" if options.precision == "mixed_bfloat16" else "float32"
    size = 2048
    left, right = (tf.cast(tf.random.normal((size, size)), dtype) for _ in range(2))
    multiply = tf.function(lambda: tf.matmul(left, right)[0, 0])
    seconds = []
    for _ in range(options.steps + 2):
        start = time.perf_counter()
        multiply().numpy()
        seconds.append(time.perf_counter() - start)
    return {"gflop_per_second": 2e-9 * size**3 / float(np.median(seconds[2:]))}


def footprint(options) -> dict:
    """Peak of a process that draws an epoch's batches of so many images."""
    from medmnist_tfds.data import pipeline

    side, rng = options.resolution, np.random.default_rng(0)
    images = rng.integers(256, size=(options.examples, side, side, 3), dtype=np.uint8)
    image_bytes = images.nbytes
    labels = np.arange(options.examples) % 9
    train = pipeline.Split.from_arrays(images, labels, name="train")
    del images
    batches = train.train_batches(128, seed=0).take(train.steps(128))
    for _ in batches:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"peak_bytes": peak, "image_bytes": image_bytes}


def inference(options) -> dict:
    import tensorflow as tf

    from medmnist_tfds import train
    from medmnist_tfds.train import networks

    memory.keep_freed()  # as the command line does
    recipe = train.Recipe(precision=options.precision)
    model = networks.network(catalog.variant("path"), recipe)
    forward = tf.function(lambda images: model(images, training=False))
    images = tf.random.uniform((options.batch, 28, 28, 3), maxval=256, dtype=tf.int32)
    images = tf.cast(images, tf.uint8)
    seconds = []
    for _ in range(options.steps + 2):
        start = time.perf_counter()
        forward(images).numpy()
        seconds.append(time.perf_counter() - start)
    return {"images_per_second": options.batch / float(np.median(seconds[2:]))}


def epoch(options) -> dict:
    """The second epoch, from the line that ends the first to the one that ends it."""
    import keras
    from rich import console

    from medmnist_tfds import train
    from medmnist_tfds.train import callbacks, training

    memory.keep_freed()  # as the command line does
    ends, busy = [], [0.0]

    class Lines(io.StringIO):
        def write(self, text: str) -> int:
            if re.search(r"epoch +\d", text):
                ends.append(time.perf_counter())
                busy.append(0.0)
            return super().write(text)

    class TimedSteps(callbacks.StopAtNonFiniteLoss):  # the first of all callbacks
        def on_train_batch_begin(self, batch, logs=None):
            self.start = time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            busy[-1] += time.perf_counter() - self.start
            super().on_train_batch_end(batch, logs)

    def timed_predict(model, *arguments, predict=keras.Model.predict, **options):
        start = time.perf_counter()
        output = predict(model, *arguments, **options)
        busy[-1] += time.perf_counter() - start
        return output

    training.callbacks.StopAtNonFiniteLoss = TimedSteps
    keras.Model.predict = timed_predict
    found = splits(options.folder, options.name)
    with tempfile.TemporaryDirectory() as folder:
        training.train_best(
            found["train"],
            found["val"],
            variant=catalog.variant(options.name),
            recipe=train.Recipe(precision=options.precision, epochs=2),
            seed=0,
            folder=pathlib.Path(folder),
            strategy=None,
            console=console.Console(file=Lines(), width=100),
        )
    seconds = ends[1] - ends[0]
    return {"seconds": seconds, "outside": 1 - busy[1] / seconds}


def score(options) -> dict:
    scores = np.load(f"{options.folder}/scores_{options.name}.npy")
    targets = np.load(f"{options.folder}/targets_{options.name}.npy")
    task = catalog.DATASETS[options.name].task
    start = time.perf_counter()
    found = scoring.score(targets, scores, task=task)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "auc": found.auc, "acc": found.acc}


def prepare(options) -> dict:
    """Our builder on a file of PathMNIST's form, or TFDS's plain generator on it."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    from benchmarks import plain_builder

    tf.constant(0)  # its import and start are not what is measured
    tfds.disable_progress_bar()
    source = pathlib.Path(options.folder, "pathmnist.npz")
    _make_official(source)
    os.environ["MEDMNIST_ROOT"] = options.folder
    with tempfile.TemporaryDirectory() as data_dir:
        if options.plain_generator:
            builder = plain_builder.PlainBuilder(source=source, data_dir=data_dir)
        else:
            builder = tfds.builder("medmnist/path", data_dir=data_dir)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        start = time.perf_counter()
        builder.download_and_prepare()
        seconds = time.perf_counter() - start
        examples = sum(split.num_examples for split in builder.info.splits.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "examples_per_second": examples / seconds,
        "added_peak_bytes": peak - before,
    }


def _make_official(path: pathlib.Path) -> None:
    """Writes the MD5 of our random bytes into this process's catalog."""
    variant = catalog.variant("path")
    md5 = pooch.file_hash(str(path), alg="md5")
    file = dataclasses.replace(variant.file, md5=md5)
    release = dataclasses.replace(variant.release, files={28: file})
    dataset = dataclasses.replace(variant.dataset, releases={release.version: release})
    catalog.DATASETS = {**catalog.DATASETS, "path": dataset}


def start(options) -> dict:
    """Seconds of a fresh interpreter that runs `code`."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", options.code], check=True, capture_output=True
    )
    return {"seconds": time.perf_counter() - start}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what")
    parser.add_argument("folder")
    parser.add_argument("--name", default="path")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--convolution", default="acs")
    parser.add_argument("--resolution", type=int, default=28)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--xla", default="off")
    parser.add_argument("--keras-layers", action="store_true")
    parser.add_argument("--plain-generator", action="store_true")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--examples", type=int, default=1_000)
    parser.add_argument("--code", default="pass")
    return parser


if __name__ == "__main__":
    chosen = _parser().parse_args()
    print(json.dumps(globals()[chosen.what](chosen)))
