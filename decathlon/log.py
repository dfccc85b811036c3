"""A program's output as a file that cannot fill a disk: its first and its last MiB.

The file is up to date at any time. Never believes what is printed: a terminal is shown
some of it, without what would steer it.
"""

import os
import pathlib
import re
import stat
from typing import BinaryIO

HEAD = TAIL = 2**20  # bytes
_GAP = "\n[... {:,} bytes left out here ...]\n"
_NEAR_END = 4096  # bytes in which a last line is looked for
# What steers a terminal (ECMA-48): colours and movements, titles and links, the rest.
_ESCAPE = re.compile(
    r"\x1b(\[[0-?]*[ -/]*[@-~]|[]PX^_][^\x07\x1b]*(\x07|\x1b\\)|[@-_])"
)


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
        return _last_line(self._file)


def last_line(path: pathlib.Path) -> str:
    """The last line, as of `Log`, of a file that others write meanwhile."""
    try:
        # A program may have put a pipe or a link there: neither is waited for.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return ""
    with open(number, "rb") as file:
        is_file = stat.S_ISREG(os.fstat(number).st_mode)
        return _last_line(file) if is_file else ""


def _last_line(file: BinaryIO) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _NEAR_END))
    lines = file.read(_NEAR_END).decode(errors="replace").splitlines()
    lines = [printable(line) for line in lines]
    return next((line for line in reversed(lines) if line), "")


def printable(text: str) -> str:
    """Up to 500 characters of a stranger's text, none of which steers a terminal."""
    text = _ESCAPE.sub("", text)
    return "".join(c for c in text if c.isprintable()).strip()[:500]
