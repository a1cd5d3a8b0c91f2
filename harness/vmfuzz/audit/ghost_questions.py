"""Questions about definitions rather than calls: whether a value satisfies all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, combinations, product
from typing import Final

from vmfuzz.audit.search import Answer
from vmstore.arch import PAGE_SIZE
from vmstore.geometry import geometry
from vmstore.ghost.frame_contents import FrameContents
from vmstore.ghost.mapping import Mapping
from vmstore.ghost.mem_view import MemView
from vmstore.ghost.mem_view_wf import Formula
from vmstore.ghost.vm_io_owner import VmIoMemView, VmIoOwner
from vmstore.ghost.vm_space_owner import VmSpaceOwner

_P = PAGE_SIZE


@dataclass(frozen=True, slots=True)
class GhostQuestion:
    """Is there a value with all of these properties? `ax` is the suspect that says no."""

    id: str
    ax: str
    op: str
    text: str
    source: str
    ask: Callable[[], Answer]


# -- a space with a writer ------------------------------------------------------------------------


def ask_writer(formula: Formula = "literal") -> Answer:
    """Look for a well-formed active space that has memory mapped and a writer on a part of it."""
    mapped = [Mapping.page(n * _P, (8 + n) * _P) for n in (1, 2)]
    total = _view(mapped)
    tried = 0
    for taken, length in product(mapped, (1, 16, _P)):
        start = taken.va_start
        writer = VmIoOwner(
            0, start, start + length, is_fallible=True, is_kernel=False,
            view=VmIoMemView("WriteView", total.borrow_at(start, length)),
        )  # fmt: skip
        for left in _subsets(mapped):
            tried += 1
            space = VmSpaceOwner(
                active=True, formula=formula, mem_view=_view(list(left)), mv_range=total,
                writers=(writer,),
            )  # fmt: skip
            if not space.broken():
                return Answer(1, tried, None)
    text = "an active space that maps two pages, with a writer on one of them"
    return Answer(1, tried, text, ("MVWF.4", "MVWF.5", "MVWF.6"))


def _view(mappings: list[Mapping]) -> MemView:
    frames = {m.pa_start: FrameContents.of(m.pa_start, bytes(_P)) for m in mappings}
    return MemView(frozenset(mappings), frames)


def _subsets(mappings: list[Mapping]) -> Iterator[tuple[Mapping, ...]]:
    return chain.from_iterable(combinations(mappings, n) for n in range(len(mappings) + 1))


# -- the cursor that the constructor promises -----------------------------------------------------

_LEVELS, _ENTRIES = 4, 4


def ask_cursor() -> Answer:
    """Look, for every range that may be asked for, for the cursor that the constructor promises.

    Its prefix has zeros in all indices below the guard's level, which is 4, and its range is both
    the requested one and the entry of that level at the prefix.
    """
    g = geometry(_LEVELS, _ENTRIES)
    guard_level = _LEVELS
    ends = [0, _P, 2 * _P, *g.sizes[2:guard_level], g.user_end]
    tried = scenes = 0
    for start, end in combinations(ends, 2):
        scenes += 1
        found = False
        for prefix in range(0, g.user_end, _P * _ENTRIES):
            tried += 1
            indices = [g.index(prefix, level) for level in range(1, _LEVELS + 1)]
            below = indices[:guard_level]
            first = prefix - prefix % g.sizes[guard_level]
            if not any(below) and (first, first + g.sizes[guard_level]) == (start, end):
                found = True
                break
        if not found:
            shape = f"tables of {_LEVELS} levels and {_ENTRIES} entries"
            text = f"the range {start:#x}..{end:#x} in {shape}"
            return Answer(scenes, tried, text, ("CURO.07", "CURO.08"))
    return Answer(scenes, tried, None)


# -- a tag that no link has -----------------------------------------------------------------------


def ask_list() -> Answer:
    """Look for the tags after an insertion, where a slot outside carries the list's tag already.

    The list is page 0, page 2 is inserted. What is not inserted is preserved, and afterwards every
    slot with the list's tag is one of its links, and every link has it.
    """
    before, inserted, links = {0: 1, 1: 1, 2: 0}, 2, {0, 2}
    tried = 0
    for tags in product((0, 1), repeat=len(before)):
        tried += 1
        after = dict(enumerate(tags))
        is_preserved = all(after[i] == tag for i, tag in before.items() if i != inserted)
        if is_preserved and {i for i, tag in after.items() if tag == 1} == links:
            return Answer(1, tried, None)
    text = (
        "a list of page 0 with the tag 1, which page 1 has though it is in no list; page 2 goes in"
    )
    return Answer(1, tried, text, ("LST.9",))


GHOST_QUESTIONS: Final = (
    GhostQuestion("SAT.CURSOR.NEW", "AX-19", "CursorMut::new",
                  "a cursor over the requested range has the promised prefix",
                  "CursorMut::new", ask_cursor),
    GhostQuestion("SAT.LIST.INSERT", "AX-31", "list insert_before_at",
                  "an insertion beside a stray tag has an allowed result",
                  "insert_before_at_embedded", ask_list),
    GhostQuestion("SAT.MEM_VIEW", "AX-39", "VmSpaceOwner",
                  "a space with mapped memory and a writer is well-formed",
                  "VmSpaceOwner::mem_view_wf", ask_writer),
)  # fmt: skip
