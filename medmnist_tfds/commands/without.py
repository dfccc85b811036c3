"""What `evaluate` says of a score without the leak. Never changes the official one."""

import pathlib

import numpy as np

from medmnist_tfds.process import errors, terminal


def read(prediction, *, audit: pathlib.Path | None) -> tuple | None:
    """A list, and which images it leaves out by reason; None where there is no list.

    Args:
      prediction: of any split, as `predictions.read` gives it.
      audit: an audit's `pairs.csv`; the package's list, if one ships, where None.

    Raises:
      MedMNISTError: the list is damaged, or of another dataset.
    """
    from medmnist_tfds.sources import leaks

    variant, split = prediction.variant, prediction.split
    found = leaks.shipped(variant) if audit is None else leaks.read(audit)
    if found is None or (audit is None and split == "train"):
        return None
    return found, found.reasons(variant, split, len(prediction.scores))


def say(prediction, left: tuple | None, *, manual_dir) -> None:
    """Prints the score on the images that no earlier split holds, if there is a list.

    Args:
      prediction: of any split, as `predictions.read` gives it.
      left: of `read`.
      manual_dir: where the official file lies.
    """
    from medmnist_tfds.decathlon.report import untouched
    from medmnist_tfds.score import predictions

    if left is None:
        return
    variant, split = prediction.variant, prediction.split
    if split == "train":
        terminal.say("Of train no image is left out: it is what models learn.")
        return
    found, left_out = left
    keep = ~np.any(list(left_out.values()), axis=0)
    terminal.say(f"{untouched.TITLE}: {untouched.note(found, left_out, split=split)}")
    targets = predictions.split_targets(variant, split, folder=manual_dir)
    try:
        values = untouched.values(
            targets, [prediction.scores], keep, task=variant.dataset.task
        )
    except errors.MedMNISTError as error:
        terminal.say(f"No score: {str(error).split(' Expected')[0]}")
        return
    shown = [f"{metric.upper()} {untouched.shown(v)}" for metric, v in values.items()]
    terminal.say(f"Without the leak: {'  '.join(shown)}")
