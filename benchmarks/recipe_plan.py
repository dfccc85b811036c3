"""Which recipes are run on what, and what they are held against. Never measures."""

import dataclasses

from medmnist_tfds.train import recipe as recipes

RECIPES = recipes.RECIPES | {
    "paper, bfloat16": dataclasses.replace(recipes.PAPER, precision="mixed_bfloat16"),
}
DATASETS = ("breast", "retina")
SEEDS = range(5)
PEER = "ResNet-18 (28)"  # the row of Table 2 whose AUC is to be passed
# Only a part of these is run: to the AUC that is to be passed, and no further.
STOPPED = ("paper, bfloat16",)
