"""The pages that are written by hand: copied, with links that fit where they stand.

In the repository a link leads to a file beside; on the site some files have another
place, and some have none: of a link to one of these the words stay.
"""

import os
import pathlib
import re
import shutil

# Pages that lie elsewhere in the repository, and where they stand on the site.
PLACES = {
    "README.md": "index.md",  # linked to, not copied: `docs/index.md` is the home
    "CONTRIBUTING.md": "house.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
    "benchmarks/growth.png": "growth.png",
    "benchmarks/recipe.png": "recipe.png",
    "notebooks/README.md": "notebooks/index.md",
}
_LINK = re.compile(r"(?<!`)(!?)\[([^\]\n]*)\]\(([^)\s]+)\)")


def stage(root: pathlib.Path, pages: pathlib.Path) -> None:
    """Copies `docs` and the files of PLACES from the repository to `pages`."""
    ignored = shutil.ignore_patterns("generate", "__pycache__")
    shutil.copytree(root / "docs", pages, ignore=ignored)
    for source, place in PLACES.items():
        if source == "README.md":
            continue
        (pages / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / source, pages / place)
    staged = {place: source for source, place in PLACES.items()}
    for page in pages.rglob("*.md"):
        place = page.relative_to(pages).as_posix()
        source = f"docs/{place}"
        if place != "index.md":
            source = staged.get(place, source)
        page.write_text(relink(page.read_text(), source=source))


def relink(text: str, *, source: str) -> str:
    """The text of a page of the repository with links as the site needs them.

    Args:
      text: Markdown.
      source: where it lies in the repository, `docs/guides/load.md`.

    Raises:
      ValueError: it shows a picture that has no place on the site.
    """
    place = _place(source)

    def change(link: re.Match) -> str:
        mark, words, target = link.groups()
        if re.match(r"[a-z]+:|#", target):
            return link[0]
        path, _, anchor = target.partition("#")
        folder = os.path.dirname(source)
        there = _place(os.path.normpath(os.path.join(folder, path)))
        if there is None and mark:
            raise ValueError(
                f"{source} shows {path}, which has no place on the site. Expected one "
                "in PLACES. Add it there."
            )
        if there is None:
            return words
        back = os.path.relpath(there, os.path.dirname(place) or ".")
        return f"{mark}[{words}]({back}{'#' + anchor if anchor else ''})"

    return _LINK.sub(change, text)


def _place(source: str) -> str | None:
    """Where a file of the repository stands on the site; None if it does not."""
    if source in PLACES:
        return PLACES[source]
    if source.startswith("notebooks/") and source.endswith(".ipynb"):
        return source.removesuffix("ipynb") + "md"
    if source.startswith("docs/"):
        return source.removeprefix("docs/")
    return None
