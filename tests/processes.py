"""Real processes that need not import TensorFlow: forked from one that has.

The import takes most of the time of a command that a test starts. The fork server of
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


class Popen:
    """As `subprocess.Popen` of [sys.executable, ...], with text in pipes."""

    def __init__(self, command, *, cwd=None, env=None, stderr=subprocess.PIPE):
        interpreter, *arguments = map(os.fspath, command)
        if interpreter != sys.executable:
            raise ValueError(f"{interpreter} is not {sys.executable}")
        self._folder = tempfile.TemporaryDirectory()
        names = ["out", "out" if stderr == subprocess.STDOUT else "err"]
        self._paths = [pathlib.Path(self._folder.name, name) for name in names]
        environment = dict(os.environ if env is None else env)
        place = os.fspath(cwd or os.getcwd())
        self._process = _SERVER.Process(
            target=_run, args=(arguments, environment, place, self._paths)
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
        out, err = (path.read_text(errors="replace") for path in self._paths)
        return out, err

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def run(command, *, check=False, timeout: float = 300, **options):
    """As `subprocess.run` of [sys.executable, ...] with its text captured."""
    process = Popen(command, **options)
    try:
        out, err = process.communicate(timeout)
    finally:
        process.kill()
    if check and process.returncode:
        raise AssertionError(f"exit code {process.returncode}:\n{err}")
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _run(arguments, environment, place, paths) -> None:
    for path, number in zip(paths, (1, 2), strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    code = 0
    try:
        _interpret(*arguments)
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()  # a forked process would not
    sys.exit(code)


def _interpret(kind: str, *arguments: str) -> None:
    """What `python KIND ARGUMENTS` would do, for -m, -c and a file."""
    if kind == "-m":
        sys.argv, sys.path[:0] = list(arguments), [os.getcwd()]
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        code, *others = arguments
        sys.argv, sys.path[:0] = ["-c", *others], [os.getcwd()]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv, sys.path[:0] = [kind, *arguments], [os.path.dirname(kind)]
        runpy.run_path(kind, run_name="__main__")
