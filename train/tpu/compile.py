"""The program that compiles a training step for TPUs: JSON in, JSON out.

`python -m medmnist_tfds.train.tpu.compile`, started by `check` in a process of its
own, as libtpu may abort. Never runs on a TPU.
"""

import importlib
import json
import math
import sys
import time

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.models import compat
from medmnist_tfds.process import errors
from medmnist_tfds.train import networks
from medmnist_tfds.train import recipe as recipes
from medmnist_tfds.train.tpu import program as programs


def answer(request: dict) -> dict:
    """The fields of a `check.Report`.

    Raises:
      MedMNISTError: devices that are not known or cannot share the batch, a batch that
        does not fit, or a step that cannot be compiled.
    """
    recipe = recipes.Recipe(**request["recipe"])
    devices = programs.devices(request["topology"], is_one=request["is_one"])
    _check_share(recipe.batch_size, len(devices))
    step = Step(catalog.parse(request["dataset"]), recipe, devices)
    batch, started = recipe.batch_size, time.monotonic()
    try:
        program = step.compiled(batch, quick=request["quick"])
    except programs.DoesNotFit as error:
        fits, _ = _largest(step, batch, batch * error.there / error.needed)
        told = _does_not_fit(recipe, devices, error, fits)
        raise errors.MedMNISTError(told) from None
    report = {"seconds": time.monotonic() - started} | _figures(step, program, batch)
    largest = (None, None)
    if request["largest"]:
        state = program.get_compiled_memory_stats().alias_size_in_bytes
        room = report["memory_of_device"] - state
        guess = batch * room / (report["memory"] - state)
        # By full effort a batch may fit that by least effort does not.
        largest = max(_largest(step, batch, guess), (batch, report["flop_per_image"]))
    return report | {
        "largest_batch": largest[0],
        "flop_per_image_of_largest": largest[1],
    }


def _figures(step, program, batch: int) -> dict:
    text = program.hlo_modules()[0].to_string()
    return {
        "device_kind": step.devices[0].device_kind,
        "devices": len(step.devices),
        "memory": programs.memory(program),
        "memory_of_device": programs.memory_of(step.devices[0]),
        "flop_per_image": step.flop_per_image(program, batch),
        "host_operations": programs.host_operations(text),
        "all_reduces": programs.all_reduces(text),
        "batch_bytes": step.batch_bytes(batch),
    }


class Step:
    """A recipe's training step, to be compiled for several sizes of a batch."""

    def __init__(self, variant: catalog.Variant, recipe: recipes.Recipe, devices):
        self.devices, dataset = devices, variant.dataset
        is_multilabel = dataset.task is catalog.Task.MULTILABEL
        self._image = (variant.image_shape, "uint8")
        # As `pipeline.Split.train_batches` gives them.
        self._label = (
            ((dataset.num_labels,), "uint8") if is_multilabel else ((), "int64")
        )
        self._model = networks.compiled(variant, recipe, for_tpu=True)
        compat.build(self._model.optimizer, self._model.trainable_variables)
        lane = f"medmnist_tfds.train.tpu.step_{compat.BACKEND}"
        self._lower = importlib.import_module(lane).lower

    def compiled(self, batch: int, *, quick: bool):
        """The program for the devices.

        Raises what `programs.compile_for` does.
        """
        parts = [((batch, *shape), dtype) for shape, dtype in self._parts()]
        program, count = self._lower(self._model, *parts, self.devices)
        return programs.compile_for(self.devices[:count], program, quick=quick)

    def flop_per_image(self, program, batch: int) -> float:
        """Operations as the compiler counts them, those that it does twice, too."""
        of_one = program.cost_analysis()["flops"]  # device, and its share of the batch
        return of_one * len(self.devices) / batch

    def batch_bytes(self, batch: int) -> int:
        return batch * sum(
            math.prod(shape) * np.dtype(dtype).itemsize
            for shape, dtype in self._parts()
        )

    def _parts(self) -> list[tuple]:
        return [self._image, self._label]


def _check_share(batch: int, devices: int) -> None:
    if batch % devices:
        less = batch // devices * devices
        expected = " or ".join(str(n) for n in (less, less + devices) if n)
        raise errors.MedMNISTError(
            f"{devices} devices cannot share a batch of {batch} evenly. Expected a "
            f"multiple of {devices}. Ask for {expected}."
        )


def _largest(step: Step, batch: int, guess: float) -> tuple[int, float]:
    """The largest of a batch's doubles and halves that fits, and its operations.

    Starts where memory in proportion would lead, so that it compiles two or three
    times, by least effort. Zeros if none fits.
    """
    devices, found = len(step.devices), (0, 0.0)

    def fits(size: int) -> bool:
        nonlocal found
        try:
            program = step.compiled(size, quick=True)
        except programs.DoesNotFit:
            return False
        found = size, step.flop_per_image(program, size)
        return True

    size = batch
    while size * 2 <= guess:
        size *= 2
    while size > guess:
        size = _half(size, devices)
    if size and fits(size):
        while fits(size * 2):
            size *= 2
        return found
    while size := _half(size, devices):
        if fits(size):
            break
    return found


def _half(batch: int, devices: int) -> int:
    """Of a batch, so that devices share it evenly."""
    return batch // 2 // devices * devices


def _does_not_fit(recipe, devices, error: programs.DoesNotFit, fits: int) -> str:
    advice = f"A batch of {fits:,} fits." if fits else "Take more chips."
    return (
        f"A batch of {recipe.batch_size:,} does not fit: the step of {recipe.model} "
        f"at {recipe.resolution} pixels in {recipe.precision} needs "
        f"at least {error.needed / 2**30:.1f} GiB on each of {len(devices)} "
        f"{devices[0].device_kind}. Expected at most {error.there / 2**30:.2f} GiB, "
        f"what one has. {advice}"
    )


def main() -> None:
    try:
        said = {"report": answer(json.load(sys.stdin))}
    except errors.MedMNISTError as error:
        said = {"error": str(error)}
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
