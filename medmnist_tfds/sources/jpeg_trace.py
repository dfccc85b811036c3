"""Whether small images were JPEGs once, told from their pixels alone.

Never looks at a source. Tells the quality only if it is one of QUALITIES but the best:
of that there is no better one to compare with.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from PIL import Image

from medmnist_tfds.sources import recipes

QUALITIES = (50, 75, 90, 95)
_IMAGES = 200
# A change this much smaller than at the next better quality is a dip. PneumoniaMNIST's
# is 0.36 of it and RetinaMNIST's 0.65, at quality 75; what never was a JPEG has 1.4 and
# more (BreastMNIST 1.6, PathMNIST 1.4, smooth phantoms 1.17).
_DIP = 0.95


@dataclasses.dataclass(frozen=True)
class Trace:
    """Mean changes in grey levels, by the quality of the JPEG that causes them."""

    changes: Mapping[int, float]
    images: int

    @property
    def quality(self) -> int | None:
        """Of the JPEG that the images were; None if there is no trace of one.

        The better the quality, the less an image changes. One that was stored with some
        quality hardly changes when it is stored with the same again: there the changes
        have a dip, which no other image has.
        """
        pairs = zip(QUALITIES, QUALITIES[1:], strict=False)
        dips = {
            low: self.changes[low] / max(self.changes[high], 1e-9)
            for low, high in pairs
        }
        deepest = min(dips, key=dips.get)
        return deepest if dips[deepest] < _DIP else None

    @property
    def verdict(self) -> str:
        if self.quality is None:
            return "no trace of a JPEG: the better the quality, the less they change"
        better = QUALITIES[QUALITIES.index(self.quality) + 1]
        return (
            f"were JPEGs of quality {self.quality}: stored so again they change less "
            f"than at {better}"
        )


def look(images: np.ndarray) -> Trace:
    """Of the first 200 of uint8 (examples, size, size, channels)."""
    images = images[:_IMAGES]
    images = images[..., 0] if images.shape[-1] == 1 else images
    return Trace(
        {quality: _change(images, quality) for quality in QUALITIES}, len(images)
    )


def _change(images: np.ndarray, quality: int) -> float:
    changed = [
        np.asarray(recipes.as_jpeg(Image.fromarray(image), quality)) for image in images
    ]
    return float(np.abs(images.astype(np.int16) - np.stack(changed)).mean())
