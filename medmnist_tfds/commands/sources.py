"""The commands `sources` and `link`: where the images come from.

Never matches or decides anything itself.
"""

import contextlib
import math
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Annotated

import typer
from rich import console as rich_console
from rich import progress as rich_progress

from medmnist_tfds.commands import options, tables
from medmnist_tfds.data import archive, catalog, finding, progress
from medmnist_tfds.process import files, terminal

_SHOWN = 10  # problems
_KEPT_EVERY = 300  # seconds


def sources(
    name: Annotated[
        str | None,
        typer.Argument(
            help="One of the ten.", show_default="all", autocompletion=options.complete
        ),
    ] = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """What the images were made of: archives, licences, expected files, recipes.

    With a NAME also whether the official files at hand were JPEGs once.
    """
    from medmnist_tfds.sources import archives

    if name is None:
        table = tables.table("name", "archive", "images", "size", "licence")
        for each, facts in archives.ARCHIVES.items():
            licence = (facts.license or "not stated").split(";")[0]
            table.add_row(each, facts.title, _count(facts), facts.size or "?", licence)
        terminal.CONSOLE.print(table)
        terminal.say("All facts of one: medmnist-tfds sources NAME")
        return
    facts = archives.of(catalog.parse(name))
    _tell(facts)
    _tell_traces(facts.dataset, manual_dir)


def _tell(facts) -> None:
    title = f"{facts.dataset.name}: {facts.title}"
    table = tables.table("", "", show_header=False, title=title, title_justify="left")
    width = "of different sizes"
    if facts.pixels:
        width = "{} x {} pixels".format(*facts.pixels)
    rows = {
        "address": facts.address,
        "licence": _licence(facts),
        "size": facts.size or "not known",
        "images": f"{_count(facts)}, {width}",
        "citation": facts.citation,
        "files": "\n".join(facts.files),
        "labels": facts.label_from,
        "knows": ", ".join(facts.facts),
        "recipe": f"{facts.recipe}\n{facts.known}",
        "tried": f"{len(facts.candidates)} recipes: grey levels, crop, filter, JPEG",
    }
    for key, value in rows.items():
        table.add_row(key, value)
    terminal.CONSOLE.print(table)


def _count(facts) -> str:
    return f"{facts.images:,}" if facts.images else "scans"


def _licence(facts) -> str:
    return facts.license or (
        f"not stated where we looked; the official dataset's is {facts.dataset.license}"
    )


def _tell_traces(dataset: catalog.Dataset, manual_dir) -> None:
    """Of each official file at hand, once if it is in two releases."""
    from medmnist_tfds.sources import jpeg_trace

    seen = set()
    for version, release in dataset.releases.items():
        for size, file in release.files.items():
            variant = catalog.Variant(dataset=dataset, release=release, size=size)
            if file.md5 in seen or finding.look(variant, folder=manual_dir) is None:
                continue
            seen.add(file.md5)
            official = archive.Archive(variant, folder=manual_dir)
            trace = jpeg_trace.look(next(iter(official.image_blocks("train"))))
            changes = ", ".join(f"{q}: {c:.2f}" for q, c in trace.changes.items())
            terminal.say(f"{file.name} ({version}): {trace.verdict}")
            terminal.say(
                f"  mean change of {trace.images} images, by quality: {changes}"
            )
    if not seen:
        terminal.say("No official file is at hand to look for a trace of JPEG.")


def link(
    name: options.Name,
    source: options.Sources,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="The manifest to write.", show_default="NAME.csv"),
    ] = None,
    official: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="A .npz of the official form, taken as it is.",
            show_default="the official file, verified",
        ),
    ] = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Finds the source of every official image, and writes a manifest.

    28 pixels suffice: rows are the same at every size. Tells which recipe won,
    with counts. Ctrl-C writes what was found until then.
    """
    from medmnist_tfds.sources import (
        archives,
        linking,
        manifests,
        official_arrays,
        reading,
    )

    variant = catalog.parse(name)
    facts = archives.of(variant)
    reader = reading.open(*source)
    path = out or pathlib.Path(f"{variant.dataset.name}.csv")
    files.check_writable(path, such_as=f"{variant.dataset.name}.csv")
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")
    arrays = official_arrays.find(variant, file=official, folder=manual_dir)
    if official is not None:
        terminal.say(f"{official} is taken as it is: it was not verified.")
    linker = linking.Linker(facts, arrays)
    start = time.monotonic()
    keep = _every(
        _KEPT_EVERY, lambda: manifests.write(partial, linker.result().manifest)
    )
    with _watched(reader) as update:
        found = linker.run(reader, each=lambda count: (update(count), keep()))
    seconds = time.monotonic() - start
    manifests.write(path if found.is_whole else partial, found.manifest)
    _tell_link(facts, found, seconds)
    if found.is_whole:
        partial.unlink(missing_ok=True)
        terminal.say(f"Wrote {path}")
        return
    terminal.say(
        f"Interrupted: {partial} has what was found so far. The same command starts "
        "anew."
    )
    raise typer.Exit(130)


def _tell_link(facts, found, seconds: float) -> None:
    terminal.say(
        f"Read {found.sources:,} images of {facts.title} in {seconds:.0f} s; "
        f"{found.unused:,} of them became no official image."
    )
    for place, trial in enumerate(found.trials[:2]):
        terminal.say(
            f"{'Next best' if place else 'Recipe'}: {trial.recipe} (of the first "
            f"{trial.sources:,} sources {trial.equal:,} equal to the bit, "
            f"{trial.distance:.2f} levels off)"
        )
        if trial.same_as and not place:
            terminal.say(f"  The same on these: {'; '.join(map(str, trial.same_as))}")
    table = tables.table("split", *next(iter(found.counts.values())))
    for split, counts in found.counts.items():
        table.add_row(split, *(f"{count:,}" for count in counts.values()))
    terminal.CONSOLE.print(table)
    remarked = [row for row in found.manifest.rows() if row["remark"]]
    for row in remarked[:_SHOWN]:
        terminal.say(f"{row['split']} {row['index']}: {row['source']}, {row['remark']}")
    if len(remarked) > _SHOWN:
        terminal.say(f"... and {len(remarked) - _SHOWN:,} more: column `remark`.")
    for problem in found.problems[:_SHOWN]:
        terminal.say(f"Note: {problem}")
    if len(found.problems) > _SHOWN:
        terminal.say(f"... and {len(found.problems) - _SHOWN:,} more notes.")


@contextlib.contextmanager
def _watched(reader) -> Iterator[Callable[[int], None]]:
    """A bar with the time left, by the bytes that were read; lines in a log."""
    console = rich_console.Console(stderr=True)
    bar = rich_progress.Progress(
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.TaskProgressColumn(),
        rich_progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not progress.is_watched(),
    )
    task = bar.add_task("Reading", total=max(reader.total_bytes, 1))
    say = _every(60, lambda: progress.say(_line(reader, start)))
    start = time.monotonic()

    def update(count: int) -> None:
        if progress.is_watched():
            text = f"{count:,} images"
            bar.update(task, completed=reader.done_bytes, description=text)
        else:
            say()

    with bar:
        yield update


def _line(reader, start: float) -> str:
    share = reader.done_bytes / max(reader.total_bytes, 1)
    left = (time.monotonic() - start) * (1 / share - 1) if share else math.nan
    return f"Read {share:.0%}, about {left / 60:.0f} minutes left"


def _every(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
    """Calls the action when it was not called for so long."""
    last = time.monotonic()

    def maybe() -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            action()
            last = time.monotonic()

    return maybe
