"""Environments of methods that cannot live in this package's own.

An environment is complete or it is not there. Never installs anything by itself: that
is what a user asks for with `decathlon setup`.
"""

import dataclasses
import functools
import hashlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata

import filelock
import pooch
from packaging import specifiers

from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.process import errors, files, terminal

_MINORS = range(14, 7, -1)  # of Python 3, newest first


@dataclasses.dataclass(frozen=True, kw_only=True)
class Missing:
    """What a method lacks on this machine, and the command that brings it."""

    reason: str


def root() -> pathlib.Path:
    """`MEDMNIST_ENVIRONMENTS`, or a folder in the user's cache."""
    chosen = os.environ.get("MEDMNIST_ENVIRONMENTS")
    folder = pathlib.Path(chosen or pooch.os_cache("medmnist-tfds") / "environments")
    return folder.absolute()  # cells start in folders of their own


def interpreter(method: methods.Method) -> pathlib.Path | Missing:
    """The Python that runs a method; `Missing` where its environment is not built."""
    if not method.has_environment:
        return pathlib.Path(sys.executable)
    folder = _folder(method)
    command = f"{terminal.command()} decathlon setup {_argument(method)}"
    if not (folder / "environment.json").exists():
        return Missing(reason=f"its environment is not built; run: {command}")
    if _read(folder).get("asked_for") != _asked_for(method):
        return Missing(reason=f"its requirements have changed; run: {command}")
    return folder / "bin/python"


def packages(method: methods.Method) -> list[str]:
    """What is installed where the method runs: `name==version` of each package."""
    if method.has_environment:
        return _read(_folder(method)).get("packages", [])
    return _own_packages()


@functools.cache
def _own_packages() -> list[str]:
    versions = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    versions.pop(None, None)  # what an interrupted installation has left
    return [f"{name}=={versions[name]}" for name in sorted(versions, key=str.lower)]


def setup(method: methods.Method, *, python: str | None = None, say=print) -> None:
    """Builds a method's environment; about a minute and a gigabyte.

    Args:
      method: whose.
      python: the interpreter to build it with; looked for on the PATH if not given.
      say: called with lines of progress.

    Raises:
      MedMNISTError: no interpreter of the right version, or an installation that fails.
    """
    if not method.has_environment:
        say(f"{method.name} runs in this environment: nothing to set up.")
        return
    folder = _folder(method)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_name(f".{folder.name}.lock")):
        if not isinstance(interpreter(method), Missing):
            say(f"{method.name} is set up already, in {folder}")
            return
        chosen = _choose_python(method, python)
        say(f"Building the environment of {method.name} with {chosen} in {folder}")
        shutil.rmtree(folder, ignore_errors=True)  # of an attempt that failed
        log = folder.with_name(f"{folder.name}.log")
        log.unlink(missing_ok=True)
        _build(method, folder, chosen, log)
        frozen = subprocess.run(
            [folder / "bin/python", "-m", "pip", "freeze"],
            capture_output=True,
            text=True,
            check=True,
        )
        content = {
            "asked_for": _asked_for(method),
            "python": chosen,
            "packages": frozen.stdout.split("\n")[:-1],
        }
        files.write_json(folder / "environment.json", content)
    say(f"{method.name} is set up.")


def _build(method, folder: pathlib.Path, python: str, log: pathlib.Path) -> None:
    pip = [folder / "bin/python", "-m", "pip", "install", "--no-input"]
    steps = [[python, "-m", "venv", folder]]
    if method.build_requirements:
        steps.append([*pip, "--upgrade", *method.build_requirements])
    steps.append([*pip, *method.requirements])
    # Build tools that pip has just installed, such as swig, are looked for on the PATH.
    path = f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = clean(os.environ) | {"PATH": path}
    for step in steps:
        with log.open("a") as output:
            done = subprocess.run(
                step, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            raise errors.MedMNISTError(
                f"The environment of {method.name} could not be built: "
                f"{' '.join(map(str, step[:6]))} ... ended with {done.returncode}. "
                f"Expected pip to install {', '.join(method.requirements)}. See the "
                f"end of {log}; a network or a package index is needed."
            )


def clean(environment) -> dict[str, str]:
    """The environment variables without those that lead Python to our packages."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    return {k: v for k, v in environment.items() if k not in ours}


def _choose_python(method, python: str | None) -> str:
    wanted = specifiers.SpecifierSet(method.python or "")
    if python is not None:
        version = _version(shutil.which(python) or python)
        if version is not None and version in wanted:
            return shutil.which(python) or python
        what = f"is Python {version}" if version else "is no Python that can be started"
        raise errors.MedMNISTError(
            f"--python {python} {what}. Expected Python {wanted} for {method.name}. "
            f"{_how_to_get(method)}"
        )
    names = [sys.executable, *(f"python3.{minor}" for minor in _MINORS), "python3"]
    for path in filter(None, map(shutil.which, names)):
        version = _version(path)
        if version is not None and version in wanted:
            return path
    raise errors.MedMNISTError(
        f"{method.name} needs Python {wanted}, and none is on the PATH. Expected an "
        f"interpreter of that version. {_how_to_get(method)}"
    )


def _how_to_get(method) -> str:
    match = re.search(r"3\.\d+", method.python or "")
    version = match[0] if match else "3"
    return (
        f"Install one (`conda create -n py{version} python={version}`, `pyenv install "
        f"{version}`, `uv python install {version}`) and name it: {terminal.command()} "
        f"decathlon setup {_argument(method)} --python /path/to/python{version}"
    )


def _version(path: str) -> str | None:
    try:
        done = subprocess.run(
            [path, "-c", "import platform; print(platform.python_version())"],
            capture_output=True,
            text=True,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _folder(method) -> pathlib.Path:
    if method.is_built_in:
        return root() / method.name
    # Two users' methods may have one name.
    place = hashlib.sha256(str(method.folder).encode()).hexdigest()[:8]
    return root() / f"{method.name}-{place}"


def _argument(method) -> str:
    return method.name if method.is_built_in else shlex.quote(str(method.folder))


def _asked_for(method) -> dict:
    return {
        "python": method.python,
        "build_requirements": list(method.build_requirements),
        "requirements": list(method.requirements),
    }


def _read(folder: pathlib.Path) -> dict:
    return files.read_json(folder / "environment.json")
