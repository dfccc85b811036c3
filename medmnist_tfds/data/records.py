"""What a fact about a dataset is written as: frozen records, and the kinds of task.

Never knows a fact, nor which datasets there are: `catalog` does.
"""

import dataclasses
import enum
import re
from collections.abc import Mapping

from medmnist_tfds.data import regrouped
from medmnist_tfds.process import errors

SPLITS = ("train", "val", "test")
DEFAULT_VERSION = "1.0.0"  # the Decathlon as published; "3.0.0" is today's release
# The axis of (examples, [depth,] height, width, channels) that each turns round.
MIRRORS = {"horizontal": -2, "vertical": -3, "depth": -4}


class Task(enum.Enum):
    """Kind of task; the values are the official package's task names.

    `Task("binary")` works too, in any spelling of a name or a value.
    """

    BINARY = "binary-class"
    MULTICLASS = "multi-class"
    ORDINAL = "ordinal-regression"
    MULTILABEL = "multi-label, binary-class"

    @classmethod
    def _missing_(cls, value):
        for task in cls:
            if _joined(value) in (_joined(task.name), _joined(task.value)):
                return task
        known = ", ".join(f"{t.name.lower()!r} ({t.value!r})" for t in cls)
        raise errors.MedMNISTError(
            f"{value!r} is not a task. Expected a catalog.Task, or one of {known}."
        )


def _joined(value) -> str:
    return re.sub("[-_, ]", "", str(value).lower())


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """One `.npz` file; what is None is unknown, as the MD5 of one that users make.

    Attributes:
      url: where it is downloaded from.
      md5: the official checksum.
      bytes: its length.
    """

    url: str
    md5: str | None
    bytes: int | None = None

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release:
    """One official release of a dataset.

    Attributes:
      version: `1.0.0` or `3.0.0`.
      flag: the official short name, used in file names.
      splits: split -> number of examples.
      files: image size in pixels -> file.
      rows: where the splits are not those of the files, which rows of which of the
        file's splits they are made of.
    """

    version: str
    flag: str
    splits: Mapping[str, int]
    files: Mapping[int, File]
    rows: regrouped.Rows | None = None

    @property
    def file_splits(self) -> Mapping[str, int]:
        """Split -> number of examples in the files."""
        if self.rows is None:
            return self.splits
        parts = self.rows.values()
        return {s: sum(len(part.get(s, ())) for part in parts) for s in SPLITS}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
    """One of MedMNIST's datasets, or one of them regrouped.

    Attributes:
      name: ours, `derma`.
      paper_name: `DermaMNIST`.
      modality: what took the images.
      task: the kind of task.
      channels: 1 grey, 3 RGB.
      labels: names in the order of the .npz label numbers.
      license: of the data.
      releases: by version.
      mirrors: of `MIRRORS`: those that keep the label true.
      mirrors_reason: why these and no others.
      dimensions: 2, or 3 for volumes: depth, height, width.
      label_note: what labels mean that are no words.
      caution: shown to whoever loads the data.
      faults: what else is known to be wrong with them.
      regroups: which of the ten this is in other splits.
    """

    name: str
    paper_name: str
    modality: str
    task: Task
    channels: int
    labels: tuple[str, ...]
    license: str
    releases: Mapping[str, Release]
    mirrors: tuple[str, ...]
    mirrors_reason: str
    dimensions: int = 2
    label_note: str | None = None
    caution: str | None = None
    faults: tuple[str, ...] = ()
    regroups: str | None = None

    @property
    def aliases(self) -> tuple[str, ...]:
        """What it is called: here, in the paper, and by the official package.

        In any case of letters, so each stands there in one.
        """
        flags = (release.flag for release in self.releases.values())
        names = [self.name, self.paper_name, *flags]
        return tuple({name.lower(): name for name in reversed(names)}.values())[::-1]

    def default_version(self, size: int = 28) -> str:
        """The first release that has images of that size: the paper's, if it does.

        Args:
          size: pixels a side.
        """
        sizes = {version: release.files for version, release in self.releases.items()}
        fitting = [version for version in sizes if size in sizes[version]]
        return fitting[0] if fitting else max(sizes, key=lambda v: len(sizes[v]))

    @property
    def form(self) -> str:
        """What an example is: one of `images`, or of `volumes`."""
        return "images" if self.dimensions == 2 else "volumes"

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
    """One dataset in one release and one image size: official, phantom or rebuilt.

    Attributes:
      dataset: which one.
      release: of it.
      size: pixels a side.
      phantom: it is the synthetic look-alike.
      rebuilt: it is what `medmnist-tfds rebuild` makes of the sources' own pixels.
    """

    dataset: Dataset
    release: Release
    size: int = 28
    phantom: bool = False
    rebuilt: bool = False

    @property
    def file(self) -> File:
        if not self.rebuilt:
            return self.release.files[self.size]
        flag = self.release.files[28].name.removesuffix(".npz")
        return File(url=f"{flag}_{self.size}_rebuilt.npz", md5=None)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of one example: (size, size, channels), or a volume's (size,) * 3 too."""
        return (self.size,) * self.dataset.dimensions + (self.dataset.channels,)

    @property
    def kind(self) -> str:
        """What tells data that must not be mixed: official, phantom or rebuilt."""
        if self.phantom:
            return "phantom"
        return "rebuilt" if self.rebuilt else "official"

    @property
    def prefix(self) -> str:
        """What names of results begin with that are not of official data."""
        return "" if self.kind == "official" else f"{self.kind}-"

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
        version = self.release.version
        if self.rebuilt and version == DEFAULT_VERSION:
            # Of a name with a version TFDS reads what is prepared, unchecked.
            return f"medmnist_rebuilt/{self.config}"
        builder = "medmnist_rebuilt" if self.rebuilt else "medmnist"
        return f"{builder}/{self.config}:{version}"

    @property
    def flag(self) -> str:
        """Start of a prediction file's name; it says if data are not official."""
        suffix = "" if self.size == 28 else f"_{self.size}"
        return f"{self.prefix}{self.release.flag}{suffix}"

    @property
    def title(self) -> str:
        """What tables and pictures call it; a phantom is called one."""
        if self.phantom:
            return f"PHANTOM of {self.dataset.paper_name} (synthetic)"
        size = "" if self.size == 28 else f", {self.size} pixels"
        rebuilt = " (rebuilt from its sources)" if self.rebuilt else ""
        return f"{self.dataset.paper_name} {self.release.version}{size}{rebuilt}"
