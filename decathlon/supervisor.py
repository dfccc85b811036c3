"""One cell's process: runs a method's program within its limits, and its end with it.

`python -m medmnist_tfds.decathlon.supervisor FOLDER` runs what FOLDER/command.json
says, and leaves FOLDER/outcome.json unless it was stopped. It stops when its standard
input closes, that is when whoever started it has gone, or when the file `stop` appears.
Never reads data and never scores.
"""

import contextlib
import os
import pathlib
import platform
import select
import shutil
import subprocess
import sys
import time

import filelock
import psutil

from medmnist_tfds.decathlon import environment
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.process import files

LOG, OWN_LOG = "log.txt", "supervisor.txt"
ORDER, OUTCOME, STARTED = BOOKS = "command.json", "outcome.json", "started.json"
MISSING = 69  # sysexits.h's EX_UNAVAILABLE: the program says that it lacks something
_POLL_SECONDS = 0.2


def main(folder: pathlib.Path) -> None:
    # A Dask worker that was taken for dead may still be at this cell: wait for its end.
    with filelock.FileLock(folder / ".lock"):
        if not (folder / ORDER).exists():  # scored and moved away meanwhile
            shutil.rmtree(folder)
        elif not (folder / OUTCOME).exists():
            _supervise(folder, files.read_json(folder / ORDER))


def _supervise(folder: pathlib.Path, order: dict) -> None:
    start = time.monotonic()
    files.write_json(folder / STARTED, {"host": platform.node()})
    with (folder / LOG).open("ab") as log:
        try:
            process = subprocess.Popen(
                _command(order),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=_environment(order),
            )
        except OSError as error:
            log.write(f"{error}\n".encode())
            _end(folder, start, reason=f"it could not be started: {error}")
            return
        reason, peak = _watch(process, order, start)
    if reason == "stopped":
        (folder / STARTED).unlink()
    elif reason is None and process.returncode == MISSING:
        _end(folder, start, status="missing", reason=last_line(folder), peak=peak)
    elif reason is None and process.returncode:
        code = process.returncode
        how = f"exit code {code}" if code > 0 else f"killed by signal {-code}"
        _end(folder, start, reason=f"{how}: {last_line(folder)}", peak=peak)
    else:
        status = "failed" if reason else "ended"
        _end(folder, start, status=status, reason=reason, peak=peak)


def _command(order: dict) -> list[str]:
    """The command with this machine's paths for {python} and {folder}."""
    # An absolute path, of a user's method, stays what it is.
    folder = str(methods.BUILT_IN / order["method"])
    names = {"{python}": order["python"] or sys.executable, "{folder}": folder}
    command = order["command"]
    for name, value in names.items():
        command = [part.replace(name, value) for part in command]
    return command


def _environment(order: dict) -> dict[str, str]:
    variables = dict(os.environ)
    if order["python"] is not None:
        variables = environment.clean(variables)
    return {"PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "2"} | variables


def _watch(process, order: dict, start: float) -> tuple[str | None, int]:
    """Waits for the program, or ends it; returns why it was ended and its peak bytes.

    Memory is the resident memory of the program and its children: a limit on addresses
    would hit TensorFlow, which reserves far more than it uses.
    """
    limit, most, peak = order["limit_seconds"], order["memory_bytes"], 0
    family: set[psutil.Process] = set()  # also such as have left their parent
    reason = None
    while reason is None and process.poll() is None:
        family |= _family(process.pid)
        peak = max(peak, _memory(family))
        if time.monotonic() - start > limit:
            reason = f"timed out after {limit / 3600:.3g} h"
        elif most and peak > most:
            reason = f"used more than {most / 2**30:.3g} GiB of memory"
        elif _is_stopped(order["stop"]):
            reason = "stopped"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)
    _kill(family | _family(process.pid))
    process.wait()
    return reason, peak


def _is_stopped(stop: str) -> bool:
    readable, _, _ = select.select([0], [], [], 0)
    return bool(readable and not os.read(0, 1)) or os.path.exists(stop)


def _family(pid: int) -> set[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return {parent, *parent.children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def _memory(family: set[psutil.Process]) -> int:
    total = 0
    for process in family:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _kill(family: set[psutil.Process]) -> None:
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=10)


def last_line(folder: pathlib.Path) -> str:
    """The last line of the log that says something."""
    with (folder / LOG).open("rb") as log:
        log.seek(max(0, os.path.getsize(folder / LOG) - 4096))
        text = log.read().decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:500] if lines else "it printed nothing"


def _end(folder, start: float, *, status="failed", reason=None, peak=0) -> None:
    content = {
        "status": status,
        "reason": reason,
        "seconds": round(time.monotonic() - start, 1),
        "peak_memory_bytes": peak,
        "host": platform.node(),
    }
    files.write_json(folder / OUTCOME, content)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
