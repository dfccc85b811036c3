"""Offline predictions of a model that Google AutoML Vision exported (section 3.2).

Reads EXPORTS/<dataset>/*.tflite and the label file beside it. Never trains.
"""

import json
import pathlib
import sys

import numpy as np
from PIL import Image

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import supervisor
from medmnist_tfds.process import errors, quiet, terminal


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    exports = pathlib.Path(task["started_in"], task["settings"]["exports"])
    place = exports / task["dataset"]
    models, labels = sorted(place.glob("*.tflite")), sorted(place.glob("*.txt"))
    if len(models) != 1 or len(labels) != 1:
        print(
            f"{place} holds {len(models)} .tflite and {len(labels)} .txt files, "
            "expected one of each: a model that Google exported and its label file. "
            f"Write images to train it on: {terminal.command()} decathlon "
            f"export-images {task['dataset']}; then name the folder: "
            "--set automl_vision.exports=FOLDER"
        )
        sys.exit(supervisor.MISSING)
    quiet.tensorflow_search()
    from medmnist_tfds.decathlon.methods import google_images
    from medmnist_tfds.models import tflite

    dataset = catalog.DATASETS[task["dataset"]]
    lines = labels[0].read_text(encoding="utf-8").split("\n")
    try:
        order = google_images.label_order([x for x in lines if x.strip()], dataset)
    except errors.MedMNISTError as error:
        sys.exit(f"{labels[0]}: {error}")
    classifier = tflite.TFLiteClassifier(models[0])
    with np.load(folder / "data.npz") as data:
        for split in catalog.SPLITS:
            images = data[f"{split}_images"]
            scores = [
                # One at a time: some exports are fixed to a batch of one.
                classifier.predict(_fitted(image, classifier.input_shape)[None])
                for image in images
            ]
            np.save(folder / f"{split}.npy", np.concatenate(scores)[:, order])


def _fitted(image: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 (h, w, c) -> uint8 of the model's input shape, as RGB where it wants it."""
    height, width, channels = shape
    picture = Image.fromarray(image if image.shape[-1] == 3 else image[..., 0])
    picture = picture.convert("RGB" if channels == 3 else "L")
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized).reshape(shape)


main()
