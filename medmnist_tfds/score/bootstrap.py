"""How far scores would move with another draw of test examples, and of seeds.

The draws are the same for all methods, so that two of them can be compared on each.
"""

import functools
import itertools

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.score import scoring

RESAMPLES = 1000
# Of so many examples on, each draw's AUC is that of the projection (see `Column`).
PROJECTED = 3000
_BLOCK = 200  # draws at once: in float32 those of 22,433 examples are 18 MB


def resample(
    targets: np.ndarray,
    scores: list[np.ndarray],
    *,
    task: catalog.Task,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, np.ndarray]:
    """AUC and ACC of each run on test sets drawn with replacement.

    The score of a drawn set is that of `scoring.score` on its examples; a set without
    a single example of some class has no AUC, and gets NaN. Of `PROJECTED` examples
    on, AUC comes from its first-order projection, which differs by less than a tenth of
    the interval's width and takes a hundredth of the time.

    Args:
      targets: class numbers (examples,) or (examples, 1), or 0 and 1 (examples,
        labels).
      scores: (examples, columns) of each run, as in prediction files.
      task: of the dataset.
      seed: of the draws.
      resamples: how many.

    Returns:
      `auc` and `acc`, float64 (resamples, runs).
    """
    targets = np.asarray(targets)
    size, runs = len(targets), len(scores)
    columns = [
        [Column(*column) for column in scoring.auc_columns(targets, run, task=task)]
        for run in scores
    ]
    score_all = _projected if size >= PROJECTED else _exact
    is_right = np.stack([_is_right(targets, run, task) for run in scores], axis=1)
    all_drawn = counts(size, seed=seed, resamples=resamples)
    auc, acc = np.empty((2, resamples, runs))
    for start in range(0, resamples, _BLOCK):
        block = slice(start, min(start + _BLOCK, resamples))
        drawn = all_drawn[:, block].astype(np.float32)
        acc[block] = drawn.T @ is_right / size
        auc[block] = score_all(columns, drawn)
    return {"auc": auc, "acc": acc}


def resample_classes(
    targets: np.ndarray,
    scores: np.ndarray,
    *,
    task: catalog.Task,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> np.ndarray:
    """AUC of each class or label of one run, on the test sets that `resample` draws.

    NaN on a set without an example of the class. Arguments are those of `resample`,
    with the scores (examples, columns) of one run.

    Returns:
      float64 (resamples, classes), in the order of `Scores.auc_per_class`.
    """
    columns = scoring.auc_columns(np.asarray(targets), scores, task=task)
    size = len(targets)
    score_all = _projected if size >= PROJECTED else _exact
    all_drawn = counts(size, seed=seed, resamples=resamples)
    auc = np.empty((resamples, len(columns)))
    for number, column in enumerate(itertools.starmap(Column, columns)):
        for start in range(0, resamples, _BLOCK):
            block = slice(start, min(start + _BLOCK, resamples))
            drawn = all_drawn[:, block].astype(np.float32)
            auc[block, number] = score_all([[column]], drawn)[:, 0]
    return auc


def interval(samples: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval; NaN where no sample has a score."""
    finite = samples[np.isfinite(samples)]
    if not len(finite):
        return (np.nan, np.nan)
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@functools.lru_cache(maxsize=16)  # a dataset's draws serve all methods: 70 MB of ten
def counts(size: int, *, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """uint8 (examples, resamples): how often each example is in each drawn set."""
    rng, found = np.random.default_rng(seed), np.empty((size, resamples), np.uint8)
    for number in range(resamples):
        drawn = rng.integers(size, size=size)
        found[:, number] = np.bincount(drawn, minlength=size)
    return found


class Column:
    """One class against the rest: what its AUC on drawn sets is computed from.

    Args:
      is_positive: bool (examples,).
      score: float64 (examples,).
    """

    def __init__(self, is_positive: np.ndarray, score: np.ndarray):
        self.is_positive = is_positive
        self.positive = _sorted(np.flatnonzero(is_positive), score)
        self.negative = _sorted(np.flatnonzero(~is_positive), score)
        self._up, self._down = score[self.positive], score[self.negative]

    def auc(self, counts: np.ndarray) -> np.ndarray:
        """(draws,) from counts (examples, draws); a tie is half a pair in order."""
        below = np.zeros((len(self.negative) + 1, counts.shape[1]), np.float32)
        np.cumsum(counts[self.negative], axis=0, out=below[1:])
        up, ends = counts[self.positive], _ends(self._down, self._up)
        in_order = ((below[ends[0]] + below[ends[1]]) * up).sum(axis=0, dtype=float) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            return in_order / up.sum(axis=0, dtype=float) / below[-1]

    @functools.cached_property
    def shares(self) -> np.ndarray:
        """Of each positive, how many negatives it is above; and of these the reverse.

        As shares, float32 (examples, 2), 0 for those of the other kind. Their means
        over what is drawn, added up, differ from AUC on it by AUC and a term of the
        order of one over the number of examples (Hoeffding's projection, as in DeLong,
        DeLong and Clarke-Pearson, 1988).
        """
        found = np.zeros((len(self.positive) + len(self.negative), 2), np.float32)
        above = sum(_ends(self._down, self._up)) / (2 * len(self._down))
        under = 1 - sum(_ends(self._up, self._down)) / (2 * len(self._up))
        found[self.positive, 0], found[self.negative, 1] = above, under
        return found

    @property
    def whole(self) -> float:
        """AUC on all examples."""
        return self.shares[:, 0].sum(dtype=float) / len(self.positive)


def _exact(columns: list[list[Column]], counts: np.ndarray) -> np.ndarray:
    """AUC (draws, runs) from counts (examples, draws)."""
    runs = [np.mean([each.auc(counts) for each in run], axis=0) for run in columns]
    return np.stack(runs, axis=1)


def _projected(columns: list[list[Column]], counts: np.ndarray) -> np.ndarray:
    """As `_exact`, but for a term that is small where examples are many."""
    of_class = np.stack([each.is_positive for each in columns[0]], axis=1)
    positives = counts.T @ of_class.astype(np.float32)  # (draws, classes)
    drawn = counts.sum(axis=0)[:, None]
    runs = []
    for run in columns:
        above, under = np.moveaxis(np.stack([each.shares for each in run]), 2, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            auc = counts.T @ above.T / positives
            auc += counts.T @ under.T / (drawn - positives)
        runs.append((auc - [each.whole for each in run]).mean(axis=1))
    return np.stack(runs, axis=1)


def _sorted(rows: np.ndarray, score: np.ndarray) -> np.ndarray:
    return rows[np.argsort(score[rows], kind="stable")]


def _ends(known: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of sorted `known`, how many are below each of the scores, and not above it."""
    return tuple(np.searchsorted(known, scores, side) for side in ("left", "right"))


def _is_right(targets, scores, task) -> np.ndarray:
    """float64 (examples,): the share of an example's labels that are right."""
    decided = scoring.decide(scores, task=task)
    is_right = decided == targets.reshape(decided.shape)
    return is_right.reshape(len(targets), -1).mean(axis=1)
