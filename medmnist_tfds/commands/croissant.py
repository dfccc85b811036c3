"""`medmnist-tfds croissant`: parses, calls `data.croissant`, and prints what it made.

Never reads data itself.
"""

import json
import pathlib
import sys
from typing import Annotated

import typer

from medmnist_tfds.commands import options
from medmnist_tfds.data import builders, catalog
from medmnist_tfds.process import errors, terminal

_STDOUT = pathlib.Path("-")


def croissant(
    name: options.Name,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="The file to write; - for standard output.",
            show_default="croissant_FLAG.json",
        ),
    ] = None,
    with_data: Annotated[
        bool,
        typer.Option(
            "--with-data",
            help="Also write the examples beside it, as Parquet files that readers of "
            "Croissant can read.",
        ),
    ] = False,
    phantom: options.Phantom = False,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Writes the dataset's metadata as Croissant JSON-LD: files, checksums, splits."""
    from medmnist_tfds.data import croissant as writer

    variant = catalog.parse(name, phantom=phantom)
    builders.warn_of(variant)
    if out == _STDOUT:
        if with_data:
            raise errors.MedMNISTError(
                "--with-data and --out - do not go together: the Parquet files lie "
                "beside the JSON file. Name a file by --out."
            )
        json.dump(writer.describe(variant), sys.stdout, indent=1)
        print()
        return
    path = out or pathlib.Path(f"croissant_{variant.flag}.json")
    given = dict(with_data=with_data, data_dir=data_dir, manual_dir=manual_dir)
    for written in writer.write(variant, path, **given):
        terminal.say(f"Wrote {written}")
