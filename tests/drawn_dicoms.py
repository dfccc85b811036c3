"""DICOM files of a few pixels, drawn for tests."""

import io

import numpy as np
import pydicom
from pydicom import dataset, uid


def drawn(levels: np.ndarray, **elements) -> bytes:
    """The bytes of a file with these stored levels: (h, w), (h, w, 3), (n, h, w).

    `elements` are set after what pixels need, by their keyword; None deletes one.
    """
    levels = np.asarray(levels)
    is_colour = levels.ndim == 3 and levels.shape[-1] == 3
    data = dataset.Dataset()
    data.file_meta = dataset.FileMetaDataset()
    syntax = elements.pop("syntax", uid.ExplicitVRLittleEndian)
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = uid.SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = uid.generate_uid()
    data.SOPClassUID = uid.SecondaryCaptureImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    data.Rows, data.Columns = levels.shape[:2] if is_colour else levels.shape[-2:]
    bits = 8 * levels.dtype.itemsize
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(levels.dtype.kind == "i")
    data.SamplesPerPixel = 3 if is_colour else 1
    data.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        data.PlanarConfiguration = 0
    elif levels.ndim == 3:
        data.NumberOfFrames = len(levels)
    data.PixelData = levels.tobytes()
    data["PixelData"].VR = "OW" if bits > 8 else "OB"
    if syntax.is_compressed:
        data.PixelData = pydicom.encaps.encapsulate([levels.tobytes()])
        data["PixelData"].is_undefined_length = True
    for keyword, value in elements.items():
        if value is None:
            del data[keyword]
        else:
            setattr(data, keyword, value)
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()
