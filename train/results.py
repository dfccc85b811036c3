"""A run's results: new ones take the place of the old as a whole, or not at all.

They are written into a folder inside, and brought to their place once all are there. A
process killed before that leaves the old ones; killed while they are brought, the next
one goes on with it. Never touches what training goes on from.
"""

import pathlib
import shutil

from medmnist_tfds.process import files
from medmnist_tfds.score import predictions

_LAST = "result.json"  # written last: it says that all are there


def new(folder: pathlib.Path) -> pathlib.Path:
    """Where new results of a run are written; result.json last."""
    return folder / ".new"


def complete(folder: pathlib.Path) -> None:
    """Brings new results to their place, if all are there; drops them if not."""
    ready = new(folder)
    if (ready / _LAST).exists():
        names = {path.name for path in ready.iterdir()}
        for name in [*sorted(names - {_LAST}), _LAST]:
            with files.replacing(folder / name) as temporary:
                shutil.copyfile(ready / name, temporary)
        for old in predictions.find(folder):
            if old.name not in names:
                old.unlink()
        (ready / _LAST).unlink()  # first: what is half removed is not brought again
    files.remove(ready)


def read(folder: pathlib.Path) -> dict:
    """The content of result.json, of the new one if all is there; empty if none is."""
    return files.read_json(new(folder) / _LAST) or files.read_json(folder / _LAST)
