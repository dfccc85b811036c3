"""How long cells would take on this machine: a method's own program says.

`estimate.py` of its folder (or the definition's `estimate`) reads a JSON list of tasks
and prints a JSON list of seconds. Never runs a cell, and never waits for long.
"""

import contextlib
import json
import os
import signal
import subprocess
import tempfile

from medmnist_tfds.decathlon import cell as cells
from medmnist_tfds.decathlon import environment, exchange, log, resources
from medmnist_tfds.decathlon import program as programs

LIMIT_SECONDS = 90  # for a program's answer
_MOST_BYTES = 2**20  # of what it prints
_MOST_SECONDS = 1e12


def ask(
    chosen: list[cells.Cell], share: resources.Share
) -> tuple[list[float | None], str]:
    """Seconds of each of a method's cells, None where unknown; and why they are.

    Args:
      chosen: cells of one method, whose environment is built.
      share: the part of this machine that a cell will have.
    """
    unknown = [None] * len(chosen)
    if not chosen or not chosen[0].method.estimate:
        return unknown, ""
    said, problem = _call(chosen[0].method, _tasks(chosen, share), share)
    if problem:
        return unknown, problem
    with contextlib.suppress(ValueError, IndexError, RecursionError):
        seconds = json.loads(said.splitlines()[-1])  # libraries print, too
        if isinstance(seconds, list) and len(seconds) == len(chosen):
            return [_checked(value) for value in seconds], ""
    last = log.printable(said[-200:]) or "nothing"
    return unknown, f"it printed {last}, not a list of {len(chosen)} numbers"


def _tasks(chosen: list[cells.Cell], share: resources.Share) -> list[dict]:
    """As task.json, with the number of images of each split."""
    told = {"cores": len(share.cores), "gpus": list(share.gpus)}
    tasks = []
    for cell in chosen:
        task = exchange.task(
            cell.variant,
            budget=dict(cell.budget.amounts),
            settings=dict(cell.method.settings),
            seed=cell.seed,
        )
        images = exchange.images(cell.variant)
        tasks.append(task | told | {"memory_gib": share.memory_gib, "images": images})
    return tasks


def _call(method, tasks: list[dict], share) -> tuple[str, str]:
    """The end of what the program printed, and what went wrong."""
    python = environment.interpreter(method)
    python = str(python) if method.has_environment else None
    folder = method.program_address
    command = programs.command(method.estimate, python=python, folder=folder)
    variables = programs.environment(share, python=python, variables=method.variables)
    with contextlib.ExitStack() as open_files:
        place = open_files.enter_context(tempfile.TemporaryDirectory())
        given, said, errors = (
            open_files.enter_context(tempfile.TemporaryFile()) for _ in range(3)
        )
        given.write(json.dumps(tasks).encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                command,
                stdin=given,
                stdout=said,
                stderr=errors,
                cwd=place,  # what it leaves there goes
                env=variables,
                start_new_session=True,
            )
        except OSError as error:
            return "", f"it could not be started: {error}"
        if not _has_ended(process, share):
            return "", f"it took more than {LIMIT_SECONDS} s"
        if process.returncode:
            last = _end(errors).splitlines()[-1:] or ["it printed no error"]
            return "", f"exit code {process.returncode}: {log.printable(last[0])}"
        return _end(said), ""


def _has_ended(process, share) -> bool:
    """Waits for the program, or ends it."""
    try:
        with contextlib.suppress(OSError):  # it may have ended already
            programs.bind(process.pid, share)
        process.wait(LIMIT_SECONDS)
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:  # after an interrupt, too
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _end(file) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _MOST_BYTES))
    return file.read(_MOST_BYTES).decode(errors="replace").strip()


def _checked(value) -> float | None:
    is_number = type(value) in (int, float) and 0 <= value < _MOST_SECONDS
    return float(value) if is_number else None
