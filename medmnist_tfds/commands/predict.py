"""`medmnist-tfds predict`: parses, asks a run's network, and prints or writes answers.

Never decodes an image or computes a probability itself.
"""

import csv
import pathlib
from collections.abc import Iterator
from typing import Annotated

import typer

from medmnist_tfds.commands import tables
from medmnist_tfds.data import progress
from medmnist_tfds.process import backend, errors, files, quiet, terminal

_MOST_ROWS = 100  # of a table on a terminal
_MOST_LABELS = 3  # of an image among others
_WARNING = "Not for clinical use."


def predict(
    run: Annotated[str, typer.Argument(help="A run's folder, or hf://user/name.")],
    images: Annotated[
        list[pathlib.Path],
        typer.Argument(
            help="PNG, JPEG, TIFF or DICOM; folders, .zip and .tar.gz of them, too."
        ),
    ],
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="A CSV file of all probabilities, in place of a table."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Draw where the network looked, into IMAGE.explained.png.",
        ),
    ] = False,
    pictures: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="The folder for --explain.", show_default="beside each image"
        ),
    ] = None,
    frame: Annotated[
        int | None,
        typer.Option(help="Which image of a file that holds several, from 1."),
    ] = None,
) -> None:
    """Asks a run's network about images of your own. Not for clinical use.

    Images are prepared as those of the run's dataset were. It says how far each lies
    from the training images; whether an answer is right it cannot know.
    """
    from medmnist_tfds.sources import preparing

    items, others = preparing.files(*images)
    _check(len(items), others, out)
    places = _places(items, pictures) if explain else []
    backend.choose()
    quiet.tensorflow_search()
    from medmnist_tfds import models

    predictor = models.Predictor(run)
    _say_before(predictor, others)
    prepared = preparing.prepare(
        items, predictor.preparation, frame=frame, show=explain
    )
    counted = _Counted(predictor.stream(prepared), len(items))
    answers = _explained(counted, predictor, places) if explain else counted
    if out is None:
        _show(list(answers), predictor)
    else:
        _write(answers, predictor, out)
    if explain:
        _say_pictures(counted.total - counted.problems, places, pictures)
    _say_after(counted, predictor)
    if counted.problems:
        raise typer.Exit(1)


class _Counted:
    """Predictions as they pass, with a bar."""

    def __init__(self, predictions: Iterator, total: int):
        self._predictions, self.total = predictions, total
        self.problems = self.other_kind = 0

    def __iter__(self) -> Iterator:
        with progress.Bar(self.total, text="Predicting", unit=" images") as bar:
            for each in self._predictions:
                self.problems += each.problem is not None
                self.other_kind += bool(each.is_other_kind)
                yield each
                bar.update()


def _check(count: int, others: int, out: pathlib.Path | None) -> None:
    """Refuses before anything slow."""
    if not count:
        raise errors.MedMNISTError(
            f"There is no image among {others:,} files. Expected PNG, JPEG, TIFF or "
            "DICOM files. Give such a file, or a folder of them."
        )
    if out is None and count > _MOST_ROWS:
        raise errors.MedMNISTError(
            f"{count:,} images are too many for a table. Expected {_MOST_ROWS} at the "
            "most. Give --out FILE.csv."
        )
    if out is not None:
        if out.suffix.lower() != ".csv":
            raise errors.MedMNISTError(
                f"{out} is not called as a CSV file. Expected a name that ends in .csv."
            )
        files.check_writable(out, such_as="predictions.csv")


def _places(items, pictures: pathlib.Path | None) -> list[pathlib.Path]:
    """Where the picture of each goes.

    Raises:
      MedMNISTError: images lie in an archive, and no folder is given.
    """
    from medmnist_tfds.sources import preparing

    paths = [pictures / item.name if pictures else item.path for item in items]
    if None in paths:
        raise errors.MedMNISTError(
            f"{items[paths.index(None)].shown} lies in an archive, where a picture "
            "cannot be written. Expected a folder. Give --pictures FOLDER."
        )
    return [path.with_name(f"{path.name}{preparing.EXPLAINED}") for path in paths]


def _explained(predictions, predictor, places) -> Iterator:
    from medmnist_tfds.models import explaining

    for each, path in zip(predictions, places, strict=True):
        if each.problem is None:
            explaining.explain(predictor, each, path)
        yield each


def _say_before(predictor, others: int) -> None:
    preparation = predictor.preparation
    terminal.say(
        f"Network of {predictor.variant.title}. Images are made "
        f"{preparation.size} pixels wide: {preparation.recipe} (as its own were: "
        f"{preparation.known})."
    )
    if others:
        terminal.say(f"{others:,} other files were passed over.")


def _show(predictions: list, predictor) -> None:
    good = [each for each in predictions if each.problem is None]
    if len(good) == 1 and len(predictions) == 1:
        _show_one(good[0], predictor)
    elif good:
        table = tables.table("image", "probabilities", "farther than")
        for each in good:
            order = each.probabilities.argsort()[::-1][:_MOST_LABELS]
            answers = [
                f"{predictor.labels[label]} {each.probabilities[label]:.3f}"
                for label in order
            ]
            table.add_row(each.name.rsplit("/", 1)[-1], "\n".join(answers), _far(each))
        terminal.CONSOLE.print(table)
        if predictor.kind is not None:
            terminal.say(
                "Farther than: how many of the validation images lie nearer to the "
                "training images."
            )
    for each in predictions:
        if each.problem is not None:
            terminal.say(f"Error: {each.problem}")


def _show_one(prediction, predictor) -> None:
    table = tables.table("label", "probability")
    for label in prediction.probabilities.argsort()[::-1]:
        value = prediction.probabilities[label]
        table.add_row(predictor.labels[label], f"{value:.3f}")
    terminal.CONSOLE.print(table)
    if prediction.nearer is not None:
        terminal.say(
            f"{100 * prediction.nearer:.0f} % of the validation images lie nearer to "
            "the training images."
        )


def _far(prediction) -> str:
    if prediction.nearer is None:
        return "unknown"
    far = f"{100 * prediction.nearer:.0f} %"
    return f"{far}: ANOTHER KIND" if prediction.is_other_kind else far


def _row(prediction, predictor) -> list[str]:
    if prediction.problem is not None:
        unknown = (len(predictor.labels) + 3) * [""]
        return [prediction.name, *unknown, prediction.problem]
    nearer, is_other = prediction.nearer, prediction.is_other_kind
    return [
        prediction.name,
        "; ".join(predictor.decided(prediction.probabilities)),
        *(f"{value:.6f}" for value in prediction.probabilities),
        "" if nearer is None else f"{nearer:.4f}",
        "" if is_other is None else str(int(is_other)),
        "",
    ]


def _write(predictions, predictor, out: pathlib.Path) -> None:
    with (
        files.replacing(out) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        ends = ("nearer_validation_images", "is_other_kind", "problem")
        writer.writerow(["image", "answer", *predictor.labels, *ends])
        for each in predictions:
            writer.writerow(_row(each, predictor))
    terminal.say(f"Wrote {out}")


def _say_pictures(count: int, places, pictures: pathlib.Path | None) -> None:
    if count and len(places) == 1:
        terminal.say(f"Wrote {places[0]}")
    elif count:
        terminal.say(
            f"Wrote {count:,} pictures, IMAGE.explained.png, "
            + (f"into {pictures}" if pictures else "beside their images")
        )


def _say_after(counted: _Counted, predictor) -> None:
    read = counted.total - counted.problems
    if counted.problems:
        terminal.say(f"{counted.problems:,} of {counted.total:,} could not be read.")
    if predictor.kind is None:
        terminal.say(
            "This run has no kind.npz: whether an image is of another kind than the "
            "training images cannot be told."
        )
    elif counted.other_kind:
        terminal.say(
            f"{counted.other_kind:,} of {read:,} lie farther from the training images "
            "than 99 % of the validation images: the network has seen none of that "
            "kind, and its answer means nothing."
        )
    if read:
        terminal.say(
            "An image that lies near the training images may still be answered wrongly."
            f" {_WARNING}"
        )
