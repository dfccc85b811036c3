"""How far scores would move with another draw of test examples.

Never resamples seeds: their spread is reported beside it.
"""

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.score import scoring

RESAMPLES = 1000
_BLOCK = 50  # resamples at once: (50, 22433) counts are 9 MB


def resample(
    targets: np.ndarray,
    scores: list[np.ndarray],
    *,
    task: catalog.Task,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, np.ndarray]:
    """AUC and ACC, mean over runs, of test sets drawn with replacement.

    The score of a drawn set is that of `scoring.score` on its examples; a set without
    a single example of some class has no AUC, and gets NaN.

    Args:
      targets: class numbers (examples,) or (examples, 1), or 0 and 1 (examples,
        labels).
      scores: (examples, columns) of each run, as in prediction files.
      task: of the dataset.
      seed: of the draws.
      resamples: how many.

    Returns:
      `auc` and `acc`, float64 (resamples,).
    """
    targets = np.asarray(targets)
    is_right = [_is_right(targets, run, task) for run in scores]
    columns = [scoring.auc_columns(targets, run, task=task) for run in scores]
    rng, size = np.random.default_rng(seed), len(targets)
    auc, acc = np.empty(resamples), np.empty(resamples)
    for start in range(0, resamples, _BLOCK):
        block = slice(start, min(start + _BLOCK, resamples))
        drawn = rng.integers(size, size=(block.stop - start, size))
        counts = np.stack([np.bincount(row, minlength=size) for row in drawn])
        counts = counts.astype(np.float64)
        acc[block] = np.mean([counts @ right / size for right in is_right], axis=0)
        auc[block] = np.mean(
            [
                np.mean([_weighted_auc(counts, *column) for column in run], axis=0)
                for run in columns
            ],
            axis=0,
        )
    return {"auc": auc, "acc": acc}


def interval(samples: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval; NaN where no sample has a score."""
    finite = samples[np.isfinite(samples)]
    if not len(finite):
        return (np.nan, np.nan)
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _weighted_auc(
    counts: np.ndarray, positive: np.ndarray, score: np.ndarray
) -> np.ndarray:
    """AUC per row of counts (draws, examples): ties count half."""
    order = np.argsort(score, kind="stable")
    ends = np.flatnonzero(np.diff(score[order], append=np.inf))  # last of equal scores
    counts, positive = counts[:, order], positive[order]

    def per_score(weights):
        sums = np.cumsum(weights, axis=1)[:, ends]
        return np.diff(sums, axis=1, prepend=0), sums[:, -1]

    up, positives = per_score(counts * positive)
    down, negatives = per_score(counts * ~positive)
    below = np.cumsum(down, axis=1) - down
    area = np.sum(up * (below + down / 2), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return area / (positives * negatives)


def _is_right(targets, scores, task) -> np.ndarray:
    """float64 (examples,): the share of an example's labels that are right."""
    decided = scoring.decide(scores, task=task)
    is_right = decided == targets.reshape(decided.shape)
    return is_right.reshape(len(targets), -1).mean(axis=1)
