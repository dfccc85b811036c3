"""Croissant JSON-LD (mlcommons.org/croissant/1.1): what machines read of a dataset.

Made of the catalog alone. No reader of Croissant knows NumPy's files: of the official
one it tells address, checksum and arrays, and whoever wants examples to be read gets
them as Parquet files beside it (`parquet.py`). Never downloads, nor reads a pixel.
"""

import datetime
import json
import os
import pathlib
import re
from collections.abc import Sequence

from medmnist_tfds.data import builders, catalog, parquet
from medmnist_tfds.data import croissant_parts as parts
from medmnist_tfds.data.medmnist_phantom import medmnist_phantom_dataset_builder
from medmnist_tfds.process import errors, files

VERSION = "http://mlcommons.org/croissant/1.1"
_LICENSES = {
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC BY-NC 4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
}
_HERE = pathlib.Path(__file__).parent
_CONTEXT = json.loads((_HERE / "croissant_context.json").read_text(encoding="utf-8"))
_BIB = (_HERE / "medmnist/CITATIONS.bib").read_text(encoding="utf-8")


def write(
    variant: catalog.Variant,
    path: str | os.PathLike,
    *,
    with_data: bool = False,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
) -> list[pathlib.Path]:
    """Writes the JSON-LD to `path`, and with data a Parquet file per split beside it.

    Args:
      variant: of any kind; phantoms and rebuilt data only with data.
      path: of the JSON file.
      with_data: so that readers of Croissant can read the examples.
      data_dir: TFDS's folder of prepared data; read as `arrays.find` says.
      manual_dir: where official files lie; read as `arrays.find` says.

    Returns:
      The paths of what was written, the JSON file last.

    Raises:
      MedMNISTError: nothing can be written there; data are wanted and cannot be found;
        or the variant has no official file, and no data are wanted.
    """
    path = pathlib.Path(path)
    files.check_writable(path, such_as=f"croissant_{variant.flag}.json")
    tables = ()
    if with_data:
        given = dict(data_dir=data_dir, manual_dir=manual_dir)
        tables = parquet.write(variant, path.parent, **given)
    files.write_json(path, describe(variant, tables=tables))
    return [*(table.path for table in tables), path]


def describe(variant: catalog.Variant, *, tables: Sequence[parquet.Table] = ()) -> dict:
    """The JSON-LD as a dictionary, in the form of Croissant 1.1.

    Args:
      variant: what to describe.
      tables: what `parquet.write` wrote of it, in the folder of the JSON file.

    Raises:
      MedMNISTError: the variant has no official file, and there are no tables.
    """
    if variant.kind != "official" and not tables:
        raise errors.MedMNISTError(
            f"{variant.title} has no official file that a Croissant file could name. "
            "Expected its examples beside it. Add --with-data (`with_data=True`)."
        )
    official = parts.official_files(variant) if variant.kind == "official" else []
    records = [parts.examples(variant, tables)] if tables else parts.arrays(variant)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [VERSION, "http://mlcommons.org/croissant/RAI/1.0"],
        **_about(variant, tables),
        "distribution": [*official, *parts.table_files(tables)],
        "recordSet": [parts.splits(), parts.labels(variant.dataset), *records],
    }


def _about(variant: catalog.Variant, tables: Sequence[parquet.Table]) -> dict:
    dataset = variant.dataset
    caution = None if variant.phantom else dataset.caution
    limits = [*filter(None, ["Not for clinical use.", caution])]
    told = [_told(variant, tables), dataset.label_note, *limits]
    return {
        "name": variant.flag,
        "alternateName": variant.title,
        "description": " ".join(filter(None, told)),
        "isLiveDataset": False,
        "url": builders.HOMEPAGE,
        "keywords": ["MedMNIST", dataset.modality, f"{dataset.task.value} task"],
        "citeAs": _BIB.strip(),
        "rai:dataLimitations": limits,
        **_origin(variant),
    }


def _told(variant: catalog.Variant, tables: Sequence[parquet.Table]) -> str:
    """What there is to see, how much of it, and which labels."""
    dataset, splits = variant.dataset, variant.release.splits
    counts = {table.split: table.examples for table in tables} or splits
    told = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    pixels = "x".join(map(str, variant.image_shape[:-1]))
    colour = "grey" if dataset.channels == 1 else "RGB"
    regrouped = dataset.regroups and f" of {dataset.regroups}, in other splits"
    return (
        f"{variant.title}: {dataset.modality}, {dataset.task.value} classification of "
        f"{colour} {dataset.form} of {pixels}{regrouped or ''} ({told}). Labels: "
        f"{', '.join(dataset.labels)}."
    )


def _origin(variant: catalog.Variant) -> dict:
    """Which version it is; who made and published it, when, under which licence."""
    published = catalog.PUBLISHED[variant.release.version]
    origin = {
        "version": variant.release.version,
        "creator": _authors(published["paper"]),
        "license": _LICENSES[variant.dataset.license],
    }
    if variant.kind == "official":
        record = variant.file.url.partition("/files/")[0]
        zenodo = {"name": "Zenodo", "url": "https://zenodo.org"}
        return origin | {
            "datePublished": published["year"],
            "publisher": {"@type": "sc:Organization", **zenodo},
            "sameAs": record,
        }
    if variant.phantom:  # drawn by code
        developers = "The medmnist-tfds developers"
        origin = {
            "version": str(medmnist_phantom_dataset_builder.Builder.VERSION),
            "creator": {"@type": "sc:Organization", "name": developers},
            "license": _LICENSES["Apache-2.0"],
        }
    return origin | {"datePublished": datetime.date.today().isoformat()}


def _authors(key: str) -> list[dict]:
    """Of the paper of that key in CITATIONS.bib."""
    entry = _BIB.partition("{" + key + ",")[2]
    names = re.search(r"author = {(.*?)}", entry)[1].split(" and ")
    return [
        {
            "@type": "sc:Person",
            "name": f"{given} {family}",
            "givenName": given,
            "familyName": family,
        }
        for family, given in (name.split(", ") for name in names)
    ]
