"""`medmnist-tfds train`: parses, calls `train.fit`, and prints what came out.

Never trains; `train/run.py` tells what a run does.
"""

import pathlib
from typing import Annotated

import typer
from rich import table as rich_table

from medmnist_tfds.commands import options
from medmnist_tfds.data import catalog
from medmnist_tfds.process import memory, quiet, terminal

_INTERRUPTED = 130  # what a shell makes of a program that Ctrl-C has ended


def train(
    name: options.Name,
    phantom: options.Phantom = False,
    epochs: Annotated[
        int | None, typer.Option(help="[default: the paper's 100]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Weights and order of images.")] = 0,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="The run's folder [default: runs/NAME_MODEL_SEED]."),
    ] = None,
    strategy: Annotated[
        str, typer.Option(help="auto, single, mirrored, multi-worker or tpu.")
    ] = "auto",
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Bit-equal runs, without XLA.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field of the recipe: learning_rate=3e-4."),
    ] = None,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Trains a ResNet by the paper's recipe, and scores it on all three splits."""
    variant = catalog.parse(name, phantom=phantom)
    memory.keep_freed()
    quiet.tensorflow_search()
    from medmnist_tfds import train as training

    short = [] if epochs is None else [f"epochs={epochs}"]
    short += ["deterministic=true"] if deterministic else []
    recipe = training.override(training.PAPER, [*(settings or ()), *short])
    try:
        result = training.fit(
            variant,
            recipe=recipe,
            seed=seed,
            out=out,
            data_dir=data_dir,
            manual_dir=manual_dir,
            strategy=training.choose_strategy(strategy),
            console=terminal.CONSOLE,
        )
    except KeyboardInterrupt:
        terminal.say(
            "Interrupted: left without scores. The same command goes on from here."
        )
        raise typer.Exit(_INTERRUPTED) from None
    if result.scores:  # a worker whose chief writes the results has none
        _show(result, title=variant.title)
    if result.interrupted:
        raise typer.Exit(_INTERRUPTED)


def _show(result, *, title: str) -> None:
    table = rich_table.Table("split", "AUC", "ACC", title=title)
    for split, scores in result.scores.items():
        table.add_row(split, f"{scores['auc']:.3f}", f"{scores['acc']:.3f}")
    terminal.CONSOLE.print(table)
    terminal.say(
        f"Epoch {result.best_epoch} of {result.epochs} was kept, by validation AUC. "
        f"Results: {result.folder}"
    )
