"""A site in a real browser, and whom else its pages would ask.

The local server says with each page that nothing but its own may be loaded: the
browser keeps to that, and reports what a page has tried (Content Security Policy).
"""

import http.server
import json
import pathlib
import shutil
import subprocess
import threading

import pytest

_SECONDS = 400
_POLICY = "default-src 'self' data: blob: 'unsafe-inline'; report-uri /asked"
# Opens one address after another in a frame, of a width that a window cannot have, and
# sends what a function of the frame's document says, once it says something.
_TOUR = """<!DOCTYPE html><title>tour</title><body><script>
const stops = %s, look = %s, seen = [];
const wait = (milliseconds) => new Promise((r) => setTimeout(r, milliseconds));
(async () => {
  for (const [address, width] of stops) {
    const frame = document.createElement("iframe");
    frame.width = width; frame.height = 900; frame.src = address;
    const loaded = new Promise((resolve) => (frame.onload = resolve));
    document.body.append(frame);
    await loaded;
    let found = null;
    for (let tries = 0; found === null && tries < 400; tries++) {
      await wait(25);
      found = look(frame.contentDocument);
    }
    seen.push(found);
    frame.remove();
  }
  await fetch("/seen", { method: "POST", body: JSON.stringify(seen) });
})();
</script>"""


def tour(
    site: pathlib.Path,
    stops: list[tuple[str, int]],
    look: str,
    *,
    profile: pathlib.Path,
) -> tuple[list, list[str]]:
    """Visits pages of a site, each in a frame of some width; skips without a browser.

    Args:
      site: the folder.
      stops: addresses in it, and widths in pixels.
      look: a function, in JavaScript, of a page's document, which gives null as long
        as it must wait, for ten seconds at most.
      profile: an empty folder for the browser.

    Returns:
      What `look` gave for each stop, and what pages would have loaded of other hosts.
    """
    page = _TOUR % (json.dumps(stops), look)
    server = _Server(site, page.encode())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser = subprocess.Popen(
        [
            *(_browser(), "--headless", "--no-sandbox", "--disable-gpu"),
            *("--disable-background-networking", "--disable-component-update"),
            *("--no-first-run", "--disable-sync", "--disable-default-apps"),
            *("--remote-debugging-port=0", f"--user-data-dir={profile}"),  # stay open
            f"http://127.0.0.1:{server.server_port}/tour",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert server.is_seen.wait(_SECONDS), "the browser has not come to the end"
    finally:
        browser.terminate()
        browser.wait(30)
        server.shutdown()
        server.server_close()
    return server.seen, server.asked


def opened(file: pathlib.Path, query: str, *, profile: pathlib.Path) -> str:
    """What a file holds some seconds after it was opened from the disk, as HTML."""
    done = subprocess.run(
        [
            *(_browser(), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *(f"--user-data-dir={profile}", "--virtual-time-budget=10000"),
            f"{file.as_uri()}{query}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout


def _browser() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    return browser or pytest.skip("no Chromium or Chrome on the PATH")


class _Server(http.server.ThreadingHTTPServer):
    """`seen` is what the tour has sent, `asked` what the browser has reported."""

    def __init__(self, site: pathlib.Path, page: bytes):
        self.site, self.page = site, page
        self.asked: list[str] = []
        self.seen, self.is_seen = None, threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, request, address, server):
        super().__init__(request, address, server, directory=str(server.site))

    def end_headers(self):
        self.send_header("Content-Security-Policy", _POLICY)
        super().end_headers()

    def do_GET(self):
        if self.path != "/tour":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.server.page)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/asked":
            report = body["csp-report"]
            self.server.asked.append(
                f"{report['document-uri']}: {report['blocked-uri']}"
            )
        self.send_response(204)
        self.end_headers()
        if self.path == "/seen":
            self.server.seen = body
            self.server.is_seen.set()

    def log_message(self, *_):
        pass
