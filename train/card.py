"""A run's model card: Markdown with the head that Hugging Face reads.

Whom it was trained on, how, how good it is and how sure, and what it must not be used
for. Never trains, and never writes a card for a run that is not finished.
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping

import jinja2
import numpy as np

from medmnist_tfds.data import arrays
from medmnist_tfds.process import checksums, errors, files
from medmnist_tfds.score import closer_look, predictions, scoring
from medmnist_tfds.sources import leaks
from medmnist_tfds.train import outcome
from medmnist_tfds.train import recipe as recipes

NAME = "README.md"
_TEMPLATE = "card.md.jinja"
_OURS = "apache-2.0"  # of phantoms, which this package draws


def write_card(
    folder: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
) -> pathlib.Path:
    """Writes the card of a finished run anew; returns its path.

    Args:
      folder: of the run.
      data_dir: where labels are looked for, if the run is from before result.json held
        what a card tells of its scores, as for `arrays.find`.
      manual_dir: where official files lie, for the same.

    Raises:
      MedMNISTError: no folder, no run, or one that is not finished; no labels.
    """
    folder = pathlib.Path(folder)
    finished = closer(folder, outcome.read(folder), data_dir, manual_dir)
    return write(folder, finished, names=handed_out(folder))


def closer(folder, finished, data_dir=None, manual_dir=None) -> outcome.Outcome:
    """The outcome with a closer look at its scores, made now where it has none."""
    if "closer" in finished.result:
        return finished
    source = arrays.find(finished.variant, data_dir=data_dir, manual_dir=manual_dir)
    splits = [predictions.parts(path).split for path in predictions.find(folder)]
    targets = {split: source.labels(split) for split in splits}
    found = look(folder, finished.variant, targets)
    return dataclasses.replace(finished, result=finished.result | {"closer": found})


def look(folder, variant, targets: Mapping[str, np.ndarray]) -> dict | None:
    """What a card tells of predictions in a folder; None if test is not among them.

    Args:
      folder: with the prediction files.
      variant: of the dataset.
      targets: labels of the splits, as for `closer_look.look`.

    Returns:
      What result.json can hold: the fields of a `CloserLook`, and as `leak` what the
      package's list of duplicates leaves.
    """
    scores = {
        split: each.scores
        for split, each in outcome.predicted(folder).items()
        if split in ("val", "test")
    }
    if "test" not in scores:
        return None
    found = closer_look.look(targets, scores, task=variant.dataset.task)
    return dataclasses.asdict(found) | {"leak": _leak(variant, scores, targets)}


def handed_out(folder: pathlib.Path) -> list[str]:
    """Names of the files of results that are there: those that are listed.

    Not config.json and history.csv, which a longer run changes before it ends.
    """
    single = [outcome.MODEL, "model.tflite", "kind.npz"]
    here = [name for name in single if (folder / name).is_file()]
    return here + [path.name for path in predictions.find(folder)]


def write(
    folder: pathlib.Path,
    finished: outcome.Outcome,
    *,
    names: Iterable[str],
    source: str = "FOLDER",
) -> pathlib.Path:
    """Writes card and checksums beside a run's files; returns the card's path.

    Args:
      folder: with the files.
      finished: what the run came to, with a closer look at it.
      names: the files whose checksums are listed.
      source: what `models.load` is given to load it.
    """
    from huggingface_hub import ModelCard  # here: half a second

    variant, sums = finished.variant, checksums.write(folder, names)
    name = f"{variant.prefix}{variant.config}, {_network(finished)}"
    text = (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            name=name,
            run=finished.result,
            look=finished.result["closer"],
            variant=variant,
            dataset=variant.dataset,
            environment=finished.environment,
            network=_network(finished),
            fields=_fields(finished.result["recipe"]),
            sums=sums,
            source=source,
        )
    )
    card = ModelCard(f"---\n{_head(finished, name).to_yaml()}\n---\n\n{text}")
    with files.replacing(folder / NAME) as temporary:
        temporary.write_text(card.content, encoding="utf-8")
    return folder / NAME


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("medmnist_tfds.train", "."),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|")
    environment.filters["value"] = lambda each: (
        f"{each['value']:.3f} [{each['low']:.3f}, {each['high']:.3f}]"
    )
    return environment


def _network(finished: outcome.Outcome) -> str:
    """Name of the network; of runs from before it was written down, the recipe's."""
    return finished.result.get("network", finished.result["recipe"]["model"])


def _fields(recipe: dict) -> list[tuple[str, object, object]]:
    """(field, value, the paper's) of the recipe."""
    paper = {name: field.default for name, field in recipes.FIELDS.items()}
    return [(name, value, paper.get(name, "")) for name, value in recipe.items()]


def _leak(variant, scores, targets) -> dict | None:
    """What the package's list says of the test images; None where there is none."""
    found = leaks.shipped(variant)
    if found is None:
        return None
    scores, task = scores["test"], variant.dataset.task
    keep = found.untouched(variant, "test", len(scores))
    told = {"count": int((~keep).sum()), "examples": len(keep)}
    try:
        left = scoring.score(targets["test"][keep], scores[keep], task=task)
    except errors.MedMNISTError:  # a class has no example left
        return told
    return told | {"auc": left.auc, "acc": left.acc}


def _head(finished, name: str):
    """The metadata that Hugging Face shows, searches and compares by."""
    from huggingface_hub import EvalResult, ModelCardData

    variant, look, results = finished.variant, finished.result["closer"], []
    common = {
        "task_type": "image-classification",
        "dataset_type": variant.flag,
        "dataset_name": variant.title,
        "dataset_split": "test",
        "dataset_revision": None if variant.phantom else variant.release.version,
    }
    if look is not None:
        for kind, shown, value in (
            ("roc_auc", "AUC", look["auc"]["value"]),
            ("accuracy", "ACC", look["acc"]["value"]),
        ):
            value = round(value, 4)
            found = EvalResult(
                metric_type=kind, metric_name=shown, metric_value=value, **common
            )
            results.append(found)
    tags = ["keras", "medmnist", "medical-imaging", "not-for-clinical-use"]
    tags += ["synthetic-data"] * variant.phantom + ["3d"] * (
        variant.dataset.form == "volumes"
    )
    return ModelCardData(
        library_name="keras",
        **_license(finished),
        pipeline_tag="image-classification",
        tags=tags,
        datasets=[variant.flag],
        metrics=["roc_auc", "accuracy"],
        model_name=name,
        eval_results=results or None,
    )


def _license(finished: outcome.Outcome) -> dict[str, str]:
    """That of the images, as Hugging Face writes it: `cc-by-nc-4.0`."""
    if origin := finished.result.get("origin"):
        link = f"https://doi.org/{origin['doi']}"
        return {"license": "other", "license_name": "see-record", "license_link": link}
    if finished.variant.phantom:
        return {"license": _OURS}
    return {"license": finished.variant.dataset.license.lower().replace(" ", "-")}
