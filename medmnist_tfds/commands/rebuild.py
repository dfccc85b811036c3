"""`medmnist-tfds rebuild`: parses, calls `sources.rebuilding`, and prints what it made.

Never decodes or compares an image itself.
"""

import pathlib
from typing import Annotated

import typer

from medmnist_tfds.commands import options
from medmnist_tfds.data import catalog, progress
from medmnist_tfds.process import terminal

_NAMED = 10  # of many rows
_PROBLEMS = 20


def rebuild(
    name: options.Name,
    source: options.Sources,
    size: Annotated[int, typer.Option(help="In pixels.")],
    manifest: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Which source each image was made of, as `link` writes it.",
            show_default="the one that ships, if any",
        ),
    ] = None,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="The .npz file to write.", show_default="breastmnist_96_rebuilt.npz"
        ),
    ] = None,
    skip_missing: Annotated[
        bool,
        typer.Option(
            "--skip-missing", help="Leave out images whose source is not there."
        ),
    ] = False,
    manual_dir: options.ManualDir = None,
) -> None:
    """Makes the dataset at any size, of its sources' own pixels.

    The file has the official form, splits, order and labels; `tfds.load` knows it as
    medmnist_rebuilt/breast_96.
    """
    from medmnist_tfds.sources import manifests, rebuilding

    given = manifests.read(manifest) if manifest else None
    with progress.Bar(0, text=f"Rebuilding {name}", unit=" sources") as bar:

        def each(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        made = rebuilding.rebuild(
            catalog.parse(name),
            *source,
            size=size,
            manifest=given,
            out=out,
            skip_missing=skip_missing,
            manual_dir=manual_dir,
            each=each,
        )
    _say(made)


def _say(made) -> None:
    for problem in made.problems[:_PROBLEMS]:
        terminal.say(problem)
    if len(made.problems) > _PROBLEMS:
        terminal.say(f"... and {len(made.problems) - _PROBLEMS:,} more.")
    counts = ", ".join(f"{split} {count:,}" for split, count in made.splits.items())
    terminal.say(f"Wrote {made.path}: {counts} images of {made.variant.size} pixels.")
    terminal.say(f"Recipe: {made.recipe}.")
    if made.missing:
        terminal.say(
            f"Left out: {len(made.missing):,} images without a source. The arrays "
            "SPLIT_index hold the official rows of the others."
        )
    if made.compared is None:
        terminal.say("No official file of this size is at hand to compare with.")
    else:
        _compared(made)
    expected = made.variant.file.name
    if made.path.name != expected:
        terminal.say(f"It is looked for as {expected}: name it so to load it.")
    terminal.say(
        f'Load it: tfds.load("{made.variant.tfds_name}"), with MEDMNIST_ROOT or '
        "manual_dir where it lies."
    )


def _compared(made) -> None:
    states = list(next(iter(made.compared.values())))
    sums = {s: sum(counts[s] for counts in made.compared.values()) for s in states}
    told = ", ".join(f"{count:,} {state}" for state, count in sums.items())
    terminal.say(f"Beside the official images of {made.variant.size} pixels: {told}.")
    if made.farthest:
        rows = ", ".join(
            f"{split} {row} ({levels} levels)"
            for (split, row), levels in made.farthest[:_NAMED]
        )
        more = ", ..." if len(made.farthest) > _NAMED else ""
        terminal.say(f"Farther: {rows}{more}.")
