"""TFDS builder `medmnist_rebuilt`: data of any size, rebuilt from their sources.

Never rebuilds anything itself, and never carries a name that could pass for official.
"""

import pooch
import tensorflow_datasets as tfds

from medmnist_tfds.data import archive, catalog, finding
from medmnist_tfds.data.medmnist import medmnist_dataset_builder
from medmnist_tfds.process import errors


class _OfAnySize(dict):
    """Configs by name; those of other sizes are there as soon as they are asked for.

    Without one TFDS would read prepared data past the builder, and past its check.
    """

    def get(self, name, default=None):
        try:
            config = catalog.parse(f"medmnist_rebuilt/{name}").config
        except errors.MedMNISTError:
            return default
        text = f"{config}, rebuilt from its sources."
        return self.setdefault(
            config, tfds.core.BuilderConfig(name=config, description=text)
        )

    def __contains__(self, name) -> bool:
        return self.get(name) is not None


class Builder(medmnist_dataset_builder.Builder):
    """What `medmnist-tfds rebuild` has made: any size, as `breast_96`."""

    RELEASE_NOTES = {
        "1.0.0": "In the splits and the order of the Decathlon as published.",
        "3.0.0": "In the splits and the order of release 3.0.0.",
    }
    builder_configs = _OfAnySize()
    BUILDER_CONFIGS = list(map(builder_configs.get, catalog.SUITES["decathlon"]))
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put here, or into MEDMNIST_ROOT, what `medmnist-tfds rebuild` has made."
    )

    @property
    def variant(self) -> catalog.Variant:
        return catalog.parse(f"{self.name}/{self.builder_config.name}:{self.version}")

    def tell(self, count: int) -> str:
        return f"{count:,} images rebuilt from their sources ({self._origin})"

    def download_and_prepare(self, *, download_config=None, **options) -> None:
        """As TFDS's own; refuses data that were written from another file.

        Raises:
          MedMNISTError: they were.
        """
        folder = download_config and download_config.manual_dir
        if self.is_prepared() and (path := finding.look(self.variant, folder=folder)):
            _check(path, self.info.metadata.get("md5"), self.data_path)
        super().download_and_prepare(download_config=download_config, **options)

    def find_source(self, dl_manager: tfds.download.DownloadManager) -> archive.Archive:
        source = super().find_source(dl_manager)
        self.info.metadata["made"] = source.about
        self.info.metadata["md5"] = pooch.file_hash(str(source.path), alg="md5")
        return source

    def _twin(self) -> None:
        """None: what is rebuilt in the order of one release is of that one alone."""


def _check(path, md5: str | None, data_path) -> None:
    there = pooch.file_hash(str(path), alg="md5")
    if there != md5:
        raise errors.MedMNISTError(
            f"{data_path} was written from another file than {path} (MD5 {md5}, not "
            f"{there}): it was rebuilt since. Delete that folder, or name another "
            "data_dir."
        )
