"""The commands `medmnist-tfds decathlon ...`: each parses, calls one function, prints.

Never imports TensorFlow before a command needs it.
"""

import dataclasses
import math
import pathlib
import re
import shlex
from typing import Annotated

import typer

from medmnist_tfds.commands import options
from medmnist_tfds.data import arrays, builders, catalog
from medmnist_tfds.decathlon import changes, definition, environment, suites
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.process import errors, files, quiet, terminal

app = typer.Typer(
    no_args_is_help=True,
    help="The MedMNIST Classification Decathlon: any method, ten datasets, one table.",
)

_LARGEST_SEED = 2**32 - 1  # NumPy's and Keras'

Chosen = Annotated[
    str | None,
    typer.Option(
        "--methods",
        help="Names, with commas: constant,resnet18_28.",
        show_default="all of the suite",
    ),
]
Own = Annotated[
    list[str] | None,
    typer.Option(
        "--method", help="One more method: its name, or its folder. May be repeated."
    ),
]
Suite = Annotated[
    str,
    typer.Option(
        help="decathlon: the paper's ten datasets. v2_2d, v2_3d: MedMNIST v2's twelve "
        "of images, six of volumes."
    ),
]
Datasets = Annotated[
    str,
    typer.Option(
        help="Names, with commas: breast,retina; rebuilt: medmnist_rebuilt/breast."
    ),
]
Seeds = Annotated[str, typer.Option(help="Whole numbers, with commas: 0,1,2.")]
Budget = Annotated[
    str,
    typer.Option(help="paper: as it was published. smoke: short, to see it work."),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="METHOD.FIELD=VALUE, as resnet18_28.epochs=20. May be repeated. "
        "`decathlon methods resnet18_28` shows the fields.",
    ),
]
Jobs = Annotated[int, typer.Option(min=1, help="Cells at a time.")]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        help="Hours per cell, after which it is ended without a score.",
        show_default="the budget's limit_hours",
    ),
]
MemoryLimit = Annotated[
    float | None,
    typer.Option(
        help="GiB per cell, above which it is ended.",
        show_default="the method's, or an equal share",
    ),
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Run failed cells again.")
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say which cells would run and how long they would take here; run none.",
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(help="Address of a Dask scheduler, whose workers run the cells."),
]
Release = Annotated[
    str | None,
    typer.Option(
        help="Of the datasets: 1.0.0, the paper's, or 3.0.0.",
        show_default="1.0.0; of larger sizes and of v2 3.0.0",
    ),
]
Out = Annotated[
    pathlib.Path | None,
    typer.Option(
        help="The Decathlon's folder.",
        show_default="runs/SUITE, or runs/SUITE-phantom, -rebuilt",
    ),
]


@app.command()
def run(
    chosen: Chosen = None,
    own: Own = None,
    suite: Suite = "decathlon",
    datasets: Datasets = "all",
    seeds: Seeds = "0",
    budget: Budget = "paper",
    settings: Changes = None,
    jobs: Jobs = 1,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    retry_failed: RetryFailed = False,
    dry_run: DryRun = False,
    dask: Dask = None,
    release: Release = None,
    phantom: options.Phantom = False,
    out: Out = None,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Runs every method on every dataset with every seed: what is missing of it."""
    from medmnist_tfds.decathlon import run as decathlon

    of = suites.find(suite)
    plan = decathlon.Plan(
        methods=_methods(chosen, own, of),
        variants=_variants(datasets, of, release, phantom),
        suite=of,
        seeds=_seeds(seeds),
        budget=_budget(budget),
        jobs=jobs,
        retry_failed=retry_failed,
        limit_hours=_limit("--time-limit", time_limit),
        memory_gib=_limit("--memory-limit", memory_limit),
        dask=dask,
        data_dir=data_dir,
        manual_dir=manual_dir,
    )
    if not plan.variants[0].phantom:
        quiet.tensorflow_search()  # prepared data are read with it
    changed = changes.apply(plan.methods, settings or [], budget=budget)
    plan = dataclasses.replace(plan, methods=tuple(changed))
    kind = plan.variants[0].kind
    ending = "" if kind == "official" else f"-{kind}"
    out = out or pathlib.Path("runs", f"{suite}{ending}")
    try:
        if dry_run:
            decathlon.preview(plan, out, console=terminal.CONSOLE)
            return
        states = decathlon.run(plan, out, console=terminal.CONSOLE)
    except KeyboardInterrupt:
        what = f"The same command goes on from here: {out}"
        terminal.say(f"Interrupted. {'' if dry_run else what}".rstrip())
        raise typer.Exit(130) from None
    done = sum(state == "done" for state in states.values())
    terminal.say(f"{done} of {len(states)} cells are done. Results: {out}")
    following = f"{terminal.command()} decathlon report {shlex.quote(str(out))}"
    terminal.say(f"Next: {following}")
    if done < len(states):
        raise typer.Exit(1)


@app.command()
def report(
    folder: Annotated[
        pathlib.Path | None, typer.Argument(help="What `run` has written.")
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="Of the paper's own table instead.")
    ] = False,
    suite: Annotated[
        str | None,
        typer.Option(
            help="With --paper, whose table: v2_2d, v2_3d.", show_default="decathlon"
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="Of which confusion matrices are drawn.",
            show_default="the best by average AUC",
        ),
    ] = None,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="The folder to write to.", show_default="FOLDER/report"),
    ] = None,
    audit: Annotated[
        list[pathlib.Path] | None,
        typer.Option(
            help="What `audit` has written, pairs.csv: adds scores without the leak. "
            "May be repeated.",
            show_default="the package's, where one ships",
        ),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FOLDER",
            help="Somebody's official prediction files, as a method of that name. May "
            "be repeated.",
        ),
    ] = None,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Scores all predictions again; writes tables, pictures and a page."""
    if paper or folder is None:
        _report_of_the_paper(folder, paper, suite, out)
        return
    if suite is not None:
        raise errors.MedMNISTError(
            f"--suite is {suite}, and {folder} is given, which knows its suite. "
            "Expected one of both. Leave --suite out."
        )
    if not files.read_json(folder / "decathlon.json").get("phantom"):
        quiet.tensorflow_search()  # prepared data are read with it
    from medmnist_tfds.decathlon.report import added, tables, write
    from medmnist_tfds.sources import leaks

    audits = [leaks.read(path) for path in audit or ()]
    where, results, table = write.write(
        folder,
        out=out,
        method=method,
        data_dir=data_dir,
        manual_dir=manual_dir,
        audits=audits,
        add=[added.parse(text) for text in add or ()],
    )
    terminal.CONSOLE.print(tables.terminal(table, banner=results.banner))
    for entry in results.undone():
        terminal.say(write.line(entry))
    terminal.say(f"Wrote {where}: look at {where / 'index.html'}")


def _report_of_the_paper(folder, paper: bool, suite: str | None, out) -> None:
    if not paper or folder is not None:
        raise errors.MedMNISTError(
            f"A folder is {'given, and --paper' if paper else 'not given'}. Expected "
            "either the folder that `run` has written, or --paper."
        )
    from medmnist_tfds.decathlon.report import published

    of = suites.DECATHLON if suite is None else suites.find(suite)
    found = published.compare(of)
    for part in published.terminal(found, of):
        terminal.CONSOLE.print(part, highlight=False)
    if out is not None:
        published.draw(found, of, out / "ranks.png")
        terminal.say(f"Wrote {out / 'ranks.png'}")


@app.command("methods")
def list_methods(
    name: Annotated[
        str | None,
        typer.Argument(help="One of them, or a folder: its settings and budgets."),
    ] = None,
) -> None:
    """The methods that come with the package; or one with all that `--set` changes."""
    from medmnist_tfds.commands import methods as listing

    if name is None:
        listing.show_all()
    else:
        listing.show(methods.find(name))


@app.command()
def setup(
    name: Annotated[str, typer.Argument(help="A method's name, or its folder.")],
    python: Annotated[
        str | None,
        typer.Option(help="The interpreter.", show_default="one from the PATH"),
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
            help="Where the folder will lie.",
            show_default="gs://your-bucket/FLAG, to be replaced in the CSV",
        ),
    ] = None,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="The folder to write to.", show_default="images_FLAG"),
    ] = None,
    phantom: options.Phantom = False,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Writes PNG files and the CSV that Google's image import (Vertex AI) expects."""
    variant = catalog.parse(name, phantom=phantom)
    if not variant.phantom:
        quiet.tensorflow_search()  # prepared data are read with it
    from medmnist_tfds.decathlon.methods import google_images

    bucket = bucket or f"gs://your-bucket/{variant.flag}"
    builders.warn_of(variant)
    path = google_images.export(
        arrays.find(variant, data_dir=data_dir, manual_dir=manual_dir),
        variant.dataset,
        out or pathlib.Path(f"images_{variant.flag}"),
        prefix=bucket,
    )
    terminal.say(
        f"Wrote {path}. Upload its folder to {bucket}, and import the CSV there."
    )
    if variant.dataset.form == "volumes":
        terminal.say("Of each volume: the slice in the middle.")


def _methods(
    chosen: str | None, own: list[str] | None, suite: suites.Suite
) -> tuple[methods.Method, ...]:
    names = _list("--methods", chosen) if chosen is not None else []
    names = [*names, *(own or ())] or methods.of_suite(suite)
    folders = {}
    for method in map(methods.find, names):
        first = folders.setdefault(method.name, method)
        if first.folder != method.folder:  # they would share their cells
            raise errors.MedMNISTError(
                f"Two methods are named {method.name}: {first.folder} and "
                f"{method.folder}. Expected folders of different names."
            )
    return tuple(folders.values())


def _variants(
    text: str, suite: suites.Suite, release: str | None, phantom: bool
) -> tuple[catalog.Variant, ...]:
    names = suite.datasets if text == "all" else _list("--datasets", text)
    variants = [suite.variant(n, version=release, phantom=phantom) for n in names]
    return tuple({variant.tfds_name: variant for variant in variants}.values())


def _seeds(text: str) -> tuple[int, ...]:
    parts = _list("--seeds", text)
    are_short = all(re.fullmatch("[0-9]{1,10}", part) for part in parts)
    if not are_short or max(map(int, parts)) > _LARGEST_SEED:
        raise errors.MedMNISTError(
            f"--seeds is {text!r}. Expected whole numbers from 0 to {_LARGEST_SEED}, "
            "with commas: 0,1,2."
        )
    return tuple(dict.fromkeys(map(int, parts)))


def _budget(name: str) -> str:
    if name not in definition.BUDGETS:
        expected = " or ".join(definition.BUDGETS)
        raise errors.MedMNISTError(f"There is no budget {name!r}. Expected {expected}.")
    return name


def _limit(option: str, limit: float | None) -> float | None:
    if limit is not None and not 0 < limit < math.inf:
        raise errors.MedMNISTError(
            f"{option} is {limit}. Expected a finite number above 0."
        )
    return limit


def _list(option: str, text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise errors.MedMNISTError(
            f"{option} is {text!r}. Expected at least one name. Leave it out for all."
        )
    return parts
