"""A user's own images, made small as a dataset's sources were; many of them, in order.

Never keeps a decoded file: what leaves are small images. One that cannot be read is a
sentence, and the rest goes on.
"""

import collections
import concurrent.futures
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from PIL import Image

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.sources import archives, dicom, opening, reading, recipes

_LARGE_BYTES = 2**24  # of a file; so large ones are held once per core, not more
_SHOWN = 320  # pixels of what people look at
EXPLAINED = ".explained.png"  # how pictures of ours end: no images to ask about


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepared:
    """One file, small; or why there is none."""

    name: str
    image: np.ndarray | None = None  # uint8 (size, size, channels)
    shown: np.ndarray | None = None  # its square, uint8, larger, if it was asked for
    problem: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preparation:
    """From any image to what networks for a dataset take.

    Attributes:
      known: how sure it is that the dataset's own images were made so.
    """

    recipe: recipes.Recipe
    size: int
    known: str

    @classmethod
    def of(cls, variant: catalog.Variant) -> "Preparation":
        """As the images of a dataset were made, as far as that is known."""
        dataset, size = variant.dataset, variant.size
        default = recipes.Recipe(mode="L" if dataset.channels == 1 else "RGB")
        made_of = archives.ARCHIVES.get(dataset.regroups or dataset.name)
        if variant.phantom:
            return cls(recipe=default, size=size, known="it was drawn")
        if made_of is None or made_of.kind != "images":
            return cls(recipe=default, size=size, known="how is not known")
        recipe = made_of.recipe
        if size != 28:  # of BreastMNIST's 64 pixels, neither step of the 28 is seen
            recipe = dataclasses.replace(recipe, jpeg=None, grey="rounded")
        return cls(recipe=recipe, size=size, known=made_of.known.split(":")[0])

    def __call__(self, image: Image.Image) -> np.ndarray:
        """uint8 (size, size, channels); one of that size already has had its JPEG."""
        is_made = image.size == (self.size, self.size)
        recipe = dataclasses.replace(self.recipe, jpeg=None) if is_made else self.recipe
        small = recipe(image, self.size)
        return small[..., None] if small.ndim == 2 else small

    def show(self, image: Image.Image) -> np.ndarray:
        """The same square, as large as people want it: uint8 (side, side[, 3])."""
        plain = dataclasses.replace(self.recipe, jpeg=None, grey="rounded")
        return plain(image, min(_SHOWN, *image.size))


def files(*paths: str | os.PathLike) -> tuple[list[reading.Item], int]:
    """The images of files, folders and archives, and how many others were passed over.

    A file that is named itself is one whatever it is called.

    Raises:
      MedMNISTError: a path is not there, or comes twice.
    """
    reader = reading.open(*paths)
    named = {path.name for path in reader.paths if path.is_file()}
    every = list(reader)
    if reader.problems:
        raise errors.MedMNISTError(reader.problems[0])
    images = [item for item in every if item.name in named or _is_image(item)]
    return images, len(every) - len(images)


def prepare(
    items: Iterable[reading.Item],
    preparation: Preparation,
    *,
    frame: int | None = None,
    show: bool = False,
) -> Iterator[Prepared]:
    """All in order; those that are asked for next are being decoded, on all cores."""

    def one(name: str, content: bytes) -> Prepared:
        try:
            image = opening.open(content, name=name, frame=frame)
            shown = preparation.show(image) if show else None
            return Prepared(name=name, image=preparation(image), shown=shown)
        except errors.MedMNISTError as error:
            return Prepared(name=name, problem=str(error))

    return _in_threads(items, one)


def _in_threads(items, one: Callable[[str, bytes], Prepared]) -> Iterator[Prepared]:
    # Threads: Pillow lets go of the interpreter while it decodes and resizes.
    cores = os.cpu_count() or 1
    pool = concurrent.futures.ThreadPoolExecutor(cores)
    waiting: collections.deque = collections.deque()
    try:
        for item in items:
            try:
                content = item.read()  # here: archives are read from front to back
            except (*reading.DAMAGE, RuntimeError, NotImplementedError) as error:
                problem = (
                    f"{item.shown} cannot be read ({error}). Expected a whole file."
                )
                done = concurrent.futures.Future()
                done.set_result(Prepared(name=item.shown, problem=problem))
                waiting.append(done)
                continue
            waiting.append(pool.submit(one, item.shown, content))
            most = cores - 1 if len(content) >= _LARGE_BYTES else 2 * cores
            del content
            while len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def of_arrays(images: Sequence, preparation: Preparation) -> np.ndarray:
    """uint8 (images, size, size, channels) of arrays (height, width[, 1, 3]).

    Raises:
      MedMNISTError: another dtype or shape.
    """
    return np.stack([preparation(_as_image(image)) for image in images])


def _as_image(array) -> Image.Image:
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 3)
    if array.dtype != np.uint8 or not is_image or 0 in array.shape:
        raise errors.MedMNISTError(
            f"An image is {array.dtype} {array.shape}. Expected uint8 (height, width), "
            "or with 1 or 3 channels last. Bring its levels to 0 to 255."
        )
    return Image.fromarray(array)


def _is_image(item: reading.Item) -> bool:
    path = pathlib.PurePosixPath(item.name.lower())
    if path.name.startswith(".") or path.name.endswith(EXPLAINED):
        return False
    # Archives of hospitals call them IM0001, or by numbers with dots.
    if path.suffix == "" or path.suffix[1:].isdigit():
        return dicom.is_dicom(item.read(), item.name)
    return path.suffix in opening.SUFFIXES
