"""What is better than what: within datasets, over them, and in three sentences."""

import dataclasses

import numpy as np

from medmnist_tfds.decathlon.report import (
    collect,
    pairs,
    ranks,
    standings,
    summary,
)
from medmnist_tfds.score import bootstrap

_METRIC = "auc"  # the one that the sentences are about
_NUMBERS = "no one two three four five six seven eight nine ten".split()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One method over all datasets, by one metric.

    Attributes:
      mean: over datasets, of the mean over seeds.
      low: of its 95 % bootstrap interval over test examples.
      high: of the same.
      rank: mean over datasets; 1 is best.
      wins: pairs with another method on a dataset where the interval of the difference
        lies above 0.
      ties: where the interval of the difference holds 0.
      losses: where it is worse.
      missing: runs that failed, or were not made, and count as class frequencies.
    """

    mean: float
    low: float
    high: float
    rank: float
    wins: int
    ties: int
    losses: int
    missing: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Of all methods of a Decathlon that has some scores."""

    pairs: tuple[pairs.Pair, ...]
    ranks: dict[str, ranks.Ranks]  # by metric
    records: dict[str, dict[str, Record]]  # by metric and method, best mean first
    sentences: tuple[str, ...]


def compare(decathlon: collect.Decathlon, table: summary.Summary) -> Comparison | None:
    """None if no method has a score."""
    if not decathlon.targets:
        return None
    found = standings.standings(decathlon, table)
    compared = tuple(pairs.compare(decathlon, found))
    by_metric, records = {}, {}
    for metric in summary.METRICS:
        scores = {
            method: [found[method, name, metric].mean for name in decathlon.targets]
            for method in decathlon.methods
        }
        by_metric[metric] = ranks.ranks(scores)
        each = {
            method: _record(
                decathlon, found, compared, by_metric[metric], metric, method
            )
            for method in decathlon.methods
        }
        records[metric] = dict(sorted(each.items(), key=lambda one: -one[1].mean))
    return Comparison(
        pairs=compared,
        ranks=by_metric,
        records=records,
        sentences=_sentences(decathlon, compared, records[_METRIC]),
    )


def _record(decathlon, found, compared, ranked, metric: str, method: str) -> Record:
    mine = [found[method, name, metric] for name in decathlon.targets]
    drawn = np.mean([each.draws.mean(axis=1) for each in mine], axis=0)
    low, high = bootstrap.interval(drawn)
    here = [
        pair
        for pair in compared
        if pair.metric == metric and pair.dataset != summary.AVERAGE
    ]
    return Record(
        mean=float(np.mean([each.mean for each in mine])),
        low=low,
        high=high,
        rank=ranked.mean[method],
        wins=sum(pair.first == method and not pair.is_tie for pair in here),
        ties=sum(method in (pair.first, pair.second) and pair.is_tie for pair in here),
        losses=sum(pair.second == method and not pair.is_tie for pair in here),
        missing=sum(each.missing for each in mine),
    )


def _sentences(decathlon, compared, records: dict[str, Record]) -> tuple[str, ...]:
    """What was compared; what is better than what; what cannot be told."""
    names = {method: decathlon.shown(method) for method in records}
    best = next(iter(records))
    column = summary.AVERAGE if len(decathlon.targets) > 1 else [*decathlon.targets][0]
    against = {
        pair.second if pair.first == best else pair.first: pair
        for pair in compared
        if pair.dataset == column
        and pair.metric == _METRIC
        and best in (pair.first, pair.second)
    }
    lacking = [method for method in records if records[method].missing]
    told = {m: pair for m, pair in against.items() if m not in lacking}
    beaten = {method: pair for method, pair in told.items() if pair.is_claimed}
    open_ones = [names[method] for method in told if method not in beaten]
    return (
        _compared(decathlon, records, [names[method] for method in lacking]),
        _better(names[best], records[best], beaten, names),
        _untold(decathlon, names[best], open_ones),
    )


def _compared(decathlon, records, lacking: list[str]) -> str:
    scored = sum(
        any(decathlon.done(method, name) for name in decathlon.targets)
        for method in records
    )
    datasets, are = len(decathlon.targets), "were" if scored > 1 else "was"
    seeds = sorted({len(decathlon.seeds_of(method)) for method in records})
    runs = _count(seeds[-1], "random seed")
    if len(seeds) > 1:
        runs = f"{_word(seeds[0])} to {runs}"
    suite = decathlon.suite
    sentence = (
        f"{_count(scored, 'method').capitalize()} {are} scored on the test "
        f"{suite.form} of {_count(datasets, 'dataset')}, with {runs} each; what is "
        "compared here is "
        f"{'the mean over datasets of' * (datasets > 1)} AUC, the chance that "
        f"{suite.one} of a class is ranked above one that is not of it (0.5 is "
        "guessing, 1 is perfect)"
    )
    if lacking:
        sentence += (
            f"; of {_and(lacking)}, which lack runs (below is why), nothing is said "
            "here, and what is missing counts there as guesses by the frequency of "
            "classes"
        )
    return f"{sentence}."


def _better(best: str, record: Record, beaten, names) -> str:
    if len(names) == 1:
        return f"Its AUC is {record.mean:.3f} [{record.low:.3f}, {record.high:.3f}]."
    leads = f"{best} has the highest AUC, {record.mean:.3f}"
    if not beaten:
        return f"{leads}, but it cannot be said to be better than any other."
    by_chance: dict[str, list[str]] = {}
    for method, pair in beaten.items():
        by_chance.setdefault(_chance(pair.adjusted), []).append(names[method])
    told = [
        f"{_and(found)} ({chance}{' each' * (len(found) > 1)})"
        for chance, found in by_chance.items()
    ]
    return (
        f"{leads}, and is better than {_and(told)}; in brackets how likely so large a "
        "difference is between equal methods, among as many pairs as there are here."
    )


def _untold(decathlon, best: str, others: list[str]) -> str:
    parts = []
    if others:
        parts.append(
            f"Whether {best} is better than {_and(others)} cannot be told: the "
            "difference may be chance"
        )
    few = len(decathlon.seeds) == 1
    what = "these trained networks" if few else "these methods"
    parts.append(
        f"{'n' if others else 'N'}othing here says how {what} do on other datasets"
        f"{', or with another seed' * few}"
    )
    return "; ".join(parts) + "."


def _chance(probability: float) -> str:
    """`less than 0.1 %`, `2.3 %`."""
    if probability < 0.001:
        return "less than 0.1 %"
    return f"{100 * probability:.1f} %"


def _word(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else f"{number}"


def _count(number: int, what: str) -> str:
    return f"{_word(number)} {what}{'s' * (number != 1)}"


def _and(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
