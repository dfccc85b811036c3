"""`medmnist-tfds train`: parses, calls `train.fit`, and prints what came out.

Never trains; `train/run.py` tells what a run does.
"""

import pathlib
import textwrap
from typing import Annotated

import typer
from rich import table as rich_table

from medmnist_tfds.commands import options
from medmnist_tfds.data import catalog
from medmnist_tfds.process import backend, memory, quiet, terminal
from medmnist_tfds.train import recipe as recipes

_INTERRUPTED = 130  # what a shell makes of a program that Ctrl-C has ended
_WIDTH, _INDENT = 78, 25  # of the list of fields, so that it fits into 80 columns


def _paper(field: str) -> str:
    """What the help says of an option that is a field of the recipe."""
    return f"the paper's {getattr(recipes.PAPER, field)}"


def _fields() -> str:
    """All fields of the recipe: name, default, meaning."""
    lines = ["\b", "Fields that --set changes, and the paper's values:"]  # lines stay
    for name, field in recipes.FIELDS.items():
        known, meaning = f"{name}={field.default}", field.metadata["meaning"]
        if choices := field.metadata["choices"]:
            meaning += f": {', '.join(map(str, choices))}"
        text = f"  {known:<{_INDENT - 2}}{meaning}"
        lines += textwrap.wrap(text, _WIDTH, subsequent_indent=" " * _INDENT)
    return "\n".join(lines)


EPILOG = _fields()


def train(
    name: options.Name,
    phantom: options.Phantom = False,
    recipe: Annotated[
        str,
        typer.Option(
            help="paper; fast, from scratch at a fraction of its cost; best, with what "
            "was learned on ImageNet, too; v2 or, for volumes, v2_3d, of MedMNIST v2. "
            "What follows changes it."
        ),
    ] = "paper",
    epochs: Annotated[
        int | None,
        typer.Option(
            help="How long; more than before goes on from there.",
            show_default=_paper("epochs"),
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Images per step.", show_default=_paper("batch_size")),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="The highest.", show_default=_paper("learning_rate")),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The network (below).", show_default=_paper("model")),
    ] = None,
    seed: Annotated[int, typer.Option(help="Weights and order of images.")] = 0,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="The run's folder.", show_default="runs/DATASET_MODEL_SEED"),
    ] = None,
    strategy: Annotated[
        str, typer.Option(help="auto, single, mirrored, multi-worker or tpu.")
    ] = "auto",
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Bit-equal runs, without XLA.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Any field of the recipe (below); may be given more than once.",
        ),
    ] = None,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Trains a network by a recipe, and scores it on all three splits."""
    variant = catalog.parse(name, phantom=phantom)
    short = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "model": model,
        "deterministic": deterministic or None,
    }
    given = [f"{name}={value}" for name, value in short.items() if value is not None]
    changed = recipes.override(recipes.named(recipe), [*(settings or ()), *given])
    memory.keep_freed()
    backend.choose()
    quiet.tensorflow_search()
    from medmnist_tfds import train as training

    try:
        result = training.fit(
            variant,
            recipe=changed,
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
        _show(result, changed, title=variant.title)
    if result.interrupted:
        terminal.say("The same command goes on from here.")
        raise typer.Exit(_INTERRUPTED)


def _show(result, recipe: recipes.Recipe, *, title: str) -> None:
    table = rich_table.Table("split", "AUC", "ACC", title=title)
    for split, scores in result.scores.items():
        table.add_row(split, f"{scores['auc']:.3f}", f"{scores['acc']:.3f}")
    terminal.CONSOLE.print(table)
    why = {"best": "by validation AUC", "last": "the last one"}[recipe.keep]
    terminal.say(
        f"Epoch {result.best_epoch} of {result.epochs} was kept, {why}. "
        f"Results: {result.folder}"
    )
    state = result.folder / "state.npz"
    can_go_on = recipe.schedule == "constant" and not result.interrupted
    if state.exists() and can_go_on:
        terminal.say(
            f"More --epochs go on from its state.npz ({state.stat().st_size / 1e6:.0f} "
            "MB); without it nothing else is lost."
        )
