"""Questions about the calls on frames, segments and exclusive frames."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from vmfuzz.audit.scenes import PAGES, Tiny, stores
from vmfuzz.audit.search import Scene
from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED
from vmstore.contracts.values import StoreValue
from vmstore.ops import Op
from vmstore.ops.frame import FrameDrop, FrameFromInUse, FrameFromUnused
from vmstore.ops.segment import SegmentClone, SegmentDrop, SegmentFromUnused, SegmentNext
from vmstore.ops.unique import (
    UniqueDrop,
    UniqueFromUnused,
    UniqueIntoShared,
    UniqueTryFromShared,
)
from vmstore.outcome import OK
from vmstore.store import SegmentEntry

_NEW = 7  # the id of what a call makes
_BOTH = tuple(range(PAGES))


def _scene(tiny: Tiny, op: Op, after: StoreValue) -> Scene:
    return Scene(f"{tiny.text}; {op}", tiny.store, op, OK, (after,), _BOTH)


def _without(entries: Any, key: int) -> dict[int, Any]:
    return {k: v for k, v in entries.items() if k != key}


def frame_drops() -> Iterator[Scene]:
    """Yield a drop of every handle on a page that no segment covers."""
    for tiny in stores():
        for frame, paddr in tiny.store.frames.items():
            if not tiny.store.covers(paddr // PAGE_SIZE):
                after = replace(tiny.store, frames=_without(tiny.store.frames, frame))
                yield _scene(tiny, FrameDrop(frame), after)  # type: ignore[arg-type]  # ids


def frame_claims() -> Iterator[Scene]:
    """Yield a claim of every unused page."""
    for tiny in stores():
        for index in _BOTH:
            if tiny.store.slots[index].rc == REF_COUNT_UNUSED:
                paddr = index * PAGE_SIZE
                after = replace(tiny.store, frames={**tiny.store.frames, _NEW: paddr})
                op: Any = FrameFromUnused(_NEW, paddr)  # type: ignore[arg-type]  # ids
                yield _scene(tiny, op, after)


def frame_grabs() -> Iterator[Scene]:
    """Yield a handle taken on every live frame below the maximum."""
    for tiny in stores():
        for index in _BOTH:
            slot = tiny.store.slots[index]
            if slot.is_live and slot.usage == "Frame" and slot.rc < 3:
                paddr = index * PAGE_SIZE
                after = replace(tiny.store, frames={**tiny.store.frames, _NEW: paddr})
                op: Any = FrameFromInUse(_NEW, paddr)  # type: ignore[arg-type]  # ids
                yield _scene(tiny, op, after)


def segment_claims() -> Iterator[Scene]:
    """Yield a claim of both pages where both are unused."""
    entry = SegmentEntry(0, PAGES * PAGE_SIZE)
    for tiny in stores():
        if all(tiny.store.slots[index].rc == REF_COUNT_UNUSED for index in _BOTH):
            after = replace(tiny.store, segments={**tiny.store.segments, _NEW: entry})
            op: Any = SegmentFromUnused(_NEW, *entry)  # type: ignore[arg-type]  # ids
            yield _scene(tiny, op, after)


def segment_drops() -> Iterator[Scene]:
    """Yield a drop of every segment."""
    for tiny in stores():
        for segment in tiny.store.segments:
            after = replace(tiny.store, segments=_without(tiny.store.segments, segment))
            yield _scene(tiny, SegmentDrop(segment), after)  # type: ignore[arg-type]  # ids


def segment_clones() -> Iterator[Scene]:
    """Yield a clone of every segment."""
    for tiny in stores():
        for segment, entry in tiny.store.segments.items():
            after = replace(tiny.store, segments={**tiny.store.segments, _NEW: entry})
            op: Any = SegmentClone(_NEW, segment)  # type: ignore[arg-type]  # ids
            yield _scene(tiny, op, after)


def segment_nexts() -> Iterator[Scene]:
    """Yield the first page taken off every segment."""
    for tiny in stores():
        for segment, (start, end) in tiny.store.segments.items():
            left = _without(tiny.store.segments, segment)
            if start + PAGE_SIZE < end:
                left[segment] = SegmentEntry(start + PAGE_SIZE, end)
            frames = {**tiny.store.frames, _NEW: start}
            op: Any = SegmentNext(_NEW, segment)  # type: ignore[arg-type]  # ids
            yield _scene(tiny, op, replace(tiny.store, segments=left, frames=frames))


def unique_claims() -> Iterator[Scene]:
    """Yield an exclusive claim of every page that was never used."""
    for tiny in stores():
        for index in _BOTH:
            if tiny.kinds[index].name == "unused":
                paddr = index * PAGE_SIZE
                after = replace(tiny.store, uniques={**tiny.store.uniques, _NEW: paddr})
                op: Any = UniqueFromUnused(_NEW, paddr)  # type: ignore[arg-type]  # ids
                yield _scene(tiny, op, after)


def unique_drops() -> Iterator[Scene]:
    """Yield a drop of every exclusive handle."""
    for tiny in stores():
        for unique in tiny.store.uniques:
            after = replace(tiny.store, uniques=_without(tiny.store.uniques, unique))
            yield _scene(tiny, UniqueDrop(unique), after)  # type: ignore[arg-type]  # ids


def unique_shares(tag: int = 0) -> Iterator[Scene]:
    """Yield every exclusive handle made a shared one; `tag` marks the page as one of a list.

    With a tag the store is one that its invariant excludes.
    """
    for tiny in stores():
        for unique, paddr in tiny.store.uniques.items():
            index = paddr // PAGE_SIZE
            slots = dict(tiny.store.slots)
            slots[index] = slots[index]._replace(in_list=tag)
            old = replace(tiny.store, slots=slots)
            uniques, frames = _without(old.uniques, unique), {**old.frames, _NEW: paddr}
            op: Any = UniqueIntoShared(_NEW, unique)  # type: ignore[arg-type]  # ids
            marked = Tiny(f"{tiny.text}, list tag {tag}", old, tiny.kinds)
            yield _scene(marked, op, replace(old, uniques=uniques, frames=frames))


def sole_frames() -> Iterator[Scene]:
    """Yield every handle whose count is 1 made exclusive."""
    for tiny in stores():
        for frame, paddr in tiny.store.frames.items():
            if tiny.store.at(paddr).rc == 1:
                frames = _without(tiny.store.frames, frame)
                uniques = {**tiny.store.uniques, _NEW: paddr}
                op: Any = UniqueTryFromShared(_NEW, frame)  # type: ignore[arg-type]  # ids
                yield _scene(tiny, op, replace(tiny.store, frames=frames, uniques=uniques))
