"""Lines for a user to read. Never decides what to say."""

from rich import console as rich_console

CONSOLE = rich_console.Console()


def say(text: str, *, console: rich_console.Console = CONSOLE) -> None:
    """One line as it is: no colours in numbers, no breaks in paths."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)
