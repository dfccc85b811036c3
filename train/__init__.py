"""One run: a recipe, an XLA step on any strategy, exact scores, a scored result.

All of it is imported when something of it is first asked for: `train.recipe` can be
read, and the command line's help shown, without TensorFlow.
"""

import importlib

from medmnist_tfds.process import backend

_PUBLIC = {
    "PAPER": "recipe",
    "RECIPES": "recipe",
    "Recipe": "recipe",
    "Result": "run",
    "TaskMetrics": "metrics",
    "XLAModel": "lane",
    "choose_strategy": "lane",
    "fit": "run",
    "focal_loss": "losses",
    "import_weights": "official",
    "optimizer": "optimizers",
    "override": "recipe",
    "push": "pushing",
    "write_card": "card",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    backend.check()  # before TensorFlow starts: beside some, it crashes
    for public, module in _PUBLIC.items():  # all: Keras must know every class of ours
        path = f"{__name__}.{module}"
        globals()[public] = getattr(importlib.import_module(path), public)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
