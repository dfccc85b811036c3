"""Options that several commands of the command line have."""

import pathlib
from typing import Annotated

import typer

from medmnist_tfds.data import catalog


def complete(incomplete: str) -> list[str]:
    """What a shell may complete a dataset's name to."""
    names = [*catalog.DATASETS, *(each.name for each in catalog.all_regrouped())]
    return [name for name in names if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        help="A dataset: breast, derma_224, organ_axial:3.0.0.", autocompletion=complete
    ),
]
Names = Annotated[
    list[str],
    typer.Argument(
        help=f"Datasets, {', '.join(catalog.SUITES)}, or `all`.",
        autocompletion=complete,
    ),
]
Phantom = Annotated[
    bool, typer.Option("--phantom", help="Synthetic data: no files, no network.")
]
DataDir = Annotated[
    pathlib.Path | None,
    typer.Option(
        help="TFDS's folder of prepared data.",
        show_default="TFDS_DATA_DIR, or ~/tensorflow_datasets",
    ),
]
ManualDir = Annotated[
    pathlib.Path | None,
    typer.Option(
        exists=True,
        file_okay=False,
        help="Where the official .npz files lie.",
        show_default="MEDMNIST_ROOT, or ~/.medmnist",
    ),
]
Sources = Annotated[
    list[pathlib.Path],
    typer.Option(
        "--source",
        help="A folder, .zip or .tar.gz of the archive, read in place. Give it several "
        "times if the archive has several files, or put them into one folder.",
    ),
]
