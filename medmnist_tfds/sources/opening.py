"""A user's own file to an upright 8-bit image, or one sentence on why not.

Never guesses what levels mean: 16 bits without a window, inks and see-through pixels
are refused. Never decodes an image that is too large, or more than one frame of it.
"""

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from medmnist_tfds.process import errors
from medmnist_tfds.sources import dicom, limits

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2"),
    *dicom.SUFFIXES,
)
# Not all that Pillow knows: for EPS it starts another program.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000", "PPM")
_PLAIN = ("1", "L", "P", "RGB", "RGBX", "YCbCr")
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
_WHY_NOT = {
    "CMYK": "is in CMYK, and which colours its inks are is not known. Expected grey or "
    "RGB. Convert it with its colour profile in the program that made it.",
    "LAB": "is in Lab colours. Expected grey or RGB. Convert it in the program that "
    "made it.",
}
_DEEP = (
    "has levels of more than 8 bits, and in which window they are looked at is not "
    "known. Expected 8 bits. Export it in that window, or give the DICOM file."
)


def open(content: bytes, *, name: str, frame: int | None = None) -> Image.Image:  # noqa: A001
    """The image in a PNG, JPEG, TIFF or DICOM file, turned as EXIF says.

    Args:
      content: of the file.
      name: what it is called, for messages and for DICOM files without their mark.
      frame: which of several, from 1; None where there is one.

    Raises:
      MedMNISTError: no image, a damaged one, more than 32 million pixels, levels or
        colours of an unknown meaning, several frames and none or another was named.
    """
    try:
        if dicom.is_dicom(content, name):
            return dicom.open(content, frame=frame)
        return _open(content, frame)
    except errors.MedMNISTError as error:
        raise errors.MedMNISTError(f"{name} {error}") from error
    except Image.DecompressionBombError as error:
        raise errors.MedMNISTError(
            f"{name} has too many pixels. {limits.TOO_LARGE}"
        ) from error
    except UnidentifiedImageError as error:  # Pillow's words name an object of Python
        raise errors.MedMNISTError(
            f"{name} is no image, or of a format that is not read. Expected PNG, JPEG, "
            "TIFF or DICOM. Export it as PNG."
        ) from error
    except Exception as error:  # Pillow, zlib, struct, pydicom: many words for damage
        said = str(error).split("\n")[0].rstrip(".") or type(error).__name__
        raise errors.MedMNISTError(
            f"{name} is damaged or cut off ({said}). Expected a whole image. Copy or "
            "export it again."
        ) from error


def _open(content: bytes, frame: int | None) -> Image.Image:
    with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
        limits.check_size(*opened.size)
        # What a phone adds to its JPEG, a preview or a depth map, is no second frame.
        is_photo = opened.format in ("JPEG", "MPO")
        count = 1 if is_photo else getattr(opened, "n_frames", 1)
        opened.seek(limits.check_frame(frame, count))
        limits.check_size(*opened.size)  # those of a TIFF may differ
        _check_mode(opened.mode)
        opened.load()
        return _opaque(ImageOps.exif_transpose(opened))


def _check_mode(mode: str) -> None:
    if mode not in (*_PLAIN, *_WITH_ALPHA):
        raise errors.MedMNISTError(_WHY_NOT.get(mode, _DEEP))


def _opaque(image: Image.Image) -> Image.Image:
    """Without its alpha channel, in which nothing may stand; 8 bits, grey or RGB."""
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        if np.asarray(with_alpha)[..., 3].min() < 255:
            raise errors.MedMNISTError(
                "has pixels that one can see through, and on which ground it is looked "
                "at is not known. Expected none. Flatten it on that ground."
            )
        return with_alpha.convert("RGB")
    return image.convert("RGB") if image.mode in ("P", "RGBX", "YCbCr") else image
