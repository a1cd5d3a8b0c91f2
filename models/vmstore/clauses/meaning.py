"""The abstraction of exec state equals the view: what a page carries, what a handle names."""

from typing import Final

from vmstore.clauses.registry import Clause, Group, PageCase, SegmentCase, SlotCase

_SRC: Final = "what the ops have written and granted"
_V: Final[Group] = "view"


def _page(c: SlotCase) -> tuple[str, int]:
    is_live = c.owner.references() or c.owner.uniques
    default = ("pt", 0) if c.owner.usage == "PageTable" and is_live else ("", 0)
    return c.state.view.pages.get(c.slot.index, default)


def _same_range(c: SegmentCase) -> bool:
    held = c.state.machine.segments.get(int(c.handle[1:]))
    return held is not None and (held.start, held.end) == tuple(c.entry)


def _show_range(c: SegmentCase) -> str:
    held = c.state.machine.segments.get(int(c.handle[1:]))
    return f"the code's segment is {held.start:#x}..{held.end:#x}" if held else "no such segment"


def _same_page(c: PageCase) -> bool:
    table = c.state.machine.uniques if c.handle[0] == "u" else c.state.machine.frames
    held = table.get(int(c.handle[1:]))
    return held is c.at.slot


CLAUSES: Final = (
    Clause("VIEW.META", "a page carries the metadata last written to it, or none", _SRC, "slot", _V,
           holds=lambda c: (c.slot.vtable, c.slot.val) == _page(c),
           show=lambda c: f"carries {(c.slot.vtable, c.slot.val)}, written was {_page(c)}"),
    Clause("VIEW.RANGE", "a segment covers the range that the ops gave it", _SRC, "segment", _V,
           holds=_same_range, show=_show_range),
    Clause("VIEW.FRAME", "a frame handle names the page that the ops gave it", _SRC, "frame", _V,
           holds=_same_page),
    Clause("VIEW.UNIQUE", "a unique handle names the page that the ops gave it", _SRC, "unique",
           _V, holds=_same_page),
)  # fmt: skip
