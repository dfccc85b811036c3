"""PNG files and the CSV with which Google's image import trains on a dataset.

Also the names of labels there, which a trained model's label file gives back. Never
talks to Google.
"""

import csv
import os
import pathlib
import re

import numpy as np
from PIL import Image

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.process import errors, files

NONE = "None_of_the_above"  # Vertex AI's advice for images without any label
_USES = {"train": "training", "val": "validation", "test": "test"}


def label_names(dataset: catalog.Dataset) -> list[str]:
    """Labels as Google takes them: letters, digits and _, a letter first, up to 32."""
    slugs = [re.sub("[^A-Za-z0-9]+", "_", name).strip("_") for name in dataset.labels]
    short = [slug[:32].strip("_") for slug in slugs]
    return [
        name if name[:1].isalpha() and short.count(name) == 1 else f"class_{number}"
        for number, name in enumerate(short)
    ]


def export(
    source: arrays.Arrays,
    dataset: catalog.Dataset,
    folder: str | os.PathLike,
    *,
    prefix: str,
) -> pathlib.Path:
    """Writes `{split}/{row}.png` for every image, then `import.csv`; returns its path.

    Of a volume that is the slice in the middle.

    A row is `ML_USE,GCS_FILE_PATH,LABEL[,LABEL...]`, as AutoML Vision had it and Vertex
    AI has it.

    Args:
      source: the images and labels.
      dataset: whose they are.
      folder: made if it is not there.
      prefix: where the folder will lie for Google: `gs://bucket/breast`.

    Raises:
      MedMNISTError: the prefix is no address in Cloud Storage.
    """
    if not re.fullmatch(r"gs://[a-z0-9][a-z0-9._-]+(/.*)?", prefix):
        raise errors.MedMNISTError(
            f"--bucket is {prefix!r}. Expected an address in Google Cloud Storage, "
            "where you will upload the folder: gs://my-bucket/breast."
        )
    folder, names = pathlib.Path(folder), label_names(dataset)
    rows = []
    is_multilabel = dataset.task is catalog.Task.MULTILABEL
    for split in catalog.SPLITS:
        (folder / split).mkdir(parents=True, exist_ok=True)
        pictures = arrays.pictures(source.images(split))
        examples = zip(pictures, source.labels(split), strict=True)
        for number, (image, label) in enumerate(examples):
            path = f"{split}/{number:06}.png"
            image = image if image.shape[-1] == 3 else image[..., 0]
            with files.replacing(folder / path) as temporary:
                Image.fromarray(image).save(temporary)
            numbers = np.flatnonzero(label) if is_multilabel else label
            labels = [names[index] for index in numbers] or [NONE]
            rows.append([_USES[split], f"{prefix.rstrip('/')}/{path}", *labels])
    with files.replacing(folder / "import.csv") as temporary:
        with temporary.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    return folder / "import.csv"


def label_order(lines: list[str], dataset: catalog.Dataset) -> list[int]:
    """For each label of the dataset, its row in a model's label file.

    A row is the official name, the name that `export` gave, or the class number;
    others, such as `None_of_the_above`, are passed over.

    Raises:
      MedMNISTError: a label that stands in no row, or in several.
    """
    rows = [_plain(line) for line in lines]
    order = []
    for number, names in enumerate(
        zip(dataset.labels, label_names(dataset), strict=True)
    ):
        known = {*map(_plain, names), str(number), f"class_{number}"}
        matching = [row for row, name in enumerate(rows) if name in known]
        if len(matching) != 1:
            raise errors.MedMNISTError(
                f"The label file has {len(matching)} rows for {names[0]!r}; it has "
                f"{', '.join(lines)}. Expected one, named {names[1]}."
            )
        order.append(matching[0])
    return order


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")
