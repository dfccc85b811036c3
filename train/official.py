"""The official weights of MedMNIST's experiments, as Keras files with cards.

Each becomes the folder of a finished run, which loads and is pushed as any other. Never
runs code of a checkpoint, and keeps no network whose logits are not PyTorch's.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterator

import keras
import numpy as np

from medmnist_tfds import models
from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.data.medmnist_phantom import images as phantoms
from medmnist_tfds.models import plain, torch_forward, torch_weights
from medmnist_tfds.process import checks, checksums, errors, files
from medmnist_tfds.train import ending, outcome, results
from medmnist_tfds.train import folder as folders

DOI = "10.5281/zenodo.7782114"
TOLERANCE = 1e-4  # of logits, relative to the largest where that is above 1
_NAME = re.compile(r"(?:(.+)_)?(resnet18|resnet50)_(28|224)_(\d+)")
_IMAGES = 8  # drawn ones, of which logits are compared


@dataclasses.dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of one file.

    Attributes:
      file: the checkpoint.
      folder: that of the converted network; None where there is none.
      reason: why there is none.
      difference: the largest of its logits from PyTorch's.
      scores: AUC and ACC by split; empty where no official data were at hand.
    """

    file: pathlib.Path
    folder: pathlib.Path | None = None
    reason: str | None = None
    difference: float | None = None
    scores: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Checkpoint:
    """What a file's name and folder say of it."""

    variant: catalog.Variant
    network: str
    resolution: int
    run: int

    @property
    def folder(self) -> str:
        return f"{self.variant.config}_{self.network}-{self.resolution}_{self.run}"


def import_weights(
    directory: str | os.PathLike,
    *,
    out: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
) -> Iterator[Imported]:
    """Converts the official checkpoints of a directory, one after the other.

    They are known by their names as published: `resnet18_28_1.pth`, in a folder
    `weights_breastmnist` or `breastmnist`, or with that before the name. A grey
    dataset's checkpoint that takes three channels gives a network that takes one. What
    has been converted is left as it is, unless it can be scored now.

    Args:
      directory: looked through with all folders inside.
      out: each network gets a folder in it, such as `breast_resnet18-28_1`.
      data_dir: where prepared data may lie, as for `arrays.find`.
      manual_dir: where official files may lie; nothing is downloaded.

    Yields:
      What became of each file, also of those that cannot be read.

    Raises:
      MedMNISTError: there is no such directory, or no checkpoint in it.
      ImportError: PyTorch, the extra `[torch]`, is not installed.
    """
    directory, out = checks.path(directory), checks.path(out)
    found = [p for p in sorted(directory.rglob("*")) if p.suffix in (".pth", ".zip")]
    if not found:
        raise errors.MedMNISTError(
            f"There is no .pth file in {directory}. Expected the official weights, "
            f"unpacked (https://doi.org/{DOI}). Is the directory's name right?"
        )
    sources: dict[str, arrays.Arrays | None] = {}
    for file in found:
        try:
            known = _known(file, directory)
            name = known.variant.tfds_name
            if name not in sources:
                sources[name] = arrays.at_hand(
                    known.variant, data_dir=data_dir, manual_dir=manual_dir
                )
            yield _import(file, known, out / known.folder, sources[name])
        except ValueError as error:
            yield Imported(file=file, reason=str(error).replace(str(file), "It", 1))


def _known(file: pathlib.Path, directory: pathlib.Path) -> _Checkpoint:
    if file.suffix == ".zip":
        raise errors.MedMNISTError("It is packed. Expected .pth files. Unpack it.")
    match = _NAME.fullmatch(file.stem)
    if match is None:
        raise errors.MedMNISTError(
            "Its name is not known. Expected one such as resnet18_28_1.pth or "
            "resnet50_224_3.pth: network, pixels, run. Rename it."
        )
    flag, network, resolution, run = match.groups()
    above = directory.resolve() / file.relative_to(directory).parent
    names = [flag or "", *(part.name for part in (above, *above.parents))]
    known = [catalog.DATASETS.get(name.removeprefix("weights_")) for name in names]
    dataset = next(filter(None, known), None)
    if dataset is None or dataset.form == "volumes":
        raise errors.MedMNISTError(
            "It is not known of which dataset of images it is. Expected a folder such "
            "as weights_breastmnist above it. Put it into one."
        )
    return _Checkpoint(
        variant=catalog.variant(dataset.name),  # v2's files are those of release 1.0.0
        network=network,
        resolution=int(resolution),
        run=int(run),
    )


def _import(file, known: _Checkpoint, folder: pathlib.Path, source) -> Imported:
    digest = checksums.sha256(file)
    with files.lock(folder):
        there = results.read(folder)
        is_same = there.get("origin", {}).get("sha256") == digest
        if not is_same or (source is not None and not there["scores"]):
            there = _convert(file, digest, known, folder, source)
    return Imported(
        file=file,
        folder=folder,
        difference=there["origin"]["difference"],
        scores=there["scores"],
    )


def _convert(file, digest, known: _Checkpoint, folder, source) -> dict:
    """Writes the folder of one network; returns its result."""
    variant, new = known.variant, results.new(folder)
    model, origin = _network(file, known)
    run = {
        "dataset": variant.tfds_name,
        "phantom": False,
        "seed": known.run,
        "recipe": {
            "model": known.network,
            "resolution": known.resolution,
            "weights": file.name,
        },
    }
    files.remove(new)
    new.mkdir(parents=True)
    with files.replacing(new / outcome.MODEL) as temporary:
        plain.copy(model).save(temporary)
    scores, targets = {}, {}
    for split in ("val", "test") if source is not None else ():
        scores[split], targets[split] = ending.score(
            model,
            (source.images(split), source.labels(split)),
            variant=variant,
            split=split,
            folder=new,
            run=f"{model.name}_official{known.run}",
        )
    result = run | {
        "scores": scores,
        "interrupted": False,
        "network": model.name,
        "origin": {"file": file.name, "sha256": digest, "doi": DOI} | origin,
    }
    environment = folders.environment()
    config = {"run": run, "environment": environment}
    files.write_json(folder / "config.json", config)
    ending.write_card(new, variant, result, targets, environment=environment)
    files.write_json(new / "result.json", result)
    results.complete(folder)
    return result


def _network(file: pathlib.Path, known: _Checkpoint) -> tuple[keras.Model, dict]:
    """The Keras network, and what its check came to.

    Raises:
      ValueError: the checkpoint does not fit, or the logits are not PyTorch's.
    """
    dataset, tensors = known.variant.dataset, torch_weights.read(file)
    model = models.NETWORKS[known.network](
        dataset.num_labels, dataset.channels, known.resolution
    )
    stem = tensors.get("conv1.weight")
    summed = dataset.channels == 1 and stem is not None and stem.shape[1:2] == (3,)
    # Three equal channels: their kernels, added up, do the same with one.
    own = {"conv1.weight": stem.sum(1, keepdim=True)} if summed else {}
    torch_weights.assign(model, tensors | own, of=str(file))
    count = max(_IMAGES, dataset.num_labels)
    images, _ = phantoms.generate(dataset, split="test", examples=count)
    expected = torch_forward.logits(tensors, images)
    found = np.array(model(images))
    difference = float(np.abs(found - expected).max())
    if not difference <= TOLERANCE * max(1, np.abs(expected).max()):
        raise errors.MedMNISTError(
            f"Its logits differ from PyTorch's by {difference:.1e}. Expected at most "
            f"{TOLERANCE:.0e} of the largest. Its weights may be no finite numbers."
        )
    return model, {"difference": difference, "images": count, "summed": summed}
