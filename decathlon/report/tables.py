"""Table 2 in text: Markdown, CSV and for the terminal.

Never computes: all numbers come from `summary`.
"""

import csv
import io

from rich import markup as rich_markup
from rich import table as rich_table

from medmnist_tfds.decathlon.report import summary

INTERVALS_APART = "95 % bootstrap intervals over test examples: see table2.csv."
_NARROWEST = len("0.000 / 0.000")


def markdown(
    table: summary.Summary, *, banner: str | None, lists: dict[str, list[str]]
) -> str:
    """Two tables, AUC and ACC: a row per method, a column per dataset.

    Below them `lists`: lines by title.
    """
    parts = [f"**{banner}**\n"] if banner else []
    for metric in summary.METRICS:
        titles = [table.title(column) for column in table.columns]
        lines = [
            f"| {metric.upper()} | {' | '.join(titles)} |",
            "|---|" + "---|" * len(titles),
        ]
        for row in table.rows:
            cells = [_markdown_cell(row, c, metric) for c in table.columns]
            name = row.display_name + (" (incomplete)" if row.lacking else "")
            name = name.replace("|", "\\|")
            lines.append(f"| {name} | {' | '.join(cells)} |")
        parts.append("\n".join(lines) + "\n")
    parts.append(note(table, intervals=INTERVALS_APART) + "\n")
    for title, lines in lists.items():
        if lines:
            parts.append("\n".join([f"{title}:\n", *(f"- {x}" for x in lines), ""]))
    return "\n".join(parts)


def note(table: summary.Summary, *, intervals: str) -> str:
    """How the table is to be read; no word of what it does not show."""
    values = [value for row in table.rows for value in row.values.values()]
    seeds = "Mean ± standard deviation over seeds."
    if all(value.sd is None for value in values):
        seeds = "One seed, so no spread over seeds."
    parts = ["Test split.", seeds, "Bold: best of the column.", intervals]
    if any(value.paper is not None for value in values):
        parts.append("Below each value: the paper's, and the difference from it.")
    return " ".join(parts)


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
        "difference,is_best,is_complete".split(",")
    )
    for row in table.rows:
        for column in table.columns:
            for metric in summary.METRICS:
                value = row.values.get((column, metric))
                start = [row.method, row.display_name, kind]
                if value is None:
                    writer.writerow([*start, column, metric, 0, *[""] * 7, False])
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
                    ]
                )
    return text.getvalue()


class Terminal:
    """Test AUC / ACC, as wide as the window: names break at spaces only.

    Datasets in rows while every method has room for a column, else methods in rows,
    and as many datasets beside each other as there is room for.
    """

    def __init__(self, table: summary.Summary, *, banner: str | None):
        self._title = "\n".join(filter(None, [banner, "Test AUC / ACC"]))
        self._columns, self._rows = table.columns, table.rows

    def __rich_console__(self, console, options):
        names = [
            rich_markup.escape(row.display_name) + " (incomplete)" * bool(row.lacking)
            for row in self._rows
        ]
        cells = [[_terminal_cell(row, c) for c in self._columns] for row in self._rows]
        down = max(map(len, self._columns))
        across = [max(_NARROWEST, _longest_word(name)) for name in names]
        if down + sum(across) + 3 * len(across) + 4 <= options.max_width:
            turned = zip(self._columns, zip(*cells, strict=True), strict=True)
            yield _terminal_table(self._title, names, across, turned)
            return
        width = max(_NARROWEST, *map(len, self._columns))
        most = options.max_width - max(map(_longest_word, names)) - 4
        count = max(1, most // (width + 3))
        first = min(max(map(len, names)), options.max_width - count * (width + 3) - 4)
        for start in range(0, len(self._columns), count):
            block = self._columns[start : start + count]
            rows = zip(names, (c[start : start + count] for c in cells), strict=True)
            title = "" if start else self._title
            yield _terminal_table(title, block, [width] * len(block), rows, first=first)


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


def terminal(table: summary.Summary, *, banner: str | None) -> Terminal:
    """What `rich` prints."""
    return Terminal(table, banner=banner)
