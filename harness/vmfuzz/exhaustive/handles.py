"""Which handles of a state differ in nothing but their ids, and the order to name them in."""

from typing import Any, Final

from vmstore.step import State

# Kinds whose handles are values: two that name the same pages can be swapped.
_PAGE_KINDS: Final = ("frame", "raw", "unique", "raw_unique")
_RANGE_KINDS: Final = ("segment", "raw_segment")
_Signature = tuple[Any, ...]


def _signatures(state: State, kind: str) -> dict[int, _Signature]:
    """Return what each handle of a kind is, both sides of it, by id."""
    store, held = state.view.store, state.live[kind]
    if not held:
        return {}
    known: dict[str, dict[int, Any]] = {
        "frame": store.frames,
        "raw": store.raw_frames,
        "unique": store.unique_frames,
        "raw_unique": store.raw_uniques,
        "segment": store.segments,
        "raw_segment": store.raw_segments,
    }
    if kind in _PAGE_KINDS:
        pages = known[kind]
        return {i: (i >= 0, slot.index, pages.get(i)) for i, slot in held.items()}
    if kind in _RANGE_KINDS:
        ranges = known[kind]
        return {i: (i >= 0, s.start, s.end, ranges.get(i)) for i, s in held.items()}
    return {i: (i >= 0, i) for i in held}


def order(state: State, kind: str) -> list[int]:
    """Return the ids of a kind in an order that does not depend on ids where it can be helped."""
    found = _signatures(state, kind)
    return sorted(found, key=lambda i: (repr(found[i]), i)) if len(found) > 1 else list(found)


def classes(state: State, kind: str) -> list[list[int]]:
    """Return the ids that a trace can name, in groups that can be swapped for one another.

    Shape: groups by their lowest id, ids ascending. While a reader or writer lives, which may
    borrow from a handle, every id is a group of its own.
    """
    io = state.machine.io
    if io.readers or io.writers:
        return [[i] for i in sorted(state.live[kind]) if i >= 0]
    groups: dict[_Signature, list[int]] = {}
    found = _signatures(state, kind)
    for i in sorted(found):
        if i >= 0:
            groups.setdefault(found[i], []).append(i)
    return list(groups.values())
