"""What training cost: time and images, of a dataset and of all.

Never guesses: what a result does not say, or not of every seed, is not known.
"""

import dataclasses
import statistics
from collections.abc import Callable, Iterable

from medmnist_tfds.decathlon.report import collect

NOT_KNOWN = "-"
NOTE = (
    "Cost: time from a cell's start to its scores, on its machine, and images trained "
    "on, each pass counted, as the method says; mean over seeds, sum over datasets."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one dataset, a mean over seeds; or of all, their sum."""

    seconds: float | None  # None: not known
    images: float | None
    is_more: bool  # a cell was interrupted, and the time before is not counted
    trials: float | None = None  # of a search
    training: float | None = None  # seconds, without loading, predicting and scoring
    both: float | None = None  # seconds of training, and of predicting every image
    prediction: float | None = None  # seconds for 1,000 images; a mean over datasets
    memory: float | None = None  # peak bytes; the most of all datasets

    @property
    def time(self) -> str:
        if self.seconds is None:
            return NOT_KNOWN
        return ("over " if self.is_more else "") + duration(self.seconds)

    @property
    def training_time(self) -> str:
        if self.training is None:
            return NOT_KNOWN
        return ("over " if self.is_more else "") + duration(self.training)

    @property
    def count(self) -> str:
        """`780`, `7.8 k`, `780 k`, `34.1 M`."""
        if self.images is None:
            return NOT_KNOWN
        for size, sign in ((1e6, " M"), (1e3, " k")):
            if self.images >= size:
                shown = self.images / size
                return f"{shown:,.{int(shown < 100)}f}{sign}"
        return f"{self.images:.0f}"

    def __str__(self) -> str:
        if self.images is None:
            return self.time
        return f"{self.time}, {self.count} images"


NONE = Cost(seconds=None, images=None, is_more=False)


def mean(decathlon: collect.Decathlon, method: str, dataset: str) -> Cost:
    """Of one method on one dataset, over its seeds."""
    results = [entry.result for entry in decathlon.done(method, dataset)]

    def over_seeds(field: str) -> float | None:
        return _all([result.get(field) for result in results], statistics.fmean)

    training, prediction = map(over_seeds, ("training_seconds", "prediction_seconds"))
    is_told = None not in (training, prediction)
    return Cost(
        seconds=over_seeds("seconds"),
        images=over_seeds("training_images"),
        is_more=any(r.get("is_resumed") for r in results),
        trials=over_seeds("trials"),
        training=training,
        both=training + prediction if is_told else None,
        prediction=prediction and prediction / decathlon.images(dataset) * 1000,
        memory=over_seeds("peak_memory_bytes"),
    )


def total(costs: Iterable[Cost]) -> Cost:
    """Of one method on all datasets."""
    costs = list(costs)

    def of_all(field: str, together: Callable) -> float | None:
        return _all([getattr(cost, field) for cost in costs], together)

    return Cost(
        seconds=of_all("seconds", sum),
        images=of_all("images", sum),
        is_more=any(cost.is_more for cost in costs),
        trials=of_all("trials", sum),
        training=of_all("training", sum),
        both=of_all("both", sum),
        prediction=of_all("prediction", statistics.fmean),
        memory=of_all("memory", max),
    )


def refused(decathlon: collect.Decathlon) -> list[str]:
    """A line for each cell whose method gave a cost that is not believed."""
    return [
        f"{entry.folder.name}: {entry.result['cost_refused']}"
        for entry in decathlon.entries
        if "cost_refused" in entry.result
    ]


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.{int(seconds < 10)}f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _all(values: list, together: Callable) -> float | None:
    return together(values) if values and None not in values else None
