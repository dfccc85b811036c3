"""A browser that is given one site, and whoever else it would ask: a proxy that tells.

The site is played at `http://site.test`; what is asked of another host is kept, and
gets no answer.
"""

import contextlib
import functools
import html
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator

import pytest

HOST = "site.test"


class Proxy(http.server.SimpleHTTPRequestHandler):
    """Answers for HOST from a folder; `asked` is of other hosts."""

    asked: list[str] = []

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        if address.hostname != HOST:
            self._refuse()
            return
        self.path = address.path
        super().do_GET()

    def _refuse(self):
        self.asked.append(self.path)
        self.send_error(502)

    do_CONNECT = do_POST = do_HEAD = _refuse

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def proxy(folder: pathlib.Path) -> Iterator[tuple[int, list[str]]]:
    """Its port, and what was asked of other hosts."""
    asked: list[str] = []
    handler = type("OneProxy", (Proxy,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        server.server_close()


def visit(page: str, *, port: int, profile: pathlib.Path) -> object:
    """What a page of the site writes into its title, as JSON.

    Skips where there is no browser.
    """
    text = _shown(
        f"http://{HOST}/{page}",
        f"--proxy-server=http://127.0.0.1:{port}",
        profile=profile,
    )
    title = re.search("<title>(.*?)</title>", text, re.DOTALL)
    return json.loads(html.unescape(title[1]))


def opened(file: pathlib.Path, query: str, *, profile: pathlib.Path) -> str:
    """What a file holds some seconds after it was opened from the disk, as HTML."""
    return _shown(f"{file.as_uri()}{query}", profile=profile)


def _shown(address: str, *options: str, profile: pathlib.Path) -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip("no Chromium or Chrome on the PATH")
    done = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--disable-background-networking", "--disable-component-update"),
            *("--no-first-run", "--disable-sync", "--disable-default-apps"),
            *(*options, f"--user-data-dir={profile}"),
            *("--virtual-time-budget=400000", address),
        ],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert "<title>" in done.stdout, done.stderr
    return done.stdout


# Opens one address after another in a frame, of a width that a window cannot have, and
# keeps what a function of the frame's document says, once it says something.
_TOUR = """<!DOCTYPE html><title></title><body><script>
const stops = %s, look = %s, seen = {};
const wait = (milliseconds) => new Promise((r) => setTimeout(r, milliseconds));
(async () => {
  for (const [address, width] of stops) {
    const frame = document.createElement("iframe");
    frame.width = width; frame.height = 900; frame.src = address;
    const loaded = new Promise((resolve) => (frame.onload = resolve));
    document.body.append(frame);
    await loaded;
    let found = null;
    for (let tries = 0; found === null && tries < 60; tries++) {
      await wait(50);
      found = look(frame.contentDocument);
    }
    seen[address + " " + width] = found;
    frame.remove();
  }
  document.title = JSON.stringify(seen);
})();
</script>"""


def tour(stops: list[tuple[str, int]], look: str) -> str:
    """A page that visits addresses in frames of some width.

    Its title is at last JSON of {"address width": what `look` gave}; `look` is a
    function, in JavaScript, of the document, which gives null as long as it must wait.
    """
    return _TOUR % (json.dumps(stops), look)
