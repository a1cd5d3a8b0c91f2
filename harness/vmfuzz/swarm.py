"""The swarm generator: one random trace at a time, from a random subset of ops.

What finds bugs, as measured: few ops at a time, few pages, arguments at or next to what is live,
and small limits, so that saturation and exhaustion are near. A trace is a function of
(seed, number) alone.
"""

from collections.abc import Callable
from itertools import product
from random import Random
from typing import Final

from vmfuzz.swarm_draw import DESTINATIONS, FRAME_AREAS, PLAN_BY_NAME, PLANS, SOURCES, OpPlan
from vmfuzz.swarm_io import IO_AREAS
from vmfuzz.swarm_spaces import SPACE_AREAS, TABLE_AREAS
from vmfuzz.swarm_state import MAX_TRACE, Drawing
from vmstore.arch import PAGE_SIZE
from vmstore.geometry import geometry
from vmstore.ids import META_KINDS
from vmstore.ops import GENERATED, Op
from vmstore.step import State
from vmstore.world import World

__all__ = [
    "BATCH",
    "FAMILIES",
    "MAX_TRACE",
    "SwarmConfig",
    "SwarmTrace",
    "fuzz_world",
    "fuzz_worlds",
    "with_partners",
]

BATCH: Final = 8  # traces that share a configuration: drawing one costs as much as 30 ops
_TRIES: Final = 8
_BYTES: Final = 256
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
    "cursor_open": "cursor_drop",
    "segment_next": "segment_from_unused",
    "unique_into_shared": "unique_from_unused",
    "cursor_flusher_issue": "cursor_flusher_dispatch",
    "cpu_set": "vmspace_activate",
    "pt_cursor_open": "pt_cursor_drop",
    "vmio_read": "writer_to_fallible",
    "vmio_write": "reader_to_fallible",
    "reader_atomic_load": "reader_to_fallible",
    "reader_read_fallible": "reader_to_fallible",
    "writer_write_fallible": "writer_to_fallible",
}
# Families of ops that can be asked for; the frame layer's are always among those drawn.
FAMILIES: Final = ("frame", "space", "table", "io")
# What a batch is about: one family, or several; the frame layer alone if none that was asked for.
_THEMES: Final = (("frame",), ("space",), ("table",), ("io",), ("space", "table", "io"))
_THEME_WEIGHTS: Final = (6, 5, 4, 3, 2)
# What a mapping needs before there can be one, and what takes it away.
_SPACE_NEEDS: Final = ("frame_from_unused", "vmspace_new", "cursor_open_mut", "cursor_map")
_SPACE_MOST: Final = ("cursor_unmap", "cursor_drop", "cursor_jump", "vmspace_activate")
_TABLE_NEEDS: Final = ("pt_new", "pt_cursor_open_mut", "pt_cursor_drop")
_TABLE_MOST: Final = ("pt_cursor_map", "pt_cursor_take_next", "pt_cursor_jump")
_IO_SOURCES: Final = ("buf_new", "reader_new", "writer_new", "reader_drop", "writer_drop")
_FRAME_GIVERS: Final = (
    *("frame_clone", "frame_from_in_use", "segment_from_unused", "segment_next"),
    *("segment_from_frame", "unique_from_unused", "unique_into_shared", "frame_into_raw"),
)
_RELEASES: Final = ("frame_drop", "segment_drop", "unique_drop", "list_drop")
_FUZZ_SETTINGS: Final[dict[str, tuple[int | str, ...]]] = {
    "frames": (16,),
    "pt_frames": (12, 40, 40),
    "entries": (4, 4, 2),
    "levels": (4, 3),
    "rcu": ("immediate", "deferred"),
    "rc_max": ((1 << 63) - 1, (1 << 63) - 1, 4, 9),
    "list_ids": ((1 << 63) - 1, (1 << 63) - 1, 4),
    "build": ("debug", "debug", "release"),
}


def fuzz_world(rng: Random, base: World, pinned: frozenset[str]) -> World:
    """Return a small world; settings in `pinned` keep the value that `base` has."""
    return base.changed(
        **{key: rng.choice(values) for key, values in _varied(base, pinned).items()}
    )


def fuzz_worlds(base: World, pinned: frozenset[str]) -> list[World]:
    """Return every world that `fuzz_world` can, each once and in a fixed order."""
    varied = _varied(base, pinned)
    choices = product(*(dict.fromkeys(values) for values in varied.values()))
    return [base.changed(**dict(zip(varied, choice, strict=True))) for choice in choices]


def _varied(base: World, pinned: frozenset[str]) -> dict[str, tuple[int | str, ...]]:
    varied = {key: values for key, values in _FUZZ_SETTINGS.items() if key not in pinned}
    if pinned & {"entries", "pt_frames", "levels"}:
        for key in ("entries", "pt_frames", "levels"):
            varied.pop(key, None)
    if base.cpus > 3:
        varied.pop("rc_max", None)  # the kernel's root has a reference per CPU
    return varied


def with_partners(rng: Random, names: set[str]) -> set[str]:
    """Return these ops with, mostly, those that undo them or that they need.

    Effect: changes `names`, too.
    """
    for name in sorted(names):
        if name in _PARTNERS and rng.random() < 0.9:
            names.add(_PARTNERS[name])
    if names & {"lcursor_drop", "list_cursor_front"}:
        names |= {"list_new", "lcursor_drop", "list_push_back"}
    return names


class SwarmConfig:
    """What the traces of one batch have in common: world, op subset, pages, addresses, kinds.

    `complete` adds to the names of a subset those of the ops without which it is worth little.
    `plans` has one lot for each value of a byte.
    """

    __slots__ = ("kinds", "pages", "plans", "vas", "world")

    def __init__(
        self,
        rng: Random,
        world: World,
        families: tuple[str, ...] = FAMILIES,
        complete: Callable[[Random, set[str]], set[str]] = with_partners,
    ) -> None:
        themes = _themes(rng, families)
        self.world = world
        self.pages = _page_pool(rng, world, themes)
        self.vas = _address_pool(rng, world)
        names = complete(rng, _enabled(rng, themes))
        lots = [plan for plan in PLANS if plan.name in names for _ in range(plan.weight)]
        self.kinds: list[str] = rng.sample(META_KINDS, rng.randint(1, 3))
        if any(plan.needs_link for plan in lots):
            self.kinds += ["link"] * len(self.kinds) * rng.randint(1, 3)
        self.plans = spread(rng, lots)


def spread(rng: Random, lots: list[OpPlan]) -> list[OpPlan]:
    """Return one lot for each value of a byte: a plan about as often as in `lots`, never absent."""
    rounds, rest = divmod(_BYTES, len(lots))
    whole = lots * rounds or list(dict.fromkeys(lots))
    return whole + rng.sample(lots, rest if rounds else _BYTES - len(whole))


class SwarmTrace(Drawing):
    """Generates the ops of one trace, each next to what the ops before it left alive.

    Requires: every op that `next_op` returns is run on `state` before the next call, and reported
    to `settle`.
    """

    __slots__ = ("plans",)

    def __init__(self, rng: Random, config: SwarmConfig, state: State) -> None:
        super().__init__(rng, config, state)
        self.plans = config.plans

    def next_op(self) -> Op:
        """Return the next op; all its handles are live, all its destinations fresh."""
        draw, plans, pools = self.draw, self.plans, self.pools
        for _ in range(_TRIES):
            plan = plans[draw()]
            if not pools[plan.need] or not pools[plan.need_too]:
                continue
            if plan.guard is None or plan.guard(self):
                op: Op = plan.build(self)
                return op
        return self._claim()

    def settle(self, op: Op) -> None:
        """Take note of the handles that `op` really produced."""
        for destination, kind in DESTINATIONS[op.__class__]:
            handle = destination(op)
            if handle in self.live[kind]:
                self.pools[kind].append(handle)

    def _claim(self) -> Op:
        """Return an op that needs no handle: nothing that was chosen can run."""
        op: Op = PLAN_BY_NAME[SOURCES[self.draw() % len(SOURCES)]].build(self)
        return op


def _page_pool(rng: Random, world: World, themes: list[str]) -> list[int]:
    """Return a few pages: a short run, some stray ones, now and then the top or the node pool.

    A mapping keeps its page, so that spaces need more of them.
    """
    first, run = rng.randrange(world.frames), (4, 10) if "space" in themes else (1, 5)
    pages = [(first + i) % world.frames for i in range(rng.randint(*run))]
    pages += [rng.randrange(world.frames) for _ in range(rng.randint(0, 3))]
    if rng.random() < 0.25:
        pages.append(world.pages - 1)
    if rng.random() < 0.25:
        pages.append(rng.randrange(world.pages))
    if "table" in themes and world.pages > world.frames and rng.random() < 0.5:
        pages.append(min(world.frames + world.kernel_nodes + rng.randrange(3), world.pages - 1))
    return pages


def _address_pool(rng: Random, world: World) -> list[int]:
    """Return a few page-aligned offsets into a half: next to each other, across tables, the top."""
    g = geometry(world.levels, world.entries)
    half = g.user_end
    first = rng.randrange(half // PAGE_SIZE) * PAGE_SIZE
    if rng.random() < 0.7:
        first &= -g.sizes[rng.choice((2, 3, min(4, world.levels)))]
    near = [(first + i * PAGE_SIZE) % half for i in range(rng.randint(1, 5))]
    far = [(first + g.sizes[level]) % half for level in range(2, world.levels + 1)]
    if rng.random() < 0.2:
        top = [half - PAGE_SIZE, half - g.sizes[2], half - 2 * g.sizes[2], half - g.sizes[3]]
        return near[:1] + rng.sample(top, 3)
    return near + rng.sample(far, rng.randint(0, len(far)))


def _themes(rng: Random, families: tuple[str, ...]) -> list[str]:
    """Return the families that a batch is about; none when it is about the frame layer alone."""
    (theme,) = rng.choices(_THEMES, _THEME_WEIGHTS)
    themes = [family for family in theme if family in families and family != "frame"]
    if not themes and "frame" not in families:
        themes = [rng.choice(families)]
    return themes


def _enabled(rng: Random, themes: list[str]) -> set[str]:
    """Return the names of a random subset of ops."""
    names = _frames_below(rng) if themes and rng.random() < 0.7 else _frame_layer(rng, themes)
    if "space" in themes:
        names |= _chosen(rng, SPACE_AREAS, _SPACE_MOST) | set(_SPACE_NEEDS)
    if "table" in themes:
        names |= _chosen(rng, TABLE_AREAS, _TABLE_MOST) | set(_TABLE_NEEDS)
    if names & {"cursor_map", "pt_cursor_map_frame"} and rng.random() < 0.6:
        names.add("frame_from_in_use")  # of what is mapped, or of a table's page
    if "io" in themes:
        names |= _chosen(rng, IO_AREAS, _IO_SOURCES)
    return names


def _chosen(rng: Random, areas: tuple[str, ...], most: tuple[str, ...]) -> set[str]:
    """Return a random part of the ops of these areas, and most of those that matter most."""
    share = rng.choice((0.25, 0.5, 0.8))
    names = {d.name for d in GENERATED if d.area in areas and rng.random() < share}
    return names | {name for name in most if rng.random() < 0.8}


def _frames_below(rng: Random) -> set[str]:
    """Return what gives and takes frames, and little else, for a batch about something above."""
    names = {"frame_from_unused", *rng.sample(_FRAME_GIVERS, rng.randint(0, 3))}
    return names | {name for name in _RELEASES if rng.random() < 0.3}


def _frame_layer(rng: Random, themes: list[str]) -> set[str]:
    """Return a random part of the frame layer; of fewer areas when it is not the theme."""
    areas = rng.sample(FRAME_AREAS, rng.randint(1, 2 if themes else 4))
    if "linked_list" in areas:
        areas.append("unique")
    share = rng.choice((0.25, 0.5, 0.5, 0.8))
    names = {d.name for d in GENERATED if d.area in areas and rng.random() < share}
    source = {"frame": 0, "segment": 1}.get(areas[0], 2)
    names.add(SOURCES[source])
    if rng.random() < 0.5:
        names.add(rng.choice(SOURCES))
    return names | {name for name in _RELEASES if rng.random() < 0.5}
