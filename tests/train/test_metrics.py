"""`TaskMetrics` puts exact scores into the logs of anyone's `fit`."""

import csv
import json
import os
import pathlib
import sys

import keras
import numpy as np
import processes
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.models import compat
from medmnist_tfds.process import errors
from medmnist_tfds.train import TaskMetrics
from medmnist_tfds.train.metrics import Scorer, probabilities


def classifier(name: str, *, activation: str | None = None, units: int | None = None):
    """A tiny compiled model for a dataset; softmax or sigmoid unless it says."""
    dataset = catalog.DATASETS[name]
    is_multilabel = dataset.task is catalog.Task.MULTILABEL
    activation = activation or ("sigmoid" if is_multilabel else "softmax")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28, dataset.channels)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.AveragePooling2D(4),
            keras.layers.Flatten(),
            keras.layers.Dense(units or dataset.num_labels, activation),
        ]
    )
    is_binary_head = is_multilabel or units == 1
    crossentropy = "binary" if is_binary_head else "sparse_categorical"
    model.compile(keras.optimizers.SGD(0.5), f"{crossentropy}_crossentropy")
    return model


def fit(model, builder, callbacks, epochs=2):
    train = pipeline.Split(builder, "train")
    return model.fit(
        train.train_batches(128, seed=0),
        steps_per_epoch=train.steps(128),
        epochs=epochs,
        verbose=0,
        shuffle=False,
        callbacks=callbacks,
    ).history


@pytest.mark.parametrize("name", ["breast", "oct", "retina", "chest"])
def test_scores_are_those_of_the_whole_split(name, phantom):
    task = catalog.DATASETS[name].task
    split = pipeline.Split(phantom(name), "val")
    model = classifier(name)
    history = fit(model, phantom(name), [TaskMetrics(split, task=task, batch_size=64)])
    scores, labels = model.predict(split.images, verbose=0), split.labels
    if task is not catalog.Task.MULTILABEL:
        labels = np.eye(scores.shape[1])[labels]
    auc = sklearn_metrics.roc_auc_score(labels, scores, average="macro")
    assert history["val_auc"][-1] == pytest.approx(auc, abs=1e-6)
    hits = (
        (scores > 0.5) == labels
        if task is catalog.Task.MULTILABEL
        else scores.argmax(1) == labels.argmax(1)
    )
    assert history["val_acc"][-1] == pytest.approx(hits.mean())


def test_an_ordinal_task_has_cohens_kappa_with_quadratic_weights(phantom):
    split = pipeline.Split(phantom("retina"), "val")
    model = classifier("retina")
    kernel = np.random.default_rng(0).normal(size=model.get_weights()[0].shape)
    model.set_weights([kernel, model.get_weights()[1]])
    callback, logs = TaskMetrics(split, task=catalog.Task.ORDINAL), {}
    callback.set_model(model)
    callback.on_epoch_end(0, logs)
    table = np.zeros((5, 5))
    decisions = model.predict(split.images, verbose=0).argmax(1)
    np.add.at(table, (split.labels, decisions), 1)
    by_chance = np.outer(table.sum(1), table.sum(0)) / table.sum()
    distance = np.subtract.outer(np.arange(5), np.arange(5)) ** 2
    kappa = 1 - (distance * table).sum() / (distance * by_chance).sum()
    assert len(set(decisions)) > 1 and abs(kappa) > 0.01
    assert logs["val_kappa"] == pytest.approx(kappa, abs=1e-9)
    if addons := compat.addons():
        theirs = addons.metrics.CohenKappa(5, sparse_labels=True, weightage="quadratic")
        theirs.update_state(split.labels, decisions)
        assert float(theirs.result()) == pytest.approx(kappa, abs=1e-5)


def test_later_callbacks_see_the_scores(phantom, tmp_path):
    split = pipeline.Split(phantom("oct"), "val")
    history = fit(
        classifier("oct"),
        phantom("oct"),
        [
            TaskMetrics(split, task="multi-class"),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.EarlyStopping("val_auc", mode="max", min_delta=2),
            keras.callbacks.ModelCheckpoint(
                str(tmp_path / "best.keras"), "val_auc", mode="max", save_best_only=True
            ),
        ],
        epochs=5,
    )
    assert len(history["val_auc"]) == 2  # EarlyStopping saw that nothing rose by 2
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [float(row["val_auc"]) for row in rows] == history["val_auc"]
    assert (tmp_path / "best.keras").exists()


def test_names_are_free_and_several_splits_stand_side_by_side(phantom):
    builder = phantom("oct")
    callbacks = [
        TaskMetrics(
            pipeline.Split(builder, split),
            task="multi-class",
            auc=f"{split}_auc",
            acc=f"{split}_acc",
        )
        for split in ("train", "val")
    ]
    history = fit(classifier("oct"), builder, callbacks)
    assert {"train_auc", "train_acc", "val_auc", "val_acc"} <= set(history)


@pytest.mark.parametrize("batch_size", [7, 64, 200, 500])
def test_a_plain_dataset_with_a_ragged_last_batch_scores_the_same(phantom, batch_size):
    builder = phantom("chest")
    task = catalog.Task.MULTILABEL
    plain = builder.as_dataset(split="val", as_supervised=True).batch(batch_size)
    one = TaskMetrics(pipeline.Split(builder, "val"), task=task)
    other = TaskMetrics(plain, task=task, auc="plain_auc", acc="plain_acc")
    history = fit(classifier("chest"), builder, [one, other])
    np.testing.assert_allclose(history["plain_auc"], history["val_auc"], atol=1e-6)
    np.testing.assert_allclose(history["plain_acc"], history["val_acc"], atol=1e-6)


def test_logits_and_a_single_sigmoid_are_understood(phantom):
    builder = phantom("breast")
    split = pipeline.Split(builder, "val")
    logits = TaskMetrics(split, task="binary-class", from_logits=True)
    model = classifier("breast", activation="linear")
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = fit(model, builder, [logits])
    scores = probabilities(model.predict(split.images, verbose=0), catalog.Task.BINARY)
    auc = sklearn_metrics.roc_auc_score(split.labels, scores[:, 1])
    assert history["val_auc"][-1] == pytest.approx(auc, abs=1e-6)
    single = classifier("breast", activation="sigmoid", units=1)
    history = fit(single, builder, [TaskMetrics(split, task="binary-class")])
    auc = sklearn_metrics.roc_auc_score(
        split.labels, single.predict(split.images, verbose=0)[:, 0]
    )
    assert history["val_auc"][-1] == pytest.approx(auc, abs=1e-6)


def test_labels_are_known_without_drawing_images(phantom, monkeypatch):
    split = pipeline.Split(phantom("chest"), "val")
    drawn, eval_batches = [], split.eval_batches

    def counted(size):
        def count(labels):
            drawn.append(len(labels))
            return labels

        return eval_batches(size).map(
            lambda x, y, w: (x, tf.numpy_function(count, [y], y.dtype), w)
        )

    monkeypatch.setattr(split, "eval_batches", counted)
    scorer = Scorer(split, task="multi-label, binary-class", batch_size=64)
    np.testing.assert_array_equal(scorer.labels, split.labels)
    assert not drawn and scorer.predict(classifier("chest")).shape == (200, 14)


def test_logits_taken_for_probabilities_are_refused(phantom):
    split = pipeline.Split(phantom("oct"), "val")
    model = classifier("oct", activation="linear")
    with pytest.raises(errors.MedMNISTError, match="from_logits=True"):
        fit(model, phantom("oct"), [TaskMetrics(split, task="multi-class")])


def test_a_shuffled_dataset_keeps_its_labels(phantom):
    builder = phantom("oct")
    plain = builder.as_dataset(split="val", as_supervised=True)
    shuffled = TaskMetrics(
        plain.shuffle(200).batch(64), task="multi-class", auc="auc", acc="acc"
    )
    exact = TaskMetrics(pipeline.Split(builder, "val"), task="multi-class")
    history = fit(classifier("oct"), builder, [shuffled, exact], epochs=3)
    np.testing.assert_allclose(history["auc"], history["val_auc"], atol=1e-6)


def test_a_softmax_in_bfloat16_is_one(phantom):
    builder = phantom("organ_axial")
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = classifier("organ_axial")
    finally:
        keras.mixed_precision.set_global_policy(before)
    split = pipeline.Split(builder, "val")
    assert model.compute_dtype == "bfloat16"
    assert fit(model, builder, [TaskMetrics(split, task="multi-class")])["val_auc"]


def test_a_model_of_several_inputs_is_scored_and_of_several_outputs_refused(phantom):
    split = pipeline.Split(phantom("oct"), "val")
    images = keras.Input((28, 28, 1)), keras.Input((28, 28, 1))
    x = keras.layers.Flatten()(keras.layers.Add()(images))
    x = keras.layers.Dense(4, "softmax")(x)
    pairs = split.eval_batches(64).map(lambda x, y, w: ((x, x), y, w))
    found = Scorer(pairs, task="multi-class").predict(keras.Model(images, x))
    assert found.shape == (200, 4)
    with pytest.raises(errors.MedMNISTError, match="Expected one array"):
        Scorer(pairs, task="multi-class").predict(keras.Model(images, [x, x]))


def _examples(**shapes) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors({k: tf.zeros(v) for k, v in shapes.items()})


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((4, 28, 28, 1)),
        tf.data.Dataset.range(3).repeat(),
        _examples(image=(4, 28, 28, 1), label=(4,)),
        tf.data.Dataset.from_tensor_slices((np.zeros((4, 28, 28, 1)), np.zeros(4))),
    ],
    ids=["array", "endless", "dictionaries", "not batched"],
)
def test_data_that_cannot_be_scored_are_refused(data):
    with pytest.raises(errors.MedMNISTError, match="Expected a pipeline.Split"):
        TaskMetrics(data, task="multi-class")


REPLICAS = """
import json, os, sys
import keras, tensorflow as tf
count = int(sys.argv[1])
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * count,
)
import tensorflow_datasets as tfds
import medmnist_tfds
from medmnist_tfds.data import pipeline
from medmnist_tfds.train import TaskMetrics
from medmnist_tfds.train.metrics import Scorer
sys.path.insert(0, sys.argv[3])
import test_metrics
builder = tfds.builder("medmnist_phantom/retina", data_dir=sys.argv[2])
strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(count)])
assert strategy.num_replicas_in_sync == count
with strategy.scope():
    model = test_metrics.classifier("retina")
split = pipeline.Split(builder, "val")
ragged = builder.as_dataset(split="val", as_supervised=True).batch(67)
history = test_metrics.fit(model, builder, [
    TaskMetrics(split, task="ordinal-regression"),
    TaskMetrics(ragged, task="ordinal-regression", auc="ragged_auc", acc="ragged_acc"),
], epochs=3)
print(json.dumps(history))
"""


def test_two_replicas_score_as_one(phantom, data_dir):
    phantom("retina")
    here = str(pathlib.Path(__file__).parent)
    one, two = (
        json.loads(
            processes.run(
                [sys.executable, "-c", REPLICAS, str(count), str(data_dir), here],
                check=True,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            ).stdout.splitlines()[-1]
        )
        for count in (1, 2)
    )
    for name in ("val_auc", "val_acc", "val_kappa", "ragged_auc", "ragged_acc", "loss"):
        np.testing.assert_allclose(one[name], two[name], atol=1e-5)
    assert len(set(one["val_auc"])) > 1  # it learned: equal numbers mean something
