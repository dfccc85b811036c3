"""One run: a recipe, an XLA step on any strategy, exact scores, a scored result."""

from medmnist_tfds.train.losses import focal_loss
from medmnist_tfds.train.metrics import TaskMetrics
from medmnist_tfds.train.model import XLAModel
from medmnist_tfds.train.optimizers import optimizer
from medmnist_tfds.train.recipe import PAPER, RECIPES, Recipe, override
from medmnist_tfds.train.run import Result, fit
from medmnist_tfds.train.strategy import choose_strategy

__all__ = [
    "PAPER",
    "RECIPES",
    "Recipe",
    "Result",
    "TaskMetrics",
    "XLAModel",
    "choose_strategy",
    "fit",
    "focal_loss",
    "optimizer",
    "override",
]
