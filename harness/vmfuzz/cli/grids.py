"""Tables as the command line prints them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.table import Table

if TYPE_CHECKING:
    from vmfuzz.bench.tables import Grid

_NARROWEST: Final = 5  # columns of a terminal for each cell beside the first, blank included


class PlainTable(Table):
    """A table without lines that loses nothing: what is too long for its column goes on below.

    Words that users copy, the first column, stay whole unless the terminal is as narrow as they
    are. No line ends in blanks.
    """

    def __init__(self, *headings: str, figures: slice = slice(0)) -> None:
        """Make a table; the columns of `figures` stand to the right."""
        super().__init__(*headings, box=None, pad_edge=False)
        for column in self.columns:
            column.overflow = "fold"
        for column in self.columns[figures]:
            column.justify = "right"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the segments of the table. Effect: decides whether the first column may wrap."""
        first, *others = self.columns
        longest = max(console.measure(cell).maximum for cell in (first.header, *first.cells))
        first.no_wrap = longest + _NARROWEST * len(others) <= options.max_width
        segments = (s for s in super().__rich_console__(console, options) if isinstance(s, Segment))
        for line in Segment.split_lines(segments):
            yield from _without_end(line)
            yield Segment.line()


def _without_end(line: list[Segment]) -> list[Segment]:
    """Return a line without the blanks that it ends in."""
    while line:
        last = line.pop()
        if text := last.text.rstrip(" "):
            return [*line, Segment(text, last.style, last.control)]
    return line


def rich_table(data: "Grid") -> PlainTable:
    """Return a table of measurements to print: figures stand to the right."""
    table = PlainTable(*data.headings)
    for at in data.numbers:
        table.columns[at].justify = "right"
    for row in data.rows:
        table.add_row(*row)
    return table
