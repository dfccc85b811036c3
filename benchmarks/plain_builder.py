"""The plain TFDS generator that our builder is held against.

Not registered by the package: only the benchmark imports it.
"""

import pathlib

import numpy as np
import tensorflow_datasets as tfds


class PlainBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """RGB images with a class, one example at a time, from an official `.npz`."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = pathlib.Path(__file__).parent

    def __init__(self, *, source: pathlib.Path, **options):
        self.source = source
        super().__init__(**options)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(28, 28, 3)),
                    "label": tfds.features.ClassLabel(num_classes=9),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in ("train", "val")}

    def _generate_examples(self, split: str):
        with np.load(self.source) as arrays:
            images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield index, {"image": image, "label": int(label[0])}
