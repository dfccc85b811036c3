"""The processes that a program starts: seen, measured and ended, whatever they do.

Never starts one. The calling process becomes the parent of all, and has no others.
"""

import contextlib
import ctypes
import os
import sys
import time

import psutil

_IS_LINUX = sys.platform == "linux"
_KILL_SECONDS = 10
_PR_SET_CHILD_SUBREAPER = 36  # of Linux' prctl.h


def adopt_orphans() -> None:
    """Makes this process, on Linux, the parent of descendants that lose their own.

    So a daemon stays in sight, whatever it does to leave.
    """
    if _IS_LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Family:
    """A program and all that comes of it; `program` is its process id."""

    def __init__(self, program: int):
        self._program = program
        self._members: set[psutil.Process] = set()

    def look(self) -> None:
        """Sees who is new, and keeps in mind who may leave its parent."""
        known = {member for member in self._members if member.is_running()}
        self._members = known | _descendants()
        if _IS_LINUX:
            self._bury()

    def memory(self, most: int) -> int:
        """The bytes that all occupy; exact, which is slow, only where above `most`."""
        total = self._sum(lambda member: member.memory_info().rss)
        if total > most and _IS_LINUX:
            # Pages that several have in common, as forks do, count once.
            total = self._sum(lambda member: member.memory_full_info().pss)
        return total

    def kill(self) -> None:
        """Ends all, also whom they start while they are ended one by one."""
        deadline = time.monotonic() + _KILL_SECONDS
        alive = self._members | _descendants()
        while alive and time.monotonic() < deadline:
            for member in alive:
                with contextlib.suppress(psutil.Error):
                    member.kill()
            alive = {*psutil.wait_procs(alive, timeout=1)[1], *_descendants()}

    def _sum(self, size) -> int:
        total = 0
        for member in self._members:
            with contextlib.suppress(psutil.Error):
                total += size(member)
        return total

    def _bury(self) -> None:
        """Takes the exit codes of orphans, which would fill the table of processes."""
        how = os.WEXITED | os.WNOHANG
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, how | os.WNOWAIT):
                if ended.si_pid == self._program:  # its code is for others to take
                    return
                os.waitid(os.P_PID, ended.si_pid, how)


def _descendants() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))
