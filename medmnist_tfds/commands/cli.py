"""The command line `medmnist-tfds`: it parses, calls one function, and prints.

Never imports TensorFlow before a command needs it, so that `--help` answers at once.
"""

import pathlib
import sys
import warnings
from typing import Annotated

import typer
from rich import table as rich_table

import medmnist_tfds
from medmnist_tfds.commands import audit as audits
from medmnist_tfds.commands import (
    croissant,
    decathlon,
    options,
    predict,
    rebuild,
    sources,
    tables,
    tpu_check,
    train,
    weights,
    without,
)
from medmnist_tfds.data import builders, catalog, finding
from medmnist_tfds.process import errors, quiet, terminal

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The MedMNIST datasets for TensorFlow and Keras. Not for clinical use.",
)
app.add_typer(decathlon.app, name="decathlon")


def _show_version(is_asked: bool) -> None:
    if is_asked:
        terminal.say(f"medmnist-tfds {medmnist_tfds.__version__}")
        raise typer.Exit


@app.callback()
def options_of_all(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Only gives the program its option; without it the commands are on their own."""


@app.command("list")
def list_datasets() -> None:
    """All datasets: task, size, licence, releases, and which files are here.

    The Decathlon's ten, the others of MedMNIST, and what is one of these in other
    splits, and no part of a suite.
    """
    table = tables.table("name", "task (classes)", *catalog.SPLITS, "licence")
    known, ten = catalog.DATASETS, catalog.SUITES["decathlon"]
    others = [name for name in known if name not in ten]
    regrouped = [dataset.name for dataset in catalog.all_regrouped()]
    for names in (ten, others, regrouped):
        for name in names:
            _add_row(table, catalog.variant(name))
        table.add_section()
    terminal.CONSOLE.print(table)
    terminal.CONSOLE.print(_releases())
    here = {name: _sizes_here(dataset) for name, dataset in known.items()}
    files = [f"{name} ({', '.join(here[name])})" for name in here if here[name]]
    terminal.say("Numbers of images are those of the first release of each.")
    terminal.say(
        f"Files in {finding.root()} (MEDMNIST_ROOT): {', '.join(files) or 'none'}."
    )


def _add_row(table: rich_table.Table, variant: catalog.Variant) -> None:
    dataset, splits = variant.dataset, variant.release.splits
    table.add_row(
        dataset.name,
        f"{dataset.task.name.lower()} ({dataset.num_labels})",
        *(f"{splits[split]:,}" for split in catalog.SPLITS),
        dataset.license,
    )


def _form(dataset: catalog.Dataset) -> str:
    if dataset.form == "volumes":
        return "volumes"
    return "grey" if dataset.channels == 1 else "RGB"


def _sizes_here(dataset: catalog.Dataset) -> list[str]:
    """Sizes of which a file of any release lies where it is looked for."""
    sizes = {
        size
        for release in dataset.releases.values()
        for size in release.files
        if finding.is_here(catalog.Variant(dataset=dataset, release=release, size=size))
    }
    return [str(size) for size in sorted(sizes)]


def _releases() -> rich_table.Table:
    """Which sizes each release has, and how one asks for them."""
    table = tables.table("release", "form", "pixels a side", "e.g.")
    seen = set()
    for dataset in catalog.DATASETS.values():
        for version, release in dataset.releases.items():
            if (version, dataset.form) in seen:
                continue
            seen.add((version, dataset.form))
            sizes = ", ".join(map(str, release.files))
            largest = max(release.files)
            name = catalog.variant(dataset.name, version=version, size=largest)
            table.add_row(version, dataset.form, sizes, name.tfds_name)
    return table


@app.command()
def info(name: options.Name) -> None:
    """All facts about one dataset: labels, splits, files and checksums."""
    dataset = catalog.parse(name).dataset
    title = f"{dataset.name}: {dataset.paper_name}"
    table = tables.table("", "", show_header=False, title=title, title_justify="left")
    if dataset.regroups:
        table.add_row("made of", f"the images of {dataset.regroups}, in other splits")
    table.add_row("modality", dataset.modality)
    table.add_row("task", dataset.task.value)
    table.add_row("images", _form(dataset))
    labels = [
        label if label.isdigit() else f"{number} {label}"
        for number, label in enumerate(dataset.labels)
    ]
    table.add_row("labels", "\n".join([*labels, *filter(None, [dataset.label_note])]))
    mirrors = " and ".join(dataset.mirrors) or "none"
    table.add_row("mirrored", f"{mirrors}: {dataset.mirrors_reason}")
    table.add_row("also called", ", ".join(dataset.aliases[1:]))
    table.add_row("licence", dataset.license)
    if dataset.caution:
        table.add_row("caution", dataset.caution)
    if dataset.faults:
        table.add_row("known faults", "\n".join(dataset.faults))
    for version, release in dataset.releases.items():
        splits = ", ".join(f"{k} {v:,}" for k, v in release.splits.items())
        table.add_section()
        table.add_row(f"release {version}", f"{release.flag}: {splits}")
        for size, file in release.files.items():
            table.add_row(f"{size} pixels", f"{file.url}\nMD5 {file.md5}")
    terminal.CONSOLE.print(table)


@app.command()
def prepare(
    names: options.Names,
    phantom: options.Phantom = False,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Finds or downloads official files, verifies them, and writes the TFDS data."""
    suites = {"all": tuple(catalog.DATASETS), **catalog.SUITES}
    every = [each for name in names for each in suites.get(name, (name,))]
    for variant in [catalog.parse(name, phantom=phantom) for name in every]:
        builder = _prepared(variant, data_dir, manual_dir)
        # TFDS reads prepared data of a version by a builder of its own.
        if not getattr(builder, "is_new", False):  # a new one has said so itself
            terminal.say(f"{variant.tfds_name}: is there already, {builder.data_dir}")


@app.command()
def montage(
    name: options.Name,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "train",
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="The picture to write: .png, .jpg, .pdf or .svg.",
            show_default="montage_NAME_SPLIT.png",
        ),
    ] = None,
    gif: Annotated[
        bool, typer.Option("--gif", help="Volumes as a moving picture, slice by slice.")
    ] = False,
    phantom: options.Phantom = False,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Draws a picture of some images of each class; of volumes the middle slices."""
    variant = catalog.parse(name, phantom=phantom)
    catalog.check_split(split)
    builder = _prepared(variant, data_dir, manual_dir)
    from medmnist_tfds.commands import montage as pictures
    from medmnist_tfds.data import pipeline

    suffix, write = ("gif", pictures.write_moving) if gif else ("png", pictures.write)
    path = out or pathlib.Path(f"montage_{variant.flag}_{split}.{suffix}")
    write(pipeline.Split(builder, split), variant, path=path)
    terminal.say(f"Wrote {path}")


app.command(epilog=train.EPILOG)(train.train)
app.command()(predict.predict)
app.command()(weights.card)
app.command()(weights.push)
app.command("import-weights")(weights.import_weights)
app.command("tpu-check")(tpu_check.tpu_check)
app.command()(sources.sources)
app.command()(sources.link)
app.command()(rebuild.rebuild)
app.command()(audits.audit)
app.command()(croissant.croissant)


@app.command()
def evaluate(
    file: Annotated[
        pathlib.Path, typer.Argument(help="Scores of a whole split: CSV or NPY.")
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Whose scores they are.",
            show_default="as the name of a standard prediction file says",
            autocompletion=options.complete,
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="train, val or test.", show_default="the same")
    ] = None,
    audit: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="What `audit` has written, pairs.csv: adds a score without the leak.",
            show_default="the package's, where one ships",
        ),
    ] = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Scores predictions against the official labels.

    A file of any name wants --dataset and --split.
    """
    from medmnist_tfds.score import predictions

    prediction = predictions.read(file, dataset=dataset, split=split)
    variant = prediction.variant
    left = without.read(prediction, audit=audit)  # a bad list is said before a score
    scores = predictions.evaluate(prediction, folder=manual_dir)
    title = f"{variant.title}, {prediction.split}"
    table = tables.table("label", "AUC", title=title, title_justify="left")
    for label, auc in zip(variant.dataset.labels, scores.auc_per_class, strict=True):
        table.add_row(label, f"{auc:.3f}")
    terminal.CONSOLE.print(table)
    terminal.say(f"AUC {scores.auc:.3f}  ACC {scores.acc:.3f}")
    without.say(prediction, left, manual_dir=manual_dir)


def _prepared(variant: catalog.Variant, data_dir, manual_dir):
    quiet.tensorflow_search()
    return builders.prepared(variant, data_dir, manual_dir)


def main() -> None:
    """Entry point: an error of the user's is a message, not a traceback."""
    warnings.formatwarning = lambda message, *_, **__: f"Warning: {message}\n"
    try:
        app()
    except errors.MedMNISTError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:  # a full disk, a folder that may not be written
        print(f"Error: {errors.said_by_system(error)}", file=sys.stderr)
        raise SystemExit(1) from None
