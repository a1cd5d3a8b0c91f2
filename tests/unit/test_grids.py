"""Tables of the command line: at every width all of each cell is there, and no blank at the end."""

from collections import Counter
from io import StringIO

import pytest
from rich.console import Console

from vmfuzz.cli.grids import PlainTable

HEADINGS = ("id", "calls", "text", "status")
ROWS = [
    ("OUT.segment_from_unused_of_a_long_name", "1,234", "rc == UNUSED implies vtable", "holds"),
    ("PT.1", "7", "", "unsatisfiable (news)"),
]


def printed(width: int) -> list[str]:
    console = Console(file=StringIO(), width=width, soft_wrap=True, markup=False)
    table = PlainTable(*HEADINGS, figures=slice(1, 2))
    for row in ROWS:
        table.add_row(*row)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [*range(16, 110), 1 << 30])
def test_nothing_is_lost_at_any_width(width: int) -> None:
    lines = printed(width)

    wanted = Counter("".join(map("".join, (HEADINGS, *ROWS))).replace(" ", ""))
    assert Counter("".join(lines).replace(" ", "")) == wanted
    assert all(line == line.rstrip() for line in lines)
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [60, 70, 80, 100, 200])
def test_ids_stay_whole_where_there_is_room(width: int) -> None:
    firsts = [line.split(" ")[0] for line in printed(width)]

    assert [first for first in firsts if first] == ["id", ROWS[0][0], "PT.1"]


def test_a_row_is_a_line_where_the_width_is_endless() -> None:
    assert printed(1 << 30) == [
        "id                                      calls  text                         status",
        f"{ROWS[0][0]}  1,234  rc == UNUSED implies vtable  holds",
        f"PT.1{' ' * 40}7{' ' * 31}unsatisfiable (news)",
    ]
