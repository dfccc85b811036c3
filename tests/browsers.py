"""A page in a real browser, in a window of any width."""

import pathlib
import re
import shutil
import subprocess

import pytest

_MEASURE = (
    "<script>document.querySelectorAll('details').forEach(d => d.open = true);"
    "document.title = document.documentElement.scrollWidth + ' ' + "
    "document.documentElement.clientWidth + ' ' + "
    "[...document.images].every(i => i.complete && i.naturalWidth) + ' ' + "
    "[...document.querySelectorAll('article')].every("
    "a => a.scrollWidth <= a.clientWidth)</script>"
)


def measure(text: str, width: int, folder: pathlib.Path) -> tuple[int, int, bool, bool]:
    """With all details open: its width, the window's, and whether the images are there
    and the articles no wider than their places. Skips where there is no browser."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip("no Chromium or Chrome on the PATH")
    # A headless window is not narrower than 500 pixels: a frame is.
    (folder / "page.html").write_text(text.replace("</body>", f"{_MEASURE}</body>"))
    frame = folder / "frame.html"
    frame.write_text(
        f'<iframe src=page.html width={width} height=900 onload="document.title = '
        'frames[0].document.title"></iframe>'
    )
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={folder}/profile"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=10000", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    (title,) = re.findall("<title>(.*?)</title>", done.stdout)
    full, seen, has_images, has_cards_whole = title.split()
    return int(full), int(seen), has_images == "true", has_cards_whole == "true"
