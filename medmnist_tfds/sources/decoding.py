"""Source files decoded on all cores, in order, with little memory.

Never keeps a decoded image: what leaves are small ones. A file that cannot be decoded
is a sentence, not an error.
"""

import collections
import concurrent.futures
import dataclasses
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from PIL import Image, UnidentifiedImageError

from medmnist_tfds.sources import archives, reading, recipes

_LARGE_BYTES = 2**24  # of a file; so large ones are held once per core, not more


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What an official image may have been made of: a source, small.

    Attributes:
      small: by recipe, uint8 (size, size[, 3]).
      pixels: width and height of the source.
    """

    source: archives.Source
    small: dict[recipes.Recipe, np.ndarray]
    pixels: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Damage:
    """Why a file gave no candidate."""

    text: str


Decoder = Callable[
    [archives.Source, bytes, Sequence[recipes.Recipe], int], list[Candidate]
]


def image(
    source: archives.Source, content: bytes, tried: Sequence[recipes.Recipe], size: int
) -> list[Candidate]:
    """The decoder of files that hold one image: PNG, JPEG, TIFF."""
    with Image.open(io.BytesIO(content)) as opened:
        opened.load()
        shrunk: dict[recipes.Recipe, Image.Image] = {}
        small = {}
        for recipe in tried:
            # Recipes that differ in the JPEG alone share what takes the time.
            before = dataclasses.replace(recipe, jpeg=None)
            if before not in shrunk:
                shrunk[before] = recipe.shrink(opened, size)
            small[recipe] = recipe.finish(shrunk[before])
        return [Candidate(source, small, opened.size)]


def candidates(
    files: Iterable[tuple[archives.Source, reading.Item]],
    *,
    decode: Decoder,
    tried: Callable[[], Sequence[recipes.Recipe]],
    size: int,
) -> Iterator[Candidate | Damage]:
    """Of all files in order; those that are asked for next are being decoded.

    `tried` is asked at each file for the recipes: they may become fewer on the way.
    """
    # Threads: Pillow lets go of the interpreter while it decodes and resizes, and what
    # lies in an archive need not travel between processes.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    pool = concurrent.futures.ThreadPoolExecutor(cores)
    waiting: collections.deque = collections.deque()
    try:
        for source, item in files:
            try:
                content = item.read()  # here: archives are read from front to back
            except reading.DAMAGE as error:
                yield Damage(f"{item.shown} cannot be read ({error}).")
                continue
            except (RuntimeError, NotImplementedError) as error:  # zipfile's, of forms
                yield Damage(f"{item.shown} cannot be read ({error}).")
                continue
            waiting.append(
                (item, pool.submit(decode, source, content, tuple(tried()), size))
            )
            # While one is decoded others are at hand; scans have hundreds of megabytes.
            most = cores - 1 if len(content) >= _LARGE_BYTES else 2 * cores
            del content
            while len(waiting) > most:
                yield from _result(*waiting.popleft())
        while waiting:
            yield from _result(*waiting.popleft())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _result(item, future) -> Iterator[Candidate | Damage]:
    try:
        yield from future.result()
    except Image.DecompressionBombError:
        yield Damage(
            f"{item.shown} has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels, "
            "Pillow's limit, and was passed over."
        )
    except UnidentifiedImageError:  # Pillow's own words name an object of Python
        yield Damage(f"{item.shown} is damaged, or no image (of an unknown format).")
    except Exception as error:  # Pillow, zlib and struct have many words for damage
        yield Damage(f"{item.shown} is damaged, or no image ({error}).")
