"""Real processes which need not import TensorFlow: forked from one that has.

That import takes most of the time of a command that a test starts. The fork server of
the standard library does it once; what it forks has started no device, and has its own
arguments, environment, folder, output and signals. What a test says of the import
itself (chatter, variables that are read there) wants `subprocess` instead.
"""

import atexit
import multiprocessing
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["matplotlib.figure", "sklearn.metrics", "typer", "medmnist_tfds.train"]
)


class Started:
    """A running process, with the part of `subprocess.Popen` that tests use."""

    def __init__(self, arguments, *, cwd=None, env=None):
        self._folder = tempfile.TemporaryDirectory()
        self._out = pathlib.Path(self._folder.name, "out")
        self._err = pathlib.Path(self._folder.name, "err")
        environment = dict(os.environ if env is None else env)
        where = os.fspath(cwd or os.getcwd())
        arguments = [os.fspath(argument) for argument in arguments]
        self._process = _SERVER.Process(
            target=_run,
            args=(arguments, environment, where, str(self._out), str(self._err)),
        )
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float = 300) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a test's process", timeout)
        return self._process.exitcode

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        self.wait(timeout)
        return self.output(), self._err.read_text(errors="replace")

    def output(self) -> str:
        """What it has printed so far."""
        return self._out.read_text(errors="replace")

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def start(*arguments, **options) -> Started:
    """Starts what `python ARGUMENTS` would: `-m MODULE`, `-c CODE` or a file."""
    return Started(arguments, **options)


def run(*arguments, timeout: float = 300, **options) -> subprocess.CompletedProcess:
    """Runs it to the end."""
    process = start(*arguments, **options)
    try:
        out, err = process.communicate(timeout)
    finally:
        process.kill()
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def _run(arguments, environment, where, out, err) -> None:
    for path, number in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(where)
    kind, *rest = arguments
    code = 0
    try:
        if kind == "-m":
            sys.argv, sys.path[:0] = rest, [where]
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif kind == "-c":
            sys.argv, sys.path[:0] = ["-c", *rest[1:]], [where]
            exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv, sys.path[:0] = arguments, [os.path.dirname(kind)]
            runpy.run_path(kind, run_name="__main__")
    except SystemExit as error:
        code = error.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.exit(code)
