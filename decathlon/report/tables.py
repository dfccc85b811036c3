"""Table 2 in text: Markdown, CSV, LaTeX, and the terminal.

Never computes: all numbers come from `summary`.
"""

import csv
import io
import re

from rich import markup as rich_markup
from rich import table as rich_table

from medmnist_tfds.decathlon.report import summary

BANNER = "PHANTOM DATA: synthetic images. These numbers say nothing about real ones."
_NOTE = (
    "Test split; mean and standard deviation over seeds. Bold: best of the column. "
    "95 % bootstrap intervals over test examples stand in table2.csv."
)
_PAPER_NOTE = "Below each value: the paper's, and the difference from it."


def markdown(
    table: summary.Summary, *, phantom: bool, budgets: list[str], undone: list[str]
) -> str:
    """Two tables, AUC and ACC: a row per method, a column per dataset.

    Below them a line for each of `budgets`, and for each of `undone`.
    """
    parts = [f"**{BANNER}**\n"] if phantom else []
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
    parts.append(note(phantom) + "\n")
    for title, lines in (("How they were run", budgets), ("Not done", undone)):
        if lines:
            parts.append("\n".join([f"{title}:\n", *(f"- {x}" for x in lines), ""]))
    return "\n".join(parts)


def note(phantom: bool) -> str:
    """How the table is to be read."""
    return _NOTE if phantom else f"{_NOTE} {_PAPER_NOTE}"


def _markdown_cell(row: summary.Row, column: str, metric: str) -> str:
    value = row.values.get((column, metric))
    if value is None:
        return "-"
    text = f"**{value.mean:.3f}**" if value.is_best else f"{value.mean:.3f}"
    return text + _spread(value, " ± ") + _paper(value, "<br>{:.3f} ({:+.3f})")


def _spread(value: summary.Value, sign: str) -> str:
    return "" if value.sd is None else f"{sign}{value.sd:.3f}"


def _paper(value: summary.Value, form: str) -> str:
    return "" if value.paper is None else form.format(value.paper, value.difference)


def comma_separated(table: summary.Summary, *, phantom: bool) -> str:
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
                start = [row.method, row.display_name, "phantom" if phantom else "real"]
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


def latex(table: summary.Summary, *, phantom: bool, datasets_per_block: int = 5) -> str:
    """A booktabs table in blocks of five datasets, as in the paper."""
    blocks = [
        table.columns[start : start + datasets_per_block]
        for start in range(0, len(table.columns), datasets_per_block)
    ]
    caption = f"\\textbf{{{BANNER}}} " if phantom else ""
    caption += "AUC and ACC on the test splits"
    caption += "." if phantom else ", with the paper's values below in grey."
    lines = [
        "% \\usepackage{booktabs,xcolor}",
        "\\begin{table}",
        f"\\caption{{{caption}}}",
        *(line for block in blocks for line in _latex_block(table, block)),
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_block(table: summary.Summary, columns: tuple[str, ...]) -> list[str]:
    titles = [f"\\multicolumn{{2}}{{c}}{{{_escaped(table.title(c))}}}" for c in columns]
    lines = [
        f"\\begin{{tabular}}{{l{'cc' * len(columns)}}}",
        "\\toprule",
        f"Methods & {' & '.join(titles)} \\\\",
        " & ".join(["", *["AUC", "ACC"] * len(columns)]) + " \\\\",
        "\\midrule",
    ]
    keys = [(column, metric) for column in columns for metric in summary.METRICS]
    for row in table.rows:
        values = [row.values.get(key) for key in keys]
        mark = "$^*$" if row.lacking else ""
        cells = [_latex_cell(value) for value in values]
        lines.append(
            " & ".join([f"{_escaped(row.display_name)}{mark}", *cells]) + " \\\\"
        )
        if any(value and value.paper is not None for value in values):
            papers = [
                "" if v is None else _paper(v, "\\textcolor{{gray}}{{{:.3f}}}")
                for v in values
            ]
            lines.append(" & ".join(["\\quad paper", *papers]) + " \\\\")
    lines += ["\\bottomrule", "\\end{tabular}"]
    if any(row.lacking for row in table.rows):
        lines.append("\\\\ $^*$ incomplete: a dataset or a seed is missing.")
    return [*lines, ""]


def _latex_cell(value: summary.Value | None) -> str:
    if value is None:
        return "--"
    text = f"\\textbf{{{value.mean:.3f}}}" if value.is_best else f"{value.mean:.3f}"
    return text + _spread(value, "{\\scriptsize$\\pm$") + "}" * (value.sd is not None)


def _escaped(text: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", text)


def terminal(table: summary.Summary, *, phantom: bool) -> rich_table.Table:
    """Datasets in rows, so that it fits a narrow terminal: test AUC / ACC."""
    shown = rich_table.Table(
        title=BANNER if phantom else "Test AUC / ACC", title_justify="left"
    )
    shown.add_column("", no_wrap=True)
    for row in table.rows:
        name = rich_markup.escape(row.display_name)
        name += " (incomplete)" if row.lacking else ""
        shown.add_column(name, overflow="fold")
    for column in table.columns:
        cells = []
        for row in table.rows:
            values = [row.values.get((column, metric)) for metric in summary.METRICS]
            cells.append(" / ".join(_terminal_cell(value) for value in values))
        shown.add_row(column, *cells)
    return shown


def _terminal_cell(value: summary.Value | None) -> str:
    if value is None:
        return "-"
    text = f"{value.mean:.3f}"
    return f"[bold]{text}[/bold]" if value.is_best else text
