"""Lines for a user to read. Never decides what to say."""

import os
import pathlib
import shlex
import shutil
import sys
import sysconfig

from rich import console as rich_console

# A notebook gives `!medmnist-tfds ...` a pseudo-terminal, but moves no cursor: bars and
# live tables would stand there by the dozen. Jupyter, Colab and Kaggle set this.
IS_NOTEBOOKS_COMMAND = "JPY_PARENT_PID" in os.environ and "ipykernel" not in sys.modules
CONSOLE = rich_console.Console(force_terminal=False if IS_NOTEBOOKS_COMMAND else None)
_PROGRAM = "medmnist-tfds"


def say(text: str, *, console: rich_console.Console = CONSOLE) -> None:
    """One line as it is: no colours in numbers, no breaks in paths."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def command() -> str:
    """What a user types here to call this installation: `medmnist-tfds`, or its path.

    The bare name only where the PATH leads it to us: not from a `make demo`, whose
    environment nobody has activated.
    """
    called = pathlib.Path(sys.argv[0] or ".")
    # Absolute, but no link resolved: a link's target may want its own environment.
    beside = pathlib.Path(sysconfig.get_path("scripts"), _PROGRAM)
    is_ours = called.name == _PROGRAM and called.is_file()
    path = pathlib.Path(os.path.abspath(called)) if is_ours else beside
    known = shutil.which(_PROGRAM)
    if not path.is_file():
        return f"{shlex.quote(sys.executable)} -m medmnist_tfds"
    if known is not None and os.path.samefile(known, path):
        return _PROGRAM
    here = os.path.join(os.getcwd(), "")
    return shlex.quote(str(path).removeprefix(here))
