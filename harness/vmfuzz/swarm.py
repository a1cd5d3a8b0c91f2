"""The swarm generator: one random trace at a time, from a random subset of ops.

What finds bugs, as measured: few ops at a time, few pages, arguments at or next to what is live,
and small limits, so that saturation and exhaustion are near. A trace is a function of
(seed, number) alone.
"""

from collections.abc import Callable
from operator import attrgetter
from random import Random
from typing import Any, Final

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import (
    HANDLE_KINDS,
    META_KINDS,
    ByteOffset,
    ByteOffsetEnd,
    MetaKind,
    MetaVal,
    Paddr,
    PaddrEnd,
)
from vmstore.ops import GENERATED, Declaration, Field, Op, frame, linked_list, segment, unique
from vmstore.step import State
from vmstore.world import World

MAX_TRACE: Final = 400
BATCH: Final = 8  # traces that share a configuration: drawing one costs as much as 30 ops
KINDS: Final = tuple(kind.name for kind in HANDLE_KINDS.values())
_SEGMENT: Final = KINDS.index("segment")
_NOTHING: Final = len(KINDS)
_BYTES_PER_OP: Final = 24
_TRIES: Final = 8
_LONGEST: Final = 32  # pages of the longest segment asked for, whatever the size of memory
_ANYWHERE: Final = 32  # a byte below takes any page of the pool, or a boundary
_LOOKS: Final = 3  # pages looked at for one that is live, or unused, as wanted
_ENOUGH: Final = 5  # live handles of a kind at which claiming more becomes rare
_SOURCES: Final = ("frame_from_unused", "segment_from_unused", "unique_from_unused")
# An op that parks or borrows a handle is worth little without the one that gives it back.
_PARTNERS: Final = {
    "frame_into_raw": "frame_from_raw",
    "segment_into_raw": "segment_from_raw",
    "unique_into_raw": "unique_from_raw",
    "list_cursor_front": "lcursor_drop",
    "list_cursor_back": "lcursor_drop",
    "list_cursor_at": "lcursor_drop",
    "list_push_front": "list_new",
    "list_push_back": "list_new",
    "lcursor_insert_before": "list_cursor_front",
    "lcursor_take_current": "list_cursor_front",
}
_RELEASES: Final = ("frame_drop", "segment_drop", "unique_drop", "list_drop")
_RARE: Final = 247  # a byte at or above takes a boundary value instead of a useful one

Draw = Callable[[], int]
_FUZZ_SETTINGS: Final[dict[str, tuple[int | str, ...]]] = {
    "frames": (16,),
    "pt_frames": (8,),
    "entries": (4,),
    "rc_max": ((1 << 63) - 1, (1 << 63) - 1, 4, 9),
    "list_ids": ((1 << 63) - 1, (1 << 63) - 1, 4, 9),
    "build": ("debug", "debug", "release"),
}


def fuzz_world(rng: Random, base: World, pinned: frozenset[str]) -> World:
    """Return a small world; settings in `pinned` keep the value that `base` has."""
    settings = {
        key: rng.choice(values) for key, values in _FUZZ_SETTINGS.items() if key not in pinned
    }
    if "entries" in pinned or "pt_frames" in pinned:
        settings.pop("entries", None)
        settings.pop("pt_frames", None)
    if base.cpus > 3:
        settings.pop("rc_max", None)  # the kernel's root has a reference per CPU
    return base.changed(**settings)


Builder = Callable[["SwarmTrace"], Any]


class SwarmConfig:
    """What the traces of one batch have in common: world, op subset, pages, metadata kinds."""

    __slots__ = ("kinds", "pages", "plans", "world")

    def __init__(self, rng: Random, world: World) -> None:
        self.world = world
        self.pages = _page_pool(rng, world)
        self.plans = _enabled(rng)
        self.kinds: list[str] = rng.sample(META_KINDS, rng.randint(1, 3))
        if any(plan.needs_link for plan in self.plans):
            self.kinds += ["link"] * len(self.kinds) * rng.randint(1, 3)


class SwarmTrace:
    """Generates the ops of one trace, each next to what the ops before it left alive.

    Requires: every op that `next_op` returns is run on `state` before the next call, and reported
    to `settle`. Shape: `pools` and `next_ids` are indexed by the position of the handle kind.
    """

    __slots__ = (
        "draw",
        "kinds",
        "last_paddr",
        "last_segment",
        "live",
        "next_ids",
        "owners",
        "pages",
        "plans",
        "pools",
        "segments",
        "world",
    )

    def __init__(self, rng: Random, config: SwarmConfig, state: State) -> None:
        self.world = config.world
        self.plans = config.plans
        self.pages = config.pages
        self.kinds = config.kinds
        self.live = [state.live[kind] for kind in KINDS]
        self.segments = state.view.store.segments
        self.owners = state.view.store.owners
        self.draw: Draw = iter(rng.randbytes((MAX_TRACE + 8) * _BYTES_PER_OP)).__next__
        self.pools: list[list[int]] = [[] for _ in KINDS]
        self.pools.append([0])  # at _NOTHING: what an op that needs no handle needs
        self.next_ids = [0] * len(KINDS)
        self.last_paddr = 0
        self.last_segment = -1

    def next_op(self) -> Op:
        """Return the next op; all its handles are live, all its destinations fresh."""
        draw, plans, pools = self.draw, self.plans, self.pools
        amount = len(plans)
        for _ in range(_TRIES):
            plan = plans[draw() % amount]
            if not pools[plan.need] or not pools[plan.need_too]:
                continue
            if plan.guard is None or plan.guard(self):
                op: Op = plan.build(self)
                return op
        return _fallback(self)

    def settle(self, op: Op) -> None:
        """Take note of the handles that `op` really produced."""
        for destination, kind in _DESTINATIONS[op.__class__]:
            handle = destination(op)
            if handle in self.live[kind]:
                self.pools[kind].append(handle)


def _page_pool(rng: Random, world: World) -> list[int]:
    """Return a few pages: a short run, some stray ones, now and then the top or the node pool."""
    first = rng.randrange(world.frames)
    pages = [(first + i) % world.frames for i in range(rng.randint(1, 5))]
    pages += [rng.randrange(world.frames) for _ in range(rng.randint(0, 3))]
    if rng.random() < 0.25:
        pages.append(world.pages - 1)
    if rng.random() < 0.25:
        pages.append(rng.randrange(world.pages))
    return pages


# -- one generator per field type ------------------------------------------------------------------


def _paddr(g: SwarmTrace) -> int:
    choice = g.draw()
    if choice < _RARE:
        g.last_paddr = g.pages[choice % len(g.pages)] * PAGE_SIZE
    else:
        top = g.world.max_paddr
        special = (top, top - PAGE_SIZE, top + PAGE_SIZE, 1, top - 1, U64_MASK & ~0xFFF, U64_MASK)
        g.last_paddr = special[g.draw() % len(special)]
    return g.last_paddr


def _paddr_near(*, live: bool) -> Callable[[SwarmTrace], int]:
    """Prefer a page that somebody (or nobody) refers to; now and then take any address."""

    def generate(g: SwarmTrace) -> int:
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


def _paddr_end(g: SwarmTrace) -> int:
    choice, start = g.draw(), g.last_paddr
    if choice < _RARE:
        return (start + (1 + choice % 5) * PAGE_SIZE) & U64_MASK
    top = g.world.max_paddr
    near_top = min(top, start + _LONGEST * PAGE_SIZE)
    special = (start, start - PAGE_SIZE, start + 1, near_top, top + PAGE_SIZE, U64_MASK & ~0xFFF)
    return special[g.draw() % len(special)] & U64_MASK


def _offset(g: SwarmTrace) -> int:
    choice = g.draw()
    start, end = g.segments[g.last_segment]
    pages = (end - start) // PAGE_SIZE
    if choice < _RARE:
        g.last_paddr = choice % (pages + 1) * PAGE_SIZE
    else:
        special = (1, end - start + PAGE_SIZE, -PAGE_SIZE, -start, -2 * PAGE_SIZE, 0x800)
        g.last_paddr = special[g.draw() % len(special)] & U64_MASK
    return g.last_paddr


def _offset_end(g: SwarmTrace) -> int:
    choice = g.draw()
    start, end = g.segments[g.last_segment]
    if choice < _RARE and g.last_paddr <= end - start:
        left = (end - start - g.last_paddr) // PAGE_SIZE
        return g.last_paddr + choice % (left + 1) * PAGE_SIZE
    special = (g.last_paddr, end - start, 0, PAGE_SIZE, -PAGE_SIZE, end - start + PAGE_SIZE, 1)
    return special[g.draw() % len(special)] & U64_MASK


def _val(g: SwarmTrace) -> int:
    choice = g.draw()
    return choice % 8 if choice < _RARE else U64_MASK - choice % 3


def _kind(g: SwarmTrace) -> str:
    return g.kinds[g.draw() % len(g.kinds)]


def _fresh(kind: int) -> Callable[[SwarmTrace], int]:
    def generate(g: SwarmTrace) -> int:
        handle = g.next_ids[kind]
        g.next_ids[kind] = handle + 1
        return handle

    return generate


def _consumed(kind: int) -> Callable[[SwarmTrace], int]:
    def generate(g: SwarmTrace) -> int:
        pool = g.pools[kind]
        at = g.draw() % len(pool)
        handle = pool[at]
        pool[at] = pool[-1]
        pool.pop()
        return handle

    return generate


def _used(kind: int) -> Callable[[SwarmTrace], int]:
    def generate(g: SwarmTrace) -> int:
        pool = g.pools[kind]
        return pool[g.draw() % len(pool)]

    return generate


def _used_segment(g: SwarmTrace) -> int:
    pool = g.pools[_SEGMENT]
    g.last_segment = pool[g.draw() % len(pool)]
    return g.last_segment


_BY_TYPE: Final[dict[object, Callable[[SwarmTrace], Any]]] = {
    Paddr: _paddr,
    PaddrEnd: _paddr_end,
    ByteOffset: _offset,
    ByteOffsetEnd: _offset_end,
    MetaVal: _val,
    MetaKind: _kind,
}


def _generator(field: Field) -> Callable[[SwarmTrace], Any]:
    if field.kind is None:
        return _BY_TYPE[field.type]
    kind = KINDS.index(field.kind.name)
    if field.is_destination:
        return _fresh(kind)
    if field.is_consumed:
        return _consumed(kind)
    return _used_segment if kind == _SEGMENT else _used(kind)


# -- claims: rare once enough is live --------------------------------------------------------------


def _claim_guard(kind: int) -> Callable[[SwarmTrace], bool]:
    def wants_more(g: SwarmTrace) -> bool:
        return len(g.pools[kind]) < _ENOUGH or g.draw() < 32

    return wants_more


# -- split: the consumed segment must be chosen before it is consumed ------------------------------


def _can_split(g: SwarmTrace) -> bool:
    """Choose a segment of two or more pages, or now and then any; move it to the pool's end."""
    pool = g.pools[_SEGMENT]
    at = g.draw() % len(pool)
    start, end = g.segments[pool[at]]
    if end - start < 2 * PAGE_SIZE and g.draw() < _RARE:
        return False
    pool[at], pool[-1] = pool[-1], pool[at]
    return True


def _split_segment(g: SwarmTrace) -> int:
    g.last_segment = g.pools[_SEGMENT].pop()
    return g.last_segment


def _split_offset(g: SwarmTrace) -> int:
    choice = g.draw()
    start, end = g.segments[g.last_segment]
    pages = (end - start) // PAGE_SIZE
    if choice < _RARE and pages > 1:
        return (1 + choice % (pages - 1)) * PAGE_SIZE
    special = (0, end - start, 0x800, U64_MASK & ~0xFFF, end - start + PAGE_SIZE)
    return special[g.draw() % len(special)]


def _builder(make: type, fields: tuple[Callable[[SwarmTrace], Any], ...]) -> Builder:
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
    return lambda g: make(*[generate(g) for generate in fields])


class _OpPlan:
    """How to make one kind of op: the one or two handle kinds it needs, and how to draw it."""

    __slots__ = ("build", "guard", "name", "need", "need_too", "needs_link", "weight")

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        kinds = [KINDS.index(f.kind.name) for f in declaration.handles if f.kind]
        needs = [*dict.fromkeys(kinds), _NOTHING, _NOTHING]
        self.need, self.need_too = needs[:2]
        nearby = _paddr_near(live=self.name not in _SOURCES)
        fields = tuple(_generator(field) for field in declaration.fields)
        fields = tuple(nearby if f is _paddr else f for f in fields)
        self.weight = 1 if declaration.op in _READERS else 3
        self.guard: Callable[[SwarmTrace], bool] | None = None
        self.needs_link = declaration.area == "linked_list"
        if not kinds and declaration.destinations[0].kind:
            self.guard = _claim_guard(KINDS.index(declaration.destinations[0].kind.name))
        if declaration.op is segment.SegmentSplit:
            self.guard = _can_split
            fields = (*fields[:2], _split_segment, _split_offset)
        self.build = _builder(declaration.op, fields)


_READERS: Final = frozenset(
    {
        frame.FrameReferenceCount,
        frame.FrameInfo,
        frame.FrameBorrow,
        frame.FrameEq,
        frame.FrameDowncast,
        frame.FrameToUframe,
        segment.SegmentInfo,
        segment.SegmentDowncast,
        segment.SegmentToUsegment,
        unique.UniqueInfo,
        linked_list.ListSize,
        linked_list.LcursorAsList,
        linked_list.LcursorCurrentMeta,
    }
)
_PLANS: Final = tuple(_OpPlan(declaration) for declaration in GENERATED)
_BY_NAME: Final = {plan.name: plan for plan in _PLANS}
_DESTINATIONS: Final = {
    d.op: tuple((attrgetter(f.name), KINDS.index(f.kind.name)) for f in d.destinations if f.kind)
    for d in GENERATED
}


def _enabled(rng: Random) -> list[_OpPlan]:
    """Return a random subset of ops, with their partners, as often as they weigh."""
    areas = rng.sample(("frame", "segment", "unique", "linked_list"), rng.randint(1, 4))
    if "linked_list" in areas:
        areas.append("unique")
    share = rng.choice((0.25, 0.5, 0.5, 0.8))
    names = {d.name for d in GENERATED if d.area in areas and rng.random() < share}
    source = {"frame": 0, "segment": 1}.get(areas[0], 2)
    names.add(_SOURCES[source])
    if rng.random() < 0.5:
        names.add(rng.choice(_SOURCES))
    names |= {name for name in _RELEASES if rng.random() < 0.5}
    for name in sorted(names):
        if name in _PARTNERS and rng.random() < 0.9:
            names.add(_PARTNERS[name])
    if names & {"lcursor_drop", "list_cursor_front"}:
        names |= {"list_new", "lcursor_drop", "list_push_back"}
    return [plan for plan in _PLANS if plan.name in names for _ in range(plan.weight)]


def _fallback(g: SwarmTrace) -> Op:
    """Return an op that needs no handle: nothing that was chosen can run."""
    plan = _BY_NAME[_SOURCES[g.draw() % len(_SOURCES)]]
    op: Op = plan.build(g)
    return op
