"""Rules of the ops on raw page tables, and what all tables have in common."""

from typing import Final

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import Prop
from vmstore.ops.page_table import PtDrop, PtLargestPages, PtNew, PtPageWalk
from vmstore.outcome import BORROWED, OK, CallEnded, Ok, Outcome, Unwinding
from vmstore.view.edit import Cut, make_room, put
from vmstore.view.predict import predicted
from vmstore.view.state import View
from vmstore.view.tables import (
    KEPT_FLAGS,
    KEPT_PRIV,
    PRIV_AVAIL1,
    Entry,
    Leaf,
    Place,
    Table,
    Tree,
    shown,
)

MAX_SHOWN_PAGES: Final = 200


def new_tree(v: View, name: str) -> Tree:
    """Create a table without entries. Errors: panic without memory."""
    return Tree(v.spaces.new_table(v.store, v.spaces.geometry.levels, v.spaces.config(name)))


def drop_tree(v: View, tree: Tree) -> None:
    """Give up the link on the root."""
    owner = v.store.owner(tree.root.page)
    owner.links -= 1
    v.store.touch(owner)
    v.retire_if_last(owner)


def translation(v: View, root: Table | None, va: int) -> tuple[int, Leaf] | None:
    """Return the address that `va` is mapped to, with the mapping; None in a hole."""
    g, size = v.spaces.geometry, 0
    entry: Entry | None = root
    while isinstance(entry, Table):
        size = g.sizes[entry.level]
        entry = entry.entries.get(g.index(va, entry.level))
    return (entry.paddr + va % size, entry) if entry is not None else None


def map_item(
    v: View, place: Place, paddr: int, level: int, prop: Prop, *, tracked: bool
) -> Cut | None:
    """Map at the cursor what the caller gave up: a frame's reference, or a plain address.

    Returns what was mapped there before, in a variant that replaces it.

    Errors, in order: panic at the end, for the kernel's mark in the property (debug), those of
    `walk.make_room`, all of which give the reference back; those of `walk.put`, which lose it.
    """
    kind = place.tree.config.name
    flags, cache, priv = prop
    owner = v.store.owner_at(paddr) if tracked else None
    if owner is not None:
        owner.mappings += 1  # on its way: no table may take the page meanwhile
    try:
        if place.va >= place.end:
            raise Unwinding("cursor-at-barrier")
        if kind == "kernel" and v.asserts and priv & PRIV_AVAIL1:
            raise Unwinding("reserved-prop-bit")
        make_room(v, place, level)
    except CallEnded:
        if owner is not None:
            owner.mappings -= 1
            v.store.touch(owner)
            v.retire_if_last(owner)
        raise
    if owner is not None:
        owner.mappings -= 1
    if kind != "test":
        is_marked = tracked == (kind == "kernel")
        priv = priv | PRIV_AVAIL1 if is_marked else priv & ~PRIV_AVAIL1
    kept = (flags & KEPT_FLAGS, cache, priv & KEPT_PRIV)
    return put(v, place, Leaf(paddr, kept, tracked))


@predicted
def pt_new(v: View, op: PtNew) -> Outcome:
    """A table with one page, or with one for every entry of the kernel's half."""
    is_full = op.config == "kernel_full"
    tree = new_tree(v, "kernel" if is_full else op.config)
    if is_full:
        try:
            for index in range(tree.config.first_index, tree.config.end_index):
                child = v.spaces.new_table(v.store, tree.root.level - 1, tree.config)
                v.spaces.write(tree.root, index, child)
        except CallEnded:
            drop_tree(v, tree)
            raise
    v.spaces.trees[op.dst] = tree
    v.spaces.touch_tree(op.dst)
    return OK


@predicted
def pt_drop(v: View, op: PtDrop) -> Outcome:
    """The table goes, with what only it refers to; refused while a cursor lives."""
    if v.spaces.trees[op.ptable].borrows:
        return BORROWED
    drop_tree(v, v.spaces.trees.pop(op.ptable))
    v.spaces.touch_tree(op.ptable)
    return OK


@predicted
def pt_page_walk(v: View, op: PtPageWalk) -> Outcome:
    """What the address is mapped to; nothing changes."""
    found = translation(v, v.spaces.trees[op.ptable].root, op.va)
    if found is None:
        return Ok({"paddr": None})
    return Ok({"paddr": found[0], "prop": shown(found[1].prop)})


@predicted
def pt_largest_pages(v: View, op: PtLargestPages) -> Outcome:
    """Pages that tile the range, each as large as alignment and rest allow; nothing changes."""
    made, sizes = v.spaces.trees[op.ptable].config, v.spaces.geometry.sizes
    if (op.va | op.paddr | op.len) % PAGE_SIZE:
        raise Unwinding("len-unaligned")
    end = op.va + op.len
    if end > U64_MASK and v.debug:
        raise Unwinding("overflow")
    if not made.is_valid_range(op.va, end & U64_MASK):
        raise Unwinding("range-invalid")
    pages: list[list[int]] = []
    done = 0
    while done < op.len and len(pages) < MAX_SHOWN_PAGES:
        fitting = [
            level
            for level in range(1, made.highest_level + 1)
            if sizes[level] <= op.len - done and not (op.va + done | op.paddr + done) % sizes[level]
        ]
        pages.append([op.paddr + done, fitting[-1]])
        done += sizes[fitting[-1]]
    return Ok({"pages": pages})
