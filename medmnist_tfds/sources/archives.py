"""Facts about the ten archives, read from `archives.json`: written down nowhere else.

Never reads an archive, and never guesses: what nobody knows is None.
"""

import csv
import dataclasses
import functools
import io
import itertools
import json
import pathlib
import re
import types
from collections.abc import Iterable, Mapping

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.sources import recipes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A file of an archive that an official image may have been made of."""

    name: str  # in the archive, however it was packed
    facts: Mapping[str, str]  # label, patient, ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A CSV file of an archive: `columns` are its facts of a source, by name.

    Of several columns the first that is not empty counts.
    """

    file: str  # a pattern
    key: str  # the column that names the source, with or without suffix
    columns: Mapping[str, tuple[str, ...]]

    def is_at(self, path: str) -> bool:
        return bool(re.search(rf"(?:^|/){self.file}$", path))

    def read(self, content: bytes) -> dict[str, dict[str, str]]:
        """From the source's name, without folder and suffix, to its facts.

        Raises:
          ValueError: it is no such table.
        """
        text = content.decode("utf-8-sig")
        tab = "\t" in text.split("\n", 1)[0]
        rows = csv.DictReader(io.StringIO(text), delimiter="\t" if tab else ",")
        needed = {self.key, *(names[0] for names in self.columns.values())}
        missing = needed - set(rows.fieldnames or ())
        if self.key in missing or len(missing) == len(needed):
            raise ValueError(f"it has no column {' or '.join(sorted(missing))}")
        return {
            stem(row[self.key]): {
                fact: next(filter(None, (_cell(row, name) for name in names)), "")
                for fact, names in self.columns.items()
            }
            for row in rows
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Archive:
    """What one of the ten was made of. `size` is text, as published."""

    dataset: catalog.Dataset
    title: str
    address: str
    license: str | None
    size: str | None
    citation: str
    images: int | None
    pixels: tuple[int, int] | None  # width and height; None where they differ
    files: tuple[str, ...]
    patterns: tuple[str, ...]
    label_from: str
    labels: Mapping[str, int]  # what the archive calls a class; -1 means none of them
    recipe: recipes.Recipe  # of 28 pixels
    known: str
    kind: str = "images"  # or "volumes"
    ignore: str | None = None  # names that belong to it and are no source
    rename: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    more: tuple[str, ...] = ()  # facts that neither a name nor a table tells

    def recognise(self, path: str) -> Source | None:
        """The source that lies at a path; None if it is something else."""
        for pattern in _compiled(self.patterns):
            if found := pattern.search(path):
                groups = {k: v or "" for k, v in found.groupdict().items()}
                name = groups.pop("source")
                renamed = {
                    fact: self.rename.get(fact, {}).get(value, value)
                    for fact, value in groups.items()
                }
                return Source(name=name, facts=renamed)
        return None

    def ignores(self, path: str) -> bool:
        return bool(self.ignore and re.search(f"{self.ignore}$", path))

    @property
    def facts(self) -> tuple[str, ...]:
        """What the archive knows of its sources, in the order of the manifest."""
        groups = (p.groupindex for p in _compiled(self.patterns))
        columns = (table.columns for table in self.tables)
        every = dict.fromkeys(itertools.chain(*groups, *columns, self.more))
        return tuple(fact for fact in every if fact != "source")

    @property
    def candidates(self) -> tuple[recipes.Recipe, ...]:
        """Every recipe that may have been it, the likeliest first."""
        first = self.recipe
        greys = ("cut", "rounded") if first.mode == "L" else ("rounded",)
        others = (
            recipes.Recipe(mode=first.mode, grey=grey, crop=crop, filter=name, jpeg=q)
            for name in ("bilinear", "bicubic", "lanczos", "nearest")
            for crop in ("centre", "none")
            for q in (None, 75)
            for grey in greys
        )
        return tuple(dict.fromkeys([first, *others]))

    def targets(self, label: str) -> frozenset[int] | None:
        """The official classes that a label of the archive means; None if unknown."""
        numbers = [self.labels.get(part.strip()) for part in label.split("|")]
        if not label or None in numbers:
            return None
        return frozenset(numbers) - {-1}


def of(variant: catalog.Variant) -> Archive:
    """What an official dataset was made of.

    Raises:
      MedMNISTError: it is none whose sources are known, as it was published.
    """
    dataset = variant.dataset
    if variant.phantom or variant.rebuilt or dataset.regroups:
        whole = dataset.regroups or dataset.name
        raise errors.MedMNISTError(
            f"{variant.tfds_name} has no sources of its own, and cannot be linked or "
            f"rebuilt. Expected one of the ten. Give {whole}."
        )
    if dataset.name not in ARCHIVES:
        raise errors.MedMNISTError(
            f"What {dataset.name} was made of is not known here. Expected one of "
            f"{', '.join(ARCHIVES)}. `medmnist-tfds audit` looks at any dataset."
        )
    return ARCHIVES[dataset.name]


def stem(name: str) -> str:
    """A file's name without folders and suffix."""
    return pathlib.PurePosixPath(name.strip()).stem


def plain(pattern: str) -> str:
    """A pattern of a file's name as a user would write it."""
    shown = re.sub(r"\(([^)|]*)\)\?", "", pattern)  # what may be left out
    return re.sub(r"\([^)]*\)\??", "*", shown).replace("\\.", ".").rstrip("*")


def _cell(row: Mapping[str, str | None], name: str) -> str:
    return (row.get(name) or "").strip()


@functools.cache
def _compiled(patterns: Iterable[str]) -> tuple[re.Pattern, ...]:
    return tuple(re.compile(rf"(?:^|/){pattern}$") for pattern in patterns)


def _archive(name: str, facts: Mapping, every: Mapping) -> Archive:
    facts = every[facts["like"]] if "like" in facts else facts
    fields = dict(facts, dataset=catalog.DATASETS[name])
    fields["recipe"] = recipes.Recipe(**facts["recipe"])
    fields["tables"] = tuple(
        Table(
            file=table["file"],
            key=table["key"],
            columns={fact: tuple(names) for fact, names in table["columns"].items()},
        )
        for table in facts.get("tables", ())
    )
    for field in ("files", "patterns", "more"):
        fields[field] = tuple(facts.get(field, ()))
    fields["pixels"] = tuple(facts["pixels"]) if facts["pixels"] else None
    return Archive(**fields)


def _read() -> Mapping[str, Archive]:
    path = pathlib.Path(__file__).with_name("archives.json")
    every = json.loads(path.read_text(encoding="utf-8"))
    return types.MappingProxyType(
        {n: _archive(n, every[n], every) for n in catalog.DATASETS if n in every}
    )


ARCHIVES = _read()
