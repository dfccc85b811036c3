"""`python -m benchmarks.reporting`: how long the report of a whole Decathlon takes.

Ten datasets of their real sizes, ten methods and three seeds. The scores are drawn: no
image is read, and nothing is trained. Prediction files are written once for each
dataset and split, and read and scored as often as there are runs.
"""

import argparse
import dataclasses
import pathlib
import resource
import tempfile
import time

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import (
    collect,
    comparison,
    facts,
    page,
    quality,
    spreadsheets,
    summary,
)
from medmnist_tfds.score import predictions, scoring


@dataclasses.dataclass(frozen=True)
class Labels:
    """The labels of a dataset, drawn in its real sizes; it has no images."""

    variant: catalog.Variant

    def labels(self, split: str) -> np.ndarray:
        dataset = self.variant.dataset
        rng = np.random.default_rng(len(split))
        count, columns = self.variant.release.splits[split], dataset.num_labels
        if dataset.task is catalog.Task.MULTILABEL:
            rates = np.geomspace(0.002, 0.2, columns)  # as those of ChestMNIST
            return (rng.random((count, columns)) < rates).astype(np.uint8)
        return rng.integers(columns, size=(count, 1)).astype(np.uint8)


def entry(variant, source: Labels, number: int, seed: int) -> collect.Entry:
    """A method that tells a little more than the one before it."""
    dataset, scores, predicted = variant.dataset, {}, {}
    for split in catalog.SPLITS:
        labels = source.labels(split)
        is_many = dataset.task is catalog.Task.MULTILABEL
        true = labels if is_many else np.eye(dataset.num_labels)[labels[:, 0]]
        rng = np.random.default_rng([number, seed, len(split)])
        logits = rng.normal(size=true.shape) + (1 + 0.1 * number) * true
        values = 1 / (1 + np.exp(-logits))
        if not is_many:
            values /= values.sum(axis=1, keepdims=True)
        scores[split] = scoring.score(labels, values, task=dataset.task)
        predicted[split] = values
    result = {
        "dataset": variant.tfds_name,
        "method": f"method{number}",
        "display_name": f"Method {number}",
        "paper_row": None,
        "seed": seed,
        "status": "done",
        "seconds": 60.0 * (number + 1),
        "budget": {},
        "settings": {},
    }
    return collect.Entry(
        result=result,
        folder=pathlib.Path("none"),
        variant=variant,
        scores=scores,
        predicted=predicted,
        history={},
    )


def read_files(entries, sources: dict[str, Labels], folder: pathlib.Path) -> float:
    """Seconds to read and score the three files of every entry."""
    paths, seconds = {}, 0.0
    for each in entries:
        for split, values in each.predicted.items():
            form = {"dataset": each.variant, "split": split}
            labels = sources[each.dataset].labels(split)
            key = (each.dataset, split)
            if key not in paths:
                paths[key] = predictions.write(
                    folder, scores=values, run="drawn", targets=labels, **form
                )
            start = time.perf_counter()
            found = predictions.read(paths[key])
            scoring.score(labels, found.scores, task=each.variant.dataset.task)
            seconds += time.perf_counter() - start
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    variants = [catalog.variant(name) for name in catalog.SUITES["decathlon"]]
    sources = {variant.dataset.name: Labels(variant) for variant in variants}
    start = time.perf_counter()
    entries = [
        entry(variant, sources[variant.dataset.name], number, seed)
        for variant in variants
        for number in range(options.methods)
        for seed in range(options.seeds)
    ]
    print(f"drawn and scored in {time.perf_counter() - start:.1f} s")
    decathlon = collect.Decathlon(
        root=pathlib.Path("none"),
        phantom=False,
        release=catalog.DEFAULT_VERSION,
        budget="paper",
        entries=tuple(entries),
        targets={name: source.labels("test") for name, source in sources.items()},
        sources=sources,
    )
    with tempfile.TemporaryDirectory() as folder:
        reading = read_files(entries, sources, pathlib.Path(folder))
    print(f"{3 * len(entries)} prediction files read and scored: {reading:.1f} s")
    start = last = time.perf_counter()

    def told(what: str) -> None:
        nonlocal last
        now = time.perf_counter()
        print(f"{what}: {now - last:.1f} s", flush=True)
        last = now

    table = summary.summarize(decathlon)
    told("scores and intervals")
    compared = comparison.compare(decathlon, table)
    told("comparisons")
    qualities = quality.qualities(decathlon)
    told("a closer look")
    with tempfile.TemporaryDirectory() as folder:
        spreadsheets.of(decathlon, compared, qualities)
        page.write(
            pathlib.Path(folder) / "index.html",
            decathlon,
            table,
            ran=facts.gather(decathlon),
            method=None,
            undone=[],
            compared=compared,
            qualities=qualities,
        )
    told("page")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"all: {reading + last - start:.1f} s, at most {peak:.0f} MiB")


if __name__ == "__main__":
    main()
