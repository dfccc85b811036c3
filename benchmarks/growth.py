"""`python -m benchmarks.growth`: how time and memory grow; draws `growth.png`.

Each point is a process of its own. Never compares with a peer: `benchmarks.run` does.
"""

import json
import pathlib
import tempfile

import matplotlib.pyplot as plt
from rich import console as rich_console
from rich import progress as rich_progress

from benchmarks import data, run
from medmnist_tfds import files

BATCHES = (32, 64, 128, 256, 512, 1024)
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
EPOCH_SIZES = SIZES[:2]  # half an hour more would tell what the line tells already
RESOLUTIONS = (28, 64, 128, 224)


def measure(console: rich_console.Console) -> dict[str, list[tuple[str, int, float]]]:
    """Per panel: line, place on the x axis, value."""
    found = {"batch": [], "epoch": [], "memory": [], "resolution": []}

    def ours(what, folder, *options):
        return run.once(("", "ours", [what, *map(str, options)]), folder)

    points = len(BATCHES) + len(EPOCH_SIZES) + len(SIZES) + len(RESOLUTIONS)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with rich_progress.Progress(console=console) as bar:
            task = bar.add_task("growth", total=points)
            data.write(folder, "path", train=20_000, val=100, test=100)
            for batch in BATCHES:
                steps = max(2, 512 // batch)
                options = (*run.BFLOAT16, "--batch", batch, "--steps", steps)
                rate = ours("step", folder, *options)
                seconds = batch / rate["images_per_second"]
                found["batch"].append(("bfloat16", batch, seconds))
                bar.advance(task)
            for size in EPOCH_SIZES:
                data.write(folder, "path", train=size, val=1_000, test=100)
                result = ours("epoch", folder, *run.BFLOAT16)
                found["epoch"].append(("bfloat16", size, result["seconds"]))
                bar.advance(task)
            for panel, numbers in (("memory", SIZES), ("resolution", RESOLUTIONS)):
                for number in numbers:
                    size, side = (number, 28) if panel == "memory" else (1_000, number)
                    options = ("--examples", size, "--resolution", side)
                    result = ours("footprint", folder, *options)
                    found[panel] += [
                        ("process, at its peak", number, result["peak_bytes"] / 2**20),
                        ("the images", number, result["image_bytes"] / 2**20),
                    ]
                    bar.advance(task)
    return found


PANELS = {
    "batch": ("images per batch", "seconds per step"),
    "epoch": ("training images", "seconds per epoch"),
    "memory": ("images of 28 x 28 x 3", "MiB"),
    "resolution": ("pixels a side, 1,000 images", "MiB"),
}


def draw(found: dict, path: pathlib.Path) -> None:
    figure, axes = plt.subplots(1, len(PANELS), figsize=(14, 3.4), layout="constrained")
    for axis, (panel, (x, y)) in zip(axes, PANELS.items(), strict=True):
        for line in dict.fromkeys(name for name, _, _ in found[panel]):
            points = [(a, b) for name, a, b in found[panel] if name == line]
            axis.plot(*zip(*points, strict=True), marker="o", label=line)
        axis.set(xlabel=x, ylabel=y, xscale="log", yscale="log")
        axis.legend(frameon=False)
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def main() -> None:
    found = measure(rich_console.Console())
    content = {"about": run.about(), "points": found}
    with files.replacing(run.HERE / "results/growth.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")
    draw(found, run.HERE / "growth.png")
    for panel, points in found.items():
        for line, x, y in points:
            print(f"{panel:10} {line:22} {x:>7,} {y:,.3f}")


if __name__ == "__main__":
    main()
