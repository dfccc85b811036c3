"""What a user is told while data are fetched and written: a line each, rarely a bar.

All of it goes to stderr. Bars stand on terminals and in notebooks only, and leave
nothing behind; never changes how TFDS or pooch tell of anything else.
"""

import contextlib
import logging
import sys
import time
from collections.abc import Iterator

import pooch
import tqdm

from medmnist_tfds.process import terminal

_SECONDS = 1  # what takes less has no bar


class Bar(tqdm.tqdm):
    """A bar that is seen after a second, if it can be, and vanishes when closed.

    Its clock starts at the first `update`: what came before says nothing of the rate.
    """

    _has_begun = False

    def __init__(self, total: int, *, text: str, unit: str, hidden: bool = False):
        super().__init__(
            total=total,
            desc=text,
            unit=unit,
            unit_scale=unit == "B",
            leave=False,
            delay=_SECONDS,
            dynamic_ncols=True,
            disable=hidden or not is_watched(),
        )

    def update(self, n: float = 1) -> None:
        if not self._has_begun:
            self.start_t = self.last_print_t = time.time()
            self._has_begun = True
        super().update(n)

    def reset(self, total: int | None = None) -> None:
        """Counts anew, unseen: pooch does it at the end, to fill the bar."""
        self.n = 0

    def __bool__(self) -> bool:
        return True  # tqdm's asks for a total, which pooch gives it later


def is_watched() -> bool:
    """Whether somebody sees a bar move: on a terminal, or in Colab and Jupyter."""
    if terminal.IS_NOTEBOOKS_COMMAND:
        return False
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def say(text: str) -> None:
    """One line."""
    print(text, file=sys.stderr, flush=True)


def fetch(url: str, output_file, source: pooch.Pooch) -> None:
    """Downloads as pooch does, but with a bar of ours: one for each attempt."""
    name = url.rsplit("/", 1)[-1]
    with Bar(0, text=f"Downloading {name}", unit="B") as bar:
        pooch.HTTPDownloader(progressbar=bar)(url, output_file, source)


@contextlib.contextmanager
def without_poochs_lines() -> Iterator[None]:
    """Hides meanwhile what pooch logs of each file."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
