"""Facts about the ten datasets, read from `catalog.json`: written down nowhere else.

Never reads data files, downloads, or imports TensorFlow.
"""

import dataclasses
import difflib
import enum
import json
import pathlib
import re
import types
from collections.abc import Iterable, Mapping

from medmnist_tfds.process import errors

SPLITS = ("train", "val", "test")
DEFAULT_VERSION = "1.0.0"  # the Decathlon as published; "3.0.0" is today's release


class Task(enum.Enum):
    """Kind of task; the values are the official package's task names."""

    BINARY = "binary-class"
    MULTICLASS = "multi-class"
    ORDINAL = "ordinal-regression"
    MULTILABEL = "multi-label, binary-class"


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """One official `.npz` file; `bytes` is None where unknown."""

    url: str
    md5: str
    bytes: int | None = None

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release:
    """One official release of a dataset."""

    version: str
    flag: str  # the official short name, used in file names
    splits: Mapping[str, int]  # split -> number of examples
    files: Mapping[int, File]  # image size in pixels -> file


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
    """One of the ten datasets of the paper's Table 1."""

    name: str
    paper_name: str
    modality: str
    task: Task
    channels: int  # 1 grey, 3 RGB
    labels: tuple[str, ...]  # in the order of the .npz label numbers
    license: str
    releases: Mapping[str, Release]
    label_note: str | None = None  # what labels mean that are no words
    caution: str | None = None  # shown to whoever loads the data

    @property
    def num_labels(self) -> int:
        """Classes, or labels for the multi-label task: columns of the scores."""
        return len(self.labels)

    @property
    def label_columns(self) -> int:
        """Columns of the official label arrays: one, or one per label."""
        return len(self.labels) if self.task is Task.MULTILABEL else 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variant:
    """One dataset in one release and one image size, real or phantom."""

    dataset: Dataset
    release: Release
    size: int = 28
    phantom: bool = False

    @property
    def file(self) -> File:
        return self.release.files[self.size]

    @property
    def config(self) -> str:
        """Name of the TFDS config: `derma`, `derma_224`."""
        suffix = "" if self.size == 28 else f"_{self.size}"
        return f"{self.dataset.name}{suffix}"

    @property
    def tfds_name(self) -> str:
        """What `tfds.load` takes: `medmnist/derma_224:3.0.0`."""
        if self.phantom:
            return f"medmnist_phantom/{self.config}"
        return f"medmnist/{self.config}:{self.release.version}"

    @property
    def flag(self) -> str:
        """Start of a prediction file's name; a phantom's says that it is one."""
        suffix = "" if self.size == 28 else f"_{self.size}"
        return f"{'phantom-' if self.phantom else ''}{self.release.flag}{suffix}"

    @property
    def title(self) -> str:
        """What tables and pictures call it; a phantom is called one."""
        if self.phantom:
            return f"PHANTOM of {self.dataset.paper_name} (synthetic)"
        size = "" if self.size == 28 else f", {self.size} pixels"
        return f"{self.dataset.paper_name} {self.release.version}{size}"


def variant(
    name: str, *, version: str = DEFAULT_VERSION, size: int = 28, phantom: bool = False
) -> Variant:
    """The variant of dataset `name`; MedMNISTError if there is none."""
    dataset = DATASETS.get(name)
    if dataset is None:
        raise errors.MedMNISTError(_unknown("dataset", name, DATASETS))
    release = dataset.releases.get(version)
    if release is None:
        raise errors.MedMNISTError(_unknown("release", version, dataset.releases))
    if size not in release.files:
        raise errors.MedMNISTError(
            f"Release {version} of {name} has no images of size {size}. Expected one "
            f"of {sorted(release.files)}. Sizes above 28 exist in release 3.0.0 only."
        )
    return Variant(dataset=dataset, release=release, size=size, phantom=phantom)


def parse(name: str, *, phantom: bool = False) -> Variant:
    """The variant that a name means, as `tfds.load` would read it.

    Args:
      name: `derma`, `derma_224`, `medmnist/derma:3.0.0`, `medmnist_phantom/derma`.
      phantom: mean the phantom also where the name does not say so.

    Raises:
      MedMNISTError: the name is of another form, or there is no such dataset.
    """
    form = (
        r"(?:(medmnist|medmnist_phantom)/)?([a-z_]+?)(?:_([0-9]{1,9}))?(?::([0-9.]+))?"
    )
    match = re.fullmatch(form, name) if isinstance(name, str) else None
    if match is None:
        raise errors.MedMNISTError(
            f"{name!r} is no dataset name. Expected a name such as 'derma', "
            "'derma_224:3.0.0' or 'medmnist/derma'; `medmnist-tfds list` shows all."
        )
    builder, dataset, size, version = match.groups()
    phantom = phantom or builder == "medmnist_phantom"
    if phantom and (size or version):
        raise errors.MedMNISTError(
            f"{name!r} asks for a size or a release, but phantom data have neither. "
            f"Ask for 'medmnist_phantom/{dataset}'."
        )
    if size == "28":
        raise errors.MedMNISTError(
            f"{name!r} names the size 28, which has no suffix. Ask for {dataset!r}."
        )
    default = "3.0.0" if size else DEFAULT_VERSION
    return variant(
        dataset, version=version or default, size=int(size or 28), phantom=phantom
    )


def check_split(split: str) -> None:
    """MedMNISTError if there is no split of that name."""
    if not isinstance(split, str) or split not in SPLITS:
        raise errors.MedMNISTError(_unknown("split", split, SPLITS))


def from_flag(flag: str, *, version: str | None = None) -> Variant:
    """The variant whose prediction files start with `flag`.

    Args:
      flag: as `Variant.flag` gives it.
      version: of its release; where none is given and several have this flag, which
        are equal byte for byte, the first.

    Raises:
      MedMNISTError: no dataset, or not in that release, has this flag.
    """
    phantom = flag.startswith("phantom-")
    known = [
        Variant(dataset=dataset, release=release, size=size, phantom=phantom)
        for dataset in DATASETS.values()
        for release in dataset.releases.values()
        for size in release.files
    ]
    fitting = [variant for variant in known if variant.flag == flag]
    if not fitting:
        flags = [variant.release.flag for variant in known]
        raise errors.MedMNISTError(_unknown("flag", flag, flags))
    for variant in fitting:
        if version in (None, variant.release.version):
            return variant
    versions = [variant.release.version for variant in fitting]
    raise errors.MedMNISTError(_unknown(f"release of {flag}", version, versions))


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    known = list(dict.fromkeys(known))
    near = difflib.get_close_matches(str(name)[:80], known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no {kind} {name!r}. Expected one of {', '.join(known)}.{hint}"


def _read() -> Mapping[str, Dataset]:
    path = pathlib.Path(__file__).with_name("catalog.json")
    facts = json.loads(path.read_text(encoding="utf-8"))["datasets"]
    return types.MappingProxyType({name: _dataset(name, facts[name]) for name in facts})


def _dataset(name: str, facts: dict) -> Dataset:
    releases = {
        version: Release(
            version=version,
            flag=fact["flag"],
            splits=types.MappingProxyType(fact["splits"]),
            files=types.MappingProxyType(
                {int(size): File(**file) for size, file in fact["files"].items()}
            ),
        )
        for version, fact in facts["releases"].items()
    }
    fields = facts | {
        "name": name,
        "task": Task(facts["task"]),
        "labels": tuple(facts["labels"]),
        "releases": types.MappingProxyType(releases),
    }
    return Dataset(**fields)


DATASETS: Mapping[str, Dataset] = _read()
