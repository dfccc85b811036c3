"""`python -m benchmarks.run [WHAT ...]`: how fast we are, against named peers.

Each figure comes from a process of its own; the two sides of a ratio run in turn, so
that a drift of the machine hits both. Never asserts: timings are for people.
"""

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

import psutil
from rich import console as rich_console
from rich import progress as rich_progress

from benchmarks import data, recipe, suites, tables
from medmnist_tfds.process import files

HERE = tables.HERE
PEER = HERE.parent / ".venv-peer/bin/python"  # `make bench` builds it
JAX = HERE.parent / ".venv-jax/bin/python"  # `make test-jax` does
_IN_JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
_OURS = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "medmnist-tfds")
_PEERS = ("torch", "medmnist")
_WARM = {
    "epoch": 0,
    "volumes": 0,
}  # rounds that do not count; these processes warm up by themselves


def _write_data(folder: pathlib.Path, suite: str) -> None:
    """The files that the programs of a suite read."""
    if suite in ("pipeline", "prepare"):  # the official class checks its size
        data.write(folder, "path")
    elif suite in ("step", "variants", "lanes", "feed", "inference"):
        data.write(folder, "path", train=20_000, val=100, test=100)
    elif suite == "epoch":
        data.write(folder, "breast")
        data.write(folder, "derma")
    elif suite == "score":
        for name, split in (("chest", "test"), ("path", "train")):
            data.write_scores(folder, name, split)


def once(figure: suites.Figure, folder: pathlib.Path) -> dict:
    """What one process measures."""
    what, *options = figure.arguments
    program, variables = [sys.executable, "-m", "benchmarks.ours"], {}
    if figure.side == "peer":
        program = [str(PEER), str(HERE / "peer.py")]
    elif figure.side == "jax":
        program[0], variables = str(JAX), _IN_JAX
    done = subprocess.run(
        [*program, what, str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=HERE.parent,
        env=os.environ | variables,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, done.args))}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(suite: str, *, repeats: int, console: rich_console.Console) -> dict:
    """Runs a suite's programs in turn, with a round before those that count."""
    warm = _WARM.get(suite, 1)
    figures = suites.SUITES[suite]
    found: dict[str, list[dict]] = {figure.name: [] for figure in figures}
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _write_data(folder, suite)
        bar = stack.enter_context(rich_progress.Progress(console=console))
        task = bar.add_task(suite, total=(repeats + warm) * len(figures))
        for turn in range(repeats + warm):
            for figure in figures:
                result = once(figure, folder)
                if turn >= warm:
                    found[figure.name].append(result)
                bar.advance(task)
    return found


def about(*, rounds: int) -> dict:
    """Machine, versions and command, for the files of results."""
    return {
        "date": datetime.date.today().isoformat(),
        "command": " ".join(sys.orig_argv[1:]),
        "rounds": rounds,
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "memory_gib": psutil.virtual_memory().total / 2**30,
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _OURS},
        "peer_packages": _versions(PEER, _PEERS) | _versions(JAX, ("jax",)),
    }


def _cpu() -> str:
    """The processor's name, with what it has for bfloat16."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    known = dict(line.split(":", 1) for line in lines if ":" in line)
    known = {key.strip(): value.strip() for key, value in known.items()}
    units = {"avx512_bf16", "amx_bf16"} & set(known.get("flags", "").split())
    return " ".join([known.get("model name", "a processor"), *sorted(units)])


def _versions(python: pathlib.Path, names: tuple[str, ...]) -> dict[str, str]:
    """Of packages in another environment; none where it is not there."""
    if not python.exists():
        return {}
    code = (
        "import importlib.metadata as m, json;"
        f"print(json.dumps({{n: m.version(n) for n in {names}}}))"
    )
    done = subprocess.run([python, "-c", code], check=True, capture_output=True)
    return json.loads(done.stdout)


def _check(parser: argparse.ArgumentParser, chosen: list[str], repeats: int) -> None:
    """Ends with a message before anything is measured for minutes."""
    for suite in chosen:
        if suite not in suites.SUITES:
            names = ", ".join(suites.SUITES)
            parser.error(f"there is no suite {suite!r}, but {names}")
    if repeats < 1:
        parser.error(f"--repeats is {repeats}, and must be 1 or more")
    sides = {figure.side for suite in chosen for figure in suites.SUITES[suite]}
    if not PEER.exists() and "peer" in sides:
        parser.error(f"{PEER} is not there: run `make bench` to install PyTorch")
    if not JAX.exists() and "jax" in sides:
        parser.error(f"{JAX} is not there: run `make test-jax` to install JAX")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", nargs="*", help=", ".join([*suites.SUITES, "or recipe, alone"])
    )
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if options.what == ["recipe"]:  # no ratios of programs: scores, and their time
        recipe.main(rich_console.Console())
        return
    chosen = options.what or list(suites.SUITES)
    _check(parser, chosen, options.repeats)
    console, machine = rich_console.Console(), about(rounds=options.repeats)
    for suite in chosen:
        found = measure(suite, repeats=options.repeats, console=console)
        rows = tables.rows(suites.SUITES[suite], found)
        console.print(tables.terminal(suite, rows))
        content = {"about": machine, "rows": rows, "figures": found}
        files.write_json(tables.RESULTS / f"{suite}.json", content)


if __name__ == "__main__":
    main()
