"""`python -m benchmarks.growth`: how time and memory grow; draws `growth.png`.

Each point is a process of its own. Never compares with a peer: `benchmarks.run` does.
"""

import pathlib
import tempfile

import matplotlib.pyplot as plt
from matplotlib import ticker
from rich import console as rich_console
from rich import progress as rich_progress

from benchmarks import data, run, suites, tables
from medmnist_tfds.process import files

BATCHES = (32, 64, 128, 256, 512, 1024)
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
EPOCH_SIZES = SIZES[::2]  # two epochs of each: half of all the time that this takes
RESOLUTIONS = (28, 64, 128, 224)


def measure(console: rich_console.Console) -> dict[str, list[tuple[str, int, float]]]:
    """Per panel: line, place on the x axis, value."""
    found = {"batch": [], "epoch": [], "memory": [], "resolution": []}

    def ours(what, folder, *options):
        return run.once(suites.Figure("", "ours", (what, *map(str, options))), folder)

    points = 2 * len(BATCHES) + len(EPOCH_SIZES) + len(SIZES) + len(RESOLUTIONS)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with rich_progress.Progress(console=console) as bar:
            task = bar.add_task("growth", total=points)
            data.write(folder, "path", train=20_000, val=100, test=100)
            for line, precision in (("float32", ()), ("bfloat16", suites.BFLOAT16)):
                for batch in BATCHES:
                    options = ("--batch", batch, "--steps", max(2, 512 // batch))
                    rate = ours("step", folder, *precision, *options)
                    seconds = batch / rate["images_per_second"]
                    found["batch"].append((line, batch, seconds))
                    bar.advance(task)
            for size in EPOCH_SIZES:
                data.write(folder, "path", train=size, val=1_000, test=100)
                result = ours("epoch", folder, *suites.BFLOAT16)
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
        places = sorted({place for _, place, _ in found[panel]})
        axis.set_xticks(places, labels=[f"{place:,}" for place in places])
        axis.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,g}"))
        axis.minorticks_off()
        axis.legend(frameon=False)
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def main() -> None:
    found = measure(rich_console.Console())
    content = {"about": run.about(rounds=1), "points": found}
    files.write_json(tables.RESULTS / "growth.json", content)
    draw(found, run.HERE / "growth.png")
    for panel, points in found.items():
        for line, x, y in points:
            print(f"{panel:10} {line:22} {x:>7,} {y:,.3f}")


if __name__ == "__main__":
    main()
