"""Which recipe the official images were made by: all are tried on the first sources.

Never decides by a source that no official image is near, as long as there are others.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from medmnist_tfds.sources import matching, recipes

_FIRST = 64  # sources; twice as many while too few of them fit
_FITS = 8
_MOST, _MOST_BYTES = 512, 2**28


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """How well a recipe fits the first sources.

    `distance` is the mean, over the sources, of the distance to the nearest official
    image, where nothing counts more than the limit. `same_as` are recipes with the same
    result on all of them.
    """

    recipe: recipes.Recipe
    sources: int
    equal: int
    near: int
    distance: float
    same_as: tuple[recipes.Recipe, ...] = ()


class Trials:
    """All recipes, until one is chosen: then `alive` has only that one."""

    def __init__(
        self,
        candidates: Sequence[recipes.Recipe],
        matcher: matching.Matcher,
        *,
        limit: float,
    ):
        self.alive = tuple(candidates)
        self.ranking: tuple[Trial, ...] = ()
        self._matcher, self._limit = matcher, limit
        self._next = _FIRST

    @property
    def is_decided(self) -> bool:
        return len(self.alive) == 1

    def judge(
        self, small: Sequence[Mapping[recipes.Recipe, np.ndarray]], *, last: bool
    ) -> None:
        """Decides, if there are sources enough or these are the last."""
        held = sum(image.nbytes for image in small[0].values()) * len(small)
        must = last or len(small) >= _MOST or held >= _MOST_BYTES
        if len(small) < self._next and not must:
            return
        self._next = 2 * len(small)
        alike = collections.defaultdict(list)
        for recipe in self.alive:
            pixels = np.stack([images[recipe].reshape(-1) for images in small])
            alike[pixels.tobytes()].append(recipe)
        shape = len(small), -1
        trials = [
            self._trial(np.frombuffer(content, np.uint8).reshape(shape), same)
            for content, same in alike.items()
        ]
        # Stable: of equals the likeliest stays first.
        self.ranking = tuple(sorted(trials, key=lambda t: (-t.equal, t.distance)))
        if must or self.ranking[0].near >= _FITS:
            self.alive = (self.ranking[0].recipe,)

    def _trial(self, pixels: np.ndarray, same: list[recipes.Recipe]) -> Trial:
        distances = self._matcher.distances(pixels)
        return Trial(
            recipe=same[0],
            sources=len(pixels),
            equal=self._matcher.count_equal(pixels),
            near=int((distances <= self._limit).sum()),
            distance=float(np.minimum(distances, self._limit).mean()),
            same_as=tuple(same[1:]),
        )
