"""Two pictures of an audit: how similar nearest neighbours are, and pairs to look at.

Never chooses pairs by looks: at each threshold those just above it, where a wrong one
would be.
"""

import pathlib
import textwrap

import numpy as np
from matplotlib import figure

from medmnist_tfds.data import catalog
from medmnist_tfds.process import files
from medmnist_tfds.sources import audit as audits
from medmnist_tfds.sources import audit_lists, audit_words, similar, symmetries

_BESIDE = 6  # pairs at each threshold
_TICKS = (0, 0.5, 0.9, 0.95, 0.98, *audits.STEPS[:-1], 0.99999)
_ALL, _OTHER, _MARK = "#9aa5b1", "#b2182b", "#2166ac"
_FARTHEST = 6.0  # of -log10(1 - similarity): the same pixels, or nothing but rounding
_BANNER = "PHANTOM DATA: synthetic images"


def write_similarity(path: pathlib.Path, audit: audits.Audit) -> None:
    """A histogram of nearest neighbours, on a scale on which 0.99 to 1 has room."""
    nearest = _scaled(audit.found.nearest)
    is_other = _has_other_label(audit)
    bins = np.linspace(0, _FARTHEST, 61)
    picture = figure.Figure(figsize=(9, 4.2), layout="constrained")
    axes = picture.subplots()
    counts, *_ = axes.hist(nearest, bins, color=_ALL, label="all images")
    axes.hist(
        nearest[is_other],
        bins,
        histtype="step",
        color=_OTHER,
        linewidth=1.4,
        label="the neighbour has another label",
    )
    if audit.gap is not None:
        axes.axvspan(
            *_scaled(np.array(audit.gap)), color=_MARK, alpha=0.12, label="gap"
        )
    axes.axvline(
        _scaled(np.array([audit.threshold]))[0],
        color=_MARK,
        label=f"threshold {audit_words.number(audit.threshold)}",
    )
    axes.set_yscale("log")
    axes.set_ylim(0.7, 1.6 * max(1, counts.max()))
    axes.set_xticks(
        [*_scaled(np.array(_TICKS)), _FARTHEST],
        [*map("{:g}".format, _TICKS), "1"],
        rotation=45,
    )
    above = f" (below {similar.FLOOR}: an upper bound)" * audit.found.is_bound
    axes.set_xlabel(f"correlation with the nearest other image{above}")
    axes.set_ylabel("images")
    axes.legend(frameon=False)
    _title(picture, audit, f"{audit.contents.title}: how alike nearest images are")
    _save(picture, path)


def write_pairs(path: pathlib.Path, audit: audits.Audit) -> None:
    """Rows of pairs: in each those just above its threshold."""
    rows = _rows(audit)
    every = sorted({int(n) for _, part in rows for p in part for n in _sides(p)})
    images = dict(
        zip(
            every,
            similar.some(audit.contents.blocks, np.array(every, int)) if every else (),
            strict=True,
        )
    )
    height = 0.9 + 1.55 * max(1, len(rows))
    picture = figure.Figure(figsize=(2.35 * _BESIDE, height), layout="constrained")
    title = "pairs just above each threshold; another label in red"
    if not rows:
        title = f"no pair of {audit_words.number(audit.found.floor)} or more"
    _title(picture, audit, f"{audit.contents.title}: {title}")
    if rows:
        grid = picture.subplots(len(rows), _BESIDE, squeeze=False)
        for line, (name, part) in zip(grid, rows, strict=True):
            for axes in line:
                axes.axis("off")
            for axes, pair in zip(line, part, strict=False):
                _pair(axes, audit, pair, images)
            line[0].text(
                -0.12,
                0.5,
                name,
                transform=line[0].transAxes,
                rotation=90,
                ha="right",
                va="center",
                fontsize=9,
            )
    _save(picture, path)


def _rows(audit: audits.Audit) -> list[tuple[str, np.ndarray]]:
    """(name, pairs) of each threshold that has any, the highest first."""
    pairs, rows = audit.found.pairs, []
    exact = pairs[pairs["is_exact"]]
    if len(exact):
        rows.append(("same pixels", exact[:_BESIDE]))
    pairs = pairs[~pairs["is_exact"]]
    steps = [*(c.threshold for c in audit.table if c.threshold < 1), 1.0]
    for step, following in zip(steps[:-1], steps[1:], strict=True):
        inside = (pairs["similarity"] >= step) & (pairs["similarity"] < following)
        part = pairs[inside][::-1][:_BESIDE]  # they come with the most similar first
        if len(part):
            mark = "*" * (step == audit.threshold)
            rows.append((f"{audit_words.number(step)}{mark}", part))
    return rows[:1] + rows[:0:-1] if len(exact) else rows[::-1]


def _pair(axes, audit: audits.Audit, pair, images: dict[int, np.ndarray]) -> None:
    one, other = _sides(pair)
    turn = list(symmetries.SYMMETRIES.values())[pair["symmetry"]]
    turned = turn(images[other][None])[0]
    border = np.full_like(turned[:, :1], 255)
    shown = np.concatenate([images[one], border, border, turned], axis=1)
    axes.imshow(shown if shown.shape[-1] == 3 else shown[..., 0], cmap="gray", vmin=0)
    axes.images[0].set_clim(0, 255)
    is_conflict = bool(audit.conflicts(np.array([pair]))[0])
    name = list(symmetries.SYMMETRIES)[pair["symmetry"]]
    lines = [
        f"{pair['similarity']:.5f}" + (f", {name}" if pair["symmetry"] else ""),
        " | ".join(audit_words.place(audit, side) for side in (one, other)),
        " | ".join(_label(audit, side) for side in (one, other)),
    ]
    axes.set_title(
        "\n".join(lines), fontsize=6.5, color=_OTHER if is_conflict else "black", pad=2
    )


def _label(audit: audits.Audit, image: int) -> str:
    dataset = audit.contents.dataset
    numbers = audit_lists.label_numbers(audit.contents, image)
    if dataset.task is catalog.Task.MULTILABEL:
        return numbers
    return textwrap.shorten(dataset.labels[int(numbers)], 22, placeholder="...")


def _has_other_label(audit: audits.Audit) -> np.ndarray:
    labels = audit.contents.labels
    return (labels != labels[audit.found.neighbour]).any(axis=1)


def _scaled(similarity: np.ndarray) -> np.ndarray:
    """-log10(1 - similarity), 0 to _FARTHEST."""
    distance = np.clip(1 - similarity.astype(np.float64), 10**-_FARTHEST, 1)
    return np.minimum(-np.log10(distance), np.nextafter(_FARTHEST, 0))


def _sides(pair) -> tuple[int, int]:
    return int(pair["first"]), int(pair["second"])


def _title(picture: figure.Figure, audit: audits.Audit, text: str) -> None:
    if audit.contents.phantom:
        picture.suptitle(f"{text}\n{_BANNER}", color=_OTHER, fontsize=10)
    else:
        picture.suptitle(text, fontsize=10)


def _save(picture: figure.Figure, path: pathlib.Path) -> None:
    with files.replacing(path) as temporary:
        picture.savefig(temporary, dpi=130, format="png")
