"""Training steps as the TPU's own compiler sees them: a table, without a TPU.

`python -m benchmarks.tpu_steps`, in the environment that `make test-tpu` makes,
compiles the four ResNets in both precisions for one v5e chip and for eight: about an
hour on two cores, `--quick` a quarter of that. Never says how fast they are.
"""

import argparse
import itertools

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.train import recipe as recipes
from medmnist_tfds.train.tpu import check as tpu_check

_NETWORKS = tuple(itertools.product((28, 224), ("resnet18", "resnet50")))
_PER_CHIP = 128  # images
_CHIPS = {"v5e": 1, "v5e:2x4": 8}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", choices=tpu_check.BACKENDS, default="jax")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--per-chip", type=int, default=_PER_CHIP, help="images")
    parser.add_argument("--topology", choices=_CHIPS, action="append")
    options = parser.parse_args()
    print(
        "| step | compiled in | memory | GFLOP per image | all-reduces | on the host |"
    )
    print("|---|---|---|---|---|---|", flush=True)
    every = itertools.product(
        _NETWORKS, tpu_check.PRECISIONS, options.topology or _CHIPS
    )
    for (resolution, model), precision, topology in every:
        batch = options.per_chip * _CHIPS[topology]
        name = f"{model} {resolution} {precision}, {topology}, batch {batch:,}"
        recipe = recipes.Recipe(
            model=model,
            resolution=resolution,
            precision=tpu_check.PRECISIONS[precision],
            batch_size=batch,
        )
        print(f"| {name} | {_row(recipe, topology, options)} |", flush=True)


def _row(recipe: recipes.Recipe, topology: str, options) -> str:
    try:
        report = tpu_check.check(
            catalog.parse("path"),
            recipe,
            topology,
            backend=options.backend,
            quick=options.quick,
            largest=False,
        )
    except errors.MedMNISTError as error:
        return str(error)
    cells = (
        f"{report.seconds:.0f} s",
        f"{report.memory / 1e6:,.0f} MB",
        f"{report.flop_per_image / 1e9:.2f}",
        str(report.all_reduces),
        ", ".join(report.host_operations) or "none",
    )
    return " | ".join(cells)


if __name__ == "__main__":
    main()
