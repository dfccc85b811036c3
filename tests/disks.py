"""A disk that is full or cannot be written, which one process alone sees."""

import os
import pathlib
import shlex
import subprocess

import pytest


def run(command, *, folder: pathlib.Path, option: str) -> subprocess.CompletedProcess:
    """Runs a command with `folder` on a disk of its own, then lists what is there.

    Skips where no disk can be mounted. `option` is mount's: `size=16k`, `ro`.
    """
    mount = ["mount", "-t", "tmpfs", "-o", option, "none", str(folder)]
    # In its own namespace the child alone sees the disk, and it ends with the child.
    enter = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    trial = ["sh", "-c", shlex.join([*enter, *mount])]
    trial = subprocess.run(trial, capture_output=True, text=True)
    if trial.returncode:
        pytest.skip(f"cannot mount a small disk here: {trial.stderr.strip()}")
    command = shlex.join(map(str, command))
    both = f"{shlex.join(mount)} && {command}; ls -A {shlex.quote(str(folder))}"
    done = [*enter, "sh", "-c", both]
    return subprocess.run(done, capture_output=True, text=True, timeout=120)
