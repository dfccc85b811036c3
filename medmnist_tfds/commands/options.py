"""Options that several commands of the command line have."""

import pathlib
from typing import Annotated

import typer

Name = Annotated[
    str, typer.Argument(help="A dataset: breast, derma_224, organ_axial:3.0.0.")
]
Phantom = Annotated[
    bool, typer.Option("--phantom", help="Synthetic data: no files, no network.")
]
DataDir = Annotated[
    pathlib.Path | None,
    typer.Option(
        help="TFDS's folder of prepared data [default: ~/tensorflow_datasets]."
    ),
]
ManualDir = Annotated[
    pathlib.Path | None,
    typer.Option(
        exists=True,
        file_okay=False,
        help="Where the official .npz files lie; MEDMNIST_ROOT is looked in next.",
    ),
]
