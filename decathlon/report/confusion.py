"""What a method takes for what: confusion matrices on the test splits.

Never draws: `figures` does for papers, the template `close_up.html` for the page.
"""

import dataclasses

import numpy as np
from sklearn import metrics

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import collect
from medmnist_tfds.score import scoring

_OUTCOMES = ("found", "missed", "false alarm", "rightly none")
_HEADER_LETTERS = 30  # that the longest words of all columns have room for, on a phone


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matrix:
    """One dataset's: test examples over all seeds, each counted once per seed."""

    dataset: catalog.Dataset
    seeds: tuple[int, ...]
    counts: np.ndarray  # (true class, predicted class); (label, outcome) if multi-label
    columns: tuple[str, ...]
    auc: tuple[float, ...]  # per label, mean over seeds

    @property
    def is_of_outcomes(self) -> bool:
        return self.dataset.task is catalog.Task.MULTILABEL

    @property
    def shares(self) -> np.ndarray:
        """Of the row: of a true class; or of all examples, where labels are many."""
        return self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)

    @property
    def keys(self) -> tuple[str, ...]:
        """Headers of the columns, short enough for a phone: names, else numbers."""
        words = [max(name.split(), key=len) for name in self.columns]
        if sum(map(len, words)) <= _HEADER_LETTERS:
            return self.columns
        return tuple(str(number) for number in range(1, len(words) + 1))

    @property
    def is_numbered(self) -> bool:
        return self.keys != self.columns

    @property
    def caption(self) -> str:
        of = "images" if self.is_of_outcomes else "row"
        together = " together" if len(self.seeds) > 1 else ""
        return f"% of {of}, {seeds_text(self.seeds)}{together}"


def matrices(decathlon: collect.Decathlon, method: str) -> dict[str, Matrix]:
    """Those of one method, by dataset, where it has results."""
    return {
        name: _matrix(decathlon, method, catalog.DATASETS[name])
        for name in decathlon.datasets
        if decathlon.done(method, name)
    }


def seeds_text(seeds) -> str:
    """`seed 0`, or `seeds 0, 1`."""
    numbers = ", ".join(map(str, sorted(seeds)))
    return f"seed {numbers}" if len(seeds) == 1 else f"seeds {numbers}"


def percent(share: float) -> str:
    """Whole numbers; what is there but rounds to nothing is `<1`."""
    return "<1" if 0 < share < 0.005 else f"{100 * share:.0f}"


def _matrix(decathlon, method: str, dataset: catalog.Dataset) -> Matrix:
    entries = decathlon.done(method, dataset.name)
    targets = decathlon.targets[dataset.name]
    is_multilabel = dataset.task is catalog.Task.MULTILABEL
    count = _outcomes if is_multilabel else _pairs
    each = [entry.scores["test"].auc_per_class for entry in entries]
    return Matrix(
        dataset=dataset,
        seeds=tuple(entry.result["seed"] for entry in entries),
        counts=sum(count(targets, e.predicted["test"], dataset) for e in entries),
        columns=_OUTCOMES if is_multilabel else dataset.labels,
        auc=tuple(sum(aucs) / len(aucs) for aucs in zip(*each, strict=True)),
    )


def _pairs(targets, scores, dataset: catalog.Dataset) -> np.ndarray:
    decided = scoring.decide(scores, task=dataset.task)
    labels = range(dataset.num_labels)
    return metrics.confusion_matrix(targets.ravel(), decided, labels=labels)


def _outcomes(targets, scores, dataset: catalog.Dataset) -> np.ndarray:
    is_, decided = targets.astype(bool), scoring.decide(scores, task=dataset.task)
    outcomes = (decided & is_, ~decided & is_, decided & ~is_, ~decided & ~is_)
    return np.stack([outcome.sum(axis=0) for outcome in outcomes], axis=1)
