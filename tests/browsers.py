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
    # A headless window is not narrower than 500 pixels: a frame is.
    (folder / "page.html").write_text(text.replace("</body>", f"{_MEASURE}</body>"))
    frame = folder / "frame.html"
    frame.write_text(
        f'<iframe src=page.html width={width} height=900 onload="document.title = '
        'frames[0].document.title"></iframe>'
    )
    (title,) = re.findall("<title>(.*?)</title>", _rendered(frame))
    full, seen, has_images, has_cards_whole = title.split()
    return int(full), int(seen), has_images == "true", has_cards_whole == "true"


def after(text: str, script: str, folder: pathlib.Path) -> str:
    """The title of the page after a script that sets it. Skips without a browser."""
    page = folder / "page.html"
    page.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    return re.search("<title>(.*?)</title>", _rendered(page), re.DOTALL)[1]


def _rendered(page: pathlib.Path) -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip("no Chromium or Chrome on the PATH")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--allow-file-access-from-files"]
    command += [f"--user-data-dir={page.parent}/profile"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=10000", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout
