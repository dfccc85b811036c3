"""The command line `medmnist-tfds`: it parses, calls one function, and prints.

Never imports TensorFlow before a command needs it, so that `--help` answers at once.
"""

import pathlib
import sys
import warnings
from typing import Annotated

import typer
from rich import box as rich_box
from rich import table as rich_table

from medmnist_tfds.commands import decathlon, options, train
from medmnist_tfds.data import archive, builders, catalog
from medmnist_tfds.process import errors, quiet, terminal

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The ten MedMNIST datasets for TensorFlow and Keras. Not for clinical use.",
)
app.add_typer(decathlon.app, name="decathlon")


@app.command("list")
def list_datasets() -> None:
    """The ten datasets: task, size, licence, and whether the file is here."""
    table = rich_table.Table(
        title="Release 1.0.0, as in the paper",
        box=rich_box.SIMPLE,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for column in ("name", "task (classes)", *catalog.SPLITS, "licence", ""):
        is_number = column in catalog.SPLITS
        table.add_column(column, no_wrap=True, justify="right" if is_number else "left")
    for name, dataset in catalog.DATASETS.items():
        variant = catalog.variant(name)
        kind = dataset.task.name.lower()
        table.add_row(
            name,
            f"{kind} ({dataset.num_labels})",
            *(f"{variant.release.splits[split]}" for split in catalog.SPLITS),
            dataset.license,
            "here" if archive.is_here(variant) else "-",
        )
    terminal.CONSOLE.print(table)
    terminal.say(f"Files are looked for in {archive.root()} (MEDMNIST_ROOT).")


@app.command()
def info(name: options.Name) -> None:
    """All facts about one dataset: labels, splits, files and checksums."""
    dataset = catalog.parse(name).dataset
    table = rich_table.Table(
        show_header=False, title=f"{dataset.name}: {dataset.paper_name}"
    )
    table.add_row("modality", dataset.modality)
    table.add_row("task", dataset.task.value)
    table.add_row("images", "grey" if dataset.channels == 1 else "RGB")
    table.add_row(
        "labels", "\n".join(f"{i} {label}" for i, label in enumerate(dataset.labels))
    )
    table.add_row("licence", dataset.license)
    if dataset.caution:
        table.add_row("caution", dataset.caution)
    for version, release in dataset.releases.items():
        splits = ", ".join(f"{k} {v:,}" for k, v in release.splits.items())
        table.add_section()
        table.add_row(f"release {version}", f"{release.flag}: {splits}")
        for size, file in release.files.items():
            table.add_row(f"{size} pixels", f"{file.url}\nMD5 {file.md5}")
    terminal.CONSOLE.print(table)


@app.command()
def prepare(
    names: Annotated[list[str], typer.Argument(help="Datasets, or `all`.")],
    phantom: options.Phantom = False,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Finds or downloads official files, verifies them, and writes the TFDS data."""
    names = list(catalog.DATASETS) if names == ["all"] else names
    for variant in [catalog.parse(name, phantom=phantom) for name in names]:
        builder = _prepared(variant, data_dir, manual_dir)
        sizes = ", ".join(
            f"{s} {builder.info.splits[s].num_examples:,}" for s in catalog.SPLITS
        )
        terminal.say(f"{variant.tfds_name}: {sizes} in {builder.data_dir}")


@app.command()
def montage(
    name: options.Name,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "train",
    out: Annotated[pathlib.Path | None, typer.Option(help="The PNG to write.")] = None,
    phantom: options.Phantom = False,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Draws some images of each class into a PNG."""
    variant = catalog.parse(name, phantom=phantom)
    catalog.check_split(split)
    builder = _prepared(variant, data_dir, manual_dir)
    from medmnist_tfds.commands import montage as pictures
    from medmnist_tfds.data import pipeline

    path = out or pathlib.Path(f"montage_{variant.flag}_{split}.png")
    pictures.write(pipeline.Split(builder, split), variant, path=path)
    terminal.say(f"Wrote {path}")


app.command(epilog=train.EPILOG)(train.train)


@app.command()
def evaluate(
    file: Annotated[pathlib.Path, typer.Argument(help="A standard prediction file.")],
    manual_dir: options.ManualDir = None,
) -> None:
    """Scores a standard prediction file against the official labels."""
    from medmnist_tfds.score import predictions

    prediction = predictions.read(file)
    variant = prediction.variant
    scores = predictions.evaluate(prediction, folder=manual_dir)
    table = rich_table.Table(
        "label", "AUC", title=f"{variant.title}, {prediction.split}"
    )
    for label, auc in zip(variant.dataset.labels, scores.auc_per_class, strict=True):
        table.add_row(label, f"{auc:.3f}")
    terminal.CONSOLE.print(table)
    terminal.say(f"AUC {scores.auc:.3f}  ACC {scores.acc:.3f}")


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
