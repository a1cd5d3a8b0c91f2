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


def clear(words: Words, handle: int, places: list[int], g: Geometry, cursor: int) -> Iterator[Op]:
    """Yield the ops that clear the tables around changed addresses of one tree.

    `places` are not empty; `cursor` is the number that the next cursor gets. When it does not live
    after an op, the rest must not be run.
    """
    tree, kind, take_out, prefix = words

    def on_cursor(name: str, **fields: Any) -> Op:
        op: Op = BY_NAME[name].make({kind: cursor, **fields})
        return op

    span = g.sizes[min(4, g.levels)] if g.levels > 3 else g.user_end
    start = places[-1] & -span
    end = min(start + span, U64_MASK & ~(PAGE_SIZE - 1))
    inside = [va for va in places if start <= va < end]
    fields = {tree: handle, "start": start, "end": end, "dst": cursor}
    yield BY_NAME[f"{prefix}open_mut"].make(fields)
    for base in dict.fromkeys(va & -g.sizes[2] for va in inside):
        yield on_cursor(f"{prefix}jump", va=base)
        yield on_cursor(take_out, len=min(g.sizes[2], end - base))
    for base in list(dict.fromkeys(va & -g.sizes[3] for va in inside))[-_PLACES:]:
        yield on_cursor(f"{prefix}jump", va=base ^ g.sizes[3])  # climbs out of the table
        yield on_cursor(f"{prefix}jump", va=base)
        yield on_cursor(f"{prefix}find_next", len=PAGE_SIZE)
    yield on_cursor(f"{prefix}drop")
