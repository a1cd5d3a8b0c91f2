"""How the swarm draws the fields of an op: next to what is live, now and then a boundary."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from vmfuzz.handle_fields import MAKES
from vmfuzz.swarm_io import IO_AREAS, IO_BY_KIND, IO_BY_TYPE, io_guard
from vmfuzz.swarm_spaces import (
    SPACE_AREAS,
    SPACE_BY_KIND,
    SPACE_BY_TYPE,
    TABLE_AREAS,
    space_plan,
)
from vmfuzz.swarm_state import KINDS, NOTHING, RARE, Drawing, choose, claim_guard, taken
from vmfuzz.swarm_weights import weight
from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import ByteOffset, ByteOffsetEnd, MetaKind, MetaVal, Paddr, PaddrEnd
from vmstore.ops import GENERATED, Declaration, Field, segment

FRAME_AREAS: Final = ("frame", "segment", "unique", "linked_list")
SOURCES: Final = ("frame_from_unused", "segment_from_unused", "unique_from_unused")
_SEGMENT: Final = KINDS.index("segment")
_LONGEST: Final = 32  # pages of the longest segment asked for, whatever the size of memory
_ANYWHERE: Final = 32  # a byte below takes any page of the pool, or a boundary
_LOOKS: Final = 3  # pages looked at for one that is live, or unused, as wanted


# -- one generator per field type ------------------------------------------------------------------


def _paddr(g: Drawing) -> int:
    choice = g.draw()
    if choice < RARE:
        g.last_paddr = g.pages[choice % len(g.pages)] * PAGE_SIZE
    else:
        top = g.world.max_paddr
        special = (top, top - PAGE_SIZE, top + PAGE_SIZE, 1, top - 1, U64_MASK & ~0xFFF, U64_MASK)
        g.last_paddr = special[g.draw() % len(special)]
    return g.last_paddr


def _paddr_near(*, live: bool) -> Callable[[Drawing], int]:
    """Prefer a page that somebody (or nobody) refers to; now and then take any address."""

    def generate(g: Drawing) -> int:
        choice = g.draw()
        if choice < _ANYWHERE:
            return _paddr(g)
        owners, pages = g.owners, g.pages
        amount = len(pages)
        index = pages[choice % amount]
        for offset in range(_LOOKS):
            index = pages[(choice + offset) % amount]
            owner = owners.get(index)
            if (owner is not None and (owner.uniques > 0 or owner.references() > 0)) == live:
                break
        g.last_paddr = index * PAGE_SIZE
        return g.last_paddr

    return generate


def _paddr_end(g: Drawing) -> int:
    choice, start = g.draw(), g.last_paddr
    if choice < RARE:
        return (start + (1 + choice % 5) * PAGE_SIZE) & U64_MASK
    top = g.world.max_paddr
    near_top = min(top, start + _LONGEST * PAGE_SIZE)
    special = (start, start - PAGE_SIZE, start + 1, near_top, top + PAGE_SIZE, U64_MASK & ~0xFFF)
    return special[g.draw() % len(special)] & U64_MASK


def _offset(g: Drawing) -> int:
    choice = g.draw()
    start, end = g.segments[g.last_segment]
    pages = (end - start) // PAGE_SIZE
    if choice < RARE:
        g.last_paddr = choice % (pages + 1) * PAGE_SIZE
    else:
        special = (1, end - start + PAGE_SIZE, -PAGE_SIZE, -start, -2 * PAGE_SIZE, 0x800)
        g.last_paddr = special[g.draw() % len(special)] & U64_MASK
    return g.last_paddr


def _offset_end(g: Drawing) -> int:
    choice = g.draw()
    start, end = g.segments[g.last_segment]
    if choice < RARE and g.last_paddr <= end - start:
        left = (end - start - g.last_paddr) // PAGE_SIZE
        return g.last_paddr + choice % (left + 1) * PAGE_SIZE
    special = (g.last_paddr, end - start, 0, PAGE_SIZE, -PAGE_SIZE, end - start + PAGE_SIZE, 1)
    return special[g.draw() % len(special)] & U64_MASK


def _nothing(_: Drawing) -> None:
    return None


def _val(g: Drawing) -> int:
    choice = g.draw()
    return choice % 8 if choice < RARE else U64_MASK - choice % 3


def _kind(g: Drawing) -> str:
    return g.kinds[g.draw() % len(g.kinds)]


def _fresh(kind: int) -> Callable[[Drawing], int]:
    def generate(g: Drawing) -> int:
        handle = g.next_ids[kind]
        g.next_ids[kind] = handle + 1
        return handle

    return generate


def _consumed(kind: int) -> Callable[[Drawing], int]:
    def generate(g: Drawing) -> int:
        pool = g.pools[kind]
        g.move_last(kind, g.draw() % len(pool))
        return pool.pop()

    return generate


def _used(kind: int) -> Callable[[Drawing], int]:
    return lambda g: g.pick(kind)


def _used_segment(g: Drawing) -> int:
    g.last_segment = g.pick(_SEGMENT)
    return g.last_segment


_BY_TYPE: Final[dict[object, Callable[[Drawing], Any]]] = {
    Paddr: _paddr,
    PaddrEnd: _paddr_end,
    ByteOffset: _offset,
    ByteOffsetEnd: _offset_end,
    MetaVal: _val,
    MetaKind: _kind,
    **SPACE_BY_TYPE,
    **IO_BY_TYPE,
}


def _generator(field: Field) -> Callable[[Drawing], Any]:
    if field.kind is None:
        return _BY_TYPE[field.type]
    kind = KINDS.index(field.kind.name)
    if field.is_destination:
        return _fresh(kind)
    if field.is_consumed:
        return _consumed(kind)
    if kind in SPACE_BY_KIND:
        return SPACE_BY_KIND[kind]
    if kind in IO_BY_KIND:
        return IO_BY_KIND[kind]
    return _used_segment if kind == _SEGMENT else _used(kind)


# -- split: the consumed segment must be chosen before it is consumed ------------------------------


def _is_divisible(g: Drawing, handle: int) -> bool:
    start, end = g.segments[handle]
    g.last_segment = handle
    return end - start >= 2 * PAGE_SIZE


def _split_offset(g: Drawing) -> int:
    choice = g.draw()
    start, end = g.segments[g.last_segment]
    pages = (end - start) // PAGE_SIZE
    if choice < RARE and pages > 1:
        return (1 + choice % (pages - 1)) * PAGE_SIZE
    special = (0, end - start, 0x800, U64_MASK & ~0xFFF, end - start + PAGE_SIZE)
    return special[g.draw() % len(special)]


def _builder(make: type, fields: tuple[Callable[[Drawing], Any], ...]) -> Callable[[Drawing], Any]:
    """Return a function that draws every field and makes the op; unrolled, as it runs per step."""
    if len(fields) == 1:
        (only,) = fields
        return lambda g: make(only(g))
    if len(fields) == 2:
        first, second = fields
        return lambda g: make(first(g), second(g))
    if len(fields) == 3:
        one, two, three = fields
        return lambda g: make(one(g), two(g), three(g))
    if len(fields) == 4:
        one, two, three, four = fields
        return lambda g: make(one(g), two(g), three(g), four(g))
    if len(fields) == 5:
        one, two, three, four, five = fields
        return lambda g: make(one(g), two(g), three(g), four(g), five(g))
    return lambda g: make(*[generate(g) for generate in fields])


class OpPlan:
    """How to make one kind of op: the one or two handle kinds it needs, and how to draw it."""

    __slots__ = ("build", "guard", "name", "need", "need_too", "needs_link", "weight")

    def __init__(self, declaration: Declaration, shape: tuple[Field, ...]) -> None:
        self.name = declaration.name
        handles = [f for f in declaration.handles if f in shape]
        kinds = [KINDS.index(f.kind.name) for f in handles if f.kind]
        needs = [*dict.fromkeys(kinds), NOTHING, NOTHING]
        self.need, self.need_too = needs[:2]
        nearby = _paddr_near(live=self.name not in SOURCES)
        fields = tuple(_generator(f) if f in shape else _nothing for f in declaration.fields)
        fields = tuple(nearby if f is _paddr else f for f in fields)
        self.weight = weight(declaration.op)
        self.guard: Callable[[Drawing], bool] | None = None
        self.needs_link = declaration.area == "linked_list"
        made = [KINDS.index(f.kind.name) for f in declaration.destinations if f.kind]
        if made and (not kinds or declaration.area not in FRAME_AREAS):
            self.guard = claim_guard(made[0])
        if declaration.area in SPACE_AREAS + TABLE_AREAS:
            self.guard, fields = space_plan(declaration, self.guard, fields)
        if declaration.area in IO_AREAS:
            names = tuple(f.name for f in shape)
            self.guard, fields = io_guard(declaration, names, self.guard, fields)
        if declaration.op is segment.SegmentSplit:
            self.guard = choose(_SEGMENT, _is_divisible)
            fields = (*fields[:2], taken(_SEGMENT), _split_offset)
        self.build = _builder(declaration.op, fields)


PLANS: Final = tuple(OpPlan(d, shape) for d in GENERATED for shape in d.shapes())
PLAN_BY_NAME: Final = {plan.name: plan for plan in PLANS}
DESTINATIONS: Final = {
    d.op: tuple((attrgetter(name), KINDS.index(kind)) for name, kind, _ in MAKES[d.op])
    for d in GENERATED
}
