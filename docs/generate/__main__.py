"""Makes the site's source: `python -m docs.generate`, after which MkDocs builds it.

Into `build/docs` come the pages that are written by hand, those made of the program,
the catalog and the notebooks, and `build/mkdocs.yml`: the settings of `mkdocs.yml` with
the navigation. Never trains a network or goes online.
"""

import argparse
import pathlib
import shutil

import yaml

from medmnist_tfds.process import quiet

with quiet.tensorflow():  # they import it, and it talks when it starts
    from docs.generate import (
        command_line,
        dataset_pages,
        navigation,
        notebook_pages,
        published,
        reference,
        staging,
    )

ROOT = pathlib.Path(__file__).parents[2]


def main(build: pathlib.Path, site: pathlib.Path) -> None:
    """Writes the pages and the settings into `build`, for a site in `site`."""
    pages = build / "docs"
    shutil.rmtree(pages, ignore_errors=True)
    quiet.tensorflow_search()
    staging.stage(ROOT, pages)
    command_line.write(pages / "reference" / "command_line.md")
    reference.write(pages / "reference", code=build / "code", root=ROOT)
    published.write(pages / "published.md")
    dataset_pages.write(pages / "datasets")
    notebook_pages.write(ROOT / "notebooks", pages / "notebooks")
    settings = {
        "INHERIT": str(ROOT / "mkdocs.yml"),
        "docs_dir": str(pages),
        "site_dir": str(site),
        "nav": navigation.of(pages),
    }
    (build / "mkdocs.yml").write_text(yaml.safe_dump(settings, sort_keys=False))
    print(f"Wrote {len(list(pages.rglob('*.md')))} pages into {pages}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--site", type=pathlib.Path, default=ROOT / "site")
    chosen = parser.parse_args()
    main(chosen.build.absolute(), chosen.site.absolute())
