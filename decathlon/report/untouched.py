"""The score without the leak: on the test images of which no duplicate was learned.

Ours, never the official score, and never mixed with it: other tables, other files.
"""

import csv
import dataclasses
import io
import math
import statistics
from collections.abc import Iterable

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon.report import collect, summary
from medmnist_tfds.decathlon.report import tables as notes
from medmnist_tfds.process import errors
from medmnist_tfds.score import bootstrap, scoring
from medmnist_tfds.sources import leaks

TITLE = "Without the leak (ours, not the official score)"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row(summary.Named):
    """A method: its official values, and those without the leak, by metric."""

    official: dict[str, summary.Value]
    untouched: dict[str, summary.Value]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """One dataset.

    Attributes:
      dataset: facts about it.
      note: which images were left out, by which list.
      examples: images of the test split.
      left_out: how many of them are not scored here.
      problem: why there is no score; empty where there are some.
      rows: of the methods that have a score.
    """

    dataset: catalog.Dataset
    note: str
    examples: int
    left_out: int
    problem: str
    rows: tuple[Row, ...]

    @property
    def footnote(self) -> str:
        """What its marked methods learned from before, if any did."""
        return notes.pretrained(self.rows)


def values(
    targets: np.ndarray,
    scores: list[np.ndarray],
    keep: np.ndarray,
    *,
    task: catalog.Task,
    resamples: int = bootstrap.RESAMPLES,
) -> dict[str, summary.Value]:
    """AUC and ACC on a part of the examples, with their interval over these.

    Args:
      targets: (examples, 1) or (examples, labels).
      scores: (examples, columns) of each run.
      keep: bool (examples,).
      task: of the dataset.
      resamples: of the bootstrap.

    Raises:
      MedMNISTError: a class has no example left, so that there is no AUC.
    """
    found = [scoring.score(targets[keep], run[keep], task=task) for run in scores]
    kept = [run[keep] for run in scores]
    draws = bootstrap.resample(targets[keep], kept, task=task, resamples=resamples)
    answer = {}
    for metric in summary.METRICS:
        each = [getattr(one, metric) for one in found]
        low, high = bootstrap.interval(draws[metric].mean(axis=1))
        answer[metric] = summary.Value(
            mean=statistics.fmean(each),
            sd=statistics.stdev(each) if len(each) > 1 else None,
            low=low,
            high=high,
            seeds=len(each),
            paper=None,
        )
    return answer


def tables(
    decathlon: collect.Decathlon,
    official: summary.Summary,
    *,
    lists: Iterable[leaks.Leaks] = (),
    resamples: int = bootstrap.RESAMPLES,
) -> list[Table]:
    """One for each dataset with a list of pairs: of those given, else the package's.

    Raises:
      MedMNISTError: a list is of no dataset that takes part, or two are of one.
    """
    variants = {entry.dataset: entry.variant for entry in decathlon.entries}
    chosen: dict[str, leaks.Leaks] = {}
    for given in lists:
        names = [name for name, variant in variants.items() if given.is_of(variant)]
        if not names:
            known = ", ".join(variant.tfds_name for variant in variants.values())
            raise errors.MedMNISTError(
                f"{given.origin} is of {given.dataset}. Expected one of the datasets "
                f"of this Decathlon: {known}."
            )
        if names[0] in chosen:
            raise errors.MedMNISTError(
                f"{chosen[names[0]].origin} and {given.origin} are both of "
                f"{given.dataset}. Expected one list for each dataset."
            )
        chosen[names[0]] = given
    for name, variant in variants.items():
        found = leaks.shipped(variant)
        if name not in chosen and found is not None:
            chosen[name] = found
    return [
        _table(decathlon, official, name, chosen[name], resamples)
        for name in decathlon.datasets
        if name in chosen and name in decathlon.targets
    ]


def note(found: leaks.Leaks, left_out: dict[str, np.ndarray], *, split="test") -> str:
    """What was left out, why, and that there may be more.

    Args:
      found: the list.
      left_out: as its `reasons` gives it.
      split: of which images.
    """
    out, pairs = np.any(list(left_out.values()), axis=0), len(found.pairs)
    earlier = " or ".join(catalog.SPLITS[: catalog.SPLITS.index(split)])
    alike = f"{found.origin}: {pairs:,} pair{'' if pairs == 1 else 's'}"
    if found.threshold is not None:
        alike += f", correlation {_at_most(found.threshold)} or more"
    why = [f"{left_out['image'].sum():,} by pixels ({alike})"]
    why += [f"{m.sum():,} by {name}" for name, m in left_out.items() if name != "image"]
    alone = "By pixels alone: no patient or lesion is known to be in two splits. "
    return (
        f"{(~out).sum():,} of {len(out):,} {split} images: {out.sum():,} are left out "
        f"because {earlier} holds a duplicate, {', '.join(why)}. "
        f"{alone if len(why) == 1 else ''}This is a lower bound: pairs less alike may "
        f"show the same, too. Pairs inside of {split} stay."
    )


def _at_most(similarity: float) -> str:
    """Four digits, never more than it is: 0.999, 0.9985."""
    return f"{math.floor(round(similarity * 1e4, 4)) / 1e4:g}"


def markdown(found: list[Table]) -> str:
    """A section for each dataset; empty where there is none."""
    parts = []
    for each in found:
        lines = [f"## {TITLE}: {each.dataset.paper_name}\n", f"{each.note}\n"]
        if each.problem:
            lines.append(f"No score: {each.problem}\n")
        else:
            lines += [
                "| | AUC, official | AUC, without the leak | ACC, official | ACC, "
                "without the leak |",
                "|---|---|---|---|---|",
            ]
            for row in each.rows:
                cells = [
                    shown(values[metric])
                    for metric in summary.METRICS
                    for values in (row.official, row.untouched)
                ]
                name = row.shown.replace("|", "\\|")
                lines.append(f"| {name} | {' | '.join(cells)} |")
            lines.append("\n95 % bootstrap intervals over the images scored.\n")
            lines += [f"{each.footnote}\n"] * bool(each.footnote)
        parts.append("\n".join(lines))
    return "\n".join(parts)


def shown(value: summary.Value) -> str:
    """`0.893 ± 0.004 [0.830, 0.941]`."""
    spread = "" if value.sd is None else f" ± {value.sd:.3f}"
    return f"{value.mean:.3f}{spread} [{value.low:.3f}, {value.high:.3f}]"


def comma_separated(found: list[Table], *, kind: str) -> str:
    """One line per method, dataset and metric, with every digit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        "method,display_name,data,dataset,metric,seeds,official_mean,untouched_mean,"
        "untouched_sd,untouched_low95,untouched_high95,test_images,left_out,"
        "pretrained".split(",")
    )
    for each in found:
        for row in each.rows:
            for metric in summary.METRICS:
                value = row.untouched[metric]
                writer.writerow(
                    [
                        row.method,
                        row.display_name,
                        kind,
                        each.dataset.name,
                        metric,
                        value.seeds,
                        row.official[metric].mean,
                        value.mean,
                        "" if value.sd is None else value.sd,
                        value.low,
                        value.high,
                        each.examples,
                        each.left_out,
                        row.pretrained,
                    ]
                )
    return text.getvalue()


def _table(decathlon, official, name: str, found: leaks.Leaks, resamples) -> Table:
    targets = decathlon.targets[name]
    variant = next(e.variant for e in decathlon.entries if e.dataset == name)
    left_out = found.reasons(variant, "test", len(targets))
    keep = ~np.any(list(left_out.values()), axis=0)
    rows, problem = [], ""
    for row in official.rows:
        entries = decathlon.done(row.method, name)
        if not entries:
            continue
        scores = [entry.predicted["test"] for entry in entries]
        try:
            without = values(
                targets, scores, keep, task=variant.dataset.task, resamples=resamples
            )
        except errors.MedMNISTError as error:  # the same for every method
            problem = str(error).split(" Expected")[0]
            break
        rows.append(
            Row(
                method=row.method,
                display_name=row.display_name,
                pretrained=row.pretrained,
                official={m: row.values[name, m] for m in summary.METRICS},
                untouched=without,
            )
        )
    return Table(
        dataset=variant.dataset,
        note=note(found, left_out),
        examples=len(targets),
        left_out=int((~keep).sum()),
        problem=problem,
        rows=() if problem else tuple(rows),
    )
