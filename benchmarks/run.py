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

from benchmarks import data, tables
from benchmarks.tables import Figure
from medmnist_tfds import files

HERE = pathlib.Path(__file__).parent
RESULTS = HERE / "results"
PEER = HERE.parent / ".venv-peer/bin/python"  # `make bench` builds it


def _ours(name: str, *arguments: str, target: str = "") -> Figure:
    return Figure(name, "ours", list(arguments), target)


def _peer(name: str, *arguments: str, is_base: bool = False) -> Figure:
    return Figure(name, "peer", list(arguments), is_base=is_base)


BFLOAT16 = ("--precision", "mixed_bfloat16")
_LAST, _LAST_BFLOAT16 = ("--way", "channels_last"), ("--way", "channels_last_bfloat16")

# The first figure of each list is what the others are held against.
SUITES: dict[str, list[Figure]] = {
    "pipeline": [
        _peer("official DataLoader, 0 workers", "pipeline", "--workers", "0"),
        _peer("official DataLoader, 2 workers", "pipeline", "--workers", "2"),
        _ours("pipeline, shuffled", "pipeline", target="30x the best peer"),
    ],
    "step": [
        _peer("PyTorch, NCHW float32 (official)", "step"),
        _peer("PyTorch, channels last", "step", *_LAST),
        _peer("PyTorch, channels last, bfloat16", "step", *_LAST_BFLOAT16),
        _ours("float32", "step", target="1.25x"),
        _ours("bfloat16", "step", *BFLOAT16, target="2.0x, 1.0x the best peer"),
    ],
    "variants": [
        _ours("float32", "step"),
        _ours("float32, Keras' own layers", "step", "--plain"),
        _ours("float32, XLA", "step", "--xla", "on"),
        _ours("float32, 2 replicas", "step", "--replicas", "2"),
        _ours("float32, 2 replicas, XLA", "step", "--replicas", "2", "--xla", "on"),
        _ours("bfloat16", "step", *BFLOAT16),
        _ours("bfloat16, Keras' own layers", "step", *BFLOAT16, "--plain"),
        _ours("bfloat16, XLA", "step", *BFLOAT16, "--xla", "on"),
        _ours("bfloat16, 2 replicas", "step", *BFLOAT16, "--replicas", "2"),
    ],
    "peak": [
        _ours("matrix multiplication, float32", "peak"),
        _ours("matrix multiplication, bfloat16", "peak", *BFLOAT16),
    ],
    "inference": [
        _peer("PyTorch, NCHW float32 (official)", "inference"),
        _ours("float32", "inference", target="1.5x"),
        _ours("bfloat16", "inference", *BFLOAT16),
    ],
    "epoch": [
        _peer("official, Breast's size", "epoch", "--name", "breast"),
        _ours("float32, Breast's size", "epoch", "--name", "breast"),
        _ours(
            *("bfloat16, Breast's size", "epoch", "--name", "breast", *BFLOAT16),
            target="2.0x, at most 10 % outside",
        ),
        _peer("official, Derma's size", "epoch", "--name", "derma", is_base=True),
        _ours(
            *("bfloat16, Derma's size", "epoch", "--name", "derma", *BFLOAT16),
            target="2.0x, at most 10 % outside",
        ),
    ],
    "score": [
        _peer("official evaluator, ChestMNIST test", "score", "--name", "chest"),
        _ours("ours, ChestMNIST test", "score", "--name", "chest", target="2x"),
        _peer(
            *("official evaluator, PathMNIST train", "score", "--name", "path"),
            is_base=True,
        ),
        _ours("ours, PathMNIST train", "score", "--name", "path", target="2x"),
    ],
    "prepare": [
        _ours("plain TFDS generator", "prepare", "--plain"),
        _ours("medmnist/path", "prepare", target="3x"),
    ],
    "import": [
        _ours("tensorflow_datasets", "start", "--code", "import tensorflow_datasets"),
        _ours(
            *("medmnist_tfds", "start", "--code", "import medmnist_tfds"),
            target="0.3 s more",
        ),
        _ours(
            "medmnist-tfds --help",
            "start",
            "--code",
            "import sys; sys.argv = ['medmnist-tfds', '--help']; "
            "from medmnist_tfds import cli; cli.main()",
            target="1 s",
        ),
    ],
}
_OURS = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "medmnist-tfds")
_PEERS = ("torch", "medmnist")
_WARM = {"epoch": 0}  # rounds that do not count; these processes warm up by themselves


def _write_data(folder: pathlib.Path, suite: str) -> None:
    """The files that the programs of a suite read."""
    if suite in ("pipeline", "prepare"):  # the official class checks its size
        data.write(folder, "path")
    elif suite in ("step", "variants", "inference"):
        data.write(folder, "path", train=20_000, val=100, test=100)
    elif suite == "epoch":
        data.write(folder, "breast")
        data.write(folder, "derma")
    elif suite == "score":
        for name, split in (("chest", "test"), ("path", "train")):
            data.write_scores(folder, name, split)


def once(figure: Figure, folder: pathlib.Path) -> dict:
    """What one process measures."""
    what, *options = figure.arguments
    program = [sys.executable, "-m", "benchmarks.ours"]
    if figure.side == "peer":
        program = [str(PEER), str(HERE / "peer.py")]
    done = subprocess.run(
        [*program, what, str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=HERE.parent,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, done.args))}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(suite: str, *, repeats: int, console: rich_console.Console) -> dict:
    """Runs a suite's programs in turn, with a round before those that count."""
    warm = _WARM.get(suite, 1)
    figures = SUITES[suite]
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
        "peer_packages": _peer_versions(),
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


def _peer_versions() -> dict[str, str]:
    if not PEER.exists():
        return {}
    code = (
        "import importlib.metadata as m, json; "
        f"print(json.dumps({{n: m.version(n) for n in {_PEERS}}}))"
    )
    done = subprocess.run([PEER, "-c", code], check=True, capture_output=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help=", ".join(SUITES))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    console = rich_console.Console()
    for suite in options.what or SUITES:
        if suite not in SUITES:
            parser.error(f"there is no suite {suite!r}, but {', '.join(SUITES)}")
        needs_peer = any(figure.side == "peer" for figure in SUITES[suite])
        if needs_peer and not PEER.exists():
            raise SystemExit(
                f"{PEER} is not there. Expected PyTorch: run `make bench`."
            )
        found = measure(suite, repeats=options.repeats, console=console)
        rows = tables.rows(SUITES[suite], found)
        console.print(tables.terminal(suite, rows))
        content = {"about": about(rounds=options.repeats), "rows": rows}
        files.write_json(RESULTS / f"{suite}.json", content | {"figures": found})
    tables.update(HERE / "README.md", RESULTS, list(SUITES))


if __name__ == "__main__":
    main()
