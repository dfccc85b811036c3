"""`medmnist-tfds tpu-check`: parses, calls `train.tpu.check`, prints the answer.

Never imports JAX or TensorFlow; another process does.
"""

from typing import Annotated

import typer
from rich import box as rich_box
from rich import table as rich_table

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors, terminal
from medmnist_tfds.train import recipe as recipes
from medmnist_tfds.train.tpu import check as checks

_LANES = {"jax": "Keras on JAX", "tensorflow": "Keras on TensorFlow"}


def tpu_check(
    model: Annotated[str, typer.Option(help="The network.")] = recipes.PAPER.model,
    batch: Annotated[
        int,
        typer.Option(
            "--batch", "--batch-size", help="Images per step, over all chips."
        ),
    ] = recipes.PAPER.batch_size,
    topology: Annotated[
        str, typer.Option(help="v5e is one chip, v5e:2x4 eight of them.")
    ] = "v5e",
    precision: Annotated[
        str, typer.Option(help=f"{' or '.join(checks.PRECISIONS)}.")
    ] = recipes.PAPER.precision,
    resolution: Annotated[
        int, typer.Option(help="28 or 224 pixels.")
    ] = recipes.PAPER.resolution,
    dataset: Annotated[
        str, typer.Option(help="Whose labels and channels the network has.")
    ] = "path",
    backend: Annotated[
        str, typer.Option(help="Whose step: jax, or tensorflow (of one replica).")
    ] = "jax",
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Seconds, and memory within some percent."),
    ] = False,
    largest: Annotated[
        bool, typer.Option(help="Whether to look for the largest batch that fits.")
    ] = True,
) -> None:
    """Compiles a training step for a TPU, without one, and says what it takes.

    Wants the extra `tpu-test`: the TPU's compiler. Takes two minutes and more.
    """
    known = checks.PRECISIONS | {name: name for name in checks.PRECISIONS.values()}
    if precision not in known:
        raise errors.MedMNISTError(
            f"A TPU's precision is asked for as {precision!r}. Expected one of "
            f"{', '.join(checks.PRECISIONS)}. What a TPU computes with is bfloat16."
        )
    recipe = recipes.Recipe(
        model=model, resolution=resolution, batch_size=batch, precision=known[precision]
    )
    report = checks.check(
        catalog.parse(dataset),
        recipe,
        topology,
        backend=backend,
        quick=quick,
        largest=largest,
    )
    _show(report, recipe, title=f"{_LANES[backend]}, {topology}", is_quick=quick)


def _show(report: checks.Report, recipe: recipes.Recipe, *, title, is_quick) -> None:
    gib = 2**30
    title = (
        f"{recipe.model} at {recipe.resolution} pixels, {recipe.precision}, batch "
        f"{recipe.batch_size:,}: {title}"
    )
    table = rich_table.Table(
        box=rich_box.SIMPLE, show_header=False, title=title, title_justify="left"
    )
    table.add_row("devices", f"{report.devices} ({report.device_kind})")
    memory = f"{report.memory / gib:.2f} of {report.memory_of_device / gib:.2f} GiB"
    table.add_row("memory of each", memory + " (within some percent)" * is_quick)
    table.add_row("operations", f"{report.flop_per_image / 1e9:.2f} GFLOP per image")
    stays = "none: all of the step stays on the chip"
    table.add_row("on the host", ", ".join(report.host_operations) or stays)
    table.add_row("between devices", f"{report.all_reduces} all-reduces in the program")
    table.add_row("a batch has", f"{report.batch_bytes / 1e6:.2f} MB to travel")
    if report.largest_batch:
        table.add_row("largest batch", _largest(report))
    table.add_row("compiled in", f"{report.seconds:.0f} s")
    terminal.CONSOLE.print(table)
    terminal.say(
        "That it compiles and fits is shown. Not shown: its speed, its numbers, and "
        "that a TPU's runtime runs it."
    )


def _largest(report: checks.Report) -> str:
    batch = report.largest_batch
    more = report.flop_per_image_of_largest / report.flop_per_image - 1
    text = f"{batch:,} fits, {2 * batch:,} does not (by the compiler's least effort)"
    if more > 0.01:
        text += f"; to fit, parts are computed twice: {more:.0%} more operations"
    return text
