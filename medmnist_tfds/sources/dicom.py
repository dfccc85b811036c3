"""A DICOM file to the 8-bit image that its own window shows. Needs pydicom.

Never chooses a window: where a file of more than 8 bits names none, it is refused.
"""

import io
import pathlib

import numpy as np
from PIL import Image

from medmnist_tfds.process import errors
from medmnist_tfds.sources import limits

SUFFIXES = (".dcm", ".dicom")
_MARK = slice(128, 132)
_ENDS = np.array([-1e12, 1e12])  # farther than any level


def is_dicom(content: bytes, name: str) -> bool:
    """By its mark, or its name: some old files lack the mark."""
    marked = content[_MARK] == b"DICM"
    return marked or pathlib.PurePath(name).suffix.lower() in SUFFIXES


def open(content: bytes, *, frame: int | None) -> Image.Image:  # noqa: A001
    """Grey (mode L) as shown in the file's first window, or RGB.

    Modality and VOI LUT, windows, MONOCHROME1, palettes and YBR colours are applied as
    the standard (PS3.3 C.11, C.7.6.3) says, by pydicom.

    Args:
      content: of the file.
      frame: which of several, from 1; None where there is one.

    Raises:
      MedMNISTError: whose text starts with a verb: no pydicom, no image in it, several
        frames, no window, a compression for which there is no decoder.
    """
    try:
        import pydicom
        from pydicom import pixels, uid
    except ImportError as error:
        raise errors.MedMNISTError(
            "is a DICOM file, which is read by pydicom, and that is not installed. "
            "Expected it. Run `pip install pydicom`."
        ) from error
    data = pydicom.dcmread(io.BytesIO(content), force=True)
    if "PixelData" not in data:
        raise errors.MedMNISTError(
            "is no DICOM file, or one without an image. Expected one with pixel data. "
            "Choose another file of the study."
        )
    _check(data, pixels, uid)
    index = limits.check_frame(frame, int(data.get("NumberOfFrames") or 1))
    levels = _decoded(data, index, pixels)
    meaning = data.PhotometricInterpretation
    if meaning == "PALETTE COLOR":
        colours = pixels.apply_color_lut(levels, data)
        bits = data.RedPaletteColorLookupTableDescriptor[2]
        return Image.fromarray((colours >> (bits - 8)).astype(np.uint8))
    if data.SamplesPerPixel == 3:
        return Image.fromarray(levels)
    shown = _shown(levels, data, pixels)
    shown = 1 - shown if meaning == "MONOCHROME1" else shown
    return Image.fromarray(np.rint(shown * 255).astype(np.uint8))


def _check(data, pixels, uid) -> None:
    """Refuses what can be known before pixels are decoded."""
    limits.check_size(data.Columns, data.Rows)
    if data.SamplesPerPixel == 3 and data.BitsAllocated != 8:
        raise errors.MedMNISTError(
            f"has colours of {data.BitsAllocated} bits. Expected 8. Export it as PNG."
        )
    syntax = data.file_meta.get("TransferSyntaxUID")
    if syntax is None:  # of a file without its mark: the standard's default
        data.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    if syntax is None or not syntax.is_compressed:
        return
    try:
        is_known = pixels.get_decoder(syntax).is_available
    except NotImplementedError:
        is_known = False
    if not is_known:
        raise errors.MedMNISTError(
            f"is compressed as {syntax.name}, for which there is no decoder here. "
            "Expected one that pydicom finds. Run `pip install python-gdcm`, or "
            "decompress the file."
        )


def _decoded(data, index: int, pixels) -> np.ndarray:
    """The stored levels, colours as RGB."""
    try:
        return pixels.pixel_array(data, index=index)
    except RuntimeError as error:  # of every decoder that there is, and why
        raise errors.MedMNISTError(
            f"cannot be decoded as {data.file_meta.TransferSyntaxUID.name}. Expected a "
            "whole image, and a decoder of all its kinds. Run `pip install "
            "python-gdcm`, or copy the file again."
        ) from error


def _shown(levels: np.ndarray, data, pixels) -> np.ndarray:
    """From 0, black, to 1, white, by the file's first VOI LUT or window."""
    stored, levels = levels, pixels.apply_modality_lut(levels, data)
    if "VOILUTSequence" in data:
        white = 2 ** data.VOILUTSequence[0].LUTDescriptor[2] - 1
        return pixels.apply_voi(levels, data) / white
    if "WindowCenter" in data and "WindowWidth" in data:
        black, white = pixels.apply_windowing(_ENDS, data)
        return (pixels.apply_windowing(levels, data) - black) / (white - black)
    if data.BitsStored <= 8 and not data.PixelRepresentation:
        return stored / (2**data.BitsStored - 1)
    raise errors.MedMNISTError(
        f"stores {data.BitsStored} bits and no window to look at them in. Expected "
        "WindowCenter and WindowWidth, or a VOI LUT. Export the image as it is looked "
        "at, as PNG."
    )
