"""The one exception of the package: its message is all that a user needs.

Never raised for a mistake of our own; the command line prints it without a traceback.
"""

import difflib
import errno
import os
from collections.abc import Mapping

_ADVICE = {
    errno.ENOSPC: "Free space there, or choose another folder.",
    errno.EDQUOT: "Free space there, or choose another folder.",
    errno.EFBIG: "Choose a folder on another file system.",
    errno.EACCES: "Give yourself the right to it, or choose another folder.",
    errno.EPERM: "Give yourself the right to it, or choose another folder.",
    errno.EROFS: "It cannot be written: choose another folder.",
    errno.ENOENT: "Expected it to be there. Is its name right?",
    errno.ENOTDIR: "A part of this path is a file: choose another folder.",
    errno.EISDIR: "It is a folder, expected a file. Is its name right?",
    errno.EEXIST: "Something else is there: choose another folder.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EMFILE: "Raise the limit of open files (`ulimit -n`).",
    errno.ENFILE: "End other programs: the system has no open file left.",
    errno.ENOMEM: "End other programs: the system has no memory left.",
    errno.EIO: "Look after the disk: it could not be read or written.",
}


class MedMNISTError(ValueError):
    """What happened, what was expected, and what to do."""


def said_by_system(error: OSError) -> str:
    """What the system said, of which path, and what helps against it if we know."""
    paths = [str(path) for path in (error.filename, error.filename2) if path]
    said = f"{' -> '.join(paths)}: {error.strerror}" if paths else error.strerror
    said = (said or str(error) or type(error).__name__).rstrip(".")
    return " ".join(filter(None, [f"{said}.", _ADVICE.get(error.errno)]))


def systems(error: Exception, path) -> OSError | None:
    """What the system said in an error of a library that only quotes it; or None.

    C++ code tells `No space left on device` in its own kind of error, without a number.
    """
    for number in _ADVICE:
        if os.strerror(number) in str(error):
            return OSError(number, os.strerror(number), str(path))
    return None


def hint(name: str, meant_by: Mapping[str, str]) -> str:
    """` Did you mean 'a' or 'b'?`, of what the nearest names mean; empty if none is.

    Args:
      name: that nothing has.
      meant_by: what each of the known names means.
    """
    asked = str(name)[:80].lower()
    likeness = {
        each: difflib.SequenceMatcher(None, each.lower(), asked).ratio()
        for each in meant_by
    }
    least = max(0.6, max(likeness.values(), default=0) - 0.05)
    near = [each for each, ratio in likeness.items() if ratio >= least]
    near.sort(key=likeness.get, reverse=True)
    meant = [repr(each) for each in dict.fromkeys(map(meant_by.get, near))]
    return f" Did you mean {' or '.join(meant[:3])}?" if meant else ""
