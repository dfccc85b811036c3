"""`TaskMetrics`: exact AUC and ACC of a whole split at the end of each epoch.

Never averages over batches, and never knows a rule of scoring: that is
`medmnist_tfds.scoring`.
"""

import keras
import numpy as np
import tensorflow as tf

from medmnist_tfds import catalog, errors, pipeline, scoring
from medmnist_tfds.train import heads


class Scorer:
    """Predicts one split in its own order, and scores it.

    Args:
      data: a `pipeline.Split`, or a finite dataset of (images, labels) or (images,
        labels, weights) batches. Examples of weight 0 are padding and do not count.
      task: a `catalog.Task` or its value.
      from_logits: the model ends without softmax or sigmoid.
      batch_size: for a `pipeline.Split`; a dataset is already batched.
    """

    def __init__(
        self,
        data: pipeline.Split | tf.data.Dataset,
        *,
        task: catalog.Task | str,
        from_logits: bool = False,
        batch_size: int = 128,
    ):
        if isinstance(data, pipeline.Split):
            data = data.eval_batches(batch_size)
        is_dataset = isinstance(data, tf.data.Dataset)
        if not is_dataset or data.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise errors.MedMNISTError(
                f"The data to score are {data!r}. Expected a pipeline.Split, or a "
                "finite, batched tf.data.Dataset of (images, labels)."
            )
        self.task, self.from_logits = catalog.Task(task), from_logits
        self._read(data)

    def _read(self, data: tf.data.Dataset) -> None:
        without_images = data.map(lambda x, y, w=None: (y,) if w is None else (y, w))
        batches = list(without_images.as_numpy_iterator())
        # Batches of one size: several replicas cannot share a ragged last batch.
        size = max(len(labels) for labels, *_ in batches)
        is_real = []
        for labels, *weights in batches:
            real = np.zeros(size, bool)
            real[: len(labels)] = weights[0] > 0 if weights else True
            is_real.append(real)
        self._is_real = np.concatenate(is_real)
        own = np.concatenate([np.arange(size) < len(labels) for labels, *_ in batches])
        self.labels = np.concatenate([b[0] for b in batches])[self._is_real[own]]

        def fill_up(images, *_):
            rows = tf.minimum(tf.range(size), tf.shape(images)[0] - 1)
            return tf.gather(images, rows)

        self._images = data.map(fill_up).prefetch(tf.data.AUTOTUNE)

    def predict(self, model: keras.Model) -> np.ndarray:
        """Probabilities float64 (examples, classes), in the data's order."""
        output = np.asarray(model.predict(self._images, verbose=0))
        output = output.reshape(len(output), -1)[self._is_real]
        if self.from_logits:
            return heads.probabilities(output, self.task)
        is_softmax = self.task is not catalog.Task.MULTILABEL and output.shape[1] > 1
        is_valid = (output >= 0).all() and (output <= 1).all()
        if is_softmax:  # 0.01: float16 sums of many classes are that far from 1
            is_valid = is_valid and (abs(output.sum(axis=1) - 1) < 0.01).all()
        if not is_valid:
            raise errors.MedMNISTError(
                f"The model's outputs lie between {output.min():.3g} and "
                f"{output.max():.3g} and are no probabilities. Expected softmax or "
                "sigmoid outputs. Give from_logits=True for a model without them."
            )
        return output.astype(np.float64)

    def score(self, model: keras.Model) -> scoring.Scores:
        return scoring.score(self.labels, self.predict(model), task=self.task)


class TaskMetrics(keras.callbacks.Callback):
    """Puts `val_auc` and `val_acc` into the logs of each epoch.

    Stand it before the callbacks that read them: EarlyStopping("val_auc", mode="max"),
    ModelCheckpoint, CSVLogger. Works in anyone's `fit`, on one replica or several.

    Args:
      data, task, from_logits, batch_size: as for `Scorer`.
      auc, acc: names under which the scores appear in the logs.

    Raises:
      MedMNISTError: at the first epoch's end, where outputs are no probabilities, or
        the split cannot be scored (as `scoring.score` says).
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
    ):
        super().__init__()
        self.scorer = Scorer(
            data, task=task, from_logits=from_logits, batch_size=batch_size
        )
        self.auc, self.acc = auc, acc

    def on_epoch_end(self, epoch, logs=None):
        scores = self.scorer.score(self.model)
        if logs is not None:
            logs[self.auc], logs[self.acc] = scores.auc, scores.acc
