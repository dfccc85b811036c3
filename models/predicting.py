"""A run's network asked about a user's own images.

Never scores, never trains, and never says what an answer is worth; what it can say is
how far an image lies from those of training (`kind`). Not for clinical use.
"""

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.models import kind as kinds
from medmnist_tfds.models import loading
from medmnist_tfds.process import errors, files
from medmnist_tfds.score import scoring
from medmnist_tfds.sources import preparing

_BATCH = 64  # images, always: XLA compiles a shape once


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """What a network says of one image; or why it was not asked.

    Attributes:
      name: of the file, in its folder or archive; the number of an array.
      probabilities: float64 (labels,), in the labels' order: they add up to 1, but of
        the multi-label task each is one of its own. None where there is a problem.
      nearer: which share of the validation images lies nearer to the training images;
        None if the run does not know.
      image: uint8 (size, size, channels), as the network sees it.
      shown: uint8 (side, side[, 3]), the same square for people, if it was asked for.
      problem: a sentence, if there is no image.
    """

    name: str
    probabilities: np.ndarray | None = None
    nearer: float | None = None
    image: np.ndarray | None = None
    shown: np.ndarray | None = None
    problem: str | None = None

    @property
    def is_other_kind(self) -> bool | None:
        """Whether 99 % of the validation images lie nearer to those of training."""
        return None if self.nearer is None else self.nearer >= kinds.FAR


class Predictor:
    """A run, ready to be asked.

    Args:
      run: a run's folder, or what `push` has made of one, also hf://user/name: with
        its config.json and model.keras; kind.npz if there is.

    Attributes:
      variant: the dataset it was trained on.
      labels: their names, in the order of the probabilities.
      preparation: how images are made small, as the dataset's own were.
      kind: what training images look like; None if the run does not know.
      model: the Keras model: uint8 (batch, size, size, channels) -> logits.

    Raises:
      MedMNISTError: no run's folder, an unfinished run, a changed or damaged file,
        code in it, volumes; what the hub refuses.
    """

    def __init__(self, run: str | os.PathLike):
        folder = loading.folder(run)
        self.variant = _variant(folder)
        self.labels = self.variant.dataset.labels
        self.preparation = preparing.Preparation.of(self.variant)
        self.kind = None
        if (path := folder / kinds.NAME).exists():
            self.kind = kinds.read(path, channels=self.variant.dataset.channels)
        self.model = loading.load(folder)

    def predict(
        self,
        *images: str | os.PathLike | np.ndarray,
        frame: int | None = None,
    ) -> list[Prediction]:
        """Of files, folders and archives, or of arrays; one for each image, in order.

        Args:
          *images: PNG, JPEG, TIFF or DICOM files, folders and archives of them; or
            arrays uint8 (height, width), (height, width, 1) or (height, width, 3).
          frame: which one of files that hold several, from 1.

        Raises:
          MedMNISTError: no image at all, a path that is not there, or an array of
            another form. A file that cannot be read is a problem of its own.
        """
        if images and all(isinstance(image, np.ndarray) for image in images):
            small = preparing.of_arrays(images, self.preparation)
            prepared = (
                preparing.Prepared(name=str(number), image=image)
                for number, image in enumerate(small)
            )
            return list(self.stream(prepared))
        found, _ = preparing.files(*images)
        return list(
            self.stream(preparing.prepare(found, self.preparation, frame=frame))
        )

    def stream(self, prepared: Iterable[preparing.Prepared]) -> Iterator[Prediction]:
        """The same of images that `preparing.prepare` makes, one batch at a time.

        Args:
          prepared: images of the network's size, or what is the matter with a file.
        """
        prepared = iter(prepared)
        while batch := list(itertools.islice(prepared, _BATCH)):
            images = [each.image for each in batch if each.problem is None]
            asked = iter(self._ask(np.stack(images)) if images else ())
            for each in batch:
                probabilities, nearer = (None, None) if each.problem else next(asked)
                yield Prediction(
                    name=each.name,
                    probabilities=probabilities,
                    nearer=nearer,
                    image=each.image,
                    shown=each.shown,
                    problem=each.problem,
                )

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """float64 (examples, labels) for uint8 images (examples, size, size, channels).

        Args:
          images: made small already, as the official ones are.
        """
        task, every = self.variant.dataset.task, []
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            filled = batch
            if len(images) > 1:  # one alone need not wait for 63 others
                missing = _BATCH - len(batch)
                filled = np.pad(batch, ((0, missing), *3 * ((0, 0),)), "edge")
            logits = np.asarray(self.model.predict_on_batch(filled))[: len(batch)]
            every.append(scoring.probabilities(logits, task))
        return np.concatenate(every)

    def decided(self, probabilities: np.ndarray) -> list[str]:
        """The labels that one image's probabilities come to; several or none of many.

        As ACC decides: the most probable, or those of more than one half.

        Args:
          probabilities: float64 (labels,).
        """
        task = self.variant.dataset.task
        chosen = scoring.decide(probabilities[None], task=task)[0]
        if task is catalog.Task.MULTILABEL:
            return [self.labels[number] for number in np.flatnonzero(chosen)]
        return [self.labels[int(chosen)]]

    def _ask(self, images: np.ndarray) -> Iterator[tuple[np.ndarray, float | None]]:
        nearer: Sequence = len(images) * [None]
        if self.kind is not None:
            nearer = self.kind.nearer(images).tolist()
        return zip(self.probabilities(images), nearer, strict=True)


def predict(
    run: str | os.PathLike,
    *images: str | os.PathLike | np.ndarray,
    frame: int | None = None,
) -> list[Prediction]:
    """What a run's network says of images: `Predictor(run).predict(*images)`.

    Args:
      run: as for `Predictor`.
      *images: as for `Predictor.predict`.
      frame: which one of files that hold several, from 1.
    """
    return Predictor(run).predict(*images, frame=frame)


def _variant(folder: pathlib.Path) -> catalog.Variant:
    run = files.read_json(folder / "config.json").get("run")
    if not isinstance(run, dict) or not isinstance(run.get("dataset"), str):
        raise errors.MedMNISTError(
            f"{folder} is no run's folder: it has no config.json of one. Expected a "
            "folder that `medmnist-tfds train` has left. Give the folder, not a file "
            "in it."
        )
    if not (folder / "model.keras").exists():
        raise errors.MedMNISTError(
            f"The run in {folder} has not ended: there is no model.keras yet. Expected "
            "a finished run. The same `medmnist-tfds train` goes on with it."
        )
    variant = catalog.parse(run["dataset"], phantom=run.get("phantom", False))
    if variant.dataset.form == "volumes":
        raise errors.MedMNISTError(
            f"{folder} was trained on volumes, of {variant.dataset.name}. Expected a "
            "run on images. Ask its model.keras itself, by Keras: it takes uint8 "
            f"(examples, {', '.join(map(str, variant.image_shape))})."
        )
    return variant
