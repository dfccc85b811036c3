"""`TaskMetrics`: exact AUC and ACC of a whole split at the end of each epoch.

`Scorer` has the predictions and labels of which they are computed. Never averages over
batches, and never knows a rule of scoring: that is `medmnist_tfds.score.scoring`.
"""

import keras
import numpy as np
import tensorflow as tf
from scipy import special
from sklearn import metrics as sklearn_metrics

from medmnist_tfds.data import catalog, pipeline
from medmnist_tfds.process import errors
from medmnist_tfds.score import scoring


class Scorer:
    """Predicts one split in its own order, and knows its labels.

    Args:
      data: a `pipeline.Split`, or a finite dataset of (images, labels) or (images,
        labels, weights) batches, which is kept in memory. Examples of weight 0 are
        padding and do not count.
      task: a `catalog.Task` or its value.
      from_logits: the model ends without softmax or sigmoid.
      batch_size: for a `pipeline.Split`; a dataset is already batched.

    Raises:
      MedMNISTError: data of another form.
    """

    def __init__(
        self,
        data: pipeline.Split | tf.data.Dataset,
        *,
        task: catalog.Task | str,
        from_logits: bool = False,
        batch_size: int = 128,
    ):
        self.task, self.from_logits = catalog.Task(task), from_logits
        if isinstance(data, pipeline.Split):
            self._take(data, batch_size)
        else:
            _check_form(data)
            # Labels are read once: a shuffled dataset must not change its order after.
            self._read(data.cache())

    def _take(self, split: pipeline.Split, batch_size: int) -> None:
        # Even batches: a last one of a few examples would be filled up to a whole.
        even = -(-split.examples // split.steps(batch_size))
        size = min(batch_size, -(-even // 8) * 8)
        self.labels = split.labels
        self._is_real = np.arange(split.steps(size) * size) < split.examples
        self._images = split.eval_batches(size).map(lambda images, *_: (images,))

    def _read(self, data: tf.data.Dataset) -> None:
        without_images = data.map(lambda x, y, w=None: (y,) if w is None else (y, w))
        batches = list(without_images.as_numpy_iterator())
        if not batches:
            raise errors.MedMNISTError(
                "The dataset to score is empty. Expected at least one batch."
            )
        # Batches of one size: several replicas cannot share a ragged last batch.
        size = max(len(labels) for labels, *_ in batches)
        is_real, labels = [], []
        for batch, *weights in batches:
            counts = weights[0] > 0 if weights else np.ones(len(batch), bool)
            is_real.append(np.pad(counts, (0, size - len(batch))))
            labels.append(batch[counts])
        self.labels, self._is_real = np.concatenate(labels), np.concatenate(is_real)

        def fill_up(images, *_):
            rows = tf.minimum(
                tf.range(size), tf.shape(tf.nest.flatten(images)[0])[0] - 1
            )
            images = tf.nest.map_structure(lambda part: tf.gather(part, rows), images)
            return (images,)  # a bare pair of inputs would be taken for (x, y)

        self._images = pipeline.ahead(data.map(fill_up))

    def predict(self, model: keras.Model) -> np.ndarray:
        """Probabilities float64 (examples, classes), in the data's order."""
        output = model.predict(self._images, verbose=0)
        if not isinstance(output, np.ndarray) or output.ndim not in (1, 2):
            form = getattr(output, "shape", type(output).__name__)
            raise errors.MedMNISTError(
                f"The model's output is {form}. Expected one array (examples, "
                "classes). Score a model of that one output."
            )
        # float64 before any sum: a bfloat16 softmax adds up to 1 within 0.012 only.
        output = output.reshape(len(output), -1)[self._is_real].astype(np.float64)
        if self.from_logits:
            return probabilities(output, self.task)
        is_softmax = self.task is not catalog.Task.MULTILABEL and output.shape[1] > 1
        sums = output.sum(axis=1) if is_softmax else np.ones(1)
        if output.min() < 0 or output.max() > 1 or abs(sums - 1).max() > 0.01:
            raise errors.MedMNISTError(
                f"The model's outputs are no probabilities: they lie between "
                f"{output.min():.3g} and {output.max():.3g}, their sums between "
                f"{sums.min():.3g} and {sums.max():.3g}. Expected softmax or sigmoid "
                "outputs. Give from_logits=True for a model without them."
            )
        return output


def probabilities(logits: np.ndarray, task: catalog.Task) -> np.ndarray:
    """Softmax over classes, or a sigmoid per label; (examples, classes) float64.

    A single column is a binary task's sigmoid head.
    """
    logits = logits.astype(np.float64)
    if task is catalog.Task.MULTILABEL or logits.shape[1] == 1:
        return special.expit(logits)
    return special.softmax(logits, axis=1)


def _check_form(data) -> None:
    """Refuses what is not a finite dataset of batches (images, labels[, weights])."""
    is_dataset = isinstance(data, tf.data.Dataset)
    if is_dataset and data.cardinality() != tf.data.INFINITE_CARDINALITY:
        form = data.element_spec
        if isinstance(form, tuple) and len(form) in (2, 3):
            parts = tf.nest.flatten(form)
            if all(part.shape.rank is None or part.shape.rank >= 1 for part in parts):
                return
    raise errors.MedMNISTError(
        f"The data to score are {data!r}. Expected a pipeline.Split, or a finite, "
        "batched tf.data.Dataset of (images, labels): load it with as_supervised=True, "
        "and batch it."
    )


class TaskMetrics(keras.callbacks.Callback):
    """Puts `val_auc` and `val_acc` into the logs of each epoch.

    For an ordinal task also `val_kappa`, Cohen's with quadratic weights.

    Give it before the callbacks that read them: EarlyStopping("val_auc", mode="max"),
    ModelCheckpoint, CSVLogger. Works in anyone's `fit`, on one replica or several.

    Args:
      data, task, from_logits, batch_size: as for `Scorer`.
      auc, acc, kappa: names under which the scores appear in the logs.

    Raises:
      MedMNISTError: data of another form; at the first epoch's end, outputs that are no
        probabilities, or a split that cannot be scored (as `scoring.score` says).
    """

    def __init__(
        self,
        data: pipeline.Split | tf.data.Dataset,
        *,
        task: catalog.Task | str,
        from_logits: bool = False,
        batch_size: int = 128,
        auc: str = "val_auc",
        acc: str = "val_acc",
        kappa: str = "val_kappa",
    ):
        super().__init__()
        self.scorer = Scorer(
            data, task=task, from_logits=from_logits, batch_size=batch_size
        )
        self.auc, self.acc, self.kappa = auc, acc, kappa

    def on_epoch_end(self, epoch, logs=None):
        labels, task = self.scorer.labels, self.scorer.task
        predicted = self.scorer.predict(self.model)
        scores = scoring.score(labels, predicted, task=task)
        if logs is None:
            return
        logs[self.auc], logs[self.acc] = scores.auc, scores.acc
        if task is catalog.Task.ORDINAL:
            decisions = scoring.decide(predicted, task=task)
            logs[self.kappa] = sklearn_metrics.cohen_kappa_score(
                labels.reshape(-1), decisions, weights="quadratic"
            )
