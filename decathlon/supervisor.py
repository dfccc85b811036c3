"""One cell's process: runs a method's program within its limits, and its end with it.

`python -m medmnist_tfds.decathlon.supervisor FOLDER SLOT SLOTS` runs what
FOLDER/command.json says in FOLDER/method, with one of so many shares of the machine,
and leaves FOLDER/outcome.json unless it was stopped. It stops when its standard input
closes, that is when whoever started it has gone, or when the file `stop` appears.
Never reads what a method leaves, and never scores.
"""

import contextlib
import datetime
import os
import pathlib
import platform
import select
import shutil
import subprocess
import sys
import threading
import time

import filelock

from medmnist_tfds.decathlon import family as families
from medmnist_tfds.decathlon import log as logs
from medmnist_tfds.decathlon import machine, resources
from medmnist_tfds.decathlon import program as programs
from medmnist_tfds.process import files

LOG, OWN_LOG = "log.txt", "supervisor.txt"
ORDER, OUTCOME, STARTED = BOOKS = "command.json", "outcome.json", "started.json"
METHOD = "method"  # the folder that a method is given; nothing in it is believed
DATA, TASK = "data.npz", "task.json"
MISSING = 69  # sysexits.h's EX_UNAVAILABLE: the program says that it lacks something
_POLL_SECONDS = 0.2  # at first less, lest a short program ends unmeasured
_FIRST_POLL_SECONDS = 0.005
_PIPE_SECONDS = 5


def main(folder: pathlib.Path, slot: int, slots: int) -> None:
    # A Dask worker that was taken for dead may still be at this cell: wait for its end.
    with filelock.FileLock(folder / ".lock"):
        if not (folder / ORDER).exists():  # scored and moved away meanwhile
            shutil.rmtree(folder, ignore_errors=True)
        elif not (folder / OUTCOME).exists():
            order = files.read_json(folder / ORDER)
            _supervise(folder, order, resources.share(slot, slots))


def _supervise(folder: pathlib.Path, order: dict, share: resources.Share) -> None:
    start, started = time.monotonic(), time.time()
    told = {
        "cores": len(share.cores),
        "gpus": list(share.gpus),
        "memory_gib": order["memory_gib"] or share.memory_gib,
    }
    programs.bind(os.getpid(), share)  # passed on to the program
    families.adopt_orphans()
    is_resumed = (folder / METHOD).is_dir()
    _hand_over(folder, order, told)
    files.write_json(folder / STARTED, {"host": platform.node()})
    log, reason, peak, code = logs.Log(folder / LOG), None, 0, None
    try:
        process = _start(folder / METHOD, order, share)
    except OSError as error:
        log.write(f"{error}\n".encode())
        reason = f"it could not be started: {error}"
    else:
        with _copied(process.stdout, log):
            reason, peak = _watch(process, order, told["memory_gib"], start)
        code = process.returncode
    if reason == "stopped":  # what the method has done so far stays, but for the copy
        for name in order["data"]:
            files.remove(folder / METHOD / name)
        (folder / STARTED).unlink()
        return
    outcome = _verdict(reason, code, log.last_line()) | told
    outcome |= {"started": started, "seconds": round(time.monotonic() - start, 1)}
    outcome |= {"peak_memory_bytes": peak, "host": platform.node()}
    outcome["is_resumed"] = is_resumed  # an earlier start's seconds are not counted
    now = datetime.datetime.now(datetime.timezone.utc)
    outcome["ended"] = now.isoformat(timespec="seconds")
    outcome["machine"] = machine.describe(share.gpus, python=order["python"])
    files.write_json(folder / OUTCOME, outcome)


def _start(place: pathlib.Path, order: dict, share: resources.Share):
    python = order["python"]
    command = programs.command(order["command"], python=python, folder=order["method"])
    return subprocess.Popen(
        [*command, str(place)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=place,
        env=programs.environment(share, python=python, variables=order["variables"]),
    )


def _verdict(reason: str | None, code: int | None, last_line: str) -> dict:
    if reason is None and code == 0:
        return {"status": "ended", "reason": None}
    if reason is None and code == MISSING:
        silent = f"it lacks something (exit code {MISSING}), and did not say what"
        return {"status": "missing", "reason": last_line or silent}
    if reason is None:
        how = f"exit code {code}" if code > 0 else f"killed by signal {-code}"
        reason = f"{how}: {last_line or 'it printed nothing'}"
    return {"status": "failed", "reason": reason}


def _hand_over(folder: pathlib.Path, order: dict, told: dict) -> None:
    """Fills the folder for the method; what an earlier start has left there stays."""
    place = folder / METHOD
    if place.is_symlink() or not place.is_dir():
        files.remove(place)
        place.mkdir()
    place.chmod(0o700)
    for name in (TASK, *order["data"]):
        files.remove(place / name)
    files.write_json(place / TASK, order["task"] | told)
    # Copies: whatever is done to them, the other cells of the dataset do not see it.
    for name, path in order["data"].items():
        shutil.copy(path, place / name)


@contextlib.contextmanager
def _copied(pipe, log: logs.Log):
    """Meanwhile what comes out of a pipe goes into the log."""

    def copy() -> None:
        while text := os.read(pipe.fileno(), 2**16):
            with contextlib.suppress(OSError):  # a full disk: the program shall go on
                log.write(text)

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    yield
    thread.join(_PIPE_SECONDS)  # whoever could not be killed may keep the pipe open


def _watch(process, order: dict, gib: float, start: float) -> tuple[str | None, int]:
    """Waits for the program, or ends it; returns why it was ended and its peak bytes.

    Memory is the resident memory of the program and its children: a limit on addresses
    would hit TensorFlow, which reserves far more than it uses.
    """
    limit, most, peak = order["limit_seconds"], int(gib * 2**30), 0
    family, reason, wait = families.Family(process.pid), None, _FIRST_POLL_SECONDS
    while reason is None and process.poll() is None:
        family.look()
        peak = max(peak, family.memory(most))
        if time.monotonic() - start > limit:
            reason = f"timed out after {limit / 3600:.3g} h"
        elif peak > most:
            reason = f"used more than {gib:.3g} GiB of memory"
        elif _is_stopped(order["stop"]):
            reason = "stopped"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait)
        wait = min(2 * wait, _POLL_SECONDS)
    process.kill()
    process.wait()
    family.kill()
    return reason, peak


def _is_stopped(stop: str) -> bool:
    readable, _, _ = select.select([0], [], [], 0)
    return bool(readable and not os.read(0, 1)) or os.path.exists(stop)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
