"""Figure 2, and the closer look at one method; as PNG, for papers.

Never computes a score.
"""

import pathlib
import textwrap

import numpy as np
from matplotlib import figure

from medmnist_tfds.decathlon.report import collect, confusion, ranks, splits
from medmnist_tfds.process import files

_COLOURS = {"train": "#9aa5b1", "val": "#e0a030", "test": "#2166ac"}
_LABEL_WIDTH = 25  # letters of a class's name on one line; none is cut


def save(picture: figure.Figure, path: pathlib.Path) -> None:
    """Writes a picture as PNG."""
    with files.replacing(path) as temporary:
        picture.savefig(temporary, dpi=130, format="png")


def splits_picture(decathlon: collect.Decathlon) -> figure.Figure:
    """Figure 2: every method on the three splits, AUC beside ACC."""
    panels = splits.panels(decathlon)
    count = len(panels[0].strips)
    picture = figure.Figure(figsize=(9, 2.1 + 0.5 * count), layout="constrained")
    _title(picture, decathlon, "Methods on the three splits")
    handles = {}
    for axes, panel in zip(picture.subplots(1, 2, sharey=True), panels, strict=True):
        for number, strip in enumerate(panel.strips):
            for shift, (split, colour) in zip(
                (-0.2, 0, 0.2), _COLOURS.items(), strict=True
            ):
                values, height = list(strip.each[split].values()), number + shift
                heights = [height] * len(values)
                axes.plot(values, heights, ".", color=colour, ms=4, alpha=0.45)
                if values:
                    (handles[split],) = axes.plot(
                        strip.means[split], height, "o", color=colour, ms=8
                    )
        axes.set_yticks(range(count), _names(panel, len(decathlon.datasets)))
        axes.set(xlabel=panel.metric.upper(), ylim=(count - 0.5, -0.5))
        axes.set_xlim(right=1.02)
        axes.grid(axis="x", alpha=0.3)
    picture.legend(
        handles.values(),
        handles.keys(),
        title=splits.LEGEND,
        title_fontsize=9,
        loc="outside lower center",
        ncols=3,
        frameon=False,
    )
    return picture


def ranks_picture(
    by_metric: dict[str, ranks.Ranks], names: dict[str, str], *, title: str
) -> figure.Figure | None:
    """Critical-difference diagrams (Demsar, 2006); None where ranks are not tested.

    Args:
      by_metric: mean ranks.
      names: as methods are shown.
      title: above both.
    """
    tested = {metric: found for metric, found in by_metric.items() if found.critical}
    if not tested:
        return None
    methods = max(len(found.mean) for found in tested.values())
    height = 0.6 + len(tested) * (1.0 + 0.2 * methods)
    picture = figure.Figure(figsize=(9, height), layout="constrained")
    grid = picture.subplots(len(tested), 1, squeeze=False).ravel()
    for axes, (metric, found) in zip(grid, tested.items(), strict=True):
        _diagram(axes, found, names)
        what = f"{metric.upper()}: mean rank over {found.datasets} datasets"
        apart_by = f"critical difference {found.critical:.2f}"
        axes.set_title(f"{what}, {apart_by}", fontsize=9)
    picture.suptitle(title)
    return picture


def _diagram(axes, found: ranks.Ranks, names: dict[str, str]) -> None:
    """Better methods at the left; bars join those that do not differ."""
    count = len(found.mean)
    axes.set(xlim=(-0.5, count + 1.5), xticks=range(1, count + 1), yticks=[])
    axes.xaxis.tick_top()
    axes.spines[["left", "right", "bottom"]].set_visible(False)
    axes.spines["top"].set_bounds(1, count)
    for number, group in enumerate(found.alike, 1):
        ends = [found.mean[group[0]] - 0.05, found.mean[group[-1]] + 0.05]
        axes.plot(ends, [-0.6 * number] * 2, color="black", lw=3)
    first = -0.6 * len(found.alike) - 0.8
    half = -(-count // 2)
    for place, (method, rank) in enumerate(found.mean.items()):
        is_left = place < half
        y = first - (place if is_left else count - 1 - place)
        end, side = (0.9, "right") if is_left else (count + 0.1, "left")
        axes.plot([rank, rank, end], [0, y, y], color="#2166ac", lw=1)
        label = f"{names[method]} ({rank:.2f})"
        axes.text(end, y, label, ha=side, va="center", fontsize=8)
    axes.set_ylim(first - half, 0)


def confusion_picture(decathlon: collect.Decathlon, method: str) -> figure.Figure:
    """A confusion matrix per dataset, on test; counts over seeds, shares by row."""
    found = confusion.matrices(decathlon, method)
    columns = min(4, len(found))
    rows = -(-len(found) // columns)
    picture = figure.Figure(figsize=(4 * columns, 4 * rows + 0.6), layout="constrained")
    title = f"{decathlon.shown(method)}: confusion on the test splits"
    _title(picture, decathlon, title)
    grid = picture.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(found) :]:
        axes.axis("off")
    for axes, matrix in zip(grid, found.values(), strict=False):
        _matrix(axes, matrix)
    return picture


def _matrix(axes, matrix: confusion.Matrix) -> None:
    shares = matrix.shares
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column,
            row,
            confusion.percent(share),
            ha="center",
            va="center",
            fontsize=7,
            color="white" if share > 0.6 else "black",
        )
    down, across = (
        [textwrap.fill(name, _LABEL_WIDTH) for name in names]
        for names in (matrix.dataset.labels, matrix.columns)
    )
    axes.set_yticks(range(len(down)), down, fontsize=7)
    axes.set_xticks(range(len(across)), across, fontsize=7, rotation=90)
    axes.set_title(f"{matrix.dataset.paper_name}\n{matrix.caption}", fontsize=8)
    sides = ("label", "") if matrix.is_of_outcomes else ("true", "predicted")
    axes.set_ylabel(sides[0], fontsize=8)
    note = textwrap.fill(matrix.dataset.label_note or "", 50)
    axes.set_xlabel("\n".join(filter(None, [sides[1], note])), fontsize=7)


def _names(panel: splits.Panel, whole: int) -> list[str]:
    return [
        strip.display_name
        if strip.is_whole
        else f"{strip.display_name}\n({len(strip.each['test'])} of {whole})"
        for strip in panel.strips
    ]


def _title(picture: figure.Figure, decathlon: collect.Decathlon, text: str) -> None:
    if decathlon.banner:
        picture.suptitle(f"{text}\n{decathlon.banner}", color="#b2182b", fontsize=10)
    else:
        picture.suptitle(text)
