"""The contracts of the seed documents on cursors: where a requires holds, the call does as said.

The code allows more than they require, which these tests count, so that a requires that is never
or always true would be seen.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from vmfuzz.oracle import Session
from vmstore.arch import PAGE_SIZE
from vmstore.ghost.cursor_view import CursorView
from vmstore.ghost.mapping import Mapping
from vmstore.ghost.of_view import cursor_view
from vmstore.ghost.vm_cursor import (
    in_locked_range,
    jump_panic_condition,
    map_cursor_requires,
    map_item_ensures,
    map_item_requires,
    move_requires,
    protect_requires,
    query_success_ensures,
    query_success_requires,
    unmap_requires,
)
from vmstore.ops import BY_NAME, DECLARATIONS
from vmstore.outcome import OK, Err, Ok, Outcome, Panic
from vmstore.spaces import RequiresError
from vmstore.view.spaces import SpaceCursor
from vmstore.view.state import View
from vmstore.view.tables import Place, Table, Tree
from vmstore.world import World

P = PAGE_SIZE
Value = dict[str, Any]
Check = Callable[["Call", Value], None]


class Call:
    """A call on a cursor of a space: what held before it."""

    def __init__(self, session: Session, cursor: SpaceCursor, op: Any) -> None:
        self.session, self.cursor, self.op = session, cursor, op
        self.place = cursor.place
        self.old = cursor_view(session.view, self.place)
        self.name = DECLARATIONS[type(op)].name.removeprefix("cursor_")
        self.is_met = self.requires()
        self.paddr = session.view.store.frames.get(getattr(op, "frame", -1), 0)

    def requires(self) -> bool:
        view, place, op = self.session.view, self.place, self.op
        match self.name:
            case "query":
                return query_success_requires(place)
            case "find_next":
                return move_requires(place, op.len)
            case "jump":
                return not jump_panic_condition(view.spaces.geometry.sizes, place, op.va)
            case "map":
                owner = view.store.owner_at(view.store.frames[op.frame])
                return map_cursor_requires(place) and map_item_requires(view, place, owner)
            case "unmap":
                return unmap_requires(place, op.len)
            case _:
                return protect_requires(self.old, place, op.len)

    @property
    def new(self) -> CursorView:
        return cursor_view(self.session.view, self.place)


def check_query(call: Call, value: Value) -> None:
    item = value["item"]
    found = (value["start"], value["end"])
    raw = None
    if item is not None:
        prop = tuple(item["prop"][name] for name in ("flags", "cache", "priv"))
        raw = (item["paddr"], P, prop)
    holds = query_success_ensures(call.old, found, raw)
    # What the document says of a hole is false in one that begins before the cursor.
    assert holds == (item is not None or found[0] == call.old.cur_va)
    assert item is None or holds
    assert call.old.present() == (item is not None)
    assert call.new == call.old


def check_find(call: Call, value: Value) -> None:
    assert call.new.mappings == call.old.mappings
    if value["found"] is not None:
        assert value["found"] == call.place.va
        assert in_locked_range(call.place)


def check_jump(call: Call, _value: Value) -> None:
    assert call.place.start <= call.op.va < call.place.end
    assert call.new == CursorView(call.op.va, call.old.mappings, call.old.fan_out)


def check_map(call: Call, _value: Value) -> None:
    (added,) = call.new.mappings - call.old.mappings
    assert added.prop[:2] == (call.op.flags & 0x9F, call.op.cache)
    assert map_item_ensures(call.old, call.new, call.paddr, added.prop)


def check_unmap(call: Call, _value: Value) -> None:
    # A range that ends with the cursor's may leave the cursor there, whatever is above.
    assert call.old.unmap_spec(call.op.len, call.new)
    if call.old.mappings != call.new.mappings:
        assert not call.new.unmap_spec(call.op.len, call.old)


def check_protect(call: Call, value: Value) -> None:
    assert value["range"] is not None or not call.op.len
    pages = {(m.va_start, m.pa_start) for m in call.old.mappings}
    assert pages == {(m.va_start, m.pa_start) for m in call.new.mappings}


CHECKS: dict[str, Check] = {
    "query": check_query,
    "find_next": check_find,
    "jump": check_jump,
    "map": check_map,
    "unmap": check_unmap,
    "protect_next": check_protect,
}


def judge(call: Call, outcome: Outcome, seen: Counter[str]) -> None:
    if not call.is_met:
        seen[f"{call.name} beyond" if isinstance(outcome, Ok) else f"{call.name} refused"] += 1
        return
    is_inside = call.name != "jump" or call.place.start <= call.op.va < call.place.end
    if call.name == "map" and call.old.present():  # the document's map replaces
        assert outcome == Panic("map-over-mapping")
        seen["map over mapping"] += 1
        return
    assert isinstance(outcome, Ok if is_inside else Err)
    if isinstance(outcome, Ok):
        CHECKS[call.name](call, outcome.value or {})
        seen[call.name] += 1


def opened(rng: Random) -> Session:
    """Return a session with a cursor over a random range of an active space, and some frames."""
    session = Session(World(frames=12, pt_frames=40, entries=4, levels=3))
    first = rng.randrange(0, 28)
    setup: list[tuple[str, Value]] = [
        *(("frame_from_unused", {"dst": n, "paddr": n * P}) for n in range(12)),
        ("vmspace_new", {"dst": 0}),
        ("vmspace_activate", {"vs": 0}),
        ("cursor_open_mut" if rng.random() < 0.9 else "cursor_open",
         {"dst": 0, "vs": 0, "start": first * P, "end": rng.randint(first + 1, 32) * P}),
    ]  # fmt: skip
    for name, values in setup:
        assert session.step(BY_NAME[name].make(values)) is None
        assert session.outcome == OK
    return session


def drawn(rng: Random, session: Session) -> tuple[str, Value]:
    """Return an op on the cursor with arguments in its range, or next to it."""
    name = rng.choice([*CHECKS, "map", "map", "jump", "jump", "protect_next"])
    place = session.view.spaces.cursors[0].place
    page = rng.randint(place.start // P - 1, place.end // P) if rng.random() < 0.9 else 1 << 20
    mapped = sorted(m.va_start // P for m in cursor_view(session.view, place).mappings)
    if mapped and name == "jump" and rng.random() < 0.5:
        page = rng.choice(mapped)
    length = rng.choice([0, P, 2 * P, 7 * P, place.end - place.va, 1])
    arguments: dict[str, Value] = {
        "jump": {"va": max(0, page) * P + (rng.random() < 0.02)},
        "map": {"frame": rng.choice([*session.view.store.frames, -1]), "flags": 3, "cache": "WB"},
        "protect_next": {"len": length, "set": 0, "clear": 2},
        "query": {},
    }
    return name, {"cursor": 0, **arguments.get(name, {"len": length})}


def test_where_a_requires_holds_the_call_does_what_it_ensures() -> None:
    seen: Counter[str] = Counter()
    for seed in range(1_000):
        rng = Random(seed)
        session = opened(rng)
        cursor = session.view.spaces.cursors[0]
        is_mutable = cursor.queue is not None
        while session.steps < 60 and not session.is_over:
            name, values = drawn(rng, session)
            if values.get("frame") == -1:  # another handle on a frame that may be mapped already
                values["frame"] = 20 + session.steps
                again = {"dst": values["frame"], "paddr": rng.randrange(12) * P}
                session.step(BY_NAME["frame_from_in_use"].make(again))
                if session.outcome != OK:
                    continue
            op = BY_NAME[f"cursor_{name}"].make(values)
            call = Call(session, cursor, op)
            assert session.step(op) is None
            assert session.outcome is not None
            if is_mutable or name in {"query", "find_next", "jump"}:
                judge(call, session.outcome, seen)
    assert all(seen[name] > 40 for name in CHECKS), seen
    assert all(seen[f"{name} refused"] for name in CHECKS), seen
    assert seen["map over mapping"]
    assert seen["map beyond"]  # upstream maps a frame twice, and at the guard's level
    assert seen["find_next beyond"]


def placed(va: int, level: int = 1, guard: int = 2) -> tuple[View, Place]:
    """Return a view, and a cursor at `va` of the pages 1 to 8, with 4 entries per table."""
    view = View(World(frames=4, pt_frames=8, entries=4, levels=3))
    table = Table(0, guard, view.spaces.config("user"))
    place = Place(Tree(table), table, P, 9 * P)
    place.va, place.level = va, level
    return view, place


@pytest.mark.parametrize(
    ("va", "level", "is_inside", "can_map"),
    [(P, 1, True, True), (8 * P, 1, True, True), (9 * P, 1, False, False), (0, 1, False, False),
     (P, 2, True, False)],
)  # fmt: skip
def test_a_cursor_maps_inside_of_its_range_and_below_its_guard(
    va: int, level: int, is_inside: bool, can_map: bool
) -> None:
    view, place = placed(va, level)
    frame = view.store.owner(0)
    view.claim(0, "unit", 0)

    assert in_locked_range(place) == query_success_requires(place) == is_inside
    assert map_cursor_requires(place) == can_map
    assert map_item_requires(view, place, frame) == (va + P <= 9 * P)
    view.claim(0, "tmeta", 0)
    assert not map_item_requires(view, place, frame)
    view.claim(0, "umeta", 0)
    frame.add_path((1, 1))
    assert not map_item_requires(view, place, frame)
    assert not map_item_requires(view, placed(va, 1, guard=1)[1], view.store.owner(1))


@pytest.mark.parametrize(
    ("va", "length", "can_move", "can_unmap"),
    [(P, 8 * P, True, True), (P, 9 * P, False, False), (2 * P, 8 * P, False, False),
     (P, 0, True, False), (P, 1, False, False), (9 * P, 0, False, False)],
)  # fmt: skip
def test_a_cursor_moves_and_unmaps_aligned_lengths_inside_of_its_range(
    va: int, length: int, can_move: bool, can_unmap: bool
) -> None:
    _, place = placed(va)
    here = CursorView(va, frozenset({Mapping.page(va, 0)}))

    assert move_requires(place, length) == can_move
    assert unmap_requires(place, length) == can_unmap
    assert protect_requires(here, place, length) == can_move
    assert not protect_requires(CursorView(va, frozenset()), place, length)
    assert not move_requires(placed(va, level=2)[1], length)


@pytest.mark.parametrize(
    ("va", "level", "target", "may_panic"),
    [
        (2 * P, 1, 3 * P, False),
        (2 * P, 1, 3 * P + 1, True),
        (2 * P, 1, 8 * P, False),  # another table below the guard
        (2 * P, 1, 9 * P, False),  # the end: refused
        (2 * P, 1, 0, False),
        (16 * P, 1, 2 * P, True),  # out of the guard's table
        (16 * P, 1, P, True),
        (16 * P, 1, 9 * P, False),
    ],
)
def test_a_jump_may_panic_misaligned_or_away_from_the_guards_table(
    va: int, level: int, target: int, may_panic: bool
) -> None:
    view, place = placed(va, level)

    assert jump_panic_condition(view.spaces.geometry.sizes, place, target) == may_panic


def test_an_answer_to_a_query_is_that_of_the_view() -> None:
    prop = (3, "WB", 0)
    there, hole = CursorView(P, frozenset({Mapping.page(P, 0)})), CursorView(P, frozenset())

    assert query_success_ensures(there, (P, 2 * P), (0, P, prop))
    assert not query_success_ensures(there, (P, 2 * P), None)
    assert not query_success_ensures(there, (0, 2 * P), (0, P, prop))
    assert query_success_ensures(hole, (P, 2 * P), None)
    assert not query_success_ensures(hole, (0, 4 * P), None)
    assert not query_success_ensures(hole, (P, 2 * P), (0, P, prop))


HUGE = Mapping.page(0x40_0000, 0x20_0000, P << 9)
VIEW = CursorView(0x40_3000, frozenset({HUGE, Mapping.page(0x80_0000, 0)}))


def test_a_huge_page_is_split_down_to_the_size_of_what_is_mapped_into_it() -> None:
    split = VIEW.split_while_huge(P)

    assert len(split.mappings) == 513
    assert split.query_mapping() == Mapping.page(0x40_3000, 0x20_3000)
    assert split.small_pages() == VIEW.small_pages()
    assert VIEW.split_while_huge(P << 9) == VIEW
    with pytest.raises(RequiresError, match="no mapping"):
        CursorView(0, frozenset()).split_if_mapped_huge(P)


def test_mapping_replaces_what_is_there_and_moves_on() -> None:
    mapped = VIEW.map_spec(0x9000, P, (1, "WB", 0))

    assert mapped.cur_va == 0x40_4000
    fresh = Mapping.page(0x40_3000, 0x9000, prop=(1, "WB", 0))
    assert mapped.mappings - VIEW.split_while_huge(P).mappings == {fresh}
    assert len(mapped.mappings) == 513
    whole = VIEW.map_spec(0x60_0000, P << 9, (1, "WB", 0))
    assert len(whole.mappings) == 2
    assert whole.cur_va == 0x60_0000


def test_a_query_names_the_range_of_the_item_that_is_there() -> None:
    assert VIEW.query_item_spec(0x20_0000, P << 9, HUGE.prop) == (0x40_0000, 0x60_0000)
    assert VIEW.query_item_spec(0x20_3000, P, HUGE.prop) is None
    assert VIEW.query_item_spec(0x20_0000, P << 9, (1, "WB", 0)) is None
    assert (VIEW.cur_slot_range(P << 9), VIEW.align_up(P << 9)) == (
        (0x40_0000, 0x60_0000),
        0x60_0000,
    )


@pytest.mark.parametrize(
    ("cur_va", "mappings", "is_allowed"),
    [
        (0x60_0000, {Mapping.page(0x80_0000, 0)}, True),
        (0x60_0000, {Mapping.page(0x80_0000, 0), HUGE.piece(P, 0)}, True),
        (0x5F_F000, {Mapping.page(0x80_0000, 0)}, False),
        (0x60_0000, set(), False),
        (0x60_0000, {Mapping.page(0x80_0000, 0), Mapping.page(0x90_0000, 0)}, False),
        (0x60_0000, {Mapping.page(0x80_0000, 0), Mapping.page(0x40_3000, 0)}, False),
    ],
)
def test_unmapping_leads_to_what_the_relation_allows(
    cur_va: int, mappings: set[Mapping], is_allowed: bool
) -> None:
    after = CursorView(cur_va, frozenset(mappings))

    assert VIEW.unmap_spec(0x1F_D000, after) == is_allowed
