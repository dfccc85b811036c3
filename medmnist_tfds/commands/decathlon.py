"""The commands `medmnist-tfds decathlon ...`: each parses, calls one function, prints.

Never imports TensorFlow before a command needs it.
"""

import pathlib
import shlex
from typing import Annotated

import typer

from medmnist_tfds.commands import options
from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import environment
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.process import errors, quiet, terminal

app = typer.Typer(
    no_args_is_help=True,
    help="The MedMNIST Classification Decathlon: any method, ten datasets, one table.",
)


@app.command()
def run(
    chosen: Annotated[
        str | None,
        typer.Option("--methods", help="constant,resnet18_28 [default: all]"),
    ] = None,
    own: Annotated[
        list[str] | None,
        typer.Option("--method", help="One more method: a name, or its folder."),
    ] = None,
    datasets: Annotated[
        str, typer.Option(help="breast,retina [default: all ten]")
    ] = "all",
    seeds: Annotated[str, typer.Option(help="0,1,2")] = "0",
    budget: Annotated[str, typer.Option(help="paper or smoke.")] = "paper",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="METHOD.FIELD=VALUE: resnet18_28.epochs=20"),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Cells at a time.")] = 1,
    time_limit: Annotated[
        float | None, typer.Option(help="Hours per cell [default: the budget's]")
    ] = None,
    memory_limit: Annotated[
        float | None, typer.Option(help="GiB per cell [default: the method's]")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run failed cells again.")
    ] = False,
    dask: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, instead of --jobs.")
    ] = None,
    release: Annotated[
        str, typer.Option(help="1.0.0, the paper's, or 3.0.0.")
    ] = catalog.DEFAULT_VERSION,
    phantom: options.Phantom = False,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="The Decathlon's folder [default: runs/decathlon, or "
            "runs/decathlon-phantom]"
        ),
    ] = None,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Runs every method on every dataset with every seed: what is missing of it."""
    names = _list("--methods", chosen) if chosen is not None else []
    names = [*names, *(own or ())] or methods.built_in()
    if budget not in methods.BUDGETS:
        raise errors.MedMNISTError(
            f"There is no budget {budget!r}. Expected {' or '.join(methods.BUDGETS)}."
        )
    found = [methods.find(name) for name in dict.fromkeys(names)]
    _check_names(found)
    wanted = list(catalog.DATASETS)
    wanted = wanted if datasets == "all" else _list("--datasets", datasets)
    variants = tuple(
        catalog.variant(name, version=release, phantom=phantom)
        for name in dict.fromkeys(wanted)
    )
    out = out or pathlib.Path("runs", f"decathlon{'-phantom' if phantom else ''}")
    numbers = _seeds(seeds)
    for option, limit in (
        ("--time-limit", time_limit),
        ("--memory-limit", memory_limit),
    ):
        if limit is not None and not limit > 0:
            raise errors.MedMNISTError(f"{option} is {limit}. Expected more than 0.")
    quiet.tensorflow_search()
    from medmnist_tfds.decathlon import run as decathlon

    plan = decathlon.Plan(
        methods=tuple(methods.override(found, changes or [])),
        variants=variants,
        seeds=numbers,
        budget=budget,
        jobs=jobs,
        retry_failed=retry_failed,
        limit_hours=time_limit,
        memory_gib=memory_limit,
        dask=dask,
        data_dir=data_dir,
        manual_dir=manual_dir,
    )
    try:
        states = decathlon.run(plan, out, console=terminal.CONSOLE)
    except KeyboardInterrupt:
        terminal.say(f"Interrupted. The same command goes on from here: {out}")
        raise typer.Exit(130) from None
    done = sum(state == "done" for state in states.values())
    terminal.say(f"{done} of {len(states)} cells are done. Results: {out}")
    terminal.say(f"Next: medmnist-tfds decathlon report {shlex.quote(str(out))}")
    if done < len(states):
        raise typer.Exit(1)


@app.command()
def report(
    folder: Annotated[pathlib.Path, typer.Argument(help="What `run` has written.")],
    method: Annotated[
        str | None,
        typer.Option(help="To look at closely [default: the best by average AUC]"),
    ] = None,
    out: Annotated[
        pathlib.Path | None, typer.Option(help="[default: FOLDER/report]")
    ] = None,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Scores all predictions again; writes tables, pictures and a page."""
    quiet.tensorflow_search()
    from medmnist_tfds.decathlon.report import tables, write

    where, found, table = write.write(
        folder, out=out, method=method, data_dir=data_dir, manual_dir=manual_dir
    )
    terminal.CONSOLE.print(tables.terminal(table, phantom=found.phantom))
    for entry in found.undone():
        terminal.say(write.line(entry))
    terminal.say(f"Wrote {where}: look at {where / 'index.html'}")


@app.command("methods")
def list_methods() -> None:
    """The methods that come with the package, and whether they are set up."""
    for name in methods.built_in():
        method = methods.find(name)
        found = environment.interpreter(method)
        is_missing = isinstance(found, environment.Missing)
        terminal.say(
            f"{name:14} {method.display_name:22} {found.reason if is_missing else ''}"
        )


@app.command()
def setup(
    name: Annotated[str, typer.Argument(help="A method's name, or its folder.")],
    python: Annotated[
        str | None, typer.Option(help="The interpreter [default: from the PATH]")
    ] = None,
) -> None:
    """Builds the environment of a method that needs one of its own."""
    environment.setup(methods.find(name), python=python, say=terminal.say)


@app.command()
def export_images(
    name: Annotated[str, typer.Argument(help="A dataset: breast.")],
    bucket: Annotated[
        str | None,
        typer.Option(
            help="Where the folder will lie [default: gs://your-bucket/FLAG, to be "
            "replaced in the CSV]"
        ),
    ] = None,
    out: Annotated[
        pathlib.Path | None, typer.Option(help="The folder [default: images_NAME]")
    ] = None,
    phantom: options.Phantom = False,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Writes PNG files and the CSV that Google's image import (Vertex AI) expects."""
    variant = catalog.parse(name, phantom=phantom)
    quiet.tensorflow_search()
    from medmnist_tfds.data import builders, pipeline
    from medmnist_tfds.decathlon.methods import google_images

    bucket = bucket or f"gs://your-bucket/{variant.flag}"
    builder = builders.prepared(variant, data_dir, manual_dir)
    path = google_images.export(
        {split: pipeline.Split(builder, split) for split in catalog.SPLITS},
        variant.dataset,
        out or pathlib.Path(f"images_{variant.flag}"),
        prefix=bucket,
    )
    terminal.say(
        f"Wrote {path}. Upload its folder to {bucket}, and import the CSV there."
    )


def _check_names(found: list[methods.Method]) -> None:
    """Two methods of one name would share their cells."""
    places = {method.name: method.folder for method in found}
    for method in found:
        if places[method.name] != method.folder:
            raise errors.MedMNISTError(
                f"Two methods are named {method.name}: {method.folder} and "
                f"{places[method.name]}. Expected folders of different names."
            )


def _list(option: str, text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise errors.MedMNISTError(
            f"{option} is {text!r}. Expected at least one name. Leave it out for all."
        )
    return parts


def _seeds(text: str) -> tuple[int, ...]:
    parts = _list("--seeds", text)
    if not all(part.isdecimal() for part in parts):
        raise errors.MedMNISTError(
            f"--seeds is {text!r}. Expected whole numbers with commas: 0,1,2."
        )
    return tuple(dict.fromkeys(int(part) for part in parts))
