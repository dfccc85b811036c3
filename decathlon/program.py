"""How a method's program is called: its command, environment and part of the machine.

Never starts one: the supervisor does, and whoever asks for an estimate.
"""

import os
import re
import sys
from collections.abc import Iterable

from medmnist_tfds.decathlon import environment as environments
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import resources

_LEADS_TO_LABELS = {"MEDMNIST_ROOT", "TFDS_DATA_DIR"}
_SECRET = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|_KEY|_SOCK)S?(_|$)")


def command(parts: Iterable[str], *, python: str | None, folder: str) -> list[str]:
    """A definition's command with this machine's paths for {python} and {folder}.

    Args:
      parts: as method.toml has them.
      python: of the method's own environment; None where it runs in ours.
      folder: seen from the built-in methods; an absolute path stays what it is.
    """
    names = {
        "{python}": python or sys.executable,
        "{folder}": str(methods.BUILT_IN / folder),
    }
    for name, value in names.items():
        parts = [part.replace(name, value) for part in parts]
    return list(parts)


def environment(
    share: resources.Share, *, python: str | None, variables: Iterable[str]
) -> dict[str, str]:
    """The user's variables without those that lead to test labels or hold secrets.

    Those that the method asks for by name, `variables`, stay.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _LEADS_TO_LABELS
        and (not _SECRET.search(name.upper()) or name in variables)
    }
    if python is not None:
        kept = environments.clean(kept)
    defaults = {"PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    return defaults | kept | share.variables


def bind(process: int, share: resources.Share) -> None:
    """Keeps a process, and what it starts from now on, to a share's cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process, share.cores)
