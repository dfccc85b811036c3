"""Figure 2, and the closer look at one method; as PNG.

Never computes a score.
"""

import pathlib
import statistics

import numpy as np
from matplotlib import figure
from sklearn import metrics

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import collect, tables
from medmnist_tfds.process import files
from medmnist_tfds.score import scoring

_COLOURS = {"train": "#9aa5b1", "val": "#e0a030", "test": "#2166ac"}


def save(picture: figure.Figure, path: pathlib.Path) -> None:
    """Writes a picture as PNG."""
    with files.replacing(path) as temporary:
        picture.savefig(temporary, dpi=130, format="png")


def splits_picture(decathlon: collect.Decathlon) -> figure.Figure:
    """Figure 2: every method on the three splits, AUC beside ACC.

    Large points are means over datasets, small ones the datasets themselves.
    """
    methods = decathlon.methods
    picture = figure.Figure(figsize=(9, 1.9 + 0.5 * len(methods)), layout="constrained")
    _title(picture, decathlon, "Methods on the three splits")
    for axes, metric in zip(
        picture.subplots(1, 2, sharey=True), ("auc", "acc"), strict=True
    ):
        for number, method in enumerate(methods):
            for shift, (split, colour) in zip(
                (-0.2, 0, 0.2), _COLOURS.items(), strict=True
            ):
                means = [
                    decathlon.mean(method, d, metric, split) for d in decathlon.datasets
                ]
                means = [mean for mean in means if mean is not None]
                height = [number + shift] * len(means)
                axes.plot(means, height, ".", color=colour, ms=4, alpha=0.45)
                if means:
                    mean, style = statistics.fmean(means), {"color": colour, "ms": 8}
                    axes.plot(mean, number + shift, "o", label=split, **style)
        axes.set_yticks(range(len(methods)), _names(decathlon))
        axes.set(xlabel=metric.upper(), ylim=(len(methods) - 0.5, -0.5))
        axes.set_xlim(right=1.02)
        axes.grid(axis="x", alpha=0.3)
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    picture.legend(
        unique.values(),
        unique.keys(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
    )
    return picture


def confusion_picture(decathlon: collect.Decathlon, method: str) -> figure.Figure:
    """A confusion matrix per dataset, on test; counts over seeds, shares by row."""
    datasets = [name for name in decathlon.datasets if decathlon.done(method, name)]
    columns = min(4, len(datasets))
    rows = -(-len(datasets) // columns)
    picture = figure.Figure(figsize=(4 * columns, 4 * rows + 0.6), layout="constrained")
    _title(
        picture, decathlon, f"{decathlon.methods[method]}: confusion on the test splits"
    )
    grid = picture.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(datasets) :]:
        axes.axis("off")
    for axes, name in zip(grid, datasets, strict=False):
        _matrix(axes, decathlon, method, catalog.DATASETS[name])
    return picture


def _matrix(axes, decathlon, method: str, dataset: catalog.Dataset) -> None:
    counts, across = counted(decathlon, method, dataset)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column,
            row,
            f"{100 * share:.0f}",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if share > 0.6 else "black",
        )
    names = [name if len(name) < 18 else f"{name[:16]}…" for name in dataset.labels]
    axes.set_yticks(range(len(names)), names, fontsize=7)
    across = names if across is None else across
    axes.set_xticks(range(len(across)), across, fontsize=7, rotation=60, ha="right")
    axes.set_title(f"{dataset.paper_name} (% of row)", fontsize=9)
    axes.set_ylabel("true" if len(across) == len(names) else "label", fontsize=8)


def counted(decathlon, method: str, dataset: catalog.Dataset):
    """Counts of test examples over all seeds, and the names of the columns if special.

    (true class, predicted class); or, for the multi-label task, (label, outcome) at the
    threshold 0.5, with the outcomes named.
    """
    targets, total = decathlon.targets[dataset.name], 0
    for entry in decathlon.done(method, dataset.name):
        decided = scoring.decide(entry.predicted["test"], task=dataset.task)
        if dataset.task is catalog.Task.MULTILABEL:
            is_ = targets.astype(bool)
            outcomes = (decided & is_, ~decided & is_, decided & ~is_, ~decided & ~is_)
            total = total + np.stack([o.sum(axis=0) for o in outcomes], axis=1)
            continue
        total = total + metrics.confusion_matrix(
            targets.reshape(len(targets)), decided, labels=range(dataset.num_labels)
        )
    if dataset.task is catalog.Task.MULTILABEL:
        return total, ["found", "missed", "false alarm", "rightly none"]
    return total, None


def _names(decathlon: collect.Decathlon) -> list[str]:
    names = []
    for method, name in decathlon.methods.items():
        count = sum(
            bool(decathlon.done(method, dataset)) for dataset in decathlon.datasets
        )
        whole = len(decathlon.datasets)
        names.append(name if count == whole else f"{name}\n({count} of {whole})")
    return names


def _title(picture: figure.Figure, decathlon: collect.Decathlon, text: str) -> None:
    if decathlon.phantom:
        picture.suptitle(f"{text}\n{tables.BANNER}", color="#b2182b", fontsize=10)
    else:
        picture.suptitle(text)
