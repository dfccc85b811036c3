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
import statistics
import subprocess
import sys
import tempfile

from rich import console as rich_console
from rich import progress as rich_progress
from rich import table as rich_table

from benchmarks import data
from medmnist_tfds import files

HERE = pathlib.Path(__file__).parent
PEER = HERE.parent / ".venv-peer/bin/python"  # `make bench` builds it
Figure = tuple[str, str, list[str]]  # name, "ours" or "peer", arguments


def _ours(name: str, *arguments: str) -> Figure:
    return name, "ours", list(arguments)


def _peer(name: str, *arguments: str) -> Figure:
    return name, "peer", list(arguments)


BFLOAT16 = ("--precision", "mixed_bfloat16")
_LAST, _LAST_BFLOAT16 = ("--way", "channels_last"), ("--way", "channels_last_bfloat16")

# The first figure of each list is what the others are held against.
SUITES: dict[str, list[Figure]] = {
    "pipeline": [
        _peer("official DataLoader, 0 workers", "pipeline", "--workers", "0"),
        _peer("official DataLoader, 2 workers", "pipeline", "--workers", "2"),
        _ours("pipeline, shuffled", "pipeline"),
    ],
    "step": [
        _peer("PyTorch, NCHW float32 (official)", "step"),
        _peer("PyTorch, channels last", "step", *_LAST),
        _peer("PyTorch, channels last, bfloat16", "step", *_LAST_BFLOAT16),
        _ours("float32", "step"),
        _ours("bfloat16", "step", *BFLOAT16),
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
        _ours("float32", "inference"),
        _ours("bfloat16", "inference", *BFLOAT16),
    ],
    "epoch": [
        _peer("official, Breast's size", "epoch", "--name", "breast"),
        _ours("float32, Breast's size", "epoch", "--name", "breast"),
        _ours("bfloat16, Breast's size", "epoch", "--name", "breast", *BFLOAT16),
        _peer("official, Derma's size", "epoch", "--name", "derma"),
        _ours("bfloat16, Derma's size", "epoch", "--name", "derma", *BFLOAT16),
    ],
    "score": [
        _peer("official evaluator, ChestMNIST test", "score", "--name", "chest"),
        _ours("ours, ChestMNIST test", "score", "--name", "chest"),
        _peer("official evaluator, PathMNIST train", "score", "--name", "path"),
        _ours("ours, PathMNIST train", "score", "--name", "path"),
    ],
    "prepare": [
        _ours("plain TFDS generator", "prepare", "--plain"),
        _ours("medmnist/path", "prepare"),
    ],
    "import": [
        _ours("tensorflow_datasets", "start", "--code", "import tensorflow_datasets"),
        _ours("medmnist_tfds", "start", "--code", "import medmnist_tfds"),
        _ours(
            "medmnist-tfds --help",
            "start",
            "--code",
            "import sys; sys.argv = ['medmnist-tfds', '--help']; "
            "from medmnist_tfds import cli; cli.main()",
        ),
    ],
}
_WARM = {"epoch": 0}  # rounds that do not count; these processes warm up by themselves
_NEW_BASE = ("official, ", "official evaluator, ")  # a pair's own base


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
    _, side, arguments = figure
    what, *options = arguments
    program = [sys.executable, "-m", "benchmarks.ours"]
    if side == "peer":
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
    found: dict[str, list[dict]] = {name: [] for name, _, _ in figures}
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _write_data(folder, suite)
        bar = stack.enter_context(rich_progress.Progress(console=console))
        task = bar.add_task(suite, total=(repeats + warm) * len(figures))
        for turn in range(repeats + warm):
            for figure in figures:
                result = once(figure, folder)
                if turn >= warm:
                    found[figure[0]].append(result)
                bar.advance(task)
    return found


def _rate(results: list[dict]) -> tuple[str, list[float], bool]:
    """The unit, the values, and whether more is better."""
    key = next(iter(results[0]))
    return key.replace("_per_", "/"), [one[key] for one in results], "_per_" in key


def show(suite: str, found: dict[str, list[dict]]) -> rich_table.Table:
    """Median and range of each figure, and its ratio to the base, turn by turn."""
    unit = _rate(next(iter(found.values())))[0]
    table = rich_table.Table(
        suite, unit, "min - max", "ratio, faster is more", "min - max"
    )
    base = None
    for name, results in found.items():
        _, values, is_rate = _rate(results)
        if base is None or name.startswith(_NEW_BASE):
            base = values
        pairs = zip(values, base, strict=True)
        ratios = [a / b if is_rate else b / a for a, b in pairs]
        digits = ",.0f" if is_rate else ".3f"
        table.add_row(
            name,
            format(statistics.median(values), digits),
            f"{min(values):{digits}} - {max(values):{digits}}",
            f"{statistics.median(ratios):.2f}x",
            f"{min(ratios):.2f} - {max(ratios):.2f}",
        )
        for key in sorted(set(results[0]) - {next(iter(results[0]))}):
            median = statistics.median(one[key] for one in results)
            table.add_row(f"  {key.replace('_', ' ')}", f"{median:,.4g}")
    return table


def about() -> dict:
    """Machine, versions and command, for the files of results."""
    names = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "medmnist-tfds")
    return {
        "date": datetime.date.today().isoformat(),
        "command": " ".join(sys.orig_argv[1:]),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in names},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help=", ".join(SUITES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results")
    options = parser.parse_args()
    console = rich_console.Console()
    for suite in options.what or SUITES:
        if suite not in SUITES:
            parser.error(f"there is no suite {suite!r}, but {', '.join(SUITES)}")
        needs_peer = any(side == "peer" for _, side, _ in SUITES[suite])
        if needs_peer and not PEER.exists():
            raise SystemExit(
                f"{PEER} is not there. Expected PyTorch: run `make bench`."
            )
        found = measure(suite, repeats=options.repeats, console=console)
        console.print(show(suite, found))
        content = {"about": about(), "figures": found}
        with files.replacing(options.out / f"{suite}.json") as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
