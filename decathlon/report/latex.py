"""Table 2 in LaTeX, for papers.

Never computes: all numbers come from `summary`.
"""

import re

from medmnist_tfds.decathlon.report import collect, cost, summary, tables


def table(
    found: summary.Summary, *, banner: str | None, datasets_per_block: int = 5
) -> str:
    """A booktabs table in blocks of five datasets, as in the paper."""
    blocks = [
        found.columns[start : start + datasets_per_block]
        for start in range(0, len(found.columns), datasets_per_block)
    ]
    caption = f"\\textbf{{{_escaped(banner)}}} " if banner else ""
    values = [value for row in found.rows for value in row.values.values()]
    caption += "AUC and ACC on the test splits"
    if any(value.sd is not None for value in values):
        caption += ", mean and standard deviation over seeds"
    if any(value.paper is not None for value in values):
        caption += ", with the paper's values below in grey"
    caption += ". " + " ".join(map(_escaped, filter(None, [found.caution, cost.NOTE])))
    note = tables.pretrained(found.rows)
    lines = [
        "% \\usepackage{booktabs,xcolor}",
        "\\begin{table}",
        f"\\caption{{{caption}}}",
        *(line for block in blocks for line in _latex_block(found, block)),
        *([_marked(_escaped(note))] if note else []),  # a paragraph of its own
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_block(found: summary.Summary, columns: tuple[str, ...]) -> list[str]:
    """A tabular; the one with the average has the cost in all beside it."""
    has_cost = summary.AVERAGE in columns
    titles = [f"\\multicolumn{{2}}{{c}}{{{_escaped(found.title(c))}}}" for c in columns]
    under = ["AUC", "ACC"] * len(columns)
    if has_cost:
        titles.append("\\multicolumn{2}{c}{Cost}")
        under += ["time", "images"]
    lines = [
        f"\\begin{{tabular}}{{l{'c' * len(under)}}}",
        "\\toprule",
        f"Methods & {' & '.join(titles)} \\\\",
        " & ".join(["", *under]) + " \\\\",
        "\\midrule",
    ]
    keys = [(column, metric) for column in columns for metric in summary.METRICS]
    for row in found.rows:
        values = [row.values.get(key) for key in keys]
        name = _marked(_escaped(row.shown)) + ("$^*$" if row.lacking else "")
        cells = [_latex_cell(value) for value in values]
        if has_cost:
            spent = row.cost_of(summary.AVERAGE)
            cells += [text.replace("-", "--") for text in (spent.time, spent.count)]
        lines.append(" & ".join([name, *cells]) + " \\\\")
        if any(value and value.paper is not None for value in values):
            papers = [
                "" if v is None else tables.paper(v, "\\textcolor{{gray}}{{{:.3f}}}")
                for v in values
            ]
            papers += [""] * (2 * has_cost)
            lines.append(" & ".join(["\\quad paper", *papers]) + " \\\\")
    lines += ["\\bottomrule", "\\end{tabular}"]
    if any(row.lacking for row in found.rows):
        lines.append("\\\\ $^*$ incomplete: a dataset or a seed is missing.")
    return [*lines, ""]


def _latex_cell(value: summary.Value | None) -> str:
    if value is None:
        return "--"
    text = f"\\textbf{{{value.mean:.3f}}}" if value.is_best else f"{value.mean:.3f}"
    return (
        text
        + tables.spread(value, "{\\scriptsize$\\pm$")
        + "}" * (value.sd is not None)
    )


def _marked(text: str) -> str:
    return text.replace(collect.PRETRAINED, "$^\\dagger$")


def _escaped(text: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", text)
