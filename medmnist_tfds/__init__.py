"""MedMNIST for TensorFlow: importing this package registers its TFDS builders.

`from medmnist_tfds import catalog, pipeline, predictions, scoring` imports such
modules wherever they lie. Never imports TensorFlow, reads files, downloads or prints.
"""

import importlib

try:
    from medmnist_tfds.data.medmnist import medmnist_dataset_builder as _medmnist  # noqa: F401
    from medmnist_tfds.data.medmnist_phantom import (
        medmnist_phantom_dataset_builder as _phantom,  # noqa: F401
    )
    from medmnist_tfds.data.medmnist_rebuilt import (
        medmnist_rebuilt_dataset_builder as _rebuilt,  # noqa: F401
    )
except Exception as error:
    if type(error).__name__ != "VersionError":  # protobuf's; older ones have it not
        raise
    raise ImportError(
        f"TensorFlow Datasets cannot be imported: {error} Expected packages that go "
        'together. Run `pip install "tensorflow-metadata<1.18"`, as an installation of '
        "medmnist-tfds does, and restart Python."
    ) from None

__version__ = "0.1.0"

_PUBLIC = {
    "augment": "medmnist_tfds.train.augment",
    "catalog": "medmnist_tfds.data.catalog",
    "croissant": "medmnist_tfds.data.croissant",
    "pipeline": "medmnist_tfds.data.pipeline",
    "predictions": "medmnist_tfds.score.predictions",
    "scoring": "medmnist_tfds.score.scoring",
    "sources": "medmnist_tfds.sources",
}


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(_PUBLIC[name])


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
