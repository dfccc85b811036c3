"""How long the ResNet and recipe methods would take: one training step, timed.

Reads a JSON list of tasks from its standard input, prints a JSON list of seconds.
Trains on random pixels, and leaves nothing behind.
"""

import contextlib
import dataclasses
import json
import math
import sys
import time

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import backend, memory, quiet
from medmnist_tfds.train import recipe as recipes

_START_SECONDS = 20  # imports, tracing of the steps, the last scores
# Of a step on a CPU, where twice the images take twice the time: 16 of 28 pixels. Of
# volumes two: with 16, two epochs of a ResNet-50 take minutes.
_PIXELS, _FEWEST = 16 * 28**2, 2
# A forward pass of three thirds: two more are the gradients of inputs and of weights.
_FORWARD = 1 / 3


def main() -> None:
    tasks = json.load(sys.stdin)
    memory.keep_freed()
    backend.choose()
    quiet.tensorflow_search()
    known, seconds = {}, []
    for task in tasks:
        settings = task["settings"] | task["budget"]
        key = json.dumps(settings)
        if key not in known:  # another dataset changes the last layer only
            known[key] = _seconds_per_image(task["variant"], dict(settings))
        passes = _passes(settings, task["images"], catalog.parse(task["variant"]))
        seconds.append(_START_SECONDS + known[key] * passes)
    print(json.dumps(seconds))


def _passes(settings: dict, images: dict[str, int], variant) -> float:
    """How many images are trained on; one that is only scored counts a third.

    At the end that is each with all the mirror images that the recipe looks at.
    """
    scored = images["val"] + settings["statistics_images"]
    epoch = images["train"] + _FORWARD * scored
    fields = {name: settings[name] for name in recipes.FIELDS}
    recipe = recipes.Recipe(**fields)
    mirrors = variant.dataset.mirrors if recipe.views == "mirrors" else ()
    views = 2 ** len(mirrors) * sum(images.values())
    return recipe.of_size(images["train"]).epochs * epoch + _FORWARD * views


def _seconds_per_image(name: str, settings: dict) -> float:
    """Of a training step, by two epochs of two steps, of which the first warms up."""
    import keras

    from medmnist_tfds import train
    from medmnist_tfds.data import pipeline
    from medmnist_tfds.models import devices
    from medmnist_tfds.train import lessons, networks

    with contextlib.redirect_stdout(sys.stderr):  # it says which devices it takes
        strategy = train.choose_strategy(settings.pop("strategy"))
    recipe, variant = train.Recipe(**settings), catalog.parse(name)
    batch = recipe.batch_size
    if not devices.has_accelerator():
        fitting = _PIXELS // math.prod(variant.image_shape[:-1])
        batch = min(batch, max(_FEWEST, fitting))
    shape = (batch, *variant.image_shape)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    labels = np.zeros((batch, variant.dataset.label_columns), np.uint8)
    split = pipeline.Split.from_arrays(images, labels, name="train")
    times = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: times.append(time.perf_counter()),
        on_epoch_end=lambda *_: times.append(time.perf_counter()),
    )
    with strategy.scope():
        model = networks.compiled(variant, recipe)
        small = dataclasses.replace(recipe, batch_size=batch)
        data = lessons.batches(split, variant=variant, recipe=small, seed=0)
        model.fit(data, steps_per_epoch=2, epochs=2, verbose=0, callbacks=[clock])
    return (times[3] - times[2]) / (2 * batch)


main()
