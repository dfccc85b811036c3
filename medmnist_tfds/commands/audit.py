"""The command `medmnist-tfds audit`: which images of a dataset are there twice.

Never imports TensorFlow where an official file or a phantom is audited.
"""

import dataclasses
import pathlib
from typing import Annotated

import typer

from medmnist_tfds.commands import options, tables
from medmnist_tfds.data import catalog, finding, progress
from medmnist_tfds.process import errors, files, quiet, terminal

_SHOWN = 10  # notes
_NARROWEST = 8  # of a column: all of them fit into 80


def audit(
    name: options.Name,
    manifest: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="What `link` has written: finds patients and lesions in two splits.",
            show_default="the package's, where one ships",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Smallest correlation of the pairs that are listed.",
            show_default="in a gap of the distribution, else 0.999",
        ),
    ] = None,
    file: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Audit this .npz file of the official form, as `rebuild` writes it.",
            show_default="the official file",
        ),
    ] = None,
    source: Annotated[
        list[pathlib.Path] | None,
        typer.Option(
            help="The archive, as for `link`: pairs are compared at its resolution, "
            "too. May be repeated.",
        ),
    ] = None,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="The folder to write to.", show_default="audit_FLAG"),
    ] = None,
    phantom: options.Phantom = False,
    manual_dir: options.ManualDir = None,
) -> None:
    """Finds images that are there twice: in which splits, with which labels."""
    from medmnist_tfds.sources import audit as audits
    from medmnist_tfds.sources import audit_words, contents, manifests

    variant = catalog.parse(name, phantom=phantom)
    if variant.dataset.form != "images":
        raise errors.MedMNISTError(
            f"{variant.title} has volumes, and an audit compares images, however they "
            "are flipped or turned. Expected one of images. `medmnist-tfds list` shows "
            "which there are."
        )
    if file is not None and (variant.phantom or variant.rebuilt):
        raise errors.MedMNISTError(
            f"--file was given, and {variant.title} is read from elsewhere. Expected "
            f"one of both. Say `medmnist-tfds audit {variant.dataset.name} --file "
            f"{file}`, or leave --file out."
        )
    given = None if manifest is None else manifests.read(manifest)
    confirm = _confirmer(variant, source, given) if source else None
    if file is not None:
        of = contents.read(file, variant)
        terminal.say(f"{file} is taken as it is: it was not verified.")
    else:
        if not (variant.phantom or manual_dir or finding.is_here(variant)):
            quiet.tensorflow_search()  # prepared data are read with it
        of = contents.find(variant, manual_dir=manual_dir)
    known = given
    if manifest is None and file is None:
        known = _shipped(variant)
    out = out or pathlib.Path(f"audit_{of.flag}")
    written: list[str] = []
    try:
        found = audits.audit(of, manifest=known, threshold=threshold)
        if confirm is not None:
            found = dataclasses.replace(found, full=confirm(of, found.found.pairs))
        _write(out, found, written)
    except KeyboardInterrupt:
        said = f"{out} holds {', '.join(written)} of this audit, and no more"
        terminal.say(f"Interrupted: {said if written else 'nothing was written'}.")
        raise typer.Exit(130) from None
    rows = audit_words.table(found)
    shown = tables.table()
    for header, *column in zip(*rows, strict=True):
        longest = max(map(len, [*header.split(), *column]))
        shown.add_column(header, justify="right", width=max(longest, _NARROWEST))
    for row in rows[1:]:
        shown.add_row(*row)
    terminal.CONSOLE.print(shown)
    if found.full is not None:
        for problem in found.full.problems[:_SHOWN]:
            terminal.say(f"Note: {problem}")
    terminal.say(audit_words.paragraph(found))
    terminal.say(f"Wrote {out}: look at {out / 'pairs.png'}")


def _confirmer(variant: catalog.Variant, source: list[pathlib.Path], given):
    """A function from contents and pairs to what the sources say of them.

    Refuses what cannot be confirmed before images are compared.
    """
    from medmnist_tfds.sources import archives, confirming, manifests, named, reading

    archive = archives.of(dataclasses.replace(variant, rebuilt=False))
    manifest = given or manifests.manifest(variant.dataset.name)
    sources = named.Named(archive, reading.open(*source), manifest)

    def confirm(of, pairs):
        with progress.Bar(0, text="Confirming", unit=" sources") as bar:

            def each(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            return confirming.confirm(of, pairs, sources=sources, each=each)

    return confirm


def _shipped(variant: catalog.Variant):
    """The package's manifest of these images, if it knows of patients or lesions."""
    from medmnist_tfds.sources import audit as audits
    from medmnist_tfds.sources import manifests

    if variant.phantom:
        return None
    try:
        known = manifests.manifest(variant.dataset.name)
        known.check(variant.release.splits, of=variant.title)
    except errors.MedMNISTError:
        return None
    return known if set(audits.GROUPS) & set(known.columns) else None


def _write(out: pathlib.Path, found, written: list[str]) -> None:
    """Writes the folder, what takes long last; appends each name once it is there."""
    from medmnist_tfds.sources import audit_lists, audit_pictures, audit_words

    out.mkdir(parents=True, exist_ok=True)
    if found.contents.phantom:
        files.mark_phantom(out)
    files.remove(out / "groups.csv")  # of an audit before this one
    writers = {
        "pairs.csv": audit_lists.write_pairs,
        "groups.csv": audit_lists.write_groups,
        "audit.json": lambda path, of: files.write_json(path, audit_words.facts(of)),
        "audit.md": audit_words.write,
        "similarity.png": audit_pictures.write_similarity,
        "pairs.png": audit_pictures.write_pairs,
    }
    if not found.members:
        del writers["groups.csv"]
    for name, write in writers.items():
        write(out / name, found)
        written.append(name)
