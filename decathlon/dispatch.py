"""Where cells run: an Executor of this machine, or of a Dask cluster.

Never schedules: `concurrent.futures` and Dask do. A cell that a lost worker had begun
is run again elsewhere, in the same folder.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
from concurrent import futures

from medmnist_tfds.decathlon import supervisor
from medmnist_tfds.process import errors

_thread = threading.local()  # .slot: this thread's share of the machine, (k, of n)


def run_cell(folder: str) -> None:
    """Runs a cell's process in its folder to the end; called where the cell shall run.

    The process sees by its standard input when this one has gone, and ends.
    """
    slot = getattr(_thread, "slot", (0, 1))  # a Dask worker's cell has all it has
    command = [sys.executable, "-m", "medmnist_tfds.decathlon.supervisor"]
    command += [folder, *map(str, slot)]
    log = pathlib.Path(folder, supervisor.OWN_LOG)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us to handle
            cwd=folder,  # not the user's, whose files could stand before our modules
        )
        try:
            while (code := process.poll()) is None:
                process.send_signal(signal.SIGCONT)  # its program may have stopped it
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # whatever it has left behind
    if code:
        text = log.read_text(errors="replace").strip().splitlines()
        raise RuntimeError(
            f"the cell's process ended with {code}: {text[-1] if text else 'no word'}"
        )
    log.unlink(missing_ok=True)


@contextlib.contextmanager
def executor(*, jobs: int, dask: str | None):
    """An Executor for `run_cell`: `jobs` processes here, or the cluster at `dask`.

    Raises:
      MedMNISTError: dask.distributed is not installed, or no scheduler answers.
    """
    if dask is None:
        slots = [(slot, jobs) for slot in range(jobs)]

        def take_slot() -> None:
            _thread.slot = slots.pop()

        # A thread waits for a process.
        with futures.ThreadPoolExecutor(jobs, initializer=take_slot) as pool:
            yield pool
        return
    try:
        import distributed
    except ImportError as error:
        raise errors.MedMNISTError(
            "--dask needs dask.distributed, which is not installed. Install it here "
            'and on the workers: pip install "medmnist-tfds[dask]"'
        ) from error
    try:
        client = distributed.Client(dask, timeout="20s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise errors.MedMNISTError(
            f"No Dask scheduler answers at {dask} ({error}). Expected an address such "
            "as tcp://host:8786. Start one: dask scheduler"
        ) from error
    with client, client.get_executor() as pool:
        yield pool
