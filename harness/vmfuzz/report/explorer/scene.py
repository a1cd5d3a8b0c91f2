"""A state as the explorer shows it: pages, handles, segments and lists from both sides.

What the ops amount to (store and view) is shown; where the machine has something else, the record's
`bad` says what. Nothing is written, and nothing decides here whether a clause holds.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vmfuzz.report.explorer.contents_scene import io_rows
from vmfuzz.report.explorer.cpu_scene import cpu_rows
from vmfuzz.report.explorer.records import NOTHING, Row, Scene, capped, made, unlike
from vmfuzz.report.explorer.space_scene import cursor_rows, space_rows
from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.cells import NONE
from vmstore.clauses.registry import count_name
from vmstore.exec.machine import LinkedList
from vmstore.owner import SlotOwner
from vmstore.step import State

_UNUSED: Final = count_name(REF_COUNT_UNUSED)


def scene(state: State, pages: Iterable[int] | None = None) -> Scene:
    """Return all that is live, by subject: `page:0x2000`, `frame:f0`, `entry:0x11c000/3`, ...

    `pages` are the indices of the pages to look at, every one that was ever touched without it.
    Cost: a walk over what is live.
    """
    slots, owners = state.machine.cells.slots, state.view.store.owners
    every = slots.keys() | owners.keys() if pages is None else pages
    looked_at = sorted(index for index in every if index in slots or index in owners)
    parts = {
        "page": _page_rows(state, looked_at),
        "handle": _handle_rows(state),
        "segment": _segment_rows(state),
        "list": _list_rows(state),
        "space": space_rows(state),
        "cursor": cursor_rows(state),
        "cpu": cpu_rows(state),
        "io": io_rows(state),
    }
    return {name: record for kind, rows in parts.items() for name, record in capped(kind, rows)}


def expected_count(owner: SlotOwner) -> str:
    """Return the count word that the owners of a page amount to."""
    references = owner.references()
    if not owner.uniques:
        return str(references) if references else _UNUSED
    alone = owner.uniques == 1 and not references
    return count_name(REF_COUNT_UNIQUE) if alone else f"UNIQUE x {owner.uniques} + {references}"


def _page_rows(state: State, indices: list[int]) -> Iterator[Row]:
    cells, store, view = state.machine.cells, state.view.store, state.view
    for index in indices:
        slot, owner = cells.slot(index), store.owner(index)
        expected, counted = expected_count(owner), count_name(slot.ref_count)
        if counted == expected == _UNUSED and not (slot.stored or slot.vtable):
            continue
        table, page = view.spaces.tables.get(index), view.pages.get(index)
        meta = (slot.vtable, slot.val)
        yield made(
            f"page:{index * PAGE_SIZE:#x}",
            [
                f"count {counted}, but the owners amount to {expected}" * (counted != expected),
                f"unused, but with {slot.vtable or 'initialised'} metadata"
                * (expected == _UNUSED and (slot.stored or slot.vtable != "")),
                "metadata: " + unlike(meta, page) if page not in (None, meta) else "",
                _tag_problem(slot.in_list, index in view.linked),
            ],
            rc=counted,
            sum=expected,
            H=owner.handles,
            P=owner.mappings,
            C=owner.covers,
            D=owner.deferred,
            U=owner.uniques,
            links=owner.links,
            lost=owner.leaked,
            meta=slot.vtable,
            val=str(slot.val) if slot.val else "",
            list=slot.in_list,
            usage=owner.usage,
            level=table.level if table is not None else 0,
        )


def _tag_problem(tag: int, is_linked: bool) -> str:
    if is_linked == (tag != 0):
        return ""
    return f"list tag {tag}, but the page is in {'a' if is_linked else 'no'} list"


def _handle_rows(state: State) -> Iterator[Row]:
    machine, store = state.machine, state.view.store
    kinds: tuple[tuple[str, str, Mapping[int, Any], Mapping[int, int]], ...] = (
        ("frame", "f", machine.frames, store.frames),
        ("raw", "fr", machine.raws, store.raw_frames),
        ("unique", "u", machine.uniques, store.unique_frames),
        ("raw_unique", "ur", machine.raw_uniques, store.raw_uniques),
    )
    for kind, prefix, held, known in kinds:
        for number in sorted(held.keys() | known.keys()):
            slot = held.get(number)
            on = f"{slot.index * PAGE_SIZE:#x}" if slot is not None else NOTHING
            by_ops = f"{known[number]:#x}" if number in known else NOTHING
            yield made(f"{kind}:{prefix}{number}", [unlike(on, by_ops)], at=by_ops)


def _segment_rows(state: State) -> Iterator[Row]:
    machine, store = state.machine, state.view.store
    for kind, prefix, held, known in (
        ("segment", "s", machine.segments, store.segments),
        ("raw_segment", "sr", machine.raw_segments, store.raw_segments),
    ):
        for number in sorted(held.keys() | known.keys()):
            segment, entry = held.get(number), known.get(number)
            here = _span(segment.start, segment.end) if segment is not None else NOTHING
            by_ops = _span(*entry) if entry is not None else NOTHING
            start, end = entry if entry is not None else (0, 0)
            yield made(f"{kind}:{prefix}{number}", [unlike(here, by_ops)],
                       start=f"{start:#x}", end=f"{end:#x}")  # fmt: skip


def _span(start: int, end: int) -> str:
    return f"[{start:#x}, {end:#x})"


def _list_rows(state: State) -> Iterator[Row]:
    machine, view = state.machine, state.view
    for number in sorted(machine.lists.keys() | view.lists.keys()):
        held, known = machine.lists.get(number), view.lists.get(number)
        by_ops = [f"{index * PAGE_SIZE:#x}" for index in known.pages] if known is not None else []
        here = _walked(state, held, len(by_ops)) if held is not None else []
        bad = [unlike(" ".join(here) or "no element", " ".join(by_ops) or "no element")]
        if held is not None and known is not None:
            bad += [f"length: {text}" * bool(text)
                    for text in [unlike(held.head.size, len(by_ops))]]  # fmt: skip
        yield made(f"list:l{number}", bad, pages=by_ops, id=known.list_id if known else 0)
    for number in sorted(machine.lcursors.keys() | view.lcursors.keys()):
        cursor, place = machine.lcursors.get(number), view.lcursors.get(number)
        on = _element(cursor.current) if cursor is not None else NOTHING
        by_ops_at = _element(place.element()) if place is not None else NOTHING
        of = f"l{place.list.handle}" if place is not None else ""
        yield made(f"lcursor:lc{number}", [unlike(on, by_ops_at)], at=by_ops_at, of=of)


def _element(index: int) -> str:
    return "the ghost" if index == NONE else f"{index * PAGE_SIZE:#x}"


def _walked(state: State, held: LinkedList, expected: int) -> list[str]:
    """Return the elements that the links lead to, two more than expected at most."""
    found: list[str] = []
    index = held.head.front
    while index != NONE and len(found) < expected + 2:
        found.append(f"{index * PAGE_SIZE:#x}")
        index = state.machine.cells.slot(index).next
    return found
