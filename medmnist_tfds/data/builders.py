"""What the real and the phantom TFDS builder share: names, features, order, a lock.

Never knows where the images come from: that is each builder's own subject. Never
changes a setting of TFDS that another dataset of the user's would notice.
"""

import contextlib
import dataclasses
import functools
import importlib
import itertools
import warnings
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow_datasets as tfds

from medmnist_tfds.data import catalog, formats, png, progress
from medmnist_tfds.process import errors, quiet

HOMEPAGE = "https://medmnist.com/"
_MANY = 5_000  # images: a second of writing; fewer have no bar


class MedMNISTBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Examples in the official order: `image`, `label` and `index`.

    Args:
      config: a config, or any name that `catalog.parse` knows its dataset by.
      file_format: what is written if nothing is there; TFDS's default is `tfrecord`.
        A reader that wants another gets it, see `formats`.
      options: as TFDS has them.

    Attributes:
      is_new: whether the last `download_and_prepare` has written data.
    """

    is_new = False

    def __init__(self, *, config=None, file_format=None, **options):
        if isinstance(config, str):
            name, *version = config.split(":", 1)  # with which TFDS deals
            known = catalog.parse(f"{self.name}/{name}").config
            config = ":".join([known, *version])
        expected = ("Using custom data configuration", "Found a different version")
        with quiet.without_warning(*expected):
            super().__init__(config=config, **options)
        if file_format:
            wanted = formats.Format.from_value(file_format)
            if not self.info.splits:  # TFDS refuses if others are there
                self.info.set_file_format(wanted, override=True)

    @property
    def variant(self) -> catalog.Variant:
        """The dataset, release and size that this builder makes."""
        raise TypeError(f"{type(self).__name__} must say which variant it makes.")

    @property
    def sizes(self) -> Mapping[str, int]:
        """Examples of each split."""
        raise TypeError(f"{type(self).__name__} must say how many examples it makes.")

    def tell(self, count: int) -> str:
        """What so many images are that have been written, for a user to read."""
        raise TypeError(f"{type(self).__name__} must say what it has made.")

    def find_source(self, dl_manager: tfds.download.DownloadManager):
        """Has `image_blocks`, `labels`, `index` of a split, as `archive.Archive`."""
        raise TypeError(f"{type(self).__name__} must say where images come from.")

    def _info(self) -> tfds.core.DatasetInfo:
        variant, dataset = self.variant, self.variant.dataset
        if dataset.task is catalog.Task.MULTILABEL:
            label = tfds.features.Tensor(shape=(dataset.num_labels,), dtype=np.uint8)
        else:
            label = tfds.features.ClassLabel(names=list(dataset.labels))
        license_ = "Apache-2.0" if variant.phantom else dataset.license  # code drew it
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": _image_feature(variant),
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
                rebuilt=variant.rebuilt,
                caution=None if variant.phantom else dataset.caution,
            ),
        )

    def is_prepared(self) -> bool:
        # TFDS warns of a folder that is not there.
        return self.data_path.exists() and super().is_prepared()

    def download_and_prepare(self, **options) -> None:
        """As TFDS's own, but two processes may ask for the same data at once."""
        path, self.is_new = self.data_path, False
        if path.exists() or "://" in str(path):  # a bucket has no file locks
            super().download_and_prepare(**options)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            with formats.lock(path):
                if path.exists():  # the other process was faster
                    self.info.read_from_directory(path)
                super().download_and_prepare(**options)
        if self.is_new:
            count = self.info.splits.total_num_examples
            told = f"{self.name}/{self.builder_config.name}: {self.tell(count)}"
            progress.say(f"{told} written to {path}")

    def _download_and_prepare(self, dl_manager, download_config) -> None:
        with _tfdss_bars_hidden() as were_shown:
            self._are_bars_shown = were_shown
            try:
                self.make(dl_manager, download_config)
            except RuntimeError as error:  # in which TFDS wraps what its writer says
                if said := errors.systems(error, self.data_dir_root):
                    raise said from error
                raise
        self.is_new = True

    def make(self, dl_manager, download_config: tfds.download.DownloadConfig) -> None:
        """Writes the data into `data_path`, which is a temporary folder meanwhile."""
        most = download_config.max_examples_per_split
        counts = self.sizes.values()
        with self._bar(sum(n if most is None else min(n, most) for n in counts)) as bar:
            self._written = bar.update
            super()._download_and_prepare(
                dl_manager=dl_manager, download_config=download_config
            )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        source = self.find_source(dl_manager)
        return {split: self._generate_examples(source, split) for split in self.sizes}

    def _generate_examples(self, source, split: str):
        arrays = [source.image_blocks(split), source.labels(split), source.index(split)]
        for example in examples(*arrays, dataset=self.variant.dataset):
            yield example
            self._written()

    def _bar(self, total: int) -> progress.Bar:
        if total >= _MANY and self.info.file_format is formats.Format.TFRECORD:
            # TFDS does at the first record that it writes: the bar would stand.
            importlib.import_module("tensorflow")
        return progress.Bar(
            total,
            text=f"Writing {self.name}/{self.builder_config.name}",
            unit=" images",
            hidden=total < _MANY or not self._are_bars_shown,
        )

    # What TFDS prints at start and end ("Unknown size"). To keep prints from stdout
    # otherwise would keep those of other threads from it. If TFDS renames these two, no
    # more happens than that its lines are back.
    def _log_download_bytes(self) -> None:
        pass

    def _log_download_done(self) -> None:
        pass

    def as_dataset(self, split=None, *, shuffle_files=False, read_config=None, **more):
        """As TFDS's own; `shuffle_files` gives up the official order."""
        formats.for_tf_data(self)
        if shuffle_files:
            read_config = read_config or tfds.ReadConfig()
            # The guard is for those who do not know that files come in another order.
            read_config = dataclasses.replace(read_config, enable_ordering_guard=False)
        with quiet.without_warning("ordered dataset", quiet.TFDS_DTYPE):
            return super().as_dataset(
                split, shuffle_files=shuffle_files, read_config=read_config, **more
            )

    def as_data_source(self, split=None, **more):
        """As TFDS's own."""
        formats.for_data_source(self)
        return super().as_data_source(split, **more)


@contextlib.contextmanager
def _tfdss_bars_hidden() -> Iterator[bool]:
    """Meanwhile; whether they were shown before, as they are then again."""
    probe = tfds.core.utils.tqdm(disable=True)  # TFDS does not tell: it gives another
    were_shown = not isinstance(probe, tfds.core.utils.EmptyTqdm)
    tfds.disable_progress_bar()
    try:
        yield were_shown
    finally:
        tfds.display_progress_bar(were_shown)


def warn_of(variant: catalog.Variant) -> None:
    """Tells of a licence or a leakage that a user must know, once in a process."""
    if variant.dataset.caution and not variant.phantom:
        _warn_once(variant.dataset.caution)


@functools.cache
def _warn_once(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=3)


def _image_feature(variant: catalog.Variant) -> tfds.features.FeatureConnector:
    """A PNG file, or a volume's voxels, compressed: both without loss."""
    shape = variant.image_shape
    if variant.dataset.form == "images":
        return tfds.features.Image(shape=shape, encoding_format="png")
    zlib = tfds.features.Encoding.ZLIB
    return tfds.features.Tensor(shape=shape, dtype=np.uint8, encoding=zlib)


def examples(
    image_blocks, labels: np.ndarray, index: np.ndarray, *, dataset: catalog.Dataset
):
    """Pairs of key and example, for `_generate_examples`: images as PNG files.

    Args:
      image_blocks: iterator of uint8 (rows, size, size, channels), or volumes.
      labels: uint8 (examples, 1), or (examples, labels) for the multi-label task.
      index: int64 (examples,).
    """
    encode = png.encode if dataset.form == "images" else iter
    files = itertools.chain.from_iterable(map(encode, image_blocks))
    is_multilabel = dataset.task is catalog.Task.MULTILABEL
    rows = labels if is_multilabel else labels[:, 0].tolist()
    together = zip(files, rows, index.tolist(), strict=True)
    for key, (image, label, row) in enumerate(together):
        yield key, {"image": image, "label": label, "index": row}


def prepared(
    variant: catalog.Variant, data_dir=None, manual_dir=None
) -> tfds.core.DatasetBuilder:
    """The variant's builder, its data found or downloaded, verified and written.

    Args:
      variant: which; a licence or leakage that matters is warned of.
      data_dir: TFDS's folder of prepared data.
      manual_dir: where official files lie; then as `finding.find` looks for them.
    """
    warn_of(variant)
    builder = tfds.builder(variant.tfds_name, data_dir=data_dir)
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    builder.download_and_prepare(download_config=config)
    return builder
