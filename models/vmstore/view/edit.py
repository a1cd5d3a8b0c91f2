"""What a cursor may change, on nested maps: one more mapping, one less, another property."""

from typing import NamedTuple

from vmstore.ids import Prop
from vmstore.outcome import Unwinding
from vmstore.owner import SlotOwner
from vmstore.view.spaces import leaf_error
from vmstore.view.state import View
from vmstore.view.tables import KEPT_FLAGS, Entry, Leaf, Place, Table, tracked
from vmstore.view.walk import current, go_on, hold, search, span


class Cut(NamedTuple):
    """What was taken out of a tree: where, at which level, the entry itself."""

    va: int
    level: int
    entry: Entry


def make_room(v: View, place: Place, level: int) -> None:
    """Stand in an absent entry of `level`: tables are created, huge pages split, and stay so.

    Errors, in order: panic at the range's end is the caller's; for a level that is not mapped, an
    unaligned address, a page beyond the range, a page as large as the range (one of the guard's
    level, in that variant), no memory, an entry that is not absent unless it is to be replaced.
    """
    g = v.spaces.geometry
    if not 1 <= level <= place.tree.config.highest_level:
        raise Unwinding("level-unsupported")
    if place.va % g.sizes[level]:
        raise Unwinding("va-unaligned-for-level")
    if g.sizes[level] > place.end - place.va:
        raise Unwinding("map-beyond-barrier")
    if level >= place.guard.level and not v.spaces.maps_at_guard:
        raise Unwinding("level-at-guard")
    if level > place.guard.level:
        raise Unwinding("level-at-guard" if v.asserts else "level-popped-too-high")
    place.level = max(place.level, level)
    while place.level > level:
        table, index = current(v, place)
        entry = table.entries.get(index)
        if entry is None:
            child = v.spaces.new_table(v.store, table.level - 1, table.config)
            v.spaces.write(table, index, child)
            hold(v, place, child)
        elif isinstance(entry, Leaf):
            hold(v, place, v.spaces.split(v.store, table, index, entry))
        place.level -= 1
    table, index = current(v, place)
    if index in table.entries and not v.spaces.replaces_mappings:
        raise Unwinding("map-over-mapping")


def put(v: View, place: Place, leaf: Leaf) -> Cut | None:
    """Map in the current entry and go on; return what was there, deferred as by `take`.

    Errors: panic where it cannot be encoded.
    """
    code = leaf_error(v.spaces, leaf.paddr, place.level, leaf.prop[1])
    owner = tracked(v.store, leaf)
    if owner is not None:
        v.store.touch(owner)
    if code is not None:
        if owner is not None:
            owner.leaked += 1
        raise Unwinding(code)
    table, index = current(v, place)
    replaced = _cut(v, place) if index in table.entries else None
    if owner is not None:
        owner.add_path((table.page, index))
    v.spaces.write(table, index, leaf)
    go_on(v, place)
    return replaced


def take(v: View, place: Place, length: int) -> Cut | None:
    """Take the next mapping, or table inside the bytes, out of its tree, and go on.

    What a leaf owned, or the link on a table, is deferred until somebody lets go of it.
    """
    if search(v, place, length, whole_tables=True, splits=True) is None:
        return None
    cut = _cut(v, place)
    go_on(v, place)
    return cut


def _cut(v: View, place: Place) -> Cut:
    """Make the current entry absent; what it owned is deferred."""
    table, index = current(v, place)
    entry = table.entries[index]
    v.spaces.write(table, index, None)
    if isinstance(entry, Table):
        v.spaces.cut_out(entry)
        entry.at = None
        owner: SlotOwner | None = v.store.owner(entry.page)
    else:
        owner = tracked(v.store, entry)
    if owner is not None:
        if isinstance(entry, Table):
            owner.links -= 1
        else:
            owner.drop_path((table.page, index))
        owner.deferred += 1
        v.store.touch(owner)
    return Cut(place.va, place.level, entry)


def change(v: View, place: Place, length: int, new: tuple[int, int, str]) -> tuple[int, int] | None:
    """Set and clear flags of the next mapping, choose a cache policy unless `keep`, and go on.

    Errors: panic for cache policy WP, the mapping unchanged.
    """
    leaf = search(v, place, length, splits=True)
    if not isinstance(leaf, Leaf):
        return None
    to_set, to_clear, cache = new
    flags, old, priv = leaf.prop
    prop: Prop = ((flags | to_set) & ~to_clear & 0xFF, old if cache == "keep" else cache, priv)
    if prop != leaf.prop and prop[1] == "WP":
        raise Unwinding("cache-policy-unsupported")
    table, index = current(v, place)
    v.spaces.write(table, index, leaf._replace(prop=(prop[0] & KEPT_FLAGS, prop[1], priv)))
    covered = span(v, place)
    go_on(v, place)
    return covered
