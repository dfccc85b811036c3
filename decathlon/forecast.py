"""What a Decathlon will take, told before it starts: cells, limits, and estimates.

Never runs a cell; asks the methods for estimates only where the answer is worth it.
"""

import collections
import contextlib
import dataclasses
import heapq
import statistics

from rich import box as rich_box
from rich import console as rich_console
from rich import table as rich_table

from medmnist_tfds.decathlon import cell as cells
from medmnist_tfds.decathlon import estimates, resources
from medmnist_tfds.process import terminal

_HOUR = 3600
_FEW_EPOCHS = 20
_ASKING = "Asking the methods how long they take here"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Forecast:
    """Of the cells that have no result yet and can start here.

    `seconds` holds estimates by the cell's name, of those that have one, and `limits`
    after how many seconds each is ended. `jobs` run at once; None: a cluster decides.
    """

    cells: list[cells.Cell]
    seconds: dict[str, float]
    limits: dict[str, float]
    jobs: int | None
    problems: dict[str, str]  # by method: why its estimates are unknown
    is_complete: bool  # no method that could tell was left unasked

    def most(self, chosen: list[cells.Cell]) -> float:
        """Seconds after which these have all ended, whatever they do."""
        return self._in_turn([self.limits[cell.name] for cell in chosen])

    def about(self, chosen: list[cells.Cell]) -> float:
        """Seconds by those estimates that are known; none is more than its limit."""
        known = [cell.name for cell in chosen if cell.name in self.seconds]
        return self._in_turn([min(self.seconds[n], self.limits[n]) for n in known])

    def _in_turn(self, seconds: list[float]) -> float:
        """When the last has ended, if each begins as soon as there is room."""
        ends = [0.0] * (self.jobs or 1)
        for each in seconds:
            heapq.heapreplace(ends, ends[0] + each)
        return max(ends)

    def is_known(self, chosen: list[cells.Cell]) -> bool:
        return all(cell.name in self.seconds for cell in chosen)

    def methods(self) -> dict[str, list[cells.Cell]]:
        return _by_method(self.cells)


def rates(grid: list[cells.Cell], seconds: dict[str, float]) -> dict[str, float]:
    """By method, the mean seconds per image of the cells that have ended."""
    ended: dict[str, list[float]] = collections.defaultdict(list)
    for cell in grid:
        if seconds.get(cell.name):
            ended[cell.method.name].append(seconds[cell.name] / cell.images)
    return {name: statistics.fmean(values) for name, values in ended.items()}


def make(
    startable: list[cells.Cell],
    *,
    limits: dict[str, float],
    known: dict[str, float],
    jobs: int | None,
    asks_all: bool,
    console: rich_console.Console,
) -> Forecast:
    """The forecast of cells that can start.

    Args:
      startable: those cells.
      limits: seconds after which each is ended, by name.
      known: `rates` of cells that have ended in the same folder; they are the better
        estimates.
      jobs: how many run at once; None: a cluster decides.
      asks_all: asks the programs of all methods for estimates, not only of those whose
        cells may take hours on a budget that is no smoke test.
      console: where it is said what one is waiting for.
    """
    seconds = {
        cell.name: known[cell.method.name] * cell.images
        for cell in startable
        if cell.method.name in known
    }
    could_tell = [c for c in startable if c.name not in seconds and c.method.estimate]
    asked = [cell for cell in could_tell if asks_all or _is_long(cell, limits)]
    problems, by_method = {}, _by_method(asked)
    if by_method and not console.is_terminal:
        most = estimates.LIMIT_SECONDS
        terminal.say(f"{_ASKING}, up to {most} s each.", console=console)
    for name, chosen in by_method.items():
        with _shown(f"{_ASKING}: {name}", console):
            answer, problem = estimates.ask(chosen, resources.share(0, jobs or 1))
        pairs = zip(chosen, answer, strict=True)
        seconds |= {cell.name: value for cell, value in pairs if value is not None}
        if problem:
            problems[name] = problem
    return Forecast(
        cells=startable,
        seconds=seconds,
        limits=limits,
        jobs=jobs,
        problems=problems,
        is_complete=asked == could_tell,
    )


def _is_long(cell: cells.Cell, limits: dict[str, float]) -> bool:
    return cell.budget_name != "smoke" and limits[cell.name] >= _HOUR


def _shown(text: str, console: rich_console.Console):
    """Meanwhile a terminal shows it; elsewhere nobody waits for the next line."""
    return console.status(text) if console.is_terminal else contextlib.nullcontext()


def tell(forecast: Forecast, *, console: rich_console.Console) -> None:
    """How many cells, how long at most and by estimate, and how to make it less."""

    def say(text: str) -> None:
        terminal.say(text, console=console)

    count, most = len(forecast.cells), rough(forecast.most(forecast.cells))
    turns = {None: "in turn", 1: "one at a time"}
    turns = turns.get(forecast.jobs, f"{forecast.jobs} at a time")
    about = ""
    if forecast.seconds:
        about = f"; on this machine {_estimate(forecast, forecast.cells)}"
    hint = "" if forecast.is_complete else " --dry-run estimates it."
    say(f"{count} to run, {turns}: at most {most}{about}.{hint}")
    if forecast.seconds:
        console.print(_table(forecast))
    for name, problem in forecast.problems.items():
        say(f"{name} gives no estimate: {problem}.")
    for name, chosen in forecast.methods().items():
        late = [c for c in chosen if _is_late(forecast, c)]
        if late:
            say(
                f"{name}: {len(late)} of {len(chosen)} would not end within their "
                "limit. See --time-limit."
            )
    for line in _smaller(forecast):
        say(line)


def _table(forecast: Forecast) -> rich_table.Table:
    table = rich_table.Table(box=rich_box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("method", no_wrap=True)
    for name in ("cells", "at most", "on this machine"):
        table.add_column(name, no_wrap=True, justify="right")
    for name, chosen in forecast.methods().items():
        most = rough(forecast.most(chosen))
        table.add_row(name, str(len(chosen)), most, _estimate(forecast, chosen))
    return table


def _estimate(forecast: Forecast, chosen: list[cells.Cell]) -> str:
    if forecast.is_known(chosen):
        return f"about {rough(forecast.about(chosen))}"
    seconds = forecast.about(chosen)
    return f"over {rough(seconds)}" if seconds >= 60 else "unknown"


def _is_late(forecast: Forecast, cell: cells.Cell) -> bool:
    return forecast.seconds.get(cell.name, 0) > forecast.limits[cell.name]


def _smaller(forecast: Forecast) -> list[str]:
    """Options that would make it take less, where it takes more than an hour."""
    if forecast.about(forecast.cells) <= _HOUR:
        return []
    costs = {
        name: forecast.about(chosen) if forecast.is_known(chosen) else float("inf")
        for name, chosen in forecast.methods().items()
    }
    cheap_first = sorted(costs, key=costs.get)
    ways = []
    if len(costs) > 2:
        ways.append((f"--methods {','.join(cheap_first[:2])}", "the quickest ones"))
    for name in reversed(cheap_first):
        epochs = _epochs(forecast.methods()[name][0])
        if epochs > _FEW_EPOCHS and costs[name] > _HOUR:
            ways.append(
                (f"--set {name}.epochs={_FEW_EPOCHS}", f"instead of {epochs}, each")
            )
            break
    if forecast.cells[0].budget_name != "smoke":
        ways.append(("--budget smoke", "to see it work, not for its scores"))
    width = max((len(option) for option, _ in ways), default=0)
    return [
        f"{'' if number else 'Smaller:':8} {option:{width}}  {why}"
        for number, (option, why) in enumerate(ways)
    ]


def _epochs(cell: cells.Cell) -> int:
    epochs = (dict(cell.method.settings) | dict(cell.budget.amounts)).get("epochs")
    return epochs if isinstance(epochs, int) else 0


def _by_method(chosen: list[cells.Cell]) -> dict[str, list[cells.Cell]]:
    grouped: dict[str, list[cells.Cell]] = {}
    for cell in chosen:
        grouped.setdefault(cell.method.name, []).append(cell)
    return grouped


def rough(seconds: float) -> str:
    """A time as people say it: `12 min`, `3.5 h`, `42 days`."""
    if seconds < 60:
        return "a minute"
    if seconds < 59.5 * 60:
        return f"{seconds / 60:.0f} min"
    amount, unit = seconds / _HOUR, "h"
    if amount >= 48:
        amount, unit = amount / 24, "days"
    return f"{amount:.{amount < 10:d}f} {unit}".replace(".0 ", " ")
