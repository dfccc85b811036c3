"""Tables that a terminal of 80 columns has room for. Never decides what is in them."""

from rich import box as rich_box
from rich import table as rich_table

from medmnist_tfds.data import catalog


def table(*columns: str, **options) -> rich_table.Table:
    """One that fits narrow terminals: text is wrapped there, never names or numbers."""
    table = rich_table.Table(
        box=rich_box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False, **options
    )
    for column in columns:
        is_number = column in catalog.SPLITS
        table.add_column(
            column,
            no_wrap=is_number or not table.columns,
            justify="right" if is_number else "left",
            overflow="fold",
        )
    return table
