"""Where the images come from: archives, matching, rebuilding, audit.

Never imports TensorFlow, and imports a file of this room only when it is asked for.
"""

import importlib

_PUBLIC = {"manifest": "medmnist_tfds.sources.manifests"}


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
