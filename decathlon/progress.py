"""What a user sees of a Decathlon while it runs: a live table, or a line per event.

Never decides anything; it is told what happened.
"""

import time

from rich import console as rich_console
from rich import live as rich_live
from rich import text as rich_text

from medmnist_tfds.decathlon import cell as cells
from medmnist_tfds.decathlon import forecast
from medmnist_tfds.process import terminal

_LEAST_LINES = 4  # of running cells and what they say, however low the terminal is
_SIGNS = {
    "done": ("✓", "green"),
    "running": ("▶", "cyan"),
    "failed": ("✗", "red"),
    "missing": ("?", "yellow"),
    "waiting": ("·", "dim"),
}
_FIRST_WORD, _NEXT_WORD = 60, 3600  # seconds; where there is no terminal


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
        self.estimates: dict[str, float] = {}  # seconds by name, of what has not run
        self._seconds: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._words: dict[str, str] = {}
        self._next_word: dict[str, float] = {}
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
        self._time(cell, result)

    def set(self, cell: cells.Cell, state: str, result: dict | None = None) -> None:
        """Tells that a cell is in a new state; `result` is that of an ended one."""
        if self.states[cell.name] == state:
            return
        self.states[cell.name] = state
        if state == "running":
            self._started[cell.name] = self._clock()
            self._next_word[cell.name] = _FIRST_WORD
        if result:
            self._time(cell, result)
        if not self._console.is_terminal:
            self.say(f"{state:8} {cell.name}{_detail(result)}{self._left()}")
        elif state == "failed" or (state == "missing" and self._is_news(result)):
            self.say(f"{state:8} {cell.name}{_detail(result)}")

    def hear(self, cell: cells.Cell, words: str) -> None:
        """Tells what a running cell's program has said last, as one printable line.

        A terminal shows it beside the cell; elsewhere it is told after a minute, then
        after twice the time, and then once an hour.
        """
        words = " ".join(words.split())
        self._words[cell.name] = words
        spent = self._spent(cell)
        if self._console.is_terminal or spent < self._next_word[cell.name] or not words:
            return
        self._next_word[cell.name] = spent + min(spent, _NEXT_WORD)
        self.say(f"running  {cell.name}  {_duration(spent)}  {words}")

    def _time(self, cell: cells.Cell, result: dict) -> None:
        """Remembers what a whole cell took: not one that failed, or only went on."""
        if "scores" in result and not result.get("is_resumed"):
            self._seconds[cell.name] = result.get("seconds", 0)

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

    def rates(self) -> dict[str, float]:
        """Seconds per image of the cells that have ended, by method."""
        return forecast.rates(self._grid, self._seconds)

    def seconds_left(self) -> float | None:
        """By ended cells of the same method, else by estimates; None if unknown."""
        rates, left = self.rates(), 0.0
        for cell in self._grid:
            if self.states[cell.name] not in ("waiting", "running"):
                continue
            if cell.method.name in rates:
                whole = rates[cell.method.name] * cell.images
            elif cell.name in self.estimates:
                whole = self.estimates[cell.name]
            else:
                return None
            left += max(0.0, whole - self._spent(cell))
        return left / (self._jobs or max(1, self.count("running")))

    def _spent(self, cell: cells.Cell) -> float:
        now = self._clock()
        return now - self._started.get(cell.name, now)

    def _left(self) -> str:
        open_cells = self.count("waiting") + self.count("running")
        if not open_cells:
            return ""
        left = self.seconds_left()
        about = f", about {_about(left)}" if left is not None else ""
        return f"  ({open_cells} left{about})"

    def _table(self) -> rich_console.Group:
        """A sign for each cell, the running ones with their last words, and a sum."""
        counts = ", ".join(
            f"{self.count(state)} {state}" for state in _SIGNS if self.count(state)
        )
        rows = self._rows()
        running = [c for c in self._grid if self.states[c.name] == "running"]
        lines = [line for cell in running for line in self._lines(cell)]
        # Of what is higher than the terminal, the end is not seen: the last rows of the
        # table are left out rather than what is running.
        height = self._console.height - 2
        lines = lines[: max(_LEAST_LINES, height - len(rows))]
        rows = rows[: max(0, height - len(lines))]
        end = rich_text.Text(f"{counts}{self._left()}")
        return rich_console.Group(*rows, *lines, end)

    def _rows(self) -> list[rich_text.Text]:
        """Methods above their columns as stairs, which break no name; then datasets."""
        methods = list(dict.fromkeys(cell.method.name for cell in self._grid))
        signs: dict[str, dict[str, list]] = {}
        for cell in self._grid:
            row = signs.setdefault(cell.variant.config, {name: [] for name in methods})
            row[cell.method.name].append(_SIGNS[self.states[cell.name]])
        seeds = max(len(each) for row in signs.values() for each in row.values())
        margin = max(map(len, signs)) + 1
        room = self._console.width - margin - max(map(len, methods))
        width = max(1, min(seeds, room // max(1, len(methods) - 1) - 1))
        step = "│".ljust(width + 1)
        rows = [
            " " * margin + step * number + name for number, name in enumerate(methods)
        ]
        texts = [rich_text.Text(row, no_wrap=True, overflow="ellipsis") for row in rows]
        for dataset, row in signs.items():
            for first in range(0, seeds, width):  # more than one line of many seeds
                text = rich_text.Text(no_wrap=True)
                text.append(f"{'' if first else dataset:{margin}}")
                for each in row.values():
                    part = each[first : first + width]
                    text.append_tokens(part)
                    text.append(" " * (width + 1 - len(part)))
                texts.append(text)
        return texts

    def _lines(self, cell: cells.Cell) -> list[rich_text.Text]:
        """A running cell and its last words: on a line of their own if need be."""
        where = f"{cell.variant.config} {cell.method.name} seed{cell.seed}"
        start = f" {where}  {_duration(self._spent(cell))}"
        first = rich_text.Text.assemble(_SIGNS["running"], start)
        words = rich_text.Text(self._words.get(cell.name, ""), "dim")
        if not words:
            return [first]
        if first.cell_len + 2 + words.cell_len <= self._console.width:
            lines = [first.append("  ").append_text(words)]
        else:
            lines = [first, rich_text.Text("  ").append_text(words)]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return lines


def _detail(result: dict | None) -> str:
    if not result:
        return ""
    if "scores" in result:
        test = result["scores"]["test"]
        return f"  test AUC {test['auc']:.3f} ACC {test['acc']:.3f}"
    return f"  {result.get('reason') or ''}"


def _about(seconds: float) -> str:
    return _duration(seconds) if seconds < 3600 else forecast.rough(seconds)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
