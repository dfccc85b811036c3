"""`TaskMetrics`: exact AUC and ACC of a whole split at the end of each epoch.

`Scorer` has the predictions and labels of which they are computed. Never averages over
batches, and never knows a rule of scoring: that is `medmnist_tfds.score.scoring`.
"""

import warnings

import keras
import numpy as np
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.process import errors
from medmnist_tfds.score import scoring
from medmnist_tfds.train import labelled, outputs


class Scorer:
    """Predicts one split in its own order, and knows its labels.

    Args:
      data: a `pipeline.Split`; a tuple of arrays (images, labels); or a finite dataset
        of (images, labels) or (images, labels, weights) batches, which is kept in
        memory. Examples of weight 0 are padding and do not count. Labels are class
        numbers or one-hot; for the multi-label task 0 and 1. Where they are a dict or a
        tuple, `output` says which are meant.
      task: a `catalog.Task` or its value.
      from_logits: the model ends without softmax or sigmoid.
      batch_size: for a `pipeline.Split` and arrays; a dataset is already batched.
      output: which of several outputs of the model is scored: the key of a dict, the
        name of a functional model's output layer, or the index.

    Raises:
      MedMNISTError: data of another form, soft labels, several without `output`.
    """

    def __init__(
        self,
        data: pipeline.Split | tf.data.Dataset | tuple,
        *,
        task: catalog.Task | str,
        from_logits: bool = False,
        batch_size: int = 128,
        output: str | int | None = None,
    ):
        self.task, self.from_logits = catalog.Task(task), from_logits
        self.output = output
        self._data = labelled.read(
            data, task=self.task, batch_size=batch_size, output=output
        )

    @property
    def labels(self) -> np.ndarray:
        """(examples,), or (examples, labels) for the multi-label task."""
        return self._data.labels

    def predict(self, model: keras.Model) -> np.ndarray:
        """Probabilities float64 (examples, classes), in the data's order."""
        return self._probabilities(model, self._data.images)

    def check(self, model: keras.Model) -> None:
        """Refuses what the first batch shows could not be scored; changes nothing.

        The model must have been built. Logits of an untrained one may look like
        probabilities: `predict` looks again.
        """
        columns = self._probabilities(model, self._data.images.take(1)).shape[1]
        try:
            guess = np.zeros((len(self.labels), columns))
            scoring.score(self.labels, guess, task=self.task)
        except errors.MedMNISTError as error:
            raise errors.MedMNISTError(
                f"A model with {columns} output(s) cannot be scored by these labels as "
                f"{self.task.value}: {error}"
            ) from error

    def _probabilities(self, model, images) -> np.ndarray:
        output = outputs.predict(model, images, self.output)
        output = output[self._data.is_real[: len(output)]]
        if self.from_logits:
            return scoring.probabilities(output, self.task)
        outputs.check_probabilities(output, self.task)
        return output


class TaskMetrics(keras.callbacks.Callback):
    """Puts `val_auc` and `val_acc` into the logs of each epoch.

    For an ordinal task also `val_kappa`, Cohen's with quadratic weights.

    Give it before the callbacks that read them: EarlyStopping("val_auc", mode="max"),
    ModelCheckpoint, CSVLogger. Works in anyone's `fit`, on one replica or several.
    What stands in the logs already, such as the `val_acc` of a model compiled with
    metrics=["acc"], stays there: a warning says how ours is called then.

    Args:
      data: a `pipeline.Split`; a tuple of arrays (images, labels); or a finite dataset
        of (images, labels) or (images, labels, weights) batches, which is kept in
        memory. Labels are class numbers or one-hot; for the multi-label task 0 and 1.
      task: a `catalog.Task` or its value.
      from_logits: the model ends without softmax or sigmoid.
      batch_size: images, for a `pipeline.Split` and arrays.
      output: which of several outputs of the model is scored: the key of a dict, the
        name of a functional model's output layer, or the index.
      prefix: of the names in the logs; each of several splits wants one of its own.
      auc: the whole name of this one, in place of `prefix` and auc.
      acc: the same for the accuracy.
      kappa: the same for Cohen's kappa.

    Raises:
      MedMNISTError: data of another form; as soon as the model has been built, or at an
        epoch's end, images or outputs that do not fit, and a split that cannot be
        scored (as `scoring.score` says).
    """

    def __init__(
        self,
        data: pipeline.Split | tf.data.Dataset | tuple,
        *,
        task: catalog.Task | str,
        from_logits: bool = False,
        batch_size: int = 128,
        output: str | int | None = None,
        prefix: str = "val_",
        auc: str | None = None,
        acc: str | None = None,
        kappa: str | None = None,
    ):
        super().__init__()
        self.scorer = Scorer(
            data,
            task=task,
            from_logits=from_logits,
            batch_size=batch_size,
            output=output,
        )
        self.auc, self.acc = auc or f"{prefix}auc", acc or f"{prefix}acc"
        self.kappa = kappa or f"{prefix}kappa"
        self._names = {}  # in the logs of this fit, where another than asked for

    def on_train_begin(self, logs=None):
        self._names, self._is_checked = {}, False
        self._check_once()

    def on_train_batch_begin(self, batch, logs=None):
        self._check_once()  # some models are built by the first step

    def _check_once(self) -> None:
        if self.model.built and not self._is_checked:
            self._is_checked = True
            self.scorer.check(self.model)

    def on_epoch_end(self, epoch, logs=None):
        labels, task = self.scorer.labels, self.scorer.task
        predicted = self.scorer.predict(self.model)
        scores = scoring.score(labels, predicted, task=task)
        values = {self.auc: scores.auc, self.acc: scores.acc}
        if task is catalog.Task.ORDINAL:
            decisions = scoring.decide(predicted, task=task)
            values[self.kappa] = sklearn_metrics.cohen_kappa_score(
                labels.reshape(-1), decisions, weights="quadratic"
            )
        self._enter(logs, values)

    def _enter(self, logs: dict, values: dict[str, float]) -> None:
        """Into the logs, under other names where these are taken."""
        taken = {}
        for name, value in values.items():
            free = self._names.get(name, name)
            while free in logs:
                free = taken[name] = f"task_{free}"
            logs[free] = float(value)
        self._names |= taken
        if taken:
            warnings.warn(
                f"The logs have {', '.join(taken)} already: of a metric of the model, "
                "or of another TaskMetrics. What is there stays; this one's is "
                f"{', '.join(taken.values())}. Give TaskMetrics a prefix of its own: "
                'prefix="exact_".',
                stacklevel=3,
            )
