"""Facts about the eighteen datasets, read from `catalog.json`: written nowhere else.

What is no dataset of its own, but the images of one in other splits, is made of that
one and of `regrouped.json`. A name that users write is understood here.

Never reads data files, downloads, or imports TensorFlow.
"""

import dataclasses
import json
import pathlib
import re
import types
from collections.abc import Iterable, Iterator, Mapping

from medmnist_tfds.data import regrouped
from medmnist_tfds.data.records import (
    DEFAULT_VERSION as DEFAULT_VERSION,
)
from medmnist_tfds.data.records import (
    SPLITS,
    Dataset,
    File,
    Release,
    Task,
    Variant,
)
from medmnist_tfds.process import errors


def variant(
    name: str,
    *,
    version: str | None = None,
    size: int = 28,
    phantom: bool = False,
    rebuilt: bool = False,
) -> Variant:
    """The variant of dataset `name`, or one of its aliases.

    Args:
      name: `derma`, or another name that it has: `DermaMNIST`.
      version: of the release; the first that has images of that size if not given.
      size: pixels a side.
      phantom: the synthetic look-alike.
      rebuilt: what `medmnist-tfds rebuild` makes, of any size.

    Raises:
      MedMNISTError: there is no such dataset, release or size.
    """
    dataset = DATASETS.get(name) or _by_alias(all_regrouped()).get(str(name).lower())
    if dataset is None:
        raise errors.MedMNISTError(_unknown_dataset(name, DATASETS))
    if phantom and dataset.regroups:
        raise errors.MedMNISTError(
            f"{dataset.name} has no phantom: it is {dataset.regroups} in other splits. "
            f"Ask for the phantom of {dataset.regroups}."
        )
    version = version or dataset.default_version(28 if rebuilt else size)
    release = dataset.releases.get(version)
    if release is None:
        raise errors.MedMNISTError(_unknown("release", version, dataset.releases))
    if size not in release.files and not rebuilt:
        raise errors.MedMNISTError(
            f"Release {version} of {dataset.name} has no {dataset.form} of size "
            f"{size}. Expected one of {sorted(release.files)}."
            f"{_elsewhere(dataset, size)}"
        )
    return Variant(
        dataset=dataset, release=release, size=size, phantom=phantom, rebuilt=rebuilt
    )


def _elsewhere(dataset: Dataset, size: int) -> str:
    """A sentence, with a blank before it, where another release has that size."""
    having = [v for v, release in dataset.releases.items() if size in release.files]
    return f" Release {having[0]} has them." if having else ""


def all_regrouped() -> tuple[Dataset, ...]:
    """What is a dataset of the catalog in other splits: `derma_corrected`."""
    return tuple(
        _regrouped(name, facts, DATASETS[facts.of])
        for name, facts in regrouped.FACTS.items()
    )


def parse(name: str, *, phantom: bool = False, version: str | None = None) -> Variant:
    """The variant that a name means, as `tfds.load` would read it.

    Args:
      name: `derma`, `derma_224`, `medmnist/derma:3.0.0`, `medmnist_phantom/derma`,
        `medmnist_rebuilt/derma_96`; of the dataset also any other name it has:
        `DermaMNIST`, `dermamnist_224`.
      phantom: mean the phantom also where the name does not say so.
      version: of the release that is meant where the name does not say which.

    Raises:
      MedMNISTError: the name is of another form, or there is no such dataset.
    """
    form = (
        r"(?:(medmnist|medmnist_phantom|medmnist_rebuilt)/)?([a-z][a-z0-9_]*?)"
        r"(?:_([1-9][0-9]{0,8}))?(?::([0-9.]+))?"
    )
    flags = re.IGNORECASE | re.ASCII
    match = re.fullmatch(form, name, flags) if isinstance(name, str) else None
    if match is None:
        raise errors.MedMNISTError(
            f"{name!r} is no dataset name. Expected a name such as 'derma', "
            "'derma_224:3.0.0' or 'medmnist/derma'; `medmnist-tfds list` shows all."
        )
    builder, dataset, size, named = match.groups()
    builder = (builder or "medmnist").lower()
    phantom, rebuilt = phantom or builder == "medmnist_phantom", "rebuilt" in builder
    if phantom and (size or named):
        raise errors.MedMNISTError(
            f"{name!r} asks for a size or a release, but phantom data have neither. "
            f"Ask for 'medmnist_phantom/{dataset}'."
        )
    return variant(
        dataset,
        version=named or version,
        size=int(size or 28),
        phantom=phantom,
        rebuilt=rebuilt,
    )


def check_split(split: str) -> None:
    """Refuses what is no split.

    Args:
      split: `train`, `val` or `test`.

    Raises:
      MedMNISTError: any other name.
    """
    if not isinstance(split, str) or split not in SPLITS:
        raise errors.MedMNISTError(_unknown("split", split, SPLITS))


def from_flag(flag: str, *, version: str | None = None) -> Variant:
    """The variant whose prediction files start with `flag`.

    Args:
      flag: as `Variant.flag` gives it, or with another name of the dataset.
      version: of its release; the first of those that fit where none is given.

    Raises:
      MedMNISTError: no dataset, or not in that release, has this flag.
    """
    phantom = flag.lower().startswith("phantom-")
    rebuilt = re.fullmatch(r"rebuilt-.+?(?:_([1-9][0-9]{0,8}))?", flag.lower())
    sizes = [int(rebuilt[1] or 28)] if rebuilt else None  # of any size
    known = [
        Variant(
            dataset=dataset,
            release=release,
            size=size,
            phantom=phantom,
            rebuilt=rebuilt is not None,
        )
        for dataset in (*DATASETS.values(), *all_regrouped())
        for release in dataset.releases.values()
        for size in sizes or release.files
    ]
    fitting = [v for v in known if v.flag == flag.lower()]
    fitting = fitting or [v for v in known if flag.lower() in _flags(v)]
    if not fitting:
        flags = [variant.release.flag for variant in known]
        raise errors.MedMNISTError(_unknown("flag", flag, flags))
    for variant in fitting:
        if version in (None, variant.release.version):
            return variant
    versions = [variant.release.version for variant in fitting]
    raise errors.MedMNISTError(_unknown(f"release of {flag}", version, versions))


def _flags(variant: Variant) -> list[str]:
    """What a prediction file's name might start with: any name of the dataset."""
    before, after = variant.flag.split(variant.release.flag)
    return [f"{before}{alias.lower()}{after}" for alias in variant.dataset.aliases]


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    known = list(dict.fromkeys(known))
    return (
        f"There is no {kind} {name!r}. Expected one of {', '.join(known)}."
        f"{errors.hint(name, {each: each for each in known})}"
    )


def _unknown_dataset(name: str, datasets: Mapping[str, Dataset]) -> str:
    def told(alias) -> str:
        return str(alias).lower().replace("mnist", "")  # it tells none from another

    named = _by_alias([*datasets.values(), *all_regrouped()])
    hint = errors.hint(told(name), {told(alias): d.name for alias, d in named.items()})
    return f"There is no dataset {name!r}. Expected one of {', '.join(datasets)}.{hint}"


def _by_alias(datasets: Iterable[Dataset]) -> dict[str, Dataset]:
    return {alias.lower(): each for each in datasets for alias in each.aliases}


class _Datasets(Mapping[str, Dataset]):
    """By our names, the Decathlon's first; asked for one, it knows every alias."""

    def __init__(self, datasets: Iterable[Dataset]):
        self._own = {dataset.name: dataset for dataset in datasets}
        self._named = _by_alias(self._own.values())

    def __getitem__(self, name: str) -> Dataset:
        dataset = self._named.get(name.lower()) if isinstance(name, str) else None
        if dataset is None:
            raise KeyError(_unknown_dataset(name, self._own))
        return dataset

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


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
        "mirrors": tuple(facts["mirrors"]),
        "faults": tuple(facts.get("faults", ())),
        "releases": types.MappingProxyType(releases),
    }
    return Dataset(**fields)


def _regrouped(name: str, facts: regrouped.Facts, dataset: Dataset) -> Dataset:
    """The dataset in the splits of `facts`; releases that share its order alone."""
    releases = {}
    for version, release in dataset.releases.items():
        splits = {split: facts.count(split) for split in SPLITS}
        regrouping = dataclasses.replace(
            release, flag=facts.flag, splits=splits, rows=facts.rows
        )
        releases[version] = regrouping
    return dataclasses.replace(
        dataset,
        name=name,
        paper_name=facts.title,
        releases=types.MappingProxyType(releases),
        caution=facts.caution,
        regroups=dataset.name,
    )


_FACTS = json.loads(
    pathlib.Path(__file__).with_name("catalog.json").read_text(encoding="utf-8")
)
DATASETS: Mapping[str, Dataset] = _Datasets(
    _dataset(name, facts) for name, facts in _FACTS["datasets"].items()
)
# Which datasets a paper scores methods by, in its order: the Decathlon's ten, and the
# twelve of images and six of volumes of MedMNIST v2.
SUITES: Mapping[str, tuple[str, ...]] = types.MappingProxyType(
    {name: tuple(names) for name, names in _FACTS["suites"].items()}
)
# When a release was published, and by the authors of which paper.
PUBLISHED: Mapping[str, Mapping[str, str]] = types.MappingProxyType(_FACTS["published"])
