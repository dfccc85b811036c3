"""`card`, `push` and `import-weights`: parses, calls one function, prints.

Never writes a card itself: `train/card.py` does.
"""

import pathlib
from typing import Annotated

import typer
from rich import table as rich_table

from medmnist_tfds.commands import options
from medmnist_tfds.process import backend, errors, quiet, terminal

Run = Annotated[
    pathlib.Path, typer.Argument(help="A finished run's folder, as `train` leaves it.")
]


def card(
    run: Run,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Writes a run's model card anew; `train` has written it at the run's end.

    Labels are looked for only where a run is from before there were cards.
    """
    training = _training()
    path = training.write_card(run, data_dir=data_dir, manual_dir=manual_dir)
    terminal.say(f"Wrote {path}")


def push(
    run: Run,
    to: Annotated[str, typer.Option(help="A directory, or hf://user/name.")],
    private: Annotated[
        bool,
        typer.Option("--private", help="A new repository is seen by its owner alone."),
    ] = False,
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Puts a run's network, card and predictions into a directory or on a hub.

    hf:// is the Hugging Face hub, which wants a token (`hf auth login`, or HF_TOKEN).
    Its repositories are public if not --private. Not for clinical use.
    """
    training = _training()
    names = training.push(
        run, to, private=private, data_dir=data_dir, manual_dir=manual_dir
    )
    for name in names:
        terminal.say(f"  {name}")
    terminal.say(f"{len(names)} files are in {to}. Load it: models.load({to!r})")


def import_weights(
    directory: Annotated[
        pathlib.Path,
        typer.Argument(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="The official checkpoints, in folders such as weights_breastmnist.",
        ),
    ],
    out: Annotated[
        pathlib.Path, typer.Option(help="Each network gets a folder in it.")
    ] = pathlib.Path("runs/official"),
    data_dir: options.DataDir = None,
    manual_dir: options.ManualDir = None,
) -> None:
    """Converts the official PyTorch weights into Keras files with cards.

    Each is compared with PyTorch's logits, and scored if the official data are at hand.
    Needs PyTorch (the extra [torch]).
    """
    training = _training()
    table = rich_table.Table("file", "logits differ by", "test AUC", "ACC", "became")
    bad = 0
    try:
        for each in training.import_weights(
            directory, out=out, data_dir=data_dir, manual_dir=manual_dir
        ):
            name = str(each.file.relative_to(directory))
            terminal.say(f"{name}: {each.reason or each.folder}")
            bad += each.reason is not None
            table.add_row(name, *_row(each, out))
    except ImportError as error:
        raise errors.MedMNISTError(str(error)) from error
    terminal.CONSOLE.print(table)
    terminal.say(
        f"{table.row_count - bad} of {table.row_count} files are in {out}. Not for "
        "clinical use."
    )
    if bad:
        raise typer.Exit(1)


def _row(each, out: pathlib.Path) -> tuple[str, ...]:
    if each.reason:
        return "", "", "", f"not read: {each.reason.split('. ')[0]}."
    test = each.scores.get("test")
    shown = [f"{test[key]:.3f}" for key in ("auc", "acc")] if test else ["no data", ""]
    return f"{each.difference:.1e}", *shown, str(each.folder.relative_to(out))


def _training():
    backend.choose()
    quiet.tensorflow_search()
    from medmnist_tfds import train

    return train
