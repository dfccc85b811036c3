"""Whether probabilities are true: of images given 80 %, are 80 % so?

Of one column of probabilities and of what came true. Never trains; a temperature is
fitted on validation images by whoever calls.
"""

import dataclasses

import numpy as np
from scipy import optimize, special

from medmnist_tfds.data import catalog
from medmnist_tfds.score import bootstrap

BINS = 15
_SUM = 1e-3  # by which the probabilities of a row may miss 1
_SMALLEST = 1e-12  # probability that a logarithm is taken of
_TEMPERATURES = (0.01, 100.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bin:
    """Some of the claims, by their probability."""

    said: float  # mean probability
    came: float  # share that came true
    count: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """The calibration error, debiased, with its 95 % interval; and what it is of."""

    error: float
    low: float
    high: float
    bins: tuple[Bin, ...]


def are_probabilities(scores: np.ndarray, task: catalog.Task) -> bool:
    """Whether all are from 0 to 1, and those of classes add up to 1."""
    if not ((scores >= 0) & (scores <= 1)).all():
        return False
    is_whole = task is not catalog.Task.MULTILABEL and scores.shape[1] > 1
    return not is_whole or bool((abs(scores.sum(axis=1) - 1) < _SUM).all())


def claims(
    targets: np.ndarray, scores: np.ndarray, task: catalog.Task
) -> tuple[np.ndarray, np.ndarray]:
    """(probability said, whether it came true), float64 and bool (examples, columns).

    Of classes, that of the most probable one; of a binary task, that of class 1; of
    labels, of each.
    """
    if task is catalog.Task.MULTILABEL:
        return scores, targets.astype(bool)
    labels = targets.reshape(-1)
    if task is catalog.Task.BINARY:
        return scores[:, -1:], labels[:, None] == 1
    return scores.max(axis=1)[:, None], (scores.argmax(axis=1) == labels)[:, None]


def calibration(said: np.ndarray, came: np.ndarray, *, resamples: int) -> Calibration:
    """The root of the mean squared difference of said and came, over 15 bins.

    Bins of equally many claims; what chance alone adds to the squares is taken off
    (Kumar, Liang and Ma, 2019, definition 4.2), so that a calibrated network has an
    error about 0. The interval is that of drawn examples.

    Args:
      said: probabilities (examples, columns).
      came: bool (examples, columns).
      resamples: how many sets of examples are drawn.
    """
    edges = np.quantile(said, np.linspace(0, 1, BINS + 1)[1:-1])
    place = np.searchsorted(edges, said, side="right")  # (examples, columns)
    sums = np.stack([_by_bin(place, x) for x in (np.ones_like(said), said, came)])
    examples = len(said)
    square, chance = _square(sums.sum(axis=1, keepdims=True))
    counts = bootstrap.counts(examples, resamples=resamples).astype(np.float32)
    drawn = counts.T @ sums.astype(np.float32)  # (3, resamples, bins)
    # A drawn set is off by chance twice: as the examples are, and as a draw of them.
    squares = _square(drawn)[0] - 2 * chance
    low, high = bootstrap.interval(np.sqrt(np.maximum(squares, 0)))
    total, mean_said, mean_came = sums.sum(axis=1)
    return Calibration(
        error=float(np.sqrt(max(0.0, (square - chance)[0]))),
        low=low,
        high=high,
        bins=tuple(
            Bin(said=said_sum / count, came=came_sum / count, count=int(count))
            for count, said_sum, came_sum in zip(
                total, mean_said, mean_came, strict=True
            )
            if count
        ),
    )


def _by_bin(place: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums (examples, bins) of values (examples, columns)."""
    sums = np.zeros((len(place), BINS))
    np.add.at(sums, (np.arange(len(place))[:, None], place), values)
    return sums


def _square(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The squared error of each draw, and what chance alone adds to it.

    Args:
      sums: counts, said and came, (3, draws, bins).
    """
    total, said, came = sums
    some = np.maximum(total, 1)
    share = total / total.sum(axis=1, keepdims=True)
    rate = came / some
    square = (share * (said / some - rate) ** 2).sum(axis=1)
    chance = (share * rate * (1 - rate) / np.maximum(total - 1, 1)).sum(axis=1)
    return square, chance


def brier(targets: np.ndarray, scores: np.ndarray, task: catalog.Task) -> float:
    """Mean squared error of the probabilities: summed over classes, or a mean over
    labels; of a binary task that of class 1, half of the sum (Brier, 1950)."""
    if task is catalog.Task.MULTILABEL:
        return float(((scores - targets) ** 2).mean())
    labels = targets.reshape(-1)
    if task is catalog.Task.BINARY:
        return float(((scores[:, -1] - labels) ** 2).mean())
    return float(((scores - np.eye(scores.shape[1])[labels]) ** 2).sum(axis=1).mean())


def temperature(targets: np.ndarray, scores: np.ndarray, task: catalog.Task) -> float:
    """What log-probabilities are divided by to make these labels the likeliest.

    Guo et al. (2017). Fit it on validation images, and never on those of the test.
    """

    def loss(log_temperature: float) -> float:
        cooled = apply(scores, np.exp(log_temperature), task)
        return log_loss(targets, cooled, task)

    found = optimize.minimize_scalar(
        loss, bounds=np.log(_TEMPERATURES), method="bounded"
    )
    return float(np.exp(found.x))


def apply(scores: np.ndarray, degrees: float, task: catalog.Task) -> np.ndarray:
    """The probabilities at a temperature: less sure above 1, surer below."""
    scores = np.clip(scores, _SMALLEST, 1 - _SMALLEST)
    if task is catalog.Task.MULTILABEL or scores.shape[1] == 1:
        return special.expit(special.logit(scores) / degrees)
    return special.softmax(np.log(scores) / degrees, axis=1)


def log_loss(targets: np.ndarray, scores: np.ndarray, task: catalog.Task) -> float:
    """Mean negative log-probability of what came true."""
    if task is not catalog.Task.MULTILABEL and scores.shape[1] > 1:
        chosen = scores[np.arange(len(scores)), targets.reshape(-1)]
    else:
        chosen = np.where(targets.reshape(scores.shape) == 1, scores, 1 - scores)
    return float(-np.log(np.clip(chosen, _SMALLEST, 1)).mean())
