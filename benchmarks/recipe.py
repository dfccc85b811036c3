"""`python -m benchmarks.run recipe`: time to score of our recipes and the paper's.

Each run is a process of its own, seed by seed and recipe by recipe in turn, those by
the paper's recipe last: one of these ends when its validation AUC has passed that of
the paper's ResNet-18; what the whole of it takes is computed from its epochs. Runs are
kept in `results/recipe.jsonl`, so that a benchmark that was cut off goes on.

All seeds of a recipe do the same work in an epoch. What other work on the machine took
from some of them is left out: times are those of the quickest run, as `timeit` has it.
"""

import csv
import json
import statistics
import subprocess
import sys
from importlib import resources

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker

from benchmarks import tables
from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.process import files
from medmnist_tfds.score import bootstrap
from medmnist_tfds.train import recipe as recipes

DATASETS = ("breast", "retina")
SEEDS = range(5)
PEER = "ResNet-18 (28)"  # the row of Table 2 whose AUC is to be passed
COMPARED = ("paper", "fast", "best")
# Only a part of these is run: to the AUC that is to be passed, and no further.
STOPPED = ("paper",)
_HOUR = 3600
TABLE_2 = resources.files("medmnist_tfds.decathlon.report") / "table2.csv"
RUNS = tables.RESULTS / "recipe.jsonl"
FOLDER = tables.RESULTS / "recipe"


def paper() -> dict[str, dict[str, float]]:
    """Table 2: of each dataset AUC and ACC of the peer, and the best of each column."""
    with TABLE_2.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for name in {row["dataset"] for row in rows}:
        of_name = [row for row in rows if row["dataset"] == name]
        peer = next(row for row in of_name if row["method"] == PEER)
        best = {m: max(float(row[m]) for row in of_name) for m in ("auc", "acc")}
        found[name] = {m: float(peer[m]) for m in ("auc", "acc")} | {"best": best}
    return found


def measure(console) -> list[dict]:
    """All runs; those that are in the file already are not run again."""
    done, targets = known(), paper()
    runs = [
        {"recipe": recipe, "name": name, "seed": seed}
        for seed in SEEDS
        for name in DATASETS
        for recipe in COMPARED
    ]
    for run in sorted(runs, key=lambda run: run["recipe"] in STOPPED):  # last: longest
        until = targets[run["name"]]["auc"] if run["recipe"] in STOPPED else 2.0
        key = run | {"until": until}
        if any(key.items() <= found.items() for found in done):
            continue
        found = key | _once(key)
        done.append(found)
        FOLDER.mkdir(parents=True, exist_ok=True)
        with RUNS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        said = "{name} {recipe} seed {seed}: {seconds:.0f} s"
        console.print(said.format(**found))
    return done


def known() -> list[dict]:
    if not RUNS.exists():
        return []
    return [json.loads(line) for line in RUNS.read_text("utf-8").splitlines()]


def _once(key: dict) -> dict:
    options = [part for name in key for part in (f"--{name}", str(key[name]))]
    program = [sys.executable, "-m", "benchmarks.recipe_run", str(FOLDER), *options]
    done = subprocess.run(
        program, capture_output=True, text=True, cwd=tables.HERE.parent
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(program)}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def rows(runs: list[dict]) -> list[list[str]]:
    """Per dataset and recipe: scores, time to score, and what all of it costs."""
    lines, targets = [_HEADER], paper()
    for name in DATASETS:
        found = {recipe: _of(runs, name, recipe) for recipe in COMPARED}
        cost = {
            recipe: min(map(_whole, mine)) for recipe, mine in found.items() if mine
        }
        lines += [_row(name, r, found[r], targets[name], cost) for r in cost]
    return lines


def _of(runs: list[dict], name: str, recipe: str) -> list[dict]:
    return [run for run in runs if (run["name"], run["recipe"]) == (name, recipe)]


_HEADER = [
    "dataset",
    "recipe",
    "seeds",
    "test AUC [95 %]",
    "test ACC [95 %]",
    "validation passed after",
    "images until then",
    "all of it",
    "of the paper's",
]


def _row(name, recipe, runs, target, cost) -> list[str]:
    passed = [_passed(run, target["auc"]) for run in runs]
    epochs = [number for number in passed if number]
    after = [_seconds(_quickest(runs), number) for number in epochs]
    base = cost.get("paper")
    told = " (stopped there)" if recipe in STOPPED else ""
    return [
        name,
        recipe,
        str(len(runs)),
        *[_score(name, runs, metric) + told for metric in ("auc", "acc")],
        f"{_median(after, ' s')} ({len(after)} of {len(runs)})",
        _median(number * runs[0]["images_per_epoch"] for number in epochs),
        f"{cost[recipe]:,.0f} s",
        f"{cost[recipe] / base:.2f}" if base else "-",
    ]


def _passed(run: dict, auc: float) -> int | None:
    """After which epoch validation AUC had first come to that, if ever."""
    for number, (_, reached) in enumerate(run["ends"], 1):
        if reached >= auc:
            return number
    return None


def _quickest(runs: list[dict]) -> dict:
    return min(runs, key=_whole)


def _whole(run: dict) -> float:
    """Seconds of all epochs; of a run that was stopped, by those that it had."""
    return _seconds(run, run["epochs"])


def _seconds(run: dict, epochs: int) -> float:
    """Until the end of that epoch, by the mean of those that it had."""
    return run["ends"][0][0] + _later(run) * (epochs - 1)


def _later(run: dict) -> float:
    """Seconds of an epoch after the first, which traces and compiles."""
    (first, _), *_, (last, _) = [*run["ends"], run["ends"][-1]]
    count = len(run["ends"]) - 1
    return (last - first) / count if count else first


def _score(name: str, runs: list[dict], metric: str) -> str:
    values = [run[metric] for run in runs]
    text = f"{statistics.mean(values):.3f}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values):.3f}"
    low, high = bootstrap.interval(draws(name, runs)[metric].mean(axis=1))
    return f"{text} [{low:.3f}, {high:.3f}]"


def draws(name: str, runs: list[dict]) -> dict[str, np.ndarray]:
    """Scores of each seed on resampled test sets, the same ones for all recipes."""
    targets = arrays.find(catalog.variant(name)).labels("test")
    predicted = [np.load(FOLDER / run["predicted"]) for run in runs]
    return bootstrap.resample(
        targets, predicted, task=catalog.variant(name).dataset.task
    )


def _median(values, unit: str = "") -> str:
    values = list(values)
    return f"{statistics.median(values):,.0f}{unit}" if values else "-"


def projection(runs: list[dict]) -> list[list[str]]:
    """Hours for each of the ten, by the images/s measured on images of its colours."""
    rates = {}
    for recipe in COMPARED:
        for name in DATASETS:
            mine = _of(runs, name, recipe)
            if mine:
                channels = catalog.DATASETS[name].channels
                rates[recipe, channels] = max(map(_rate, mine))
    names = sorted({recipe for recipe, _ in rates}, key=COMPARED.index)
    lines, sums = (
        [["dataset", *[f"{n}: images" for n in names], *names]],
        dict.fromkeys(names, 0.0),
    )
    for dataset in map(catalog.DATASETS.get, catalog.SUITES["decathlon"]):
        train = dataset.releases[catalog.DEFAULT_VERSION].splits["train"]
        images, hours = {}, {}
        for name in names:
            recipe = recipes.RECIPES[name]
            epochs, size = recipe.of_size(train).epochs, recipe.batch_size
            images[name] = epochs * -(-train // size) * size
            hours[name] = images[name] / rates[name, dataset.channels] / _HOUR
            sums[name] += hours[name]
        cells = [f"{images[n]:,}" for n in names] + [f"{hours[n]:.2f} h" for n in names]
        lines.append([dataset.name, *cells])
    blank = [""] * len(names)
    return [*lines, ["all ten", *blank, *[f"{sums[n]:.1f} h" for n in names]]]


def _rate(run: dict) -> float:
    return run["images_per_epoch"] / _later(run)


def draw(runs: list[dict], path) -> None:
    """Validation AUC against seconds, a line a run; a dot is its test AUC."""
    figure, axes = plt.subplots(1, len(DATASETS), figsize=(11, 4), layout="constrained")
    targets = paper()
    for axis, name in zip(axes, DATASETS, strict=True):
        for number, recipe in enumerate(COMPARED):
            mine = _of(runs, name, recipe)
            for run in mine:
                quickest = _quickest(mine)
                label = recipe if run is mine[0] else None
                color = f"C{number}"
                reached = [auc for _, auc in run["ends"]]
                after = [_seconds(quickest, n + 1) for n in range(len(reached))]
                axis.plot(after, reached, color=color, alpha=0.4)
                axis.plot(after[-1], run["auc"], "o", color=color, label=label)
        axis.axhline(targets[name]["auc"], color="black", lw=1, ls="--")
        axis.set(xlabel="seconds", ylabel="AUC", xscale="log", title=name)
        axis.set_ylim(0.5, 1)
        axis.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,g}"))
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())
    handles, labels = axes[0].get_legend_handles_labels()
    title = "lines: validation; dots: test, at the end; dashed: ResNet-18 in the paper"
    figure.legend(
        handles, labels, title=title, frameon=False, loc="outside lower center", ncols=3
    )
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def main(console) -> None:
    runs = measure(console)
    for lines in (rows(runs), projection(runs)):
        console.print(tables.plain(lines), soft_wrap=True, highlight=False)
    draw(runs, tables.HERE / "recipe.png")
