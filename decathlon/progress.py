"""What a user sees of a Decathlon while it runs: a live table, or a line per event.

Never decides anything; it is told what happened.
"""

import statistics
import time

from rich import box as rich_box
from rich import console as rich_console
from rich import live as rich_live
from rich import table as rich_table
from rich import text as rich_text

from medmnist_tfds.decathlon import cell as cells
from medmnist_tfds.process import terminal

_SIGNS = {
    "done": ("✓", "green"),
    "running": ("▶", "cyan"),
    "failed": ("✗", "red"),
    "missing": ("?", "yellow"),
    "waiting": ("·", "dim"),
}


class Progress:
    """States of all cells, in the order of the grid; a context manager.

    Args:
      grid: all cells.
      console: where the table goes; a line per event where it is no terminal.
      jobs: how many cells run at once, for the time left; None: as many as now.
      clock: seconds.
    """

    def __init__(
        self,
        grid: list[cells.Cell],
        *,
        console: rich_console.Console,
        jobs: int | None,
        clock=time.monotonic,
    ):
        self._grid, self._console, self._jobs, self._clock = grid, console, jobs, clock
        self.states = {cell.name: "waiting" for cell in grid}
        self._seconds: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._told: set[tuple] = set()
        self._live = rich_live.Live(
            console=console, get_renderable=self._table, refresh_per_second=2
        )

    def __enter__(self):
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_):
        if self._console.is_terminal:
            self._live.stop()

    def set_earlier(self, cell: cells.Cell, result: dict) -> None:
        """Tells of a cell that an earlier run has ended."""
        self.states[cell.name] = result["status"]
        self._seconds[cell.name] = result.get("seconds", 0)

    def set(self, cell: cells.Cell, state: str, result: dict | None = None) -> None:
        """Tells that a cell is in a new state; `result` is that of an ended one."""
        if self.states[cell.name] == state:
            return
        self.states[cell.name] = state
        if state == "running":
            self._started[cell.name] = self._clock()
        if result and "seconds" in result:
            self._seconds[cell.name] = result["seconds"]
        if not self._console.is_terminal:
            self.say(f"{state:8} {cell.name}{_detail(result)}{self._left()}")
        elif state == "failed" or (state == "missing" and self._is_news(result)):
            self.say(f"{state:8} {cell.name}{_detail(result)}")

    def _is_news(self, result: dict) -> bool:
        """One environment that is not built would fill the screen, cell by cell."""
        key = (result.get("method"), result.get("reason"))
        is_news = key not in self._told
        self._told.add(key)
        return is_news

    def say(self, text: str) -> None:
        """A line that stays, above the table."""
        terminal.say(text, console=self._console)

    def count(self, state: str) -> int:
        return sum(each == state for each in self.states.values())

    def seconds_left(self) -> float | None:
        """By the mean of ended cells of the same method, per image; or None."""
        rates: dict[str, list[float]] = {}
        for cell in self._grid:
            if self._seconds.get(cell.name):
                rate = self._seconds[cell.name] / cell.images
                rates.setdefault(cell.method.name, []).append(rate)
        left = 0.0
        for cell in self._grid:
            if self.states[cell.name] in ("waiting", "running"):
                if cell.method.name not in rates:
                    return None
                whole = statistics.fmean(rates[cell.method.name]) * cell.images
                spent = self._clock() - self._started.get(cell.name, self._clock())
                left += max(0.0, whole - spent)
        return left / (self._jobs or max(1, self.count("running")))

    def _left(self) -> str:
        left = self.seconds_left()
        open_cells = self.count("waiting") + self.count("running")
        about = f", about {_duration(left)}" if left is not None and open_cells else ""
        return f"  ({open_cells} left{about})"

    def _table(self) -> rich_console.Group:
        counts = ", ".join(
            f"{self.count(state)} {state}" for state in _SIGNS if self.count(state)
        )
        table = rich_table.Table(
            box=rich_box.SIMPLE,
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        methods = list(dict.fromkeys(cell.method.name for cell in self._grid))
        datasets = list(dict.fromkeys(cell.variant.config for cell in self._grid))
        table.add_column("", no_wrap=True)
        for name in methods:
            table.add_column(name, overflow="fold")
        for dataset in datasets:
            table.add_row(dataset, *(self._signs(dataset, name) for name in methods))
        return rich_console.Group(table, f"{counts}{self._left()}")

    def _signs(self, dataset: str, method: str) -> rich_text.Text:
        """A sign per seed, then how long the oldest running one has been at it."""
        text, longest = rich_text.Text(), None
        for cell in self._grid:
            if (cell.variant.config, cell.method.name) == (dataset, method):
                text.append(*_SIGNS[self.states[cell.name]])
                if self.states[cell.name] == "running":
                    spent = self._clock() - self._started[cell.name]
                    longest = max(spent, longest or 0)
        if longest is not None:
            text.append(f" {_duration(longest)}", "cyan")
        return text


def _detail(result: dict | None) -> str:
    if not result:
        return ""
    if "scores" in result:
        test = result["scores"]["test"]
        return f"  test AUC {test['auc']:.3f} ACC {test['acc']:.3f}"
    return f"  {result.get('reason') or ''}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
