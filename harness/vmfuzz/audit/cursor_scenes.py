"""Small stores with a space and a cursor: a table of two entries, the first may map page 0."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from vmfuzz.audit.scenes import PAGES, Tiny, stores
from vmfuzz.audit.search import PATHS, TABLE, Scene
from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED
from vmstore.contracts.values import (
    CursorValue,
    LeafValue,
    NodeValue,
    StoreValue,
    TreeValue,
    pristine,
)
from vmstore.ops.cursor import CursorJump, CursorMap, CursorOpenMut, CursorUnmap
from vmstore.ops.vm_space import VmspaceNew
from vmstore.outcome import OK

_BOTH = tuple(range(PAGES))
_END = PAGES * PAGE_SIZE
_SIZE = PAGE_SIZE


def _cursor(leaves: tuple[LeafValue, ...], va: int = 0) -> CursorValue:
    node = NodeValue(None, TABLE, 1, len(leaves), is_locked=True)
    tree = TreeValue(leaves, (node,))
    return CursorValue(0, "Mutable", 0, _END, va, 1, 1, has_left=False, tree=tree)


def _leaf(entry: int) -> LeafValue:
    return LeafValue(PATHS[entry], 0, _SIZE, is_tracked=True, va=entry * _SIZE)


def _with(store: StoreValue, cursor: CursorValue) -> StoreValue:
    """Return a store with a space whose root table is locked by a cursor."""
    root = pristine(TABLE)._replace(rc=1, usage="PageTable", storage=True, vtable="pt")
    return replace(
        store,
        slots={**store.slots, TABLE: root},
        vm_spaces={0: False},
        roots={0: TABLE},
        cursors={0: cursor},
    )


def _on_page_0(*kinds: str) -> Iterator[Tiny]:
    return (tiny for tiny in stores() if tiny.kinds[0].name in kinds)


def unmaps(*kinds: str, beside: str | None = None) -> Iterator[Scene]:
    """Yield an unmap of page 0, which the cursor's table maps; it may be any of `kinds`.

    `beside` is what page 1 is, anything that the table need not map where it is not given.
    """
    op: Any = CursorUnmap(0, _SIZE)  # type: ignore[arg-type]  # ids
    for tiny in _on_page_0(*kinds):
        other = tiny.kinds[1].name
        if other in {"mapped", "mapped and held"} or beside not in {None, other}:
            continue  # the one entry cannot map both
        old = _with(tiny.store, _cursor((_leaf(0),)))
        kept, gone = _cursor((_leaf(0),), _SIZE), _cursor((), _SIZE)
        after = tuple(replace(old, cursors={0: cursor}) for cursor in (kept, gone))
        yield Scene(f"{tiny.text}; {op}", old, op, OK, after, _BOTH)


def zero_unmaps() -> Iterator[Scene]:
    """Yield an unmap beside a frame whose count is 0, which the invariant excludes."""
    for scene in unmaps("mapped"):
        slots = dict(scene.old.slots)
        slots[1] = slots[1]._replace(rc=0, usage="Frame", storage=True, vtable="unit")
        old = replace(scene.old, slots=slots)
        after = tuple(replace(old, cursors=store.cursors) for store in scene.after)
        text = f"page 0 mapped and page 1 a frame with count 0; {scene.op}"
        yield replace(scene, text=text, old=old, after=after, slots=(1,), looked_at=(1,))


def maps(*kinds: str, slots: tuple[int, ...] = _BOTH) -> Iterator[Scene]:
    """Yield page 0 mapped where the cursor stands; the handle goes with it."""
    op: Any = CursorMap(0, 0, 1, "WB")  # type: ignore[arg-type]  # ids
    for tiny in _on_page_0(*kinds):
        frames = {0: 0, **{f + 1: paddr for f, paddr in tiny.store.frames.items() if f}}
        old = replace(_with(tiny.store, _cursor(())), frames=frames)
        left = {f: paddr for f, paddr in frames.items() if f}
        made = _cursor((_leaf(0),), _SIZE)
        after = (replace(old, cursors={0: made}, frames=left),)
        yield Scene(f"{tiny.text}; {op}", old, op, OK, after, slots)


def opens() -> Iterator[Scene]:
    """Yield a cursor opened over the whole of a space; its tree may be empty or not."""
    op: Any = CursorOpenMut(0, 0, 0, _END)  # type: ignore[arg-type]  # ids
    for tiny in _on_page_0("mapped", "held"):
        old = replace(_with(tiny.store, _cursor(())), cursors={})
        trees = [()] if tiny.kinds[0].name == "held" else [(_leaf(0),), ()]
        after = tuple(replace(old, cursors={0: _cursor(leaves)}) for leaves in trees)
        yield Scene(f"{tiny.text}; {op}", old, op, OK, after, _BOTH)


def jumps() -> Iterator[Scene]:
    """Yield a jump to the second page."""
    op: Any = CursorJump(0, _SIZE)  # type: ignore[arg-type]  # ids
    for tiny in _on_page_0("mapped", "held"):
        leaves = (_leaf(0),) if tiny.kinds[0].name == "mapped" else ()
        old = _with(tiny.store, _cursor(leaves))
        after = tuple(replace(old, cursors={0: _cursor(leaves, va)}) for va in (_SIZE, 0))
        yield Scene(f"{tiny.text}; {op}", old, op, OK, after, _BOTH)


def new_spaces() -> Iterator[Scene]:
    """Yield a space made, its root on an unused page."""
    op: Any = VmspaceNew(0)  # type: ignore[arg-type]  # ids
    for tiny in stores():
        free = [r for r in _BOTH if tiny.store.slots[r].rc == REF_COUNT_UNUSED]
        after = tuple(replace(tiny.store, vm_spaces={0: False}, roots={0: r}) for r in free)
        if after:
            yield Scene(f"{tiny.text}; {op}", tiny.store, op, OK, after, _BOTH)
