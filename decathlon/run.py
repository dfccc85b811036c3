"""A whole Decathlon: the grid of datasets, methods and seeds, in one folder.

Whatever happens to a cell, the others go on; what has a result is not run again.
Never trains: methods do, in processes of their own.
"""

import collections
import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import threading
import time
from concurrent import futures

from rich import console as rich_console

from medmnist_tfds.data import builders, catalog
from medmnist_tfds.decathlon import cell as cells
from medmnist_tfds.decathlon import (
    claim,
    datasets,
    dispatch,
    environment,
    exchange,
    features,
    log,
    progress,
    suites,
    supervisor,
)
from medmnist_tfds.decathlon import forecast as forecasts
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import result as results
from medmnist_tfds.process import errors, files

_STOP_SECONDS = 30
_AHEAD_ON_A_CLUSTER = 16  # cells that wait for a worker there


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run, and how; a frozen record."""

    methods: tuple[methods.Method, ...]
    variants: tuple[catalog.Variant, ...]
    suite: suites.Suite = suites.DECATHLON
    seeds: tuple[int, ...] = (0,)
    budget: str = "paper"
    jobs: int = 1
    retry_failed: bool = False
    limit_hours: float | None = None  # instead of the budget's own
    memory_gib: float | None = None  # instead of the method's own
    dask: str | None = None
    data_dir: pathlib.Path | None = None
    manual_dir: pathlib.Path | None = None

    def __post_init__(self):
        for variant in self.variants:
            self.suite.check(variant.dataset)

    @property
    def claim(self) -> dict:
        """What a folder says that holds its results."""
        return claim.content(self.variants, budget=self.budget, suite=self.suite)

    @property
    def at_once(self) -> int | None:
        """How many cells run at the same time; None where a cluster decides."""
        return None if self.dask else self.jobs

    def hours(self, cell: cells.Cell) -> float:
        """After which a cell is ended."""
        own = cell.budget.limit_hours
        return own if self.limit_hours is None else self.limit_hours


def run(
    plan: Plan,
    root: str | os.PathLike,
    *,
    console: rich_console.Console | None = None,
) -> dict[str, str]:
    """Runs what is missing of a plan; returns the state of each of its cells.

    Raises:
      MedMNISTError: the folder is another Decathlon's, another process is at work in
        it, or the data are not of one kind.
      KeyboardInterrupt: interrupted, by SIGINT or SIGTERM; all processes have ended,
        and the same call goes on from here.
    """
    console = console or rich_console.Console()
    root, content = pathlib.Path(root), plan.claim
    for variant in plan.variants:
        builders.warn_of(variant)
    with files.lock(root):
        claim.take(root, content)
        (root / "stop").unlink(missing_ok=True)
        grid = _grid(plan, root)
        show = progress.Progress(grid, console=console, jobs=plan.at_once)
        missing = _without_result(grid, plan, show)
        with _terminable():
            show.estimates |= _forecast(plan, missing, show, console).seconds
            _Run(plan, root, show).run(missing)
        return show.states


def preview(
    plan: Plan,
    root: str | os.PathLike,
    *,
    console: rich_console.Console | None = None,
) -> forecasts.Forecast:
    """Tells what `run` would do and how long it would take; leaves the folder alone.

    Raises:
      MedMNISTError: the folder is another Decathlon's, or the data are not of one kind.
    """
    console = console or rich_console.Console()
    root = pathlib.Path(root)
    claim.check(root, plan.claim)
    grid = _grid(plan, root)
    show = progress.Progress(grid, console=console, jobs=plan.at_once)
    missing = _without_result(grid, plan, show)
    with _terminable():
        forecast = _forecast(plan, missing, show, console, asks_all=True)
    for name, reason in _lacking(missing).items():
        show.say(f"{name}: {reason}")
    return forecast


class _Run:
    """The state of one call of `run`."""

    def __init__(self, plan: Plan, root: pathlib.Path, show: progress.Progress):
        self.plan, self.root, self.show = plan, root, show
        self.datasets = datasets.Datasets(
            root / "data",
            root=root,
            data_dir=plan.data_dir,
            manual_dir=plan.manual_dir,
        )

    def run(self, missing: list[cells.Cell]) -> None:
        pending: dict[futures.Future, cells.Cell] = {}
        plan = self.plan
        with dispatch.executor(jobs=plan.jobs, dask=plan.dask) as pool, self.show:
            waiting = collections.deque(filter(self._can_run, missing))
            try:
                while waiting or pending:
                    self._submit(pool, waiting, pending)
                    awaited = [*pending, *self.datasets.unready]
                    done, _ = futures.wait(awaited, 0.5, futures.FIRST_COMPLETED)
                    for future in done & pending.keys():
                        self._finish(pending.pop(future), future)
                    self._look(pending.values())
            except BaseException:
                self._stop(pending)
                raise
        shutil.rmtree(self.root / "data", ignore_errors=True)
        with contextlib.suppress(OSError):
            (self.root / "work").rmdir()

    def _can_run(self, cell: cells.Cell) -> bool:
        python = environment.interpreter(cell.method)
        reason = cell.method.refuses(cell.variant)
        if not reason and isinstance(python, environment.Missing):
            reason = python.reason
        if reason:
            self._refuse(cell, reason)
        return not reason

    def _submit(self, pool, waiting: collections.deque, pending: dict) -> None:
        """Starts the next cells, while there is room and their data are there."""
        ahead = self.plan.jobs if self.plan.dask is None else _AHEAD_ON_A_CLUSTER
        states = self.show.states
        while waiting:
            idle = sum(states[c.name] == "waiting" for c in pending.values())
            needed = self._needed(waiting[0])
            if idle >= ahead or not all(future.done() for future in needed):
                return
            cell = waiting.popleft()
            try:
                for future in needed:
                    future.result()
            except errors.MedMNISTError as error:
                self._refuse(cell, str(error))
                continue
            self._order(cell)
            work = str(cell.work.resolve())
            pending[pool.submit(dispatch.run_cell, work)] = cell

    def _needed(self, cell: cells.Cell) -> list[futures.Future]:
        """What must be there before it starts."""
        needed, network = [self.datasets.labels(cell.variant)], cell.method.features
        if network:
            needed.append(self.datasets.features(cell.variant, network))
        return needed

    def _order(self, cell: cells.Cell) -> None:
        plan, network = self.plan, cell.method.features
        data = {supervisor.DATA: self.datasets.path(cell.variant)}
        if network:
            data[features.FILE] = features.place(self.root, cell.variant, network)
        limits = {"hours": plan.hours(cell), "memory_gib": plan.memory_gib}
        cells.order(cell, data, environment.interpreter(cell.method), limits)

    def _refuse(self, cell: cells.Cell, reason: str) -> None:
        self.show.set(cell, "missing", cells.refuse(cell, reason=reason))

    def _look(self, waiting) -> None:
        for cell in waiting:
            if (cell.work / supervisor.STARTED).exists():
                self.show.set(cell, "running")
                self.show.hear(cell, log.last_line(cell.work / supervisor.LOG))

    def _finish(self, cell: cells.Cell, future: futures.Future) -> None:
        if future.cancelled():
            raise errors.MedMNISTError(
                f"The Dask scheduler at {self.plan.dask} has gone, or has dropped a "
                "cell. Expected it to the end. Start the same command again."
            )
        labels = self.datasets.labels(cell.variant).result()
        result = cells.finish(cell, labels, error=future.exception())
        if result["status"] == "failed":
            result["reason"] += f" (log: {results.log(cell.place)})"
        self.show.set(cell, result["status"], result)

    def _stop(self, pending: dict[futures.Future, cells.Cell]) -> None:
        """Ends all processes; what they had done so far stays for the next time."""
        (self.root / "stop").touch()  # stays until the next start: some may be late
        self.show.say("Ending the running cells.")
        for future in pending:
            future.cancel()
        deadline = time.monotonic() + _STOP_SECONDS
        while any(map(_is_running, pending.values())) and time.monotonic() < deadline:
            time.sleep(0.1)


def _is_running(cell: cells.Cell) -> bool:
    # Asked of the folder: Dask calls a future cancelled while its process goes on.
    has_outcome = (cell.work / supervisor.OUTCOME).exists()
    return (cell.work / supervisor.STARTED).exists() and not has_outcome


def _grid(plan: Plan, root: pathlib.Path) -> list[cells.Cell]:
    """Small datasets first, so that something is to be seen soon."""
    return [
        cells.Cell(
            variant=variant,
            method=method,
            seed=seed,
            budget_name=plan.budget,
            suite=plan.suite.name,
            images=_images(variant),
            root=root,
        )
        for variant in sorted(plan.variants, key=_images)
        for method in plan.methods
        for seed in plan.seeds
    ]


def _images(variant: catalog.Variant) -> int:
    return sum(exchange.images(variant).values())


def _without_result(grid: list[cells.Cell], plan: Plan, show) -> list[cells.Cell]:
    """The cells to run; tells of the others."""
    missing, changed = [], {}
    for cell in grid:
        result = cells.finished(cell, retry_failed=plan.retry_failed)
        if result is None:
            missing.append(cell)
            continue
        show.set_earlier(cell, result)
        if result.get("program") != cell.method.program:
            changed[cell.method.name] = cell.place.with_name(f"*-{cell.method.name}-*")
    for name, places in sorted(changed.items()):
        show.say(
            f"Warning: {name} has changed since some of its cells were run. Delete "
            f"them to run them again: {places}"
        )
    factors = [
        (plan.methods, "method"),
        (plan.variants, "dataset"),
        (plan.seeds, "seed"),
    ]
    of = " x ".join(f"{len(f)} {name}{'s' * (len(f) > 1)}" for f, name in factors)
    show.say(f"{len(grid)} cell{'s' * (len(grid) > 1)}: {of}.")
    if len(missing) < len(grid):
        show.say(f"{len(grid) - len(missing)} of {len(grid)} have results already.")
    return missing


def _forecast(
    plan: Plan, missing: list[cells.Cell], show, console, *, asks_all: bool = False
) -> forecasts.Forecast:
    """Tells what these cells will take."""
    refusals = _refusals(missing)
    for name, reason in refusals.items():
        show.say(f"{name} cannot run: {reason}.")
    fitting = [cell for cell in missing if cell.method.name not in refusals]
    lacking = _lacking(fitting)
    startable = [cell for cell in fitting if cell.method.name not in lacking]
    if lacking:
        count = len(fitting) - len(startable)
        show.say(f"{count} lack the environment of {', '.join(lacking)}.")
    forecast = forecasts.make(
        startable,
        limits={cell.name: plan.hours(cell) * 3600 for cell in startable},
        known=show.rates(),
        jobs=plan.at_once,
        asks_all=asks_all,
        console=console,
    )
    if startable:
        forecasts.tell(forecast, console=console)
    return forecast


def _refusals(missing: list[cells.Cell]) -> dict[str, str]:
    """Methods that do not take data of this form or size, with the reason."""
    reasons = {c.method.name: c.method.refuses(c.variant) for c in missing}
    return {name: reason for name, reason in reasons.items() if reason}


def _lacking(missing: list[cells.Cell]) -> dict[str, str]:
    """Methods whose environments are not there, with what would bring them."""
    used = {cell.method.name: cell.method for cell in missing}
    used = {name: used[name] for name in used if name not in _refusals(missing)}
    pythons = {name: environment.interpreter(method) for name, method in used.items()}
    return {
        name: python.reason
        for name, python in pythons.items()
        if isinstance(python, environment.Missing)
    }


@contextlib.contextmanager
def _terminable():
    """SIGTERM, as a cluster's scheduler sends it, counts as Ctrl-C meanwhile."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
