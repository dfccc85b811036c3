"""A page for each dataset, made of the catalog: no fact of one is written here.

Pictures are of the official file where it is at hand, else of the phantom, and say so.
"""

import pathlib

from docs.generate import pictures, published
from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import suites
from medmnist_tfds.sources import archives, leaks

_HEAD = """# Datasets

As `medmnist-tfds list` prints them: those of the *MedMNIST Classification Decathlon*,
the others of MedMNIST, and what is one of these in other splits, without a page of its
own. Numbers are of the first release of each. Not for clinical use.
"""


def write(pages: pathlib.Path) -> None:
    """Writes a page for each dataset, its pictures, and a page with all of them."""
    pages.mkdir(parents=True, exist_ok=True)
    datasets = [*catalog.DATASETS.values(), *catalog.all_regrouped()]
    lines = [_line(dataset) for dataset in datasets]
    head = ["dataset", "modality", "task", "labels", "examples", "licence"]
    (pages / "index.md").write_text(f"{_HEAD}\n{_text_table(head, lines)}")
    for name, dataset in catalog.DATASETS.items():
        shown = pictures.at_hand(name)
        images, counts = pages / f"{name}_images.webp", pages / f"{name}_labels.png"
        pictures.draw(shown, images=images, counts=counts)
        sections = [
            _what(dataset),
            _seen(dataset, shown),
            _labels(dataset),
            _load(dataset),
            _faults(dataset),
            f"## Published scores\n\n{published.of_dataset(name)}",
            _sources(dataset),
            _files(dataset),
            _commands(dataset),
        ]
        (pages / f"{name}.md").write_text("\n\n".join(filter(None, sections)) + "\n")


def _line(dataset: catalog.Dataset) -> list[str]:
    release = catalog.variant(dataset.name).release
    page = dataset.regroups or dataset.name
    return [
        f"[`{dataset.name}`]({page}.md)",
        dataset.modality,
        dataset.task.value,
        str(dataset.num_labels),
        f"{sum(release.splits.values()):,}",
        dataset.license,
    ]


def _what(dataset: catalog.Dataset) -> str:
    release = catalog.variant(dataset.name).release
    splits = ", ".join(f"{s} {release.splits[s]:,}" for s in catalog.SPLITS)
    colours = "grey" if dataset.channels == 1 else "RGB"
    shapes = [f"`{_variant(dataset, size).image_shape}`" for size in _sizes(dataset)]
    caution = ""
    if dataset.caution:
        caution = f'!!! warning "Before you use it"\n\n    {dataset.caution}\n\n'
    facts = [
        ["shows", dataset.modality],
        ["task", f"{dataset.task.value}, {dataset.num_labels} labels"],
        ["examples", f"{colours} {dataset.form}, uint8 {', '.join(shapes)}"],
        ["splits", f"{splits} (release {release.version})"],
        ["licence", dataset.license],
        ["also called", ", ".join(f"`{name}`" for name in dataset.aliases[1:])],
    ]
    title = f"# {dataset.paper_name}: `{dataset.name}`\n\n"
    return f"{title}{caution}{_text_table(['', ''], facts)}"


def _seen(dataset: catalog.Dataset, shown: catalog.Variant) -> str:
    of = f"of the official file, release {shown.release.version}"
    if shown.phantom:
        of = (
            "of the **phantom**, a synthetic look-alike without medical meaning: the "
            "official file was not at hand when this page was made"
        )
    planes = ""
    if dataset.form == "volumes":
        planes = " Of each volume the middle slices across depth, height and width."
    name = dataset.name
    return (
        f"## What it looks like\n\nThe first {dataset.form} of each label, and how "
        f"many there are, {of}.{planes}\n\n"
        f"[![{dataset.form} of each label]({name}_images.webp)]({name}_images.webp)\n\n"
        f"[![Labels per split]({name}_labels.png)]({name}_labels.png)"
    )


def _labels(dataset: catalog.Dataset) -> str:
    lines = [[str(number), label] for number, label in enumerate(dataset.labels)]
    note = f"\n{dataset.label_note}\n" if dataset.label_note else ""
    mirrors = ", ".join(dataset.mirrors) or "none"
    return (
        f"## Labels\n\n{_text_table(['number', 'label'], lines)}{note}\n"
        f"Mirror images that keep the label true: {mirrors} ({dataset.mirrors_reason})."
    )


def _load(dataset: catalog.Dataset) -> str:
    names = [
        [f"`{catalog.variant(dataset.name, version=v, size=s).tfds_name}`", f"{s}", v]
        for v, release in dataset.releases.items()
        for s in release.files
    ]
    return f"""## Load it

```python
import tensorflow_datasets as tfds
import medmnist_tfds

train, info = tfds.load(
    "medmnist/{dataset.name}", split="train", as_supervised=True, with_info=True
)
print(info.features["label"], len(train))
```

`medmnist_phantom/{dataset.name}` is a synthetic look-alike, without files or a network.

{_text_table(["name", "pixels a side", "release"], names)}"""


def _faults(dataset: catalog.Dataset) -> str:
    faults = [*filter(None, [dataset.caution]), *dataset.faults]
    variant = catalog.variant(dataset.name)
    found = leaks.shipped(variant)
    if found:
        examples = variant.release.splits["test"]
        left = int((~found.untouched(variant, "test", examples)).sum())
        faults.append(
            f"At least {left} of the {examples} test images are in training or "
            f"validation, too (similarity of {found.threshold:.3f} or more, by "
            f"`medmnist-tfds audit {dataset.name}`). `evaluate` and `decathlon report` "
            "add the score without them."
        )
    if not faults:
        return ""
    return "## Known faults\n\n" + "\n".join(f"- {fault}" for fault in faults)


def _sources(dataset: catalog.Dataset) -> str:
    if dataset.name not in archives.ARCHIVES:
        return (
            "## Sources\n\nWhat it was made of is named in the paper "
            "(`info.citation`); the archive is not described here, so that it can be "
            "audited, and not linked or rebuilt."
        )
    archive = archives.ARCHIVES[dataset.name]
    facts = [
        ["archive", archive.title],
        ["address", _linked(archive.address)],
        ["licence", archive.license or "not stated"],
        ["size", archive.size or "not known"],
        ["cite", archive.citation],
        ["how it was made", archive.known],
    ]
    return f"## Sources\n\n{_text_table(['', ''], facts)}"


def _linked(address: str) -> str:
    return " ".join(
        f"<{word}>" if word.startswith("https://") and word[-1] != "," else word
        for word in address.split()
    )


def _files(dataset: catalog.Dataset) -> str:
    lines = [
        [f"[{file.name}]({file.url})", version, f"`{file.md5}`"]
        for version, release in dataset.releases.items()
        for file in release.files.values()
    ]
    return f"## Official files\n\n{_text_table(['file', 'release', 'MD5'], lines)}"


def _commands(dataset: catalog.Dataset) -> str:
    name = dataset.name
    suite = next(s for s in suites.SUITES.values() if name in s.datasets)
    recipe = "v2_3d" if dataset.form == "volumes" else "fast"
    chosen = "" if suite is suites.DECATHLON else f"--suite {suite.name} "
    commands = [
        f"medmnist-tfds info {name}",
        f"medmnist-tfds prepare {name}",
        f"medmnist-tfds montage {name}",
        f"medmnist-tfds train {name} --recipe {recipe}",
        f"medmnist-tfds decathlon run {chosen}--datasets {name}",
        f"medmnist-tfds audit {name}",
        f"medmnist-tfds croissant {name}",
    ]
    if name in archives.ARCHIVES:
        commands.append(f"medmnist-tfds sources {name}")
    return "## Commands\n\n" + "\n".join(f"    {command}" for command in commands)


def _sizes(dataset: catalog.Dataset) -> list[int]:
    return sorted({size for r in dataset.releases.values() for size in r.files})


def _variant(dataset: catalog.Dataset, size: int) -> catalog.Variant:
    return catalog.variant(dataset.name, size=size)


def _text_table(head: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] * len(head)
    return "".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n"
        for line in [head, rule, *lines]
    )
