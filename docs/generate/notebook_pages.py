"""The notebooks as pages, with the output that is committed: none is executed."""

import pathlib
import re

import nbconvert

# Another host's picture is not loaded: the link alone stays.
_BADGE = re.compile(r"\[!\[([^\]]*)\]\(https?://[^)]*\)\]\(([^)]*)\)")


def write(notebooks: pathlib.Path, pages: pathlib.Path) -> None:
    """Writes `NAME.md` for each `NAME.ipynb`, and its pictures beside."""
    pages.mkdir(parents=True, exist_ok=True)
    exporter = nbconvert.MarkdownExporter()
    for path in sorted(notebooks.glob("*.ipynb")):
        resources = {"output_files_dir": f"{path.stem}_files"}
        text, found = exporter.from_filename(str(path), resources=resources)
        text = _BADGE.sub(r"[\1](\2)", text)
        download = f"[Download the notebook]({path.name})"
        head, _, rest = text.partition("\n")
        page = f"{head}\n\n{download}\n{rest}"
        (pages / f"{path.stem}.md").write_text(page)
        (pages / path.name).write_bytes(path.read_bytes())
        for name, content in found["outputs"].items():
            (pages / name).parent.mkdir(parents=True, exist_ok=True)
            (pages / name).write_bytes(content)
