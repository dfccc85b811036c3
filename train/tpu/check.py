"""Asks the TPU's own compiler about a training step, without a TPU.

The compiler (libtpu) and JAX's private names run in a process of their own, whose
program is `compile`. Never trains, never says how fast a step is, and imports
neither JAX nor TensorFlow.
"""

import dataclasses
import json
import math
import os
import re
import subprocess
import sys
from importlib import metadata

from packaging import requirements

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.train import recipe as recipes

BACKENDS = ("jax", "tensorflow")
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
# The smallest topology of each that the compiler takes; one chip is a part of it.
SMALLEST = {
    "v2": "v2:2x2",
    "v3": "v3:2x2",
    "v4": "v4:2x2x1",
    "v5e": "v5e:2x2",
    "v5p": "v5p:2x2x1",
    "v6e": "v6e:2x2",
}
_DISTRIBUTION, _EXTRA = "medmnist-tfds", "tpu-test"
_PROGRAM = "medmnist_tfds.train.tpu.compile"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """What the compiler made of one training step; memory in bytes."""

    device_kind: str  # as the compiler calls it
    devices: int  # that share a batch; of v5e a device is a chip
    memory: int  # of one device, in use at once
    memory_of_device: int  # that a program may use, as the compiler says
    flop_per_image: float  # forward, loss, gradients and update
    host_operations: tuple[str, ...]  # that would leave the device; none is good
    all_reduces: int  # in the program
    batch_bytes: int  # images and labels that travel to the devices, each step
    largest_batch: int | None  # None if not asked for
    flop_per_image_of_largest: float | None  # more where it computes parts twice
    seconds: float  # that the compiler took


@dataclasses.dataclass(frozen=True, kw_only=True)
class Topology:
    """Devices as the compiler names them; `is_one` takes but the first."""

    name: str
    is_one: bool

    @classmethod
    def parse(cls, text: str) -> "Topology":
        """`v5e` and `v5e:1x1` are one chip, `v5e:2x4` eight.

        Raises:
          MedMNISTError: no such generation, or no shape.
        """
        kind, _, shape = text.strip().lower().partition(":")
        is_shape = re.fullmatch(r"[1-9]\d{0,3}(x[1-9]\d{0,3})*", shape or "1")
        if kind not in SMALLEST or not is_shape:
            raise errors.MedMNISTError(
                f"There is no TPU topology {text!r}. Expected one of "
                f"{', '.join(SMALLEST)} for one chip, or with a shape for several, as "
                "v5e:2x4 (what Kaggle calls v5e-8)."
            )
        is_one = math.prod(map(int, (shape or "1").split("x"))) == 1
        return cls(name=SMALLEST[kind] if is_one else f"{kind}:{shape}", is_one=is_one)


def check(
    variant: catalog.Variant,
    recipe: recipes.Recipe,
    topology: str = "v5e",
    *,
    backend: str = "jax",
    quick: bool = False,
    largest: bool = True,
) -> Report:
    """Compiles the recipe's whole training step for a TPU, and says what it takes.

    Args:
      variant: whose number of labels and channels the network has.
      recipe: network, resolution, batch and precision.
      topology: see `Topology.parse`.
      backend: the lane, `jax` or `tensorflow`. The latter's step is that of one
        replica; the sums over replicas that TPUStrategy adds are not in it.
      quick: by the compiler's least effort: seconds instead of minutes, and a few
        percent more or less memory.
      largest: whether to look for the largest batch that fits, by doubling the
        recipe's, each by the compiler's least effort.

    Raises:
      MedMNISTError: no such topology or backend, no compiler, a batch that the devices
        cannot share, or one that does not fit.
    """
    places = Topology.parse(topology)
    if backend not in BACKENDS:
        raise errors.MedMNISTError(
            f"There is no backend {backend!r} for a TPU. Expected one of "
            f"{', '.join(BACKENDS)}."
        )
    check_installed()
    request = {
        "dataset": variant.config,
        "recipe": dataclasses.asdict(recipe),
        "topology": places.name,
        "is_one": places.is_one,
        "quick": quick,
        "largest": largest,
    }
    report = _ask(request, backend)
    return Report(**report | {"host_operations": tuple(report["host_operations"])})


def check_installed() -> None:
    """Refuses to start without what the extra [tpu-test] pins.

    Raises:
      MedMNISTError: a package that is missing, or there in another version, or a
        system for which there is none.
    """
    if sys.platform != "linux":
        raise errors.MedMNISTError(
            f"The TPU's compiler comes for Linux alone, and this is {sys.platform}. "
            "Expected Linux on x86-64. Run it there, or in a container."
        )
    wrong = []
    for text in metadata.requires(_DISTRIBUTION) or ():
        wanted = requirements.Requirement(text)
        if wanted.marker is None or not wanted.marker.evaluate({"extra": _EXTRA}):
            continue
        if wanted.marker.evaluate({"extra": ""}):  # it is not of this extra
            continue
        try:
            there = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            there = "none"
        if there == "none" or there not in wanted.specifier:
            wrong.append(f"{wanted.name}{wanted.specifier} (here: {there})")
    if wrong:
        raise errors.MedMNISTError(
            f"The TPU's compiler is not here as it is needed: {', '.join(wrong)}. "
            "Expected just these versions, as private names of JAX are used. Install "
            f'them, best into an environment of their own: pip install "{_DISTRIBUTION}'
            f'[{_EXTRA}]".'
        )


def environment(backend: str) -> dict[str, str]:
    """Of the process that compiles, where there is no TPU."""
    changed = os.environ | {
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TPU_SKIP_MDS_QUERY": "1",  # or it asks Google's cloud where it is
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # or a second process is refused
    }
    for name in ("XLA_FLAGS", "LIBTPU_INIT_ARGS"):  # would change the answer
        changed.pop(name, None)
    return changed


def _ask(request: dict, backend: str) -> dict:
    """What the program answers, as JSON in the last line that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", _PROGRAM],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env=environment(backend),
    )
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise errors.MedMNISTError(
            f"The TPU's compiler ended without an answer (exit code "
            f"{done.returncode}): {said[-1] if said else 'it said nothing'}. Expected "
            "it to compile or to say why not. Is there enough memory? It takes up to "
            "6 GiB."
        ) from None
    if "error" in answer:
        raise errors.MedMNISTError(answer["error"])
    return answer["report"]
