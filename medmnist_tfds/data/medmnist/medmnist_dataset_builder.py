"""TFDS builder `medmnist`: the ten real datasets, from the official `.npz` files.

Never changes a pixel, a label or the order; never knows a number that is not in the
catalog.
"""

import tensorflow_datasets as tfds

from medmnist_tfds.data import archive, builders, catalog


def _configs() -> list[tfds.core.BuilderConfig]:
    sizes = sorted(
        {
            s
            for d in catalog.DATASETS.values()
            for r in d.releases.values()
            for s in r.files
        }
    )
    return [
        tfds.core.BuilderConfig(
            name=catalog.parse(name if size == 28 else f"{name}_{size}").config,
            description=f"{dataset.paper_name}, {size}x{size} pixels.",
            # Sizes above 28 came with release 3.0.0: it is their only and default one.
            version=None if size == 28 else tfds.core.Version("3.0.0"),
        )
        for size in sizes
        for name, dataset in catalog.DATASETS.items()
    ]


class Builder(builders.MedMNISTBuilder):
    """The ten datasets of the MedMNIST Classification Decathlon."""

    VERSION = tfds.core.Version(catalog.DEFAULT_VERSION)
    SUPPORTED_VERSIONS = [tfds.core.Version("3.0.0")]
    RELEASE_NOTES = {
        "1.0.0": "The Decathlon as published (Zenodo record 4269852).",
        "3.0.0": "Today's official release (Zenodo record 10519652): blank images "
        "removed from the organ datasets; sizes 64, 128 and 224.",
    }
    BUILDER_CONFIGS = _configs()
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Needed only where there is no network: put the official .npz file here, or "
        "into MEDMNIST_ROOT (default ~/.medmnist)."
    )

    _folder = None  # asked for by DownloadConfig(manual_dir=...)

    @property
    def variant(self) -> catalog.Variant:
        return catalog.parse(f"medmnist/{self.builder_config.name}:{self.version}")

    def _info(self) -> tfds.core.DatasetInfo:
        builders.warn_of(self.variant)
        return super()._info()

    def download_and_prepare(self, *, download_config=None, **options) -> None:
        self._folder = download_config and download_config.manual_dir
        super().download_and_prepare(download_config=download_config, **options)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        # Not dl_manager.manual_dir: it fails where the folder is empty or not there,
        # and the file may well lie in one of the other places.
        folder = self._folder or dl_manager.download_dir / "manual"
        source = archive.Archive(self.variant, folder=folder)
        return {
            split: self._generate_examples(source, split) for split in catalog.SPLITS
        }

    def _generate_examples(self, source: archive.Archive, split: str):
        return builders.examples(
            source.image_blocks(split),
            source.labels(split),
            is_multilabel=source.variant.dataset.task is catalog.Task.MULTILABEL,
        )
