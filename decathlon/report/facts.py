"""How the cells were run: how long, with how much memory, on what, when, with what.

Never guesses: what an older result does not say is "unknown".
"""

import dataclasses
import statistics

from medmnist_tfds.decathlon.report import collect, cost

UNKNOWN = "unknown"
# Packages that are named before the others, where they are installed.
_MAIN = (
    "medmnist-tfds",
    "tensorflow",
    "keras",
    "autokeras",
    "auto-sklearn",
    "flaml",
    "scikit-learn",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """One method's."""

    display_name: str
    cells: str  # done, of all
    time: str  # of all cells together, one after the other
    per_dataset: dict[str, str]  # by name: mean over seeds
    images: dict[str, str]  # that it trained on, likewise; only those that are known
    memory: str  # the most of any cell
    dates: str  # in UTC
    machines: tuple[str, ...]
    changed: tuple[str, ...]  # from the budget `paper`; several if datasets differ
    settings: tuple[str, ...]  # all, changed or not
    packages: tuple[str, ...]

    @property
    def line(self) -> str:
        """All of it but settings and packages, for a text."""
        return (
            f"{self.display_name}: {self.cells} cells done; {self.time} in all; at "
            f"most {self.memory} of memory; {self.dates}; {'; '.join(self.machines)}; "
            f"{main_versions(self.packages)}"
        )


def gather(decathlon: collect.Decathlon) -> list[Facts]:
    """Of each method that takes part."""
    return [_of(decathlon, method) for method in decathlon.methods]


def lines(ran: list[Facts], field: str) -> list[str]:
    """What methods say in `changed` or `settings`, if anything, with their names."""
    return [
        f"{each.display_name}: {line}"
        for each in ran
        for line in getattr(each, field)
        if line
    ]


def main_versions(packages: tuple[str, ...]) -> str:
    """`tensorflow 2.21.0, keras 3.15.1`, from lines as pip freezes them."""
    versions: dict[str, list[str]] = {}
    for name, is_exact, version in (line.partition("==") for line in packages):
        if is_exact:
            versions.setdefault(name, []).append(version)
    named = [
        f"{name} {' and '.join(versions[name])}" for name in _MAIN if name in versions
    ]
    return ", ".join(named) or UNKNOWN


def memory(size: int) -> str:
    mebibytes = size / 2**20
    return (
        f"{mebibytes:.0f} MiB" if mebibytes < 1000 else f"{mebibytes / 2**10:.1f} GiB"
    )


def _of(decathlon: collect.Decathlon, method: str) -> Facts:
    entries = [e for e in decathlon.entries if e.method == method]
    results = [e.result for e in entries]
    ran = [r for r in results if r["status"] != "missing"]
    peaks = [r["peak_memory_bytes"] for r in ran if "peak_memory_bytes" in r]
    return Facts(
        display_name=decathlon.shown(method),
        cells=f"{sum(bool(e.scores) for e in entries)} of {len(entries)}",
        time=_time(ran, sum),
        per_dataset={
            name: _time(
                [e.result for e in decathlon.done(method, name)], statistics.fmean
            )
            for name in decathlon.datasets
        },
        images={
            name: spent.count
            for name in decathlon.datasets
            for spent in [cost.mean(decathlon, method, name)]
            if spent.images is not None
        },
        memory=memory(max(peaks)) if peaks else _no(ran),
        dates=_dates(ran),
        machines=_each(_machine(r) for r in ran),
        changed=_each(_changed(r["changed"]) for r in ran if "changed" in r),
        settings=_each(
            ", ".join(f"{k} {v}" for k, v in (r["settings"] | r["budget"]).items())
            for r in results
        ),
        packages=tuple(dict.fromkeys(p for r in ran for p in r.get("packages", ()))),
    )


def _each(lines) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))


def _no(results: list[dict]) -> str:
    """Instead of a fact: nothing was run, or it is not written down."""
    return UNKNOWN if results else "-"


def _time(results: list[dict], together) -> str:
    seconds = [r["seconds"] for r in results if "seconds" in r]
    if not seconds:
        return _no(results)
    # Of a cell that went on, the time before is not known.
    is_more = any(r.get("is_resumed") for r in results)
    return ("over " if is_more else "") + cost.duration(together(seconds))


def _dates(results: list[dict]) -> str:
    days = sorted(r["ended"][:10] for r in results if "ended" in r)
    if not days:
        return _no(results)
    return days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def _machine(result: dict) -> str:
    """`EPYC 7B13, 2 of 8 cores, 31.3 GiB, no GPU, Linux 6.1, Python 3.11.9`."""
    about = result.get("machine")
    if not about:
        return UNKNOWN
    gpus = [f"{about['gpus'].count(g)} x {g}" for g in dict.fromkeys(about["gpus"])]
    return ", ".join(
        [
            about["cpu"],
            f"{result['cores']} of {about['cpu_cores']} cores",
            f"{about['memory_gib']} GiB of memory",
            *(gpus or ["no GPU"]),
            about["system"],
            f"Python {about['python']}",
        ]
    )


def _changed(changed: dict[str, list]) -> str:
    return ", ".join(
        f"{field} {here}" + ("" if there is None else f" instead of {there}")
        for field, (there, here) in changed.items()
    )
