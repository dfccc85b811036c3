"""All results of a Decathlon's folder, each score computed again.

Never trusts a number that a run wrote down: a score that the prediction file does not
give is an error.
"""

import csv
import dataclasses
import functools
import pathlib
import statistics

import numpy as np

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.decathlon import answers, claim, suites, supervisor
from medmnist_tfds.decathlon import result as results
from medmnist_tfds.process import errors, terminal
from medmnist_tfds.score import predictions, scoring

_METRICS = ("auc", "acc")
PRETRAINED = "†"  # behind the name of a method that learned from other images before
_PHANTOM = "PHANTOM DATA: synthetic images. These numbers say nothing about real ones."
_REBUILT = "REBUILT DATA: made anew from the sources, so that no score is official."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One cell: its result file, and what its predictions score."""

    result: dict
    folder: pathlib.Path
    variant: catalog.Variant
    scores: dict[str, scoring.Scores]  # by split; empty unless it is done
    predicted: dict[str, np.ndarray]  # of val and test: (examples, labels)
    history: dict[str, list[float]]  # by column, `epoch` first; empty if it left none

    @property
    def method(self) -> str:
        return self.result["method"]

    @property
    def dataset(self) -> str:
        return self.variant.dataset.name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decathlon:
    """All entries of a folder."""

    root: pathlib.Path
    phantom: bool
    release: str
    budget: str
    entries: tuple[Entry, ...]
    targets: dict[str, np.ndarray]  # of test, by dataset
    sources: dict[str, arrays.Arrays]  # by dataset
    rebuilt: bool = False  # from the sources, by `medmnist-tfds rebuild`
    size: int = 28
    suite: suites.Suite = suites.DECATHLON

    @property
    def kind(self) -> str:
        """Of the data, as tables mark it: real, phantom or rebuilt."""
        if self.phantom:
            return "phantom"
        return "rebuilt" if self.rebuilt else "real"

    @property
    def mark(self) -> str:
        """What stands behind a dataset's name: nothing where the data are official."""
        return "" if self.kind == "real" else f" ({self.kind})"

    @property
    def banner(self) -> str | None:
        """What stands above all numbers that are not of official data."""
        if self.kind != "rebuilt":
            return _PHANTOM if self.phantom else None
        return f"{_REBUILT}{self._lacking()}"

    def _lacking(self) -> str:
        """Which rebuilt datasets have a part of the official test images only."""
        parts = {
            entry.dataset: f"{len(self.targets[entry.dataset]):,} of {whole:,} test "
            f"images of {entry.variant.dataset.paper_name}"
            for entry in self.entries
            if entry.dataset in self.targets
            for whole in [entry.variant.release.splits["test"]]
            if len(self.targets[entry.dataset]) < whole
        }
        return f" Only {', '.join(parts.values())} are there." if parts else ""

    @property
    def methods(self) -> dict[str, str]:
        """Display name by name: the paper's rows in its order, then the others."""
        order = list(paper_rows(self.suite))
        results = {e.method: e.result for e in self.entries}

        def rank(name: str) -> tuple:
            row = results[name]["paper_row"]
            return (order.index(row) if row in order else len(order), name)

        return {m: results[m]["display_name"] for m in sorted(results, key=rank)}

    def pretrained(self, method: str) -> str:
        """On which other images it learned before; empty: on none."""
        said = [e.result.get("pretrained") for e in self.entries if e.method == method]
        return " and ".join(dict.fromkeys(filter(None, said)))

    def shown(self, method: str) -> str:
        """Its display name with the mark, if it has one, that notes explain."""
        return self.methods[method] + PRETRAINED * bool(self.pretrained(method))

    @property
    def datasets(self) -> list[str]:
        """Those that take part, in the paper's order."""
        names = {entry.dataset for entry in self.entries}
        return [name for name in self.suite.datasets if name in names]

    def done(self, method: str, dataset: str) -> list[Entry]:
        """The finished entries of one cell of the table, by seed."""
        of = [e for e in self.entries if (e.method, e.dataset) == (method, dataset)]
        return sorted((e for e in of if e.scores), key=lambda e: e.result["seed"])

    def undone(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.scores]

    @functools.cached_property
    def seeds(self) -> set[int]:
        """Of all that the Decathlon has run."""
        ran = [e.result for e in self.entries if not e.result.get("is_added")]
        return {result["seed"] for result in ran}

    def seeds_of(self, method: str) -> set[int]:
        """Those that it should have: all, or of added prediction files their own."""
        mine = [e.result for e in self.entries if e.method == method]
        if all(result.get("is_added") for result in mine):
            return {result["seed"] for result in mine}
        return self.seeds

    def lacks(self, method: str, dataset: str) -> bool:
        """Whether a seed that it should have was not run here, or failed."""
        done = {entry.result["seed"] for entry in self.done(method, dataset)}
        return done != self.seeds_of(method)

    def images(self, dataset: str) -> int:
        """Of all splits."""
        source = self.sources[dataset]
        return sum(len(source.labels(split)) for split in catalog.SPLITS)

    def paper(self, method: str, dataset: str, metric: str) -> float | None:
        """The published value, where one may be set beside ours."""
        is_papers = self.kind == "real" and self.size == 28
        if not is_papers or self.release != self.suite.release:
            return None
        rows = {e.method: e.result["paper_row"] for e in self.entries}
        row = paper_rows(self.suite).get(rows[method], {})
        return row.get((dataset, metric))

    def values(self, method: str, dataset: str, metric: str, split="test") -> list:
        """The scores of one cell of the table, one per seed."""
        done = [e.scores for e in self.done(method, dataset) if split in e.scores]
        return [getattr(scores[split], metric) for scores in done]

    def mean(self, method: str, dataset: str, metric: str, split="test"):
        values = self.values(method, dataset, metric, split)
        return statistics.fmean(values) if values else None


@functools.cache
def paper_rows(
    suite: suites.Suite = suites.DECATHLON,
) -> dict[str, dict[tuple[str, str], float]]:
    """The published table of a suite: method -> (dataset, metric) -> value."""
    rows: dict[str, dict[tuple[str, str], float]] = {}
    path = pathlib.Path(__file__).with_name(suite.published)
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            for metric in _METRICS:
                key = (line["dataset"], metric)
                rows.setdefault(line["method"], {})[key] = float(line[metric])
    return rows


def collect(
    root: pathlib.Path, *, data_dir=None, manual_dir=None, more=()
) -> Decathlon:
    """Reads a Decathlon's folder, and scores every prediction file again.

    Args:
      root: the folder.
      data_dir: TFDS's folder of prepared data.
      manual_dir: where official files lie.
      more: functions that give entries which were not run here, from `variants`, the
        datasets that take part by name, and `targets`, which gives labels.

    Raises:
      MedMNISTError: no Decathlon, no result, one of another kind of data than the
        others, or a score that disagrees with its result.json.
    """
    about = claim.read(root)
    if not about:
        raise errors.MedMNISTError(
            f"{root} holds no Decathlon. Expected a folder that "
            f"`{terminal.command()} decathlon run --out` has written."
        )
    places = sorted(path.parent for path in root.glob("cells/*/result.json"))
    if not places:
        raise errors.MedMNISTError(
            f"{root} holds no results yet. Expected at least one cell. Run: "
            f"{terminal.command()} decathlon run --out {root}"
        )

    @functools.cache
    def source(tfds_name: str) -> arrays.Arrays:
        variant = catalog.parse(tfds_name)
        return arrays.find(variant, data_dir=data_dir, manual_dir=manual_dir)

    @functools.cache
    def targets(tfds_name: str, split: str) -> np.ndarray:
        return source(tfds_name).labels(split)

    entries = [_entry(place, targets) for place in places]
    for entry in entries:
        _check_kind(entry, about)
    variants = {entry.dataset: entry.variant for entry in entries}
    for add in more:
        new = add(variants=variants, targets=targets)
        if taken := {e.method for e in new} & {e.method for e in entries}:
            raise errors.MedMNISTError(
                f"In {root} there is a method {min(taken)!r} already. Expected another "
                "name for what is added."
            )
        entries += new
    return Decathlon(
        root=root,
        phantom=about["phantom"],
        rebuilt=about["rebuilt"],
        size=about["size"],
        suite=suites.find(about["suite"]),
        release=about["release"],
        budget=about["budget"],
        entries=tuple(entries),
        targets={
            e.dataset: targets(e.result["dataset"], "test") for e in entries if e.scores
        },
        sources={e.dataset: source(e.result["dataset"]) for e in entries if e.scores},
    )


def _check_kind(entry: Entry, about: dict) -> None:
    suites.find(about["suite"]).check(entry.variant.dataset)
    found = claim.of(entry.variant)
    if any(about[key] != value for key, value in found.items()):
        wanted = {key: about[key] for key in found}
        raise errors.MedMNISTError(
            f"{entry.folder} is of {entry.variant.tfds_name} ({claim.told(found)}). "
            f"Expected results of one kind, as decathlon.json says: "
            f"{claim.told(wanted)}. Move it to a Decathlon of its own."
        )


def _entry(place: pathlib.Path, targets) -> Entry:
    result = results.read(place)
    variant = catalog.parse(result["dataset"])
    scores, predicted = {}, {}
    for split, said in result.get("scores", {}).items():
        y_score = _predictions(place, split).scores
        labels = targets(result["dataset"], split)
        scores[split] = scoring.score(labels, y_score, task=variant.dataset.task)
        for metric in _METRICS:
            again = getattr(scores[split], metric)
            if abs(again - said[metric]) > 1e-9:
                raise errors.MedMNISTError(
                    f"{place / 'result.json'} says {metric.upper()} {said[metric]} on "
                    f"{split}, but its prediction file gives {again}. Expected both "
                    "equal. One of them was changed: delete the folder and run the "
                    "Decathlon again."
                )
        if split != "train":
            predicted[split] = y_score
    return Entry(
        result=result,
        folder=place,
        variant=variant,
        scores=scores,
        predicted=predicted,
        history=answers.history(place / supervisor.METHOD) if scores else {},
    )


def _predictions(place: pathlib.Path, split: str) -> predictions.Predictions:
    paths = predictions.find(place, split=split)
    if len(paths) != 1:
        raise errors.MedMNISTError(
            f"{place} holds {len(paths)} prediction files of {split}. Expected one. "
            "Delete the folder and run the Decathlon again."
        )
    return predictions.read(paths[0])
