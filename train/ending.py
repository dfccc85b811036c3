"""What a network that is kept leaves in its folder: predictions, scores, its card.

For one that a run has trained, and for one that comes from elsewhere. Never trains.
"""

import pathlib
from collections.abc import Mapping

import keras
import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.score import predictions, scoring
from medmnist_tfds.train import card, metrics, outcome


def score(
    model: keras.Model,
    data,
    *,
    variant: catalog.Variant,
    split: str,
    folder: pathlib.Path,
    run: str,
    batch_size: int = 128,
) -> tuple[dict[str, float], np.ndarray]:
    """Scores a model that gives logits on a split, and writes its prediction file.

    Args:
      model: from images to logits.
      data: the split, as for `metrics.Scorer`.
      variant: of the dataset.
      split: its name.
      folder: where the prediction file is written.
      run: who made the predictions, in the file's name.
      batch_size: in examples.

    Returns:
      AUC and ACC; and the labels that they were scored by.
    """
    task = variant.dataset.task
    scorer = metrics.Scorer(data, task=task, from_logits=True, batch_size=batch_size)
    said = scorer.predict(model)
    predictions.write(
        folder,
        dataset=variant,
        split=split,
        scores=said,
        run=run,
        targets=scorer.labels,
    )
    found = scoring.score(scorer.labels, said, task=task)
    return {"auc": found.auc, "acc": found.acc}, scorer.labels


def write_card(
    folder: pathlib.Path,
    variant: catalog.Variant,
    result: dict,
    targets: Mapping[str, np.ndarray],
    *,
    environment: dict,
) -> None:
    """Looks closer at a result, which is told so, and writes the card of its files.

    Args:
      folder: with the network and the prediction files.
      variant: of the dataset.
      result: what result.json will hold; gets the field `closer`.
      targets: labels of the splits that were scored.
      environment: of config.json.
    """
    result["closer"] = card.look(folder, variant, targets)
    finished = outcome.Outcome(variant=variant, result=result, environment=environment)
    card.write(folder, finished, names=card.handed_out(folder))
