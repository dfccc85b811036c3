"""CT scans and boxes of organs: every slice of every box, as a candidate.

The paper names "an abdominal window" and "the center slices of the 3D bounding boxes"
and says no more: not which window, how many slices, how the plane is turned, or whether
a box is squeezed. So all slices of a box are made, those at its centre first, in every
way that the words allow; which of them became official images only linking shows.

Never reads a segmentation: boxes are Xu et al.'s, a text file for each scan
(`segmentation-0.txt`, `test-segmentation-0.txt`), a box in each line: organ, number,
then first and last voxel along each of the three axes of the NIfTI array.
"""

import dataclasses
import functools
import gzip
import importlib.util
import io
import itertools
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

from medmnist_tfds.process import errors
from medmnist_tfds.sources import archives, decoding, reading, recipes

AXES = {"sagittal": 0, "coronal": 1, "axial": 2}  # of the NIfTI array
# Level and width in Hounsfield units: those in use for the abdomen.
_WINDOWS = ((40, 400), (50, 400), (60, 400), (50, 350))
_BOXES = re.compile(r"(?:^|/)((?:test-)?)segmentation-(\d+)\.txt$")
_TURNS = 8  # four quarter turns, and those of the mirrored plane
# Its second and third axis are exchanged, its boxes' are not.
_EXCHANGED = "test-volume-59"

Box = tuple[str, tuple[tuple[int, int], ...]]  # organ; first and last voxel by axis


@dataclasses.dataclass(frozen=True, kw_only=True)
class SliceRecipe(recipes.Recipe):
    """From a slice of a scan to a small image.

    Attributes:
      level, width: of the window, in Hounsfield units.
      turn: 0 to 7: quarter turns of the plane, from 4 on after mirroring it.
      end: what is added to the last voxel of a box: 1 if it belongs to the box.
      cut: a "box" is squeezed to a square, or cut out as one ("square").
    """

    crop: str = "none"
    plane: str = "axial"
    level: int = 40
    width: int = 400
    turn: int = 0
    end: int = 1
    cut: str = "box"

    def __str__(self) -> str:
        mirrored = ", mirrored" if self.turn >= 4 else ""
        return (
            f"{self.plane} slices of each {self.cut}, window {self.level}/{self.width} "
            f"HU, turned by {self.turn % 4 * 90} degrees{mirrored}, last voxel "
            f"{'in' if self.end else 'ex'}cluded, {self.filter}"
        )


def candidates(archive: archives.Archive) -> tuple[SliceRecipe, ...]:
    """Every way that may have been it; the plane is that of the dataset."""
    plane = archive.dataset.name.removeprefix("organ_")
    return tuple(
        SliceRecipe(plane=plane, level=level, width=width, turn=turn, end=end, cut=cut)
        for (level, width), cut, end, turn in itertools.product(
            _WINDOWS, ("box", "square"), (1, 0), range(_TURNS)
        )
    )


def decoder(reader: reading.Reader) -> decoding.Decoder:
    """Knows the boxes of all scans: their files are read first, wherever they lie.

    Raises:
      MedMNISTError: there are no boxes, or nibabel is not installed.
    """
    if importlib.util.find_spec("nibabel") is None:
        raise errors.MedMNISTError(
            "Scans are NIfTI files, and nibabel is not installed. Expected it to read "
            'them. Run: pip install "medmnist-tfds[sources]"'
        )
    found: dict[str, list[Box]] = {}
    for item in reader:
        if match := _BOXES.search(item.name):
            found[f"{match[1]}volume-{match[2]}"] = boxes(item.read(), item.name)
    if not found:
        where = ", ".join(map(str, reader.paths))
        raise errors.MedMNISTError(
            f"There are no boxes of organs in {where}. Expected segmentation-0.txt, "
            "... and test-segmentation-0.txt, ..., as Xu et al. published them. Give "
            "their folder as one more --source."
        )
    return functools.partial(_decode, found)


def boxes(content: bytes, name: str) -> list[Box]:
    """Of one scan.

    Raises:
      MedMNISTError: a line has another form.
    """
    found = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            ends = [int(word) for word in words[2:8]]
            pairs = tuple(zip(ends[::2], ends[1::2], strict=True))
        except ValueError:
            pairs = ()
        if len(pairs) != 3 or any(not 0 <= first <= last for first, last in pairs):
            raise errors.MedMNISTError(
                f"{name}, line {number}: {line[:60]!r} is no box. Expected an organ, a "
                "number, and six voxels: first and last along each axis."
            )
        found.append((words[0], pairs))
    return found


def _decode(
    found: Mapping[str, Sequence[Box]],
    source: archives.Source,
    content: bytes,
    tried: Sequence[SliceRecipe],
    size: int,
) -> list[decoding.Candidate]:
    scan = pathlib.PurePosixPath(source.name).name.split(".")[0]
    if scan not in found:
        raise ValueError("there are no boxes of its organs")
    (voxels, *scale), order = _voxels(content), (0, 1, 2)
    if scan == _EXCHANGED:
        order = (0, 2, 1)
    axis = AXES[tried[0].plane]
    shape = tuple(voxels.shape[place] for place in order)
    all_ = []
    for organ, box in found[scan]:
        part, corner = _part(voxels, order, box, axis)
        part = part * np.float32(scale[0]) + np.float32(scale[1])
        first, last = box[axis]
        for place in range(first, min(last + 1, shape[axis])):
            offset = place - (first + last) // 2
            plane = np.moveaxis(part, axis, 0)[place - first]  # take would copy all
            small = dict(_small(plane, corner, box, axis, tried, size))
            facts = {
                **source.facts,
                "patient": scan,
                "label": organ,
                "slice": str(place),
                "offset": str(offset),
            }
            named = f"{source.name}#{organ}/{tried[0].plane}/{place}"
            made = archives.Source(name=named, facts=facts)
            all_.append((abs(offset), decoding.Candidate(made, small, plane.shape)))
    # The centres of all boxes first: by them recipes are told apart.
    return [candidate for _, candidate in sorted(all_, key=lambda pair: pair[0])]


def _voxels(content: bytes) -> tuple[np.ndarray, float, float]:
    """What is stored, without a copy, and slope and intercept of Hounsfield units."""
    import nibabel

    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    header = nibabel.Nifti1Header.from_fileobj(io.BytesIO(content))
    shape = header.get_data_shape()
    # Not nibabel's own slices: of a scan in memory they take minutes.
    stored = np.frombuffer(
        content,
        header.get_data_dtype(),
        count=int(np.prod(shape)),
        offset=int(header.get_data_offset()),
    )
    slope, intercept = (value or 0.0 for value in header.get_slope_inter())
    return stored.reshape(shape, order="F"), slope or 1.0, intercept


def _part(voxels, order, box, axis: int) -> tuple[np.ndarray, tuple[int, int]]:
    """The slices of a box, each as wide as its square; and where these begin."""
    bounds = list(box)
    others = [other for other in range(3) if other != axis]
    side = max(last + 1 - first for first, last in (box[other] for other in others))
    for other in others:
        first, last = box[other]
        middle = (first + last + 1) // 2
        begin = min(first, max(middle - side // 2 - 1, 0))
        bounds[other] = (begin, max(last, middle - side // 2 + side))
    slices = [slice(first, last + 1) for first, last in bounds]
    part = voxels[tuple(slices[place] for place in np.argsort(order))]
    corner = tuple(bounds[other][0] for other in others)
    return part.transpose(order), corner


def _small(plane, corner, box, axis, tried, size) -> Iterator:
    """The small image of a slice by each recipe."""
    pairs = [pair for other, pair in enumerate(box) if other != axis]
    cuts: dict[tuple, np.ndarray] = {}
    for recipe in tried:
        key = (recipe.level, recipe.width, recipe.cut, recipe.end)
        if key not in cuts:
            cuts[key] = _window(_cut(plane, corner, pairs, recipe), recipe)
        # Turned before it is resized: Pillow rounds after the first of two passes.
        turned = np.ascontiguousarray(_turned(cuts[key], recipe.turn))
        yield recipe, recipe(Image.fromarray(turned), size)


def _cut(plane, corner, pairs, recipe) -> np.ndarray:
    ends = [(first, last + recipe.end) for first, last in pairs]
    if recipe.cut == "square":
        side = max(last - first for first, last in ends)
        middles = [(first + last) // 2 for first, last in ends]
        ends = [(max(m - side // 2, 0), m - side // 2 + side) for m in middles]
    (top, bottom), (left, right) = (
        (first - begin, max(last - begin, first - begin + 1))
        for (first, last), begin in zip(ends, corner, strict=True)
    )
    return plane[top:bottom, left:right]


def _window(plane: np.ndarray, recipe: SliceRecipe) -> np.ndarray:
    lowest = recipe.level - recipe.width / 2
    share = (plane.astype(np.float32) - lowest) / recipe.width
    return (np.clip(share, 0, 1) * 255).astype(np.uint8)


def _turned(image: np.ndarray, turn: int) -> np.ndarray:
    return np.rot90(image[:, ::-1] if turn >= 4 else image, turn % 4)
