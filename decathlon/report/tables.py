"""Table 2 in text: Markdown, CSV and for the terminal.

Never computes: all numbers come from `summary`.
"""

import csv
import io
from collections.abc import Iterable

from rich import markup as rich_markup
from rich import table as rich_table

from medmnist_tfds.decathlon.report import collect, cost, summary

INTERVALS_APART = "95 % bootstrap intervals over test examples: see table2.csv."
_COST = "Cost"
_NARROWEST = len("0.000 / 0.000")


def markdown(
    table: summary.Summary, *, banner: str | None, lists: dict[str, list[str]]
) -> str:
    """Three tables, AUC, ACC and cost: a row per method, a column per dataset.

    Below them `lists`: lines by title.
    """
    parts = [f"**{banner}**\n"] if banner else []
    titles = [table.title(column) for column in table.columns]
    for metric in summary.METRICS:
        cells = [
            [_markdown_cell(row, column, metric) for column in table.columns]
            + [str(row.cost_of(summary.AVERAGE))]
            for row in table.rows
        ]
        lines = _markdown_table(metric.upper(), [*titles, _COST], table.rows, cells)
        parts.append(lines)
    cells = [[str(row.cost_of(c)) for c in table.columns] for row in table.rows]
    parts.append(_markdown_table(_COST, [*titles[:-1], "Sum"], table.rows, cells))
    parts.append(note(table, intervals=INTERVALS_APART) + "\n")
    parts += [f"{text}\n" for text in footnotes(table)]
    for title, lines in lists.items():
        if lines:
            parts.append("\n".join([f"{title}:\n", *(f"- {x}" for x in lines), ""]))
    return "\n".join(parts)


def _markdown_table(title: str, columns: list[str], rows, cells) -> str:
    lines = [f"| {title} | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    for row, texts in zip(rows, cells, strict=True):
        name = row.shown + (" (incomplete)" if row.lacking else "")
        name = name.replace("|", "\\|")
        lines.append(f"| {name} | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"


def note(table: summary.Summary, *, intervals: str) -> str:
    """How the table is to be read; no word of what it does not show."""
    values = [value for row in table.rows for value in row.values.values()]
    seeds = "Mean ± standard deviation over seeds."
    if all(value.sd is None for value in values):
        seeds = "One seed, so no spread over seeds."
    parts = ["Test split.", seeds, "Bold: best of the column.", intervals]
    if any(value.paper is not None for value in values):
        parts.append("Below each value: the paper's, and the difference from it.")
    return " ".join(filter(None, [*parts, table.caution]))


def footnotes(table: summary.Summary) -> list[str]:
    """What a cost is; and what marked methods learned from before, if any did."""
    return [cost.NOTE, *filter(None, [pretrained(table.rows)])]


def pretrained(rows: Iterable[summary.Named]) -> str:
    """`† Pretrained on other images: Recipe best (ours) on ImageNet.`, or nothing."""
    on = [f"{row.display_name} on {row.pretrained}" for row in rows if row.pretrained]
    mark = collect.PRETRAINED
    return f"{mark} Pretrained on other images: {'; '.join(on)}." if on else ""


def _markdown_cell(row: summary.Row, column: str, metric: str) -> str:
    value = row.values.get((column, metric))
    if value is None:
        return "-"
    text = f"**{value.mean:.3f}**" if value.is_best else f"{value.mean:.3f}"
    return text + spread(value, " ± ") + paper(value, "<br>{:.3f} ({:+.3f})")


def spread(value: summary.Value, sign: str) -> str:
    return "" if value.sd is None else f"{sign}{value.sd:.3f}"


def paper(value: summary.Value, form: str) -> str:
    return "" if value.paper is None else form.format(value.paper, value.difference)


def comma_separated(table: summary.Summary, *, kind: str) -> str:
    """One line per method, column and metric, with every digit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        "method,display_name,data,column,metric,seeds,mean,sd,low95,high95,paper,"
        "difference,is_best,is_complete,pretrained,hours,training_images,"
        "hours_are_more".split(",")
    )
    for row in table.rows:
        for column in table.columns:
            for metric in summary.METRICS:
                value = row.values.get((column, metric))
                start = [row.method, row.display_name, kind]
                end = [row.pretrained, *_costs(row.cost_of(column))]
                if value is None:
                    no = [column, metric, 0, *[""] * 7, False]
                    writer.writerow([*start, *no, *end])
                    continue
                writer.writerow(
                    [
                        *start,
                        column,
                        metric,
                        value.seeds,
                        value.mean,
                        "" if value.sd is None else value.sd,
                        value.low,
                        value.high,
                        "" if value.paper is None else value.paper,
                        "" if value.difference is None else value.difference,
                        value.is_best,
                        column not in row.lacking,
                        *end,
                    ]
                )
    return text.getvalue()


def _costs(found: cost.Cost) -> list:
    hours = "" if found.seconds is None else found.seconds / 3600
    return [hours, "" if found.images is None else found.images, found.is_more]


class Terminal:
    """Test AUC / ACC, as wide as the window: names break at spaces only.

    Datasets in rows while every method has room for a column, else methods in rows,
    and as many datasets beside each other as there is room for.
    """

    def __init__(self, table: summary.Summary, *, banner: str | None):
        self._title = "\n".join(filter(None, [banner, "Test AUC / ACC"]))
        self._table, self._rows = table, table.rows

    def __rich_console__(self, console, options):
        names = [
            rich_markup.escape(row.shown) + " (incomplete)" * bool(row.lacking)
            for row in self._rows
        ]
        cells = [
            [_terminal_cell(row, column) for column in self._table.columns]
            + [_terminal_cost(row.cost_of(summary.AVERAGE))]
            for row in self._rows
        ]
        columns = [*self._table.columns, _COST]
        down = max(map(len, columns))
        across = [max(_NARROWEST, _longest_word(name)) for name in names]
        if down + sum(across) + 3 * len(across) + 4 <= options.max_width:
            turned = zip(columns, zip(*cells, strict=True), strict=True)
            yield _terminal_table(self._title, names, across, turned)
        else:
            columns = yield from self._beside(columns, names, cells, options.max_width)
        notes = footnotes(self._table)
        yield from map(rich_markup.escape, notes if _COST in columns else notes[1:])

    def _beside(self, columns, names, cells, room: int):
        """Blocks of columns; returns those shown: no block for the cost alone."""
        width = max(_NARROWEST, *map(len, columns))
        most = room - max(map(_longest_word, names)) - 4
        count = max(1, most // (width + 3))
        if len(columns) % count == 1 % count:
            columns = columns[:-1]
        first = min(max(map(len, names)), room - count * (width + 3) - 4)
        for start in range(0, len(columns), count):
            block = columns[start : start + count]
            shown = [each[start : start + len(block)] for each in cells]
            rows = zip(names, shown, strict=True)
            title = "" if start else self._title
            yield _terminal_table(title, block, [width] * len(block), rows, first=first)
        return columns


def _terminal_table(title: str, headers, widths, rows, first=0) -> rich_table.Table:
    shown = rich_table.Table(title=title or None, title_justify="left")
    shown.add_column("", min_width=first)
    for header, width in zip(headers, widths, strict=True):
        shown.add_column(header, min_width=width)
    for name, cells in rows:
        shown.add_row(name, *cells)
    return shown


def _longest_word(name: str) -> int:
    return max(map(len, name.split()), default=0)


def _terminal_cell(row: summary.Row, column: str) -> str:
    texts = []
    for metric in summary.METRICS:
        value = row.values.get((column, metric))
        text = "-" if value is None else f"{value.mean:.3f}"
        texts.append(f"[bold]{text}[/bold]" if value and value.is_best else text)
    return " / ".join(texts)


def _terminal_cost(found: cost.Cost) -> str:
    return f"{found.time}\n{found.count}"


def terminal(table: summary.Summary, *, banner: str | None) -> Terminal:
    """What `rich` prints."""
    return Terminal(table, banner=banner)
