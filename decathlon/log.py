"""A program's output as a file that cannot fill a disk: its first and its last MiB.

The file is up to date at any time. Never looks at what is printed.
"""

import os
import pathlib
import re

HEAD = TAIL = 2**20  # bytes
_GAP = "\n[... {:,} bytes left out here ...]\n"


class Log:
    """Appends to a file, and takes out of its middle what is too much."""

    def __init__(self, path: pathlib.Path):
        self._file = path.open("a+b")
        self._file.seek(min(HEAD, os.fstat(self._file.fileno()).st_size))
        # An earlier attempt may have left something out.
        gap = re.match(rb"\n\[... ([0-9,]+) bytes left out", self._file.read(80))
        self._left_out = int(gap[1].replace(b",", b"")) if gap else 0
        self._gap_bytes = len(_GAP.format(self._left_out)) if gap else 0

    def write(self, text: bytes) -> None:
        self._file.write(text)
        self._file.flush()
        size = self._file.seek(0, os.SEEK_END)
        if size > HEAD + 2 * TAIL:  # rewritten once per TAIL bytes, not at each line
            self._shorten(size)

    def _shorten(self, size: int) -> None:
        self._file.seek(-TAIL, os.SEEK_END)
        tail = self._file.read()
        self._left_out += size - TAIL - HEAD - self._gap_bytes
        gap = _GAP.format(self._left_out).encode()
        self._gap_bytes = len(gap)
        self._file.truncate(HEAD)
        self._file.write(gap + tail)
        self._file.flush()

    def last_line(self) -> str:
        """The last line that says something, or "": what a terminal may show of it."""
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(0, size - 4096))
        lines = self._file.read().decode(errors="replace").splitlines()
        lines = [printable(line) for line in lines]
        return next((line for line in reversed(lines) if line), "")


def printable(text: str) -> str:
    """Up to 500 characters of a stranger's text, none of which steers a terminal."""
    return "".join(c for c in text if c.isprintable()).strip()[:500]
