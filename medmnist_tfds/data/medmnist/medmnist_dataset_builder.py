"""TFDS builder `medmnist`: the real datasets, from the official `.npz` files.

Never changes a pixel or a label, nor the order but where a dataset is regrouped; never
knows a number that is not in the catalog.
"""

import os
from collections.abc import Mapping

import tensorflow_datasets as tfds

from medmnist_tfds.data import archive, builders, catalog


def _configs() -> list[tfds.core.BuilderConfig]:
    datasets = [*catalog.DATASETS.values(), *catalog.all_regrouped()]
    sizes = sorted({s for d in datasets for r in d.releases.values() for s in r.files})
    return [
        _config(catalog.variant(dataset.name, size=size))
        for size in sizes
        for dataset in datasets
        if any(size in release.files for release in dataset.releases.values())
    ]


def _config(variant: catalog.Variant) -> tfds.core.BuilderConfig:
    pixels = "x".join(map(str, variant.image_shape[:-1]))
    version = variant.release.version  # the first that has them: their default one
    is_usual = version == catalog.DEFAULT_VERSION
    return tfds.core.BuilderConfig(
        name=variant.config,
        description=f"{variant.dataset.paper_name}, {pixels} pixels.",
        version=None if is_usual else tfds.core.Version(version),
    )


class Builder(builders.MedMNISTBuilder):
    """The eighteen datasets of MedMNIST, ten of them those of the Decathlon."""

    VERSION = tfds.core.Version(catalog.DEFAULT_VERSION)
    SUPPORTED_VERSIONS = [tfds.core.Version("3.0.0")]
    RELEASE_NOTES = {
        "1.0.0": "The Decathlon as published (Zenodo record 4269852).",
        "3.0.0": "Today's official release (Zenodo record 10519652): blank images "
        "removed from the organ datasets; sizes 64, 128 and 224; eight more datasets, "
        "six of them volumes.",
    }
    BUILDER_CONFIGS = _configs()
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Needed only where there is no network: put the official .npz file here, or "
        "into MEDMNIST_ROOT (default ~/.medmnist)."
    )

    _folder = None  # asked for by DownloadConfig(manual_dir=...)
    _origin = None  # of the data, for a user to read

    @property
    def variant(self) -> catalog.Variant:
        return catalog.parse(f"medmnist/{self.builder_config.name}:{self.version}")

    @property
    def sizes(self) -> Mapping[str, int]:
        return self.variant.release.splits

    def tell(self, count: int) -> str:
        form = self.variant.dataset.form
        return f"{count:,} {form} of release {self.version} ({self._origin})"

    def _info(self) -> tfds.core.DatasetInfo:
        builders.warn_of(self.variant)
        return super()._info()

    def download_and_prepare(self, *, download_config=None, **options) -> None:
        self._folder = download_config and download_config.manual_dir
        super().download_and_prepare(download_config=download_config, **options)

    def find_source(self, dl_manager: tfds.download.DownloadManager) -> archive.Archive:
        # Not dl_manager.manual_dir: it fails where the folder is empty or not there,
        # and the file may well lie in one of the other places.
        folder = self._folder or dl_manager.download_dir / "manual"
        source = archive.Archive(self.variant, folder=folder)
        self._origin = f"{self.variant.file.name}, {source.origin}"
        return source

    def make(self, dl_manager, download_config: tfds.download.DownloadConfig) -> None:
        twin = self._twin() if _wants_all(download_config) else None
        if twin is None:
            super().make(dl_manager, download_config)
            return
        suffix = self.info.file_format.file_suffix
        for file in twin.data_path.glob(f"{self.name}-*.{suffix}-*"):
            _link(file, self.data_path / file.name)
        splits = [
            split.replace(filename_template=None) for split in twin.info.splits.values()
        ]
        self.info.set_splits(tfds.core.SplitDict(splits))
        self._origin = f"the same as release {twin.version}'s"

    def _twin(self) -> "Builder | None":
        """This config in another release, of the same official file and prepared."""
        own = self.variant
        for release in own.dataset.releases.values():
            file = release.files.get(own.size)
            if release == own.release or file is None or file.md5 != own.file.md5:
                continue
            twin = Builder(
                config=own.config, version=release.version, data_dir=self.data_dir_root
            )
            sizes = {s: info.num_examples for s, info in twin.info.splits.items()}
            if (
                sizes == release.splits
                and twin.info.file_format == self.info.file_format
            ):
                return twin
        return None


def _wants_all(config: tfds.download.DownloadConfig) -> bool:
    """Whether data are wanted as they are written if one asks for nothing else."""
    usual = tfds.download.DownloadConfig()
    asked = ("download_mode", "max_examples_per_split", "num_shards")
    asked += ("min_shard_size", "max_shard_size")
    return all(getattr(config, name) == getattr(usual, name) for name in asked)


def _link(source: tfds.core.Path, target: tfds.core.Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one that has no links
        source.copy(target)
