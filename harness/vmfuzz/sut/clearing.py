"""Ops that take out what a trace has mapped and then look from above at what is left.

Whether a table is taken for empty decides how far a search goes, so a wrong number of entries comes
to light here: once a part of the tree has been cut out, a cursor that comes from a level above
steps over an empty table at once, and through any other one.
"""

from collections.abc import Iterator
from typing import Any, Final

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.geometry import Geometry
from vmstore.ops import BY_NAME, Op

_PLACES: Final = 2  # that are looked at after all is taken out
# What a handle of a tree is called, then the ops of cursors on it.
SPACE: Final = ("vs", "cursor", "cursor_unmap", "cursor_")
TABLE: Final = ("ptable", "ptcursor", "pt_cursor_take_next", "pt_cursor_")
Words = tuple[str, str, str, str]


def clear(
    words: Words,
    handle: int,
    places: list[int],
    around: tuple[Geometry, int],
    cursor: int,
    level: int,
) -> Iterator[Op]:
    """Yield the ops that clear the parts of a tree that an entry of `level` covers each.

    `places` are the addresses to clear, not empty; `around` is the geometry and where the tree's
    half begins; `cursor` is the number that the next cursor gets. When that does not live after an
    op, the rest must not be run. Requires: 2 <= `level` <= levels.
    """
    tree, kind, take_out, prefix = words

    def on_cursor(name: str, **fields: Any) -> Op:
        op: Op = BY_NAME[name].make({kind: cursor, **fields})
        return op

    g, low = around
    start, end = low, low + g.user_end
    if level + 2 <= g.levels:  # all that two levels above see at once
        start = places[-1] & -g.sizes[level + 2]
        end = start + g.sizes[level + 2]
    end = min(end, U64_MASK & ~(PAGE_SIZE - 1))
    inside = [va for va in places if start <= va < end]
    fields = {tree: handle, "start": start, "end": end, "dst": cursor}
    yield BY_NAME[f"{prefix}open_mut"].make(fields)
    for base in dict.fromkeys(va & -g.sizes[level] for va in inside):
        yield on_cursor(f"{prefix}jump", va=base)
        yield on_cursor(take_out, len=min(g.sizes[level], end - base))
    for base in list(dict.fromkeys(va & -g.sizes[level + 1] for va in inside))[-_PLACES:]:
        yield on_cursor(f"{prefix}jump", va=base ^ g.sizes[level + 1])  # climbs out of the table
        yield on_cursor(f"{prefix}jump", va=base)
        yield on_cursor(f"{prefix}find_next", len=PAGE_SIZE)
    yield on_cursor(f"{prefix}drop")
