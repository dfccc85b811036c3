"""Parts of a Croissant file: its distribution, and its record sets.

Never decides which of them stand in the file: `croissant.py` does.
"""

from collections.abc import Sequence

from medmnist_tfds.data import catalog, parquet

_NPY = "https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"
_PARQUET = "application/x-parquet"


def _array_shapes(variant: catalog.Variant) -> dict[str, tuple[int, ...]]:
    """Of the arrays of an official file, by name."""
    shape = variant.image_shape
    pixels = shape if variant.dataset.channels > 1 else shape[:-1]
    shapes = {}
    for split, count in variant.release.file_splits.items():
        shapes[f"{split}_images"] = (count, *pixels)
        shapes[f"{split}_labels"] = (count, variant.dataset.label_columns)
    return shapes


def official_files(variant: catalog.Variant) -> list[dict]:
    """The `.npz` file and, in it, its arrays."""
    file = variant.file
    archive = {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "description": "The official file: NumPy arrays in a ZIP archive.",
        "contentUrl": file.url,
        "encodingFormat": "application/zip",
        "md5": file.md5,
    }
    if file.bytes:
        archive["contentSize"] = f"{file.bytes} B"
    members = [
        {
            "@type": "cr:FileObject",
            "@id": f"{name}.npy",
            "name": f"{name}.npy",
            "description": f"A NumPy array of shape {shape}.",
            "contentUrl": f"{name}.npy",
            "containedIn": {"@id": file.name},
            "encodingFormat": _NPY,
        }
        for name, shape in _array_shapes(variant).items()
    ]
    return [archive, *members]


def arrays(variant: catalog.Variant) -> list[dict]:
    """One record set for each array: no field tells which rows belong together."""
    return [
        _record_set(
            name,
            f"One record: the whole array {name}. Row by row, images and labels of a "
            "split belong together.",
            _field(
                f"{name}/array",
                "cr:UInt8" if name.endswith("_images") else "sc:Integer",
                shape=shape,
                source={
                    "fileObject": {"@id": f"{name}.npy"},
                    "extract": {"fileProperty": "content"},
                },
            ),
        )
        for name, shape in _array_shapes(variant).items()
    ]


def table_files(tables: Sequence[parquet.Table]) -> list[dict]:
    """Parquet files, if any, in the folder of the JSON file."""
    if not tables:
        return []
    files = [
        {
            "@type": "cr:FileObject",
            "@id": table.path.name,
            "name": table.path.name,
            "description": f"The {table.examples:,} examples of {table.split}.",
            "contentUrl": table.path.name,
            "contentSize": f"{table.path.stat().st_size} B",
            "encodingFormat": _PARQUET,
            "sha256": table.sha256,
        }
        for table in tables
    ]
    # mlcroissant, and TFDS by it, can read one split of a set of files, not of a list.
    together = {
        "@type": "cr:FileSet",
        "@id": "parquet",
        "name": "parquet",
        "description": "The files of all splits.",
        "encodingFormat": _PARQUET,
        "includes": [table.path.name for table in tables],
    }
    return [*files, together]


def examples(variant: catalog.Variant, tables: Sequence[parquet.Table]) -> dict:
    """One record for each row of the Parquet files."""
    names = "|".join(table.split for table in tables)
    # It also matches a bare split's name: mlcroissant asks twice where it joins.
    regex = rf"(?:{variant.flag}_)?({names})(?:\.parquet)?$"
    split = _field(
        "examples/split",
        "sc:Text",
        source=_from_tables(fileProperty="fullpath") | {"transform": {"regex": regex}},
        references={"field": {"@id": "splits/name"}},
    )
    index = _field(
        "examples/index",
        "sc:Integer",
        description="The row in the split.",
        source=_from_tables(column="index"),
    )
    fields = [split, _image(variant), _label(variant.dataset), index]
    return _record_set("examples", "One record for each example.", *fields)


def _image(variant: catalog.Variant) -> dict:
    is_volume = variant.dataset.form == "volumes"
    return _field(
        "examples/image",
        "cr:UInt8" if is_volume else "sc:ImageObject",
        shape=variant.image_shape[:-1] if is_volume else None,
        source=_from_tables(column="image"),
    )


def _label(dataset: catalog.Dataset) -> dict:
    is_multilabel = dataset.task is catalog.Task.MULTILABEL
    description = "A number of the record set `labels`."
    if is_multilabel:
        description = "0 or 1 for each of the record set `labels`, in its order."
    return _field(
        "examples/label",
        ["sc:Integer", "cr:Label"],
        description=description,
        shape=(dataset.num_labels,) if is_multilabel else None,
        source=_from_tables(column="label"),
    )


def _from_tables(**extract: str) -> dict:
    return {"fileSet": {"@id": "parquet"}, "extract": extract}


def splits() -> dict:
    return _record_set(
        "splits",
        "Training, validation and test.",
        _field("splits/name", "sc:Text"),
        dataType="cr:Split",
        key={"@id": "splits/name"},
        data=[{"splits/name": split} for split in catalog.SPLITS],
    )


def labels(dataset: catalog.Dataset) -> dict:
    return _record_set(
        "labels",
        dataset.label_note or "What the numbers of the labels mean.",
        _field("labels/number", "sc:Integer"),
        _field("labels/name", "sc:Text"),
        dataType="sc:Enumeration",
        key={"@id": "labels/number"},
        data=[
            {"labels/number": number, "labels/name": name}
            for number, name in enumerate(dataset.labels)
        ],
    )


def _record_set(name: str, description: str, *fields: dict, **more) -> dict:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "field": list(fields),
        **more,
    }


def _field(identifier: str, data_type: str | list[str], *, shape=None, **more) -> dict:
    field = {
        "@type": "cr:Field",
        "@id": identifier,
        "name": identifier.rpartition("/")[2],
        "dataType": data_type,
        **more,
    }
    if shape is not None:
        field |= {"isArray": True, "arrayShape": ",".join(map(str, shape))}
    return field
