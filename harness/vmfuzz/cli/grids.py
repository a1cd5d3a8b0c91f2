"""Shows the tables of measurements."""

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from vmfuzz.bench.tables import Grid


def rich_table(data: "Grid") -> Table:
    """Return a table to print: the first column is not wrapped, figures stand to the right."""
    table = Table(*data.headings, box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for at in data.numbers:
        table.columns[at].justify = "right"
    for row in data.rows:
        table.add_row(*row)
    return table
