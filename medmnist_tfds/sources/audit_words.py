"""An audit in plain words and as JSON. Never decides anything."""

import pathlib

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import files
from medmnist_tfds.sources import audit as audits
from medmnist_tfds.sources import confirming, similar


def paragraph(audit: audits.Audit) -> str:
    """What was compared, what was found, where the threshold is from."""
    parts = [_compared(audit), *_pairs(audit), _threshold(audit), _below(audit)]
    parts += [*_groups(audit), _full(audit)]
    return " ".join(part for part in parts if part)


def table(audit: audits.Audit) -> list[list[str]]:
    """Rows of text, the first one the header: counts of pairs at each threshold."""
    header = ["correlation", "pairs", "same pixels", "in two splits"]
    header += ["test with train or val", "test images", "other label"]
    header += [] if audit.full is None else ["as alike at full size"]
    rows = [
        [f"{'*' * (c.threshold == audit.threshold)}{number(c.threshold)}"]
        + [
            f"{n:,}"
            for n in (c.pairs, c.exact, c.across, c.leaking, c.test_images, c.conflicts)
        ]
        + ([] if audit.full is None else [f"{c.confirmed:,}/{c.compared:,}"])
        for c in audit.table
    ]
    return [header, *rows]


def write(path: pathlib.Path, audit: audits.Audit) -> None:
    """The Markdown file."""
    with files.replacing(path) as temporary:
        temporary.write_text(markdown(audit), encoding="utf-8")


def markdown(audit: audits.Audit) -> str:
    """The paragraph, the table, and what lies in the folder."""
    rows = table(audit)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|" + "---:|" * len(rows[0]))
    return "\n".join(
        [f"# Audit of {audit.contents.title}\n", paragraph(audit), "", *lines]
        + ["", "`*` marks the threshold of `pairs.csv`. Look at `pairs.png`.", ""]
    )


def facts(audit: audits.Audit) -> dict:
    """For programs: the same numbers."""
    return {
        "dataset": audit.contents.tag,
        "title": audit.contents.title,
        "images": dict(audit.contents.splits),
        "threshold": audit.threshold,
        "threshold_is_chosen_by_user": audit.is_chosen,
        "gap": None if audit.gap is None else [float(end) for end in audit.gap],
        "floor": audit.found.floor,
        "counts": [_told(c) for c in audit.table],
        "groups_in_several_splits": None
        if audit.groups is None
        else {name: _of(audit, name) for name in audit.members},
    }


def number(similarity: float) -> str:
    """A correlation with the digits that tell it from 1: 0.99, 0.9985."""
    return f"{similarity:.10f}".rstrip("0").ljust(4, "0")


def place(audit: audits.Audit, image: int) -> str:
    """`test 76`."""
    of = audit.contents
    return f"{list(of.splits)[of.split_of[image]]} {of.index_of[image]}"


def _compared(audit: audits.Audit) -> str:
    images = len(audit.contents.labels)
    pairs = images * (images - 1) // 2
    return (
        f"{audit.contents.title}: {images:,} images, all {pairs:,} pairs compared by "
        "the correlation of their pixels, as they are, flipped and turned."
    )


def _pairs(audit: audits.Audit) -> list[str]:
    found, test = audit.counts(audit.threshold), audit.contents.splits["test"]
    said = f"{_many(found.pairs, 'pair')} at {number(audit.threshold)} or more"
    if not found.pairs:
        return [f"{said}."]
    parts = [f"{said}, {found.exact:,} of them the same pixels{_first(audit)}."]
    if found.across:
        parts.append(
            f"{found.across:,} of them in two splits, {found.leaking:,} in test and in "
            f"train or val: these touch {found.test_images:,} of the {test:,} test "
            "images."
        )
    else:
        parts.append("None lies in two splits.")
    if found.conflicts:
        parts.append(
            f"{found.conflicts:,} {_has(found.conflicts)} two labels, "
            f"{found.conflicts_across:,} across splits."
        )
    else:
        parts.append("None has two labels.")
    if audit.found.is_cut:
        parts.append(
            f"There are more than {len(audit.found.pairs):,} pairs: only the most "
            f"similar are kept, from {audit.found.floor:.6f} on."
        )
    return parts


def _first(audit: audits.Audit) -> str:
    exact = audit.pairs[audit.pairs["is_exact"]]
    if len(exact) != 1:
        return ""
    sides = [place(audit, int(exact[0][side])) for side in ("first", "second")]
    return f" ({' and '.join(sides)})"


def _threshold(audit: audits.Audit) -> str:
    shown = "pairs.png shows what pairs look like from 0.99 on"
    if audit.is_chosen:
        return f"The threshold was given; {shown}."
    if (audit.found.nearest < similar.FLOOR).all():
        return (
            f"No image has a nearest neighbour of {similar.FLOOR} or more, so that the "
            "threshold divides nothing."
        )
    if audit.gap is None:
        return (
            "The similarities of nearest neighbours fall off without a gap from 0.99 "
            "to 0.9999: nothing in them divides duplicates from images that are merely "
            f"alike, and {number(audit.threshold)} is a convention; {shown}."
        )
    low, high = audit.gap
    between = f"between {low:.4f} and {high:.4f}"
    return (
        f"No image has its nearest neighbour {between}, and the threshold is there; "
        f"{shown}."
    )


def _below(audit: audits.Audit) -> str:
    """How often labels differ below the threshold, beside images drawn at random."""
    above, all_of_it = audit.counts(audit.threshold), audit.counts(audit.found.floor)
    pairs = all_of_it.pairs - above.pairs
    if not pairs:
        return ""
    conflicts = all_of_it.conflicts - above.conflicts
    labels = audit.contents.labels
    _, times = np.unique(labels, axis=0, return_counts=True)
    by_chance = 1 - np.square(times / len(labels)).sum()
    return (
        f"Of the {_many(pairs, 'pair')} from {number(audit.found.floor)} up to the "
        f"threshold {conflicts / pairs:.0%} have two labels; of pairs drawn at random "
        f"{by_chance:.0%}."
    )


def _full(audit: audits.Audit) -> str:
    """What the sources said."""
    if audit.full is None:
        return ""
    found = audit.counts(audit.threshold)
    if not found.pairs:
        return ""
    said = (
        f"At the sources' own resolution ({confirming.SIZE} pixels) "
        f"{found.compared:,} of the {_many(found.pairs, 'pair')} could be compared"
    )
    if found.compared:
        full = audit.full.similarity[: found.pairs]
        said += (
            f": {found.confirmed:,} {_has(found.confirmed)} a correlation of "
            f"{number(audit.threshold)} or more there, too (the lowest has "
            f"{np.nanmin(full):.4f})"
        )
    if rest := found.pairs - found.compared:
        said += f"; {rest:,} stay unconfirmed, as one of the two sources is not at hand"
    return f"{said}."


def _told(counts: audits.Counts) -> dict:
    return {key: value for key, value in vars(counts).items() if value is not None}


def _groups(audit: audits.Audit) -> list[str]:
    if audit.groups is None:
        return []
    if not audit.members:
        return ["The manifest knows no patients or lesions."]
    parts = []
    for name in audit.members:
        found = _of(audit, name)
        parts.append(
            f"{_many(found['groups'], name)} {_has(found['groups'])} images in more "
            f"than one split; {found['test_images']:,} test images are among them."
        )
    return parts


def _of(audit: audits.Audit, column: str) -> dict[str, int]:
    groups = [group for group in audit.groups if group.column == column]
    is_test = audit.contents.split_of == catalog.SPLITS.index("test")
    test = sum(int(is_test[list(group.images)].sum()) for group in groups)
    return {"groups": len(groups), "test_images": test}


def _has(count: int) -> str:
    return "has" if count == 1 else "have"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
