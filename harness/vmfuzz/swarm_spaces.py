"""Random ops on page tables, cursors and spaces, each next to what the ops before it left alive.

Addresses come from the cursors' own ranges, lengths from what is left of them, so that most calls
do something; now and then a boundary. A few frames are claimed on the way, to be mapped.
"""

from random import Random
from typing import Any, Final

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import CACHE_CHANGES, CACHE_POLICIES, FLUSH_KINDS, TABLE_CONFIGS
from vmstore.ops import BY_NAME, Declaration, Field, Op
from vmstore.step import State
from vmstore.view.page_table import translation
from vmstore.view.tables import Place
from vmstore.world import World

_AREAS: Final = ("page_table", "pt_cursor", "vm_space", "cursor")
_FRAMES: Final = ("frame_from_unused", "frame_from_in_use", "frame_clone", "frame_drop")
_WEIGHTS: Final = {
    "cursor_map": 6,
    "pt_cursor_map": 4,
    "pt_cursor_map_frame": 3,
    "cursor_map_iomem": 2,
    "cursor_unmap": 4,
    "cursor_jump": 5,
    "pt_cursor_jump": 5,
    "pt_cursor_take_next": 3,
    "cursor_protect_next": 3,
    "pt_cursor_protect_next": 3,
    "frame_from_unused": 3,
    "frame_clone": 4,
}
_ENOUGH: Final = {"vs": 2, "ptable": 2, "cursor": 2, "ptcursor": 2, "frame": 6}
_MUTATING: Final = frozenset(
    {
        "cursor_map",
        "cursor_map_iomem",
        "cursor_unmap",
        "cursor_protect_next",
        "cursor_flusher_issue",
        "cursor_flusher_dispatch",
        "cursor_flusher_sync",
        "cursor_find_iomem",
    }
)
_TRIES: Final = 12
_RARE: Final = 0.03
_FLAGS: Final = (0, 1, 3, 3, 7, 0x1B, 0x83)
_CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "flags": _FLAGS,
    "set": _FLAGS,
    "clear": _FLAGS,
    "cache": CACHE_POLICIES[:-1] * 8 + CACHE_POLICIES,
    "config": TABLE_CONFIGS,
    "kind": FLUSH_KINDS,
    "meta": ("unit", "umeta", "tmeta"),
    "size": (PAGE_SIZE, PAGE_SIZE, 2 * PAGE_SIZE, 3 * PAGE_SIZE),
    "len": (PAGE_SIZE, 2 * PAGE_SIZE, 3 * PAGE_SIZE),
    "offset": (0, 0, 0, PAGE_SIZE),
}
_DEVICE: Final = 0xFE00_0000


_SHAPES: Final = ((4, 4, 40), (3, 2, 40), (2, 4, 30), (5, 2, 60), (4, 2, 40), (4, 4, 12))


def space_world(rng: Random, base: World) -> World:
    """Return `base` with small tables of some depth, enough pages for them, one CPU or more."""
    levels, entries, nodes = rng.choice(_SHAPES)
    return base.changed(
        levels=levels,
        entries=entries,
        pt_frames=nodes,
        cpus=rng.choice((1, 2, 3)),
        rcu=rng.choice(("immediate", "immediate", "deferred")),
        rc_max=max(base.rc_max, 7),
    )


class SpaceTrace:
    """Draws the ops of one trace. Requires: each is run on `state` before the next call."""

    __slots__ = ("names", "next_id", "rng", "state")

    def __init__(self, rng: Random, state: State) -> None:
        self.rng = rng
        self.state = state
        self.next_id = 0
        every = [d.name for d in BY_NAME.values() if d.area in _AREAS] + list(_FRAMES)
        some = rng.sample(every, rng.randint(len(every) // 3, len(every)))
        some += ["vmspace_new", "cursor_open_mut", "cursor_map", "frame_from_unused"]
        self.names = [name for name in some for _ in range(_WEIGHTS.get(name, 1))]

    def next_op(self) -> Op:
        """Return the next op; all its handles are live, all its destinations fresh."""
        for _ in range(_TRIES):
            declaration = BY_NAME[self.rng.choice(self.names)]
            if self._is_wanted(declaration):
                values = self._handles(declaration)
                if values is not None:
                    return self._made(declaration, values)
        return self._made(BY_NAME["frame_from_unused"], {})

    def _is_wanted(self, declaration: Declaration) -> bool:
        """Producing more of what there is enough of is rare."""
        return all(
            len(self.state.live[f.kind.name]) < _ENOUGH.get(f.kind.name, 1)
            for f in declaration.destinations
            if f.kind
        ) or not self.rng.randrange(8)

    def _handles(self, declaration: Declaration) -> dict[str, Any] | None:
        values: dict[str, Any] = {}
        for field in declaration.handles:
            known = self.state.live[field.kind.name] if field.kind else ()
            live = sorted(handle for handle in known if handle >= 0)  # below: abandoned
            if field.name == "cursor" and declaration.name in _MUTATING:
                live = [h for h in live if self._may_change(h)]
            if not live:
                return None
            values[field.name] = self.rng.choice(live)
        place = self._place(values)
        if place is not None and "_map" in declaration.name and self.rng.random() > _RARE:
            if place.va >= place.end or translation(self.state.view, place.tree.root, place.va):
                return None
        return values

    def _may_change(self, cursor: int) -> bool:
        """Read-only cursors refuse all that changes something; once is enough to know."""
        is_mutable = self.state.view.spaces.cursors[cursor].queue is not None
        return is_mutable or self.rng.random() < _RARE

    def _place(self, values: dict[str, Any]) -> Place | None:
        spaces = self.state.view.spaces
        if "cursor" in values:
            return spaces.cursors[values["cursor"]].place
        return spaces.ptcursors.get(values.get("ptcursor", -1))

    def _made(self, declaration: Declaration, values: dict[str, Any]) -> Op:
        for field in declaration.destinations:
            values[field.name] = self.next_id
            self.next_id += 1
        for field in declaration.arguments:
            values[field.name] = self._argument(declaration, field, values)
        made: Op = declaration.make(values)
        return made

    def _argument(self, declaration: Declaration, field: Field, values: dict[str, Any]) -> Any:
        rng, place, name = self.rng, self._place(values), field.name
        if name in {"va", "start"}:
            return self._address(values, place)
        if name == "end":
            return self._range_end(values)
        if name == "len" and place is not None and declaration.name != "cursor_map_iomem":
            return self._length(place)
        if name == "paddr":
            return self._paddr(declaration)
        if name == "level":
            return self._level(place)
        if name == "cpu":
            return rng.randrange(self.state.world.cpus)
        if name == "cache" and "protect" in declaration.name:
            return rng.choice(CACHE_CHANGES)
        return rng.choice(_CHOICES.get(name, (0,)))

    def _address(self, values: dict[str, Any], place: Place | None) -> int:
        """Return an address in the cursor's range, or in the lower part of a table's half."""
        g, rng = self.state.view.spaces.geometry, self.rng
        unit = g.sizes[rng.choice((1, 1, 1, 2, min(3, g.levels)))]
        low, high = (place.start, place.end) if place else self._half(values)
        if rng.random() < _RARE:
            return rng.choice((high, high - PAGE_SIZE, low, low + 1, 0))
        if not place and rng.random() < 0.15:
            return max(low, high - unit * rng.randint(1, 4))
        return low + (rng.randrange(8) * unit) % (high - low)

    def _half(self, values: dict[str, Any]) -> tuple[int, int]:
        tree = self.state.view.spaces.trees.get(values.get("ptable", -1))
        if tree is not None and tree.config.name == "kernel":
            return tree.config.low, U64_MASK + 1 - PAGE_SIZE
        return 0, self.state.view.spaces.geometry.user_end

    def _range_end(self, values: dict[str, Any]) -> int:
        g, rng = self.state.view.spaces.geometry, self.rng
        start: int = values.get("start", values.get("va", 0))
        if rng.random() < _RARE:
            return rng.choice((start, 0, start + 1, g.user_end + PAGE_SIZE))
        unit = g.sizes[rng.choice((1, 1, 2, 2, min(3, g.levels), g.levels))]
        end = ((start | (unit - 1)) + 1) + unit * rng.choice((0, 0, 1))
        return min(end, self._half(values)[1]) & U64_MASK & -PAGE_SIZE

    def _length(self, place: Place) -> int:
        g, rng = self.state.view.spaces.geometry, self.rng
        left = (place.end - place.va) & U64_MASK
        if rng.random() < _RARE / 2:
            return rng.choice((left + PAGE_SIZE, 1, U64_MASK & -PAGE_SIZE)) & U64_MASK
        wanted = rng.choice((PAGE_SIZE, PAGE_SIZE, g.sizes[2], 2 * g.sizes[2], left))
        return min(wanted, left)

    def _paddr(self, declaration: Declaration) -> int:
        g, rng = self.state.view.spaces.geometry, self.rng
        if declaration.area == "frame":
            tables = self.state.view.spaces.tables
            if tables and rng.random() < 0.15:
                return rng.choice(sorted(tables)) * PAGE_SIZE  # a handle on a node
            return rng.randrange(min(self.state.world.frames, 6)) * PAGE_SIZE
        base = _DEVICE if declaration.area == "cursor" else 0
        return base + rng.randrange(4) * g.sizes[min(3, g.levels)]

    def _level(self, place: Place | None) -> int:
        """Return the level of a page that may fit where the cursor stands."""
        if place is None or self.rng.random() < _RARE:
            return self.rng.randint(1, 3)
        sizes = self.state.view.spaces.geometry.sizes
        top = min(place.tree.config.highest_level, place.guard.level)
        fits = [
            level
            for level in range(1, top + 1)
            if place.va % sizes[level] == 0 and sizes[level] <= place.end - place.va
        ]
        return self.rng.choice(fits or [1])

    def settle(self, op: Op) -> None:
        """Nothing to take note of: what is live is read off the state."""
