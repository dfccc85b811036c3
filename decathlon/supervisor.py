"""One cell's process: runs a method's program within its limits, and its end with it.

`python -m medmnist_tfds.decathlon.supervisor FOLDER` runs what FOLDER/command.json
says, and leaves FOLDER/outcome.json unless it was stopped. It stops when its standard
input closes, that is when whoever started it has gone, or when the file `stop` appears.
Never reads data and never scores.
"""

import contextlib
import json
import os
import pathlib
import platform
import select
import subprocess
import sys
import time

import filelock
import psutil

from medmnist_tfds import files
from medmnist_tfds.decathlon import environment

LOG, OUTCOME, STARTED = "log.txt", "outcome.json", "started.json"
MISSING = 69  # sysexits.h's EX_UNAVAILABLE: the program says that it lacks something
_POLL_SECONDS = 0.2


def main(folder: pathlib.Path) -> None:
    order = json.loads((folder / "command.json").read_text())
    # A Dask worker that was taken for dead may still be at this cell: wait for its end.
    with filelock.FileLock(folder / ".lock"):
        if not (folder / OUTCOME).exists():
            _supervise(folder, order)


def _supervise(folder: pathlib.Path, order: dict) -> None:
    start = time.time()
    write(folder / STARTED, {"time": start, "host": platform.node()})
    with (folder / LOG).open("ab") as log:
        try:
            process = subprocess.Popen(
                [part.replace("{python}", sys.executable) for part in order["command"]],
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


def _environment(order: dict) -> dict[str, str]:
    variables = dict(os.environ)
    if order["is_foreign"]:
        variables = environment.clean(variables)
    return {"PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "2"} | variables


def _watch(process, order: dict, start: float) -> tuple[str | None, int]:
    """Waits for the program, or ends it; returns why it was ended and its peak bytes.

    Memory is the resident memory of the program and its children: a limit on addresses
    would hit TensorFlow, which reserves far more than it uses.
    """
    limit, most, peak = order["limit_seconds"], order["memory_bytes"], 0
    reason = None
    while reason is None and process.poll() is None:
        peak = max(peak, _memory(process.pid))
        if time.time() - start > limit:
            reason = f"timed out after {limit / 3600:.3g} h"
        elif most and peak > most:
            reason = f"used more than {most / 2**30:.3g} GiB of memory"
        elif _is_stopped(order["stop"]):
            reason = "stopped"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)
    if reason is not None:
        _kill(process)
    return reason, peak


def _is_stopped(stop: str) -> bool:
    readable, _, _ = select.select([0], [], [], 0)
    return bool(readable and not os.read(0, 1)) or os.path.exists(stop)


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(pid: int) -> int:
    total = 0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _kill(process) -> None:
    family = _family(process.pid)
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()
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
        "seconds": round(time.time() - start, 1),
        "peak_memory_bytes": peak,
        "host": platform.node(),
    }
    write(folder / OUTCOME, content)


def read_outcome(folder: pathlib.Path) -> dict:
    return json.loads((folder / OUTCOME).read_text())


def write(path: pathlib.Path, content: dict) -> None:
    with files.replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
