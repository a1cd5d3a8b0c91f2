"""The contracts of cursors, on plain sets of mappings: a third and simplest description.

After every call, what a table maps is compared with what the specification's functions make of
what it mapped before. Huge pages count as the small pages they consist of, so that a split, which
must not be seen, is not.
"""

from random import Random
from typing import Any

import pytest

from vmfuzz.oracle import Session
from vmfuzz.swarm import SwarmConfig, SwarmTrace, fuzz_world
from vmstore.arch import PAGE_SIZE
from vmstore.geometry import Geometry
from vmstore.ops import DECLARATIONS, Op
from vmstore.outcome import Err, Ok, Panic
from vmstore.view.tables import Leaf, Place, Table
from vmstore.world import World

Pages = dict[int, tuple[int, Any]]  # virtual page -> physical page, property


def pages_of(g: Geometry, table: Table, base: int) -> Pages:
    """Return every page that a table maps."""
    found: Pages = {}
    size = g.sizes[table.level]
    for index, entry in table.entries.items():
        start = base + index * size
        if isinstance(entry, Table):
            found |= pages_of(g, entry, start)
        else:
            for offset in range(0, size, PAGE_SIZE):
                found[start + offset] = (entry.paddr + offset, entry.prop)
    return found


class Before:
    """What a cursor's table mapped before the call, and where the cursor stood."""

    def __init__(self, session: Session, place: Place) -> None:
        self.session = session
        self.place = place
        self.va, self.level = place.va, place.level
        self.pages = self.now()

    @property
    def geometry(self) -> Geometry:
        return self.session.view.spaces.geometry

    def now(self) -> Pages:
        root = self.place.tree.root
        base = self.place.start & -self.geometry.sizes[root.level + 1]
        return pages_of(self.geometry, root, base)

    def within(self, start: int, end: int) -> list[int]:
        return sorted(va for va in self.pages if start <= va < end)

    def without(self, start: int, end: int) -> Pages:
        return {va: page for va, page in self.pages.items() if not start <= va < end}


def missed(before: Before, length: int) -> None:
    """CUR.FIND.POST.4 to 7, and the same of the other searches."""
    assert not before.within(before.va, before.va + length)
    assert not before.within(before.va, before.place.va)
    assert min(before.va + length, before.place.end) <= before.place.va <= before.place.end
    if length == 0:
        assert (before.place.va, before.place.level) == (before.va, before.level)
    assert before.now() == before.pages


def check_find(before: Before, op: Any, value: dict[str, Any]) -> None:
    if value["found"] is None:
        return missed(before, op.len)
    assert value["found"] == before.place.va == before.within(before.va, before.va + op.len)[0]
    assert before.now() == before.pages
    return None


def check_query(before: Before, _op: Any, value: dict[str, Any]) -> None:
    """CUR.QUERY.POST.2 to 5."""
    start, end, item = value["start"], value["end"], value["item"]
    assert start <= before.va < end
    assert start % (end - start) == 0
    assert end - start in before.geometry.sizes
    assert before.now() == before.pages
    assert before.place.va == before.va
    if item is None:
        assert not before.within(start, end)
    else:
        prop = tuple(item["prop"][name] for name in ("flags", "cache", "priv"))
        assert before.pages[before.va] == (item["paddr"] + before.va - start, prop)


def check_map(before: Before, op: Any, _value: dict[str, Any]) -> None:
    """CUR.MAP.POST.1, 2, 6."""
    size = before.geometry.sizes[getattr(op, "level", 1)]
    end = before.va + size
    after = before.now()
    assert before.place.va == end
    assert not before.within(before.va, end)
    assert {va: page for va, page in after.items() if not before.va <= va < end} == before.pages
    mapped = [after[va] for va in range(before.va, end, PAGE_SIZE)]
    assert [paddr for paddr, _ in mapped] == [mapped[0][0] + at for at in range(0, size, PAGE_SIZE)]
    assert {prop[:2] for _, prop in mapped} == {(op.flags & 0x9F, op.cache)}


def check_take(before: Before, op: Any, value: dict[str, Any]) -> None:
    """CUR.TAKE.POST.1 to 11."""
    if value["frag"] is None:
        return missed(before, op.len)
    (kind, fragment), *_ = value["frag"].items()
    start = fragment["va"]
    size = fragment["len"] if kind == "stray" else before.geometry.sizes[fragment["item"]["level"]]
    assert before.va <= start
    assert start + size == before.place.va <= before.va + op.len
    assert not before.within(before.va, start)
    assert before.now() == before.without(start, start + size)
    if kind == "mapped":
        assert before.pages[start][0] == fragment["item"]["paddr"]
        assert len(before.within(start, start + size)) == size // PAGE_SIZE
    else:
        assert fragment["num_frames"] <= len(before.within(start, start + size))
    return None


def check_protect(before: Before, op: Any, value: dict[str, Any]) -> None:
    """CUR.PROT.POST.1 to 5."""
    if value["range"] is None:
        return missed(before, op.len)
    start, end = value["range"]
    assert before.va <= start < end == before.place.va <= before.va + op.len
    assert not before.within(before.va, start)
    after = before.now()
    assert after.keys() == before.pages.keys()
    for va, (paddr, (flags, cache, priv)) in before.pages.items():
        if start <= va < end:
            flags = (flags | op.set) & ~op.clear & 0x9F
            cache = cache if op.cache == "keep" else op.cache
        assert after[va] == (paddr, (flags, cache, priv))
    return None


def check_unmap(before: Before, op: Any, value: dict[str, Any]) -> None:
    """VMS.UNMAP.POST.1 to 4."""
    end = before.va + op.len
    assert before.now() == before.without(before.va, end)
    assert min(end, before.place.end) <= before.place.va <= before.place.end
    assert value["unmapped"] <= len(before.within(before.va, end))


def check_jump(before: Before, op: Any, _value: dict[str, Any]) -> None:
    """CUR.JUMP.POST.2, 4."""
    assert before.place.va == op.va
    assert before.level <= before.place.level <= before.place.guard.level
    assert before.now() == before.pages


CONTRACTS = {
    "find_next": check_find,
    "query": check_query,
    "map": check_map,
    "map_frame": check_map,
    "take_next": check_take,
    "protect_next": check_protect,
    "unmap": check_unmap,
    "jump": check_jump,
}


def place_of(session: Session, op: Op) -> Place | None:
    spaces = session.view.spaces
    cursor = spaces.cursors.get(getattr(op, "cursor", -1))
    return cursor.place if cursor else spaces.ptcursors.get(getattr(op, "ptcursor", -1))


def can_wrap(session: Session, place: Place) -> bool:
    """Whether the address arithmetic of a release build may wrap: then no contract holds."""
    return place.tree.config.name == "kernel" and not session.view.debug


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_every_call_does_what_its_contract_says(first: int) -> None:
    kept: dict[str, int] = {}
    for seed in range(first, first + 100):
        rng = Random(seed)
        session = Session(fuzz_world(rng, World(frames=8), frozenset({"frames"})))
        config = SwarmConfig(rng, session.state.world, ("space", "table"))
        source = SwarmTrace(rng, config, session.state)
        while session.steps < 150 and not session.is_over:
            op = source.next_op()
            place = place_of(session, op)
            before = Before(session, place) if place else None
            assert session.step(op) is None
            source.settle(op)
            if before is None or can_wrap(session, before.place):
                continue
            name = DECLARATIONS[type(op)].name.partition("cursor_")[2]
            if isinstance(session.outcome, Ok) and name in CONTRACTS:
                CONTRACTS[name](before, op, session.outcome.value or {})
                kept[name] = kept.get(name, 0) + 1
            elif isinstance(session.outcome, Err | Panic) and name not in {"drop", "map_iomem"}:
                assert before.now() == before.pages  # CUR.MAP.POST.8, 9; nothing else changes
    assert set(kept) == set(CONTRACTS)


def test_a_leaf_of_a_small_page_is_one_page() -> None:
    g = Session(World(entries=4, pt_frames=8)).view.spaces.geometry
    table = Table(0, 1, Session(World()).view.spaces.config("test"))
    table.entries[2] = Leaf(0x7000, (3, "WB", 0), is_tracked=False)

    assert pages_of(g, table, 0x4000) == {0x6000: (0x7000, (3, "WB", 0))}
