"""From a source image to a small one: the steps between, as data.

Never reads a file, and never decides which recipe a dataset was made by.
"""

import dataclasses
import io
from typing import Literal

import numpy as np
from PIL import Image

from medmnist_tfds.process import errors

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way of making a small image.

    Attributes:
      mode: grey ("L") or colour ("RGB").
      grey: how colours become grey levels. Pillow has "rounded" them since 7.0; before,
        the fraction was "cut". Only sources with colours show it.
      crop: "centre" cuts to the largest square in the middle; "none" leaves the shape,
        so that an oblong image is squeezed.
      filter: of the resizing, antialiased as Pillow's are.
      jpeg: quality of the JPEG that the small image was stored in, if it was.
      size: in pixels, where it is another than the caller's.
    """

    mode: Literal["L", "RGB"] = "L"
    grey: Literal["rounded", "cut"] = "rounded"
    crop: Literal["centre", "none"] = "centre"
    filter: str = "bilinear"
    jpeg: int | None = None
    size: int | None = None

    def __post_init__(self):
        for name, known in (
            ("mode", ("L", "RGB")),
            ("grey", ("rounded", "cut")),
            ("crop", ("centre", "none")),
            ("filter", tuple(_FILTERS)),
        ):
            if getattr(self, name) not in known:
                raise errors.MedMNISTError(
                    f"The recipe's {name} is {getattr(self, name)!r}. Expected one of "
                    f"{', '.join(known)}."
                )

    def __call__(self, image: Image.Image, size: int) -> np.ndarray:
        """uint8 (size, size), or (size, size, 3) in colour."""
        return self.finish(self.shrink(image, size))

    def shrink(self, image: Image.Image, size: int) -> Image.Image:
        """All but the JPEG: what recipes share that differ only there."""
        is_cut = self.mode == "L" and self.grey == "cut"
        image = cut_grey(image) if is_cut else image.convert(self.mode)
        if self.crop == "centre":
            image = centred_square(image)
        size = self.size or size
        return image.resize((size, size), _FILTERS[self.filter])

    def finish(self, small: Image.Image) -> np.ndarray:
        """As `shrink` has made it, through the JPEG if there was one."""
        return np.asarray(small if self.jpeg is None else as_jpeg(small, self.jpeg))

    def __str__(self) -> str:
        words = [f"grey ({self.grey})" if self.mode == "L" else "RGB"]
        words += ["centred square"] if self.crop == "centre" else ["not cropped"]
        words += [self.filter]
        words += [] if self.jpeg is None else [f"JPEG of quality {self.jpeg}"]
        return ", ".join(words)


def cut_grey(image: Image.Image) -> Image.Image:
    """Grey levels as Pillow before 7.0 made them of colours: fractions cut off."""
    if image.mode in ("1", "L", "LA", "I", "I;16", "F"):
        return image.convert("L")
    red, green, blue = np.moveaxis(np.asarray(image.convert("RGB"), np.uint32), -1, 0)
    # Weights of ITU-R 601, in units of 1/65536 as Pillow has them.
    levels = (red * 19595 + green * 38470 + blue * 7471) >> 16
    return Image.fromarray(levels.astype(np.uint8))


def centred_square(image: Image.Image) -> Image.Image:
    """The largest square in the middle."""
    width, height = image.size
    side = min(width, height)
    # Python's rounding, to the even number: floor or ceiling moves every second image
    # of odd size by a pixel, and 200 of 780 of BreastMNIST are no longer equal.
    left, top = int(round((width - side) / 2)), int(round((height - side) / 2))
    return image.crop((left, top, left + side, top + side))


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    """What is left of an image after it was stored as a JPEG."""
    stored = io.BytesIO()
    image.save(stored, "JPEG", quality=quality)
    return Image.open(stored)
