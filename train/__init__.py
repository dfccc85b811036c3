"""One run: a recipe, exact validation scores, the best model kept, a scored result."""

from medmnist_tfds.train.metrics import TaskMetrics
from medmnist_tfds.train.recipe import PAPER, Recipe, override
from medmnist_tfds.train.run import Result, fit

__all__ = ["PAPER", "Recipe", "Result", "TaskMetrics", "fit", "override"]
