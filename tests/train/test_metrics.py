"""`TaskMetrics` puts exact scores into the logs of anyone's `fit`."""

import csv
import functools
import json
import os
import pathlib
import sys

import keras
import lanes
import numpy as np
import processes
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.models import compat
from medmnist_tfds.process import errors
from medmnist_tfds.score import scoring
from medmnist_tfds.train import TaskMetrics
from medmnist_tfds.train.metrics import Scorer


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
    builder = phantom("retina")
    names = {"train": {"auc": "a", "acc": "b", "kappa": "c"}, "val": {}}
    callbacks = [
        TaskMetrics(
            pipeline.Split(builder, split),
            task="ordinal-regression",
            **names.get(split, {"prefix": f"{split}_"}),
        )
        for split in ("train", "val", "test")
    ]
    history = fit(classifier("retina"), builder, callbacks, epochs=1)
    theirs = {"test_auc", "test_acc", "test_kappa", "val_auc", "val_acc", "val_kappa"}
    assert set(history) == {"loss", "a", "b", "c"} | theirs


@pytest.mark.parametrize("other", ["Keras' own", "another TaskMetrics"])
def test_what_stands_in_the_logs_already_stays_and_a_warning_says_so_once(
    other, phantom
):
    split = pipeline.Split(phantom("oct"), "val")
    model = classifier("oct")
    callbacks, options = [TaskMetrics(split, task="multi-class")], {}
    if other == "Keras' own":
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc"])
        wrong = (split.labels + 1) % 4  # Keras' number is not to be taken for ours
        options = {"validation_data": (split.images, wrong)}
    else:
        wrong = split.labels[::-1]
        callbacks.insert(0, TaskMetrics((split.images, wrong), task="multi-class"))
    with pytest.warns(UserWarning, match="prefix=") as warned:
        history = model.fit(
            split.images, split.labels, epochs=3, verbose=0, callbacks=callbacks,
            **options,
        ).history  # fmt: skip
    said = [str(w.message) for w in warned if "prefix=" in str(w.message)]
    assert said[0].startswith("The logs have val_a")
    assert len(said) == 1
    decided = model.predict(split.images, verbose=0).argmax(1)
    assert history["val_acc"][-1] == pytest.approx((decided == wrong).mean())
    ours = (decided == split.labels).mean()
    assert history["task_val_acc"][-1] == pytest.approx(ours)


@pytest.mark.parametrize("batch_size", [7, 64, 200, 500])
def test_a_plain_dataset_with_a_ragged_last_batch_scores_the_same(phantom, batch_size):
    builder = phantom("chest")
    task = catalog.Task.MULTILABEL
    plain = builder.as_dataset(split="val", as_supervised=True).batch(batch_size)
    one = TaskMetrics(pipeline.Split(builder, "val"), task=task)
    other = TaskMetrics(plain, task=task, prefix="plain_")
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
    scores = scoring.probabilities(
        model.predict(split.images, verbose=0), catalog.Task.BINARY
    )
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
    shuffled = TaskMetrics(plain.shuffle(200).batch(64), task="multi-class", prefix="")
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


def test_a_model_of_several_inputs_is_scored(phantom):
    split = pipeline.Split(phantom("oct"), "val")
    images = keras.Input((28, 28, 1)), keras.Input((28, 28, 1))
    x = keras.layers.Flatten()(keras.layers.Add()(images))
    x = keras.layers.Dense(4, "softmax")(x)
    pairs = split.eval_batches(64).map(lambda x, y, w: ((x, x), y, w))
    found = Scorer(pairs, task="multi-class").predict(keras.Model(images, x))
    assert found.shape == (200, 4)


class Subclassed(keras.Model):
    """Two heads, as `form` puts them together; not built before `fit`."""

    def __init__(self, form=None):
        super().__init__()
        self.form = form or (lambda grade, area: grade)
        self.flatten, self.drop = keras.layers.Flatten(), keras.layers.Dropout(0.3)
        self.scaled = keras.layers.Rescaling(1 / 255)
        self.norm = keras.layers.BatchNormalization()
        self.grade = keras.layers.Dense(4, "softmax", name="grade")
        self.area = keras.layers.Dense(1, name="area")

    def call(self, images, training=None):
        x = self.flatten(self.scaled(images))
        x = self.drop(self.norm(x, training=training), training=training)
        return self.form(self.grade(x), self.area(x))


def functional(form) -> keras.Model:
    images = keras.Input((28, 28, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(images))
    heads = [keras.layers.Dense(4, "softmax", name="grade"), keras.layers.Dense(1)]
    return keras.Model(images, form(*(head(x) for head in heads)))


def as_dict(grade, area):
    return {"area": area, "grade": grade}


def as_list(grade, area):
    return [grade, area]


@pytest.mark.parametrize(
    ("kind", "form", "output"),
    [
        (functional, as_dict, "grade"),
        (functional, as_list, "grade"),  # the layer's name
        (functional, as_list, 0),
        (Subclassed, as_dict, "grade"),
        (Subclassed, as_list, 0),
    ],
)
def test_one_of_several_outputs_is_scored_by_its_own_labels(
    kind, form, output, phantom
):
    split = pipeline.Split(phantom("oct"), "val")
    areas = np.zeros(len(split.labels), "float32")
    images, model = split.images, kind(form)
    names = as_dict if isinstance(output, str) else lambda *two: two
    found = Scorer(
        (images, names(split.labels, areas)), task="multi-class", output=output
    )
    expected = model.predict(images, verbose=0)
    expected = expected["grade" if form is as_dict else 0]
    np.testing.assert_allclose(found.predict(model), expected, atol=1e-6)
    np.testing.assert_array_equal(found.labels, split.labels)
    alone = Scorer(split, task="multi-class", output=output)  # labels of this output
    np.testing.assert_allclose(alone.predict(model), expected, atol=1e-6)


def test_labels_are_understood_one_hot_and_refused_soft(phantom):
    builder = phantom("retina")
    split = pipeline.Split(builder, "val")
    one_hot = keras.utils.to_categorical(split.labels, 5)
    batches = tf.data.Dataset.from_tensor_slices((split.images, one_hot)).batch(64)
    own = [split, batches, (split.images, one_hot.astype(int))]
    callbacks = [
        TaskMetrics(data, task="ordinal-regression", prefix=f"{number}_")
        for number, data in enumerate(own)
    ]
    history = fit(classifier("retina"), builder, callbacks, epochs=1)
    for name in ("auc", "acc", "kappa"):
        values = [history[f"{number}_{name}"][0] for number in range(3)]
        np.testing.assert_allclose(values, values[0], atol=1e-6)
    soft = one_hot * 0.9 + 0.02
    with pytest.raises(errors.MedMNISTError, match="row 0 is no one-hot label.*smooth"):
        TaskMetrics((split.images, soft), task="ordinal-regression")


def refused(model, targets, callback) -> str:
    """What `fit` with this callback ends with, as soon as the model is built."""
    is_built_in_step = not model.built and compat.BACKEND == "tensorflow"
    steps, expected = [], [0] if is_built_in_step else []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: steps.append(batch)
    )
    if not model.optimizer:
        model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(errors.MedMNISTError) as error:
        images = np.zeros((8, 28, 28, 1), np.uint8)
        model.fit(images, targets, batch_size=4, verbose=0, callbacks=[callback, count])
    assert steps == expected and len(str(error.value)) < 400
    return str(error.value)


def test_what_cannot_be_scored_is_refused_before_the_first_step(phantom):
    split, model = pipeline.Split(phantom("oct"), "val"), classifier("oct")
    metrics = functools.partial(TaskMetrics, task="multi-class")
    logits = classifier("oct", activation="linear")
    assert "from_logits=True" in refused(logits, np.zeros(8), metrics(split))
    narrow = refused(classifier("oct", units=3), np.zeros(8), metrics(split))
    assert "A model with 3 output(s)" in narrow and "the label 3" in narrow
    rgb = np.repeat(split.images, 3, axis=-1)
    message = refused(model, np.zeros(8), metrics((rgb, split.labels)))
    assert "images are RGB (3 channels)" in message
    assert "takes grey (1 channel)" in message
    some = split.labels < 3
    some = metrics((split.images[some], split.labels[some]))
    assert "Class 3 has 0 of" in refused(model, np.zeros(8), some)


@pytest.mark.parametrize(
    ("kind", "form", "known"),
    [(functional, as_dict, "'area', 'grade'"), (Subclassed, as_list, "0, 1")],
)
def test_several_outputs_want_one_named_before_the_first_epoch(
    kind, form, known, phantom
):
    split = pipeline.Split(phantom("oct"), "val")
    for output, told in ((None, ""), ("grades", ", none of them 'grades'")):
        callback = TaskMetrics(split, task="multi-class", output=output)
        model, targets = kind(form), form(np.zeros(8), np.zeros(8))
        model.compile("sgd", form("sparse_categorical_crossentropy", "mse"))
        message = refused(model, targets, callback)
        assert f"The model's outputs have 2 parts{told}." in message
        assert f"Give output= one of {known}." in message


@pytest.mark.parametrize("kind", [functional, Subclassed])
def test_training_is_the_same_to_the_bit_with_and_without_it(kind, phantom):
    split = pipeline.Split(phantom("oct"), "val")

    def weights(callbacks):
        keras.utils.set_random_seed(3)
        model = kind(lambda grade, area: grade)
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(
            split.images, split.labels, batch_size=64, epochs=2, verbose=0,
            callbacks=callbacks,
        )  # fmt: skip
        return model.get_weights()

    scored = weights([TaskMetrics(split, task="multi-class")])
    for one, other in zip(weights([]), scored, strict=True):
        np.testing.assert_array_equal(one, other)


def _examples(**shapes) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors({k: tf.zeros(v) for k, v in shapes.items()})


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((4, 28, 28, 1)),
        [np.zeros((4000, 28, 28, 1)), np.zeros(4000)],
        tf.data.Dataset.range(3).repeat(),
        _examples(image=(4, 28, 28, 1), label=(4,)),
        tf.data.Dataset.from_tensor_slices((np.zeros((4, 28, 28, 1)), np.zeros(4))),
    ],
    ids=["array", "list", "endless", "dictionaries", "not batched"],
)
def test_data_that_cannot_be_scored_are_refused_in_few_words(data):
    with pytest.raises(errors.MedMNISTError, match="Expected a pipeline.S") as error:
        TaskMetrics(data, task="multi-class")
    assert len(str(error.value)) < 500


def test_arrays_of_unequal_length_are_said_to_be():
    with pytest.raises(errors.MedMNISTError, match="have lengths 4, 3. Expected a lab"):
        TaskMetrics((np.zeros((4, 28, 28, 1)), np.zeros(3)), task="multi-class")


def test_weights_may_have_an_axis_of_their_own(phantom):
    split = pipeline.Split(phantom("oct"), "val")
    weights = np.ones((split.examples, 1), np.float32)
    weights[150:] = 0
    scored = TaskMetrics((split.images, split.labels, weights), task="multi-class")
    np.testing.assert_array_equal(scored.scorer.labels, split.labels[:150])


def test_a_name_that_the_models_one_output_does_not_have_is_refused(phantom):
    split = pipeline.Split(phantom("oct"), "val")
    scorer = Scorer(split, task="multi-class", output="nonsense")
    model = classifier("oct")
    functional = keras.Model(model.inputs, model.outputs[0])
    with pytest.raises(errors.MedMNISTError, match="output= asks for 'nonsense'"):
        scorer.predict(functional)


def test_labels_in_a_dictionary_want_the_name_of_one():
    labels = {"area": np.zeros(4), "grade": np.zeros(4)}
    with pytest.raises(
        errors.MedMNISTError, match="The labels have 2 parts"
    ) as refused:
        TaskMetrics((np.zeros((4, 28, 28, 1)), labels), task="multi-class")
    assert "one of 'area', 'grade'" in str(refused.value)


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
    alone = test_metrics.classifier("retina")
test_metrics.fit(alone, builder, [], epochs=3)
with strategy.scope():
    model = test_metrics.classifier("retina")
split = pipeline.Split(builder, "val")
ragged = builder.as_dataset(split="val", as_supervised=True).batch(67)
history = test_metrics.fit(model, builder, [
    TaskMetrics(split, task="ordinal-regression"),
    TaskMetrics(ragged, task="ordinal-regression", prefix="ragged_"),
], epochs=3)
same = [(a == b).all() for a, b in zip(alone.get_weights(), model.get_weights())]
assert all(same), "training was disturbed"
print(json.dumps(history))
"""


@lanes.needs_tensorflow("replicas of tf.distribute")
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
