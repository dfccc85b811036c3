"""What the real and the phantom TFDS builder share: features, metadata and a lock.

Never knows where the images come from: that is each builder's own subject.
"""

import functools
import itertools
import sys
import warnings

import filelock
import numpy as np
import tensorflow_datasets as tfds

from medmnist_tfds.data import catalog, png

HOMEPAGE = "https://medmnist.com/"


class MedMNISTBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Examples in the official order: `image`, `label` and `index`."""

    @property
    def variant(self) -> catalog.Variant:
        """The dataset, release and size that this builder makes."""
        raise TypeError(f"{type(self).__name__} must say which variant it makes.")

    def _info(self) -> tfds.core.DatasetInfo:
        variant, dataset = self.variant, self.variant.dataset
        if dataset.task is catalog.Task.MULTILABEL:
            label = tfds.features.Tensor(shape=(dataset.num_labels,), dtype=np.uint8)
        else:
            label = tfds.features.ClassLabel(names=list(dataset.labels))
        shape = (variant.size, variant.size, dataset.channels)
        license_ = "Apache-2.0" if variant.phantom else dataset.license  # code drew it
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=shape, encoding_format="png"),
                    "label": label,
                    "index": tfds.features.Scalar(np.int64),
                }
            ),
            supervised_keys=("image", "label"),
            homepage=HOMEPAGE,
            license=license_,
            disable_shuffling=True,  # the official order is part of the data
            metadata=tfds.core.MetadataDict(
                dataset=dataset.name,
                paper_name=dataset.paper_name,
                modality=dataset.modality,
                task=dataset.task.value,
                labels=list(dataset.labels),
                license=license_,
                release="phantom" if variant.phantom else variant.release.version,
                phantom=variant.phantom,
                caution=None if variant.phantom else dataset.caution,
            ),
        )

    def download_and_prepare(self, **options) -> None:
        """As TFDS's own, but two processes may ask for the same data at once."""
        path = self.data_path
        if path.exists() or "://" in str(path):  # a bucket has no file locks
            super().download_and_prepare(**options)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.parent / f".{path.name}.lock"):
            if path.exists():  # the other process was faster
                self.info.read_from_directory(path)
            super().download_and_prepare(**options)


def warn_of(variant: catalog.Variant) -> None:
    """Tells of a licence or a leakage that a user must know, once in a process."""
    if variant.dataset.caution and not variant.phantom:
        _warn_once(variant.dataset.caution)


@functools.cache
def _warn_once(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=3)


def examples(image_blocks, labels: np.ndarray, *, is_multilabel: bool):
    """Pairs of key and example, its image as a PNG file, for `_generate_examples`.

    Args:
      image_blocks: iterator of uint8 (rows, size, size, channels).
      labels: uint8 (examples, 1), or (examples, labels) if `is_multilabel`.
    """
    files = itertools.chain.from_iterable(map(png.encode, image_blocks))
    rows = labels if is_multilabel else labels[:, 0].tolist()
    for index, (image, label) in enumerate(zip(files, rows, strict=True)):
        yield index, {"image": image, "label": label, "index": index}


def prepared(
    variant: catalog.Variant, data_dir=None, manual_dir=None
) -> tfds.core.DatasetBuilder:
    """The variant's builder, its data found or downloaded, verified and written.

    Args:
      variant: which; a licence or leakage that matters is warned of.
      data_dir: TFDS's folder of prepared data.
      manual_dir: where official files lie; then as `archive.find` looks for them.
    """
    warn_of(variant)
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules):  # Colab, Jupyter
        tfds.disable_progress_bar()
    builder = tfds.builder(variant.tfds_name, data_dir=data_dir)
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    builder.download_and_prepare(download_config=config)
    return builder
