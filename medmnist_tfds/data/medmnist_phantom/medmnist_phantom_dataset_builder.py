"""TFDS builder `medmnist_phantom`: synthetic look-alikes of all datasets.

Never reads a file, downloads, or carries a name that could pass for real data.
"""

import dataclasses

import tensorflow_datasets as tfds

from medmnist_tfds.data import builders, catalog
from medmnist_tfds.data.medmnist_phantom import images

SPLITS = {"train": 250, "val": 200, "test": 200}


@dataclasses.dataclass(eq=False)
class PhantomConfig(tfds.core.BuilderConfig):
    """A phantom of one dataset; other sizes than the usual want a name of their own.

    Example of a larger one:
      `PhantomConfig(name="derma_large", dataset="derma", splits={"train": 7000, ...})`,
      given to `tfds.builder("medmnist_phantom", config=...)`.
    """

    dataset: str = ""
    splits: dict[str, int] = dataclasses.field(default_factory=lambda: dict(SPLITS))


class Builder(builders.MedMNISTBuilder):
    """Synthetic look-alikes of all MedMNIST datasets."""

    VERSION = tfds.core.Version("3.0.0")
    RELEASE_NOTES = {
        "2.0.0": "250 training images, not 600: a dry run takes half.",
        "3.0.0": "chest: more findings, more visible, so that a short run learns some.",
    }
    BUILDER_CONFIGS = [
        PhantomConfig(
            name=name,
            dataset=name,
            description=f"Phantom (synthetic look-alike) of {dataset.paper_name}.",
        )
        for name, dataset in catalog.DATASETS.items()
    ]

    @property
    def variant(self) -> catalog.Variant:
        return catalog.parse(self.builder_config.dataset, phantom=True)

    @property
    def sizes(self) -> dict[str, int]:
        return self.builder_config.splits

    def tell(self, count: int) -> str:
        return f"{count:,} synthetic {self.variant.dataset.form}"

    def find_source(self, dl_manager: tfds.download.DownloadManager) -> images.Phantom:
        del dl_manager
        return images.Phantom(self.variant.dataset, self.sizes)
