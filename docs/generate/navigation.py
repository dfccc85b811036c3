"""Which pages there are, in which order: the site's navigation.

A page that is not named here, but lies in a folder of a section, comes at its end, so
that a new guide, dataset or notebook needs no line here.
"""

import pathlib

SECTIONS = {
    "Guides": [
        "guides/load.md",
        "guides/score.md",
        "guides/train.md",
        "guides/recipes.md",
        "guides/weights.md",
        "guides/predict.md",
        "guides/devices.md",
        "guides/tpu.md",
        "guides/volumes.md",
        "guides/decathlon.md",
        "guides/add_a_method.md",
        "guides/sources.md",
        "guides/croissant.md",
        "guides/offline.md",
        "guides/colab.md",
        "guides/keras2.md",
        "guides/",
    ],
    "Datasets": ["datasets/index.md", "datasets/"],
    "Notebooks": ["notebooks/index.md", "notebooks/"],
    "Results": ["recipes.md", "published.md", "automl.md", "benchmarks.md"],
    "Reference": [
        "reference/command_line.md",
        "reference/",
        "versions.md",
        "licences.md",
    ],
    "Carry on": ["house.md", "changelog.md"],
}


def of(pages: pathlib.Path) -> list[dict[str, str | list[str]]]:
    """MkDocs' `nav`, of the pages that are there: the home, then sections."""
    named = {page for section in SECTIONS.values() for page in section}
    return [
        {"Start here": "index.md"},
        *(
            {title: [page for entry in section for page in _found(pages, entry, named)]}
            for title, section in SECTIONS.items()
        ),
    ]


def _found(pages: pathlib.Path, entry: str, named: set[str]) -> list[str]:
    """The page of that name, or the pages of that folder that no section names."""
    if not entry.endswith("/"):
        return [entry] if (pages / entry).exists() else []
    files = [f.relative_to(pages).as_posix() for f in (pages / entry).glob("*.md")]
    return sorted(set(files) - named, key=_order)


def _order(page: str) -> tuple[int, str]:
    """Datasets as the catalog has them; all else by name."""
    from medmnist_tfds.data import catalog

    names = [f"datasets/{name}.md" for name in catalog.DATASETS]
    return (names.index(page) if page in names else len(names), page)
