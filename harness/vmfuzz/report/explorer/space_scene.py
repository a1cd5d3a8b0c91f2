"""Address spaces as the explorer shows them: tables, their entries, cursors.

The view is shown; `bad` says where the machine's memory or values are different.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from vmfuzz.report.explorer.records import NOTHING, Row, made, rights, unlike
from vmstore.arch import PAGE_SIZE
from vmstore.clauses.abstraction import (
    prop_of,
    same_node,
    same_place,
    same_queue,
    same_word,
)
from vmstore.clauses.space_cases import all_spaces, partner
from vmstore.exec import pte
from vmstore.exec.space_state import Cursor, OpsStack
from vmstore.node_cells import Node
from vmstore.step import State
from vmstore.view.spaces import Queue, SpaceView
from vmstore.view.tables import Entry, Leaf, Place, Table, Tree

_RUN: Final = 4  # entries in a row that become one record
_SPANS: Final = 6


def space_name(space: SpaceView) -> str:
    """Return the name of a space in the trace; one without a handle lives on CPUs only."""
    if space.handle is not None:
        return f"vs{space.handle}"
    return f"vs{space.number} (CPU {min(space.active_on, default=0)})"


def space_rows(state: State) -> Iterator[Row]:
    """Yield spaces and raw tables, each followed by its tables and their entries."""
    spaces = state.view.spaces
    for space in all_spaces(state):
        name = space_name(space)
        held = partner(state, space)
        bad = ["the machine has no such space"]
        if held is not None:
            on, devices = unlike(sorted(held.cpus), sorted(space.active_on)), _regions(held.iomems)
            strong = unlike(held.strong, space.owners)
            bad = [f"CPUs: {on}" * bool(on), f"owners: {strong}" * bool(strong)]
            bad.append(unlike(devices, _regions(space.iomems)))
        root = f"{space.tree.root.page * PAGE_SIZE:#x}"
        yield made(f"space:{name}", bad, root=root, cpus=sorted(space.active_on),
                   devices=_regions(space.iomems))  # fmt: skip
        yield from _tree_rows(state, name, space.tree)
    for number, tree in sorted(spaces.trees.items()):
        root = f"{tree.root.page * PAGE_SIZE:#x}"
        yield made(f"space:pt{number}", root=root, config=tree.config.name)
        yield from _tree_rows(state, f"pt{number}", tree)


def _regions(devices: Sequence[tuple[int, int]]) -> list[str]:
    return [f"[{paddr:#x}, {paddr + size:#x})" for paddr, size in devices]


def _tree_rows(state: State, name: str, tree: Tree) -> Iterator[Row]:
    holders = _holders(state)
    size = state.view.spaces.geometry.sizes[tree.root.level]
    base = tree.config.low - tree.config.first_index * size
    waiting: list[tuple[Table, int, str]] = [(tree.root, base, "")]
    while waiting:
        table, base, parent = waiting.pop()
        size = state.view.spaces.geometry.sizes[table.level]
        node = state.machine.nodes.nodes.get(table.page)
        at = f"{table.page * PAGE_SIZE:#x}"
        bad = _table_problems(state, node, table)
        lock = holders.get(id(table.holder), "held" if table.holder is not None else "")
        yield made(f"table:{at}", bad, of=name, level=table.level, parent=parent, lock=lock,
                   va=f"{base:#x}", entries=len(table.entries))  # fmt: skip
        for index, count in _runs(state, node, table, size):
            yield _entry(state, node, table, index, count, base + index * size)
        waiting += [
            (entry, base + index * size, at)
            for index, entry in sorted(table.entries.items(), reverse=True)
            if isinstance(entry, Table)
        ]


def _holders(state: State) -> dict[int, str]:
    spaces = state.view.spaces
    names = {id(cursor.place): f"c{number}" for number, cursor in spaces.cursors.items()}
    return names | {id(place): f"pc{number}" for number, place in spaces.ptcursors.items()}


def _table_problems(state: State, node: Node | None, table: Table) -> list[str]:
    if node is None:
        return ["the machine has no node here"]
    found = []
    if node.level != table.level:
        found.append(f"level: {unlike(node.level, table.level)}")
    if node.children != len(table.entries):
        found.append(f"entries counted: {unlike(node.children, len(table.entries))}")
    if node.locked != (table.holder is not None):
        found.append(f"lock: {unlike(_lock(node.locked), _lock(table.holder is not None))}")
    if node.stray != table.is_cut:
        found.append(f"cut out: {unlike(node.stray, table.is_cut)}")
    if not found and not same_node(state.machine.nodes, node, table):
        found.append("an entry of the machine is different")
    return found


def _lock(is_taken: bool) -> str:
    return "taken" if is_taken else "free"


def _indices(state: State, node: Node | None, table: Table) -> list[int]:
    found = set(table.entries)
    if node is not None:
        end = node.config.end_index if table.shares_kernel else state.world.entries
        found |= {i for i in node.words if i < end and node.words[i]}
        found |= set(range(node.fill_from, end))
    return sorted(found)


def _runs(state: State, node: Node | None, table: Table, size: int) -> Iterator[tuple[int, int]]:
    """Yield first index and length: single entries, and rows of leaves that continue each other."""
    nodes, run = state.machine.nodes, [0, 0]
    for index in _indices(state, node, table):
        agrees = node is not None and same_word(nodes, node, table, index)
        continues = (
            agrees
            and run[1] > 0
            and index == run[0] + run[1]
            and _continues(table.entries.get(index - 1), table.entries.get(index), size)
        )
        if continues:
            run[1] += 1
            continue
        yield from _split(run)
        if agrees:
            run = [index, 1]
        else:
            run = [0, 0]
            yield index, 1
    yield from _split(run)


def _split(run: list[int]) -> Iterator[tuple[int, int]]:
    first, count = run
    if count >= _RUN:
        yield first, count
    else:
        yield from ((index, 1) for index in range(first, first + count))


def _continues(before: Entry | None, entry: Entry | None, size: int) -> bool:
    return (
        isinstance(before, Leaf)
        and isinstance(entry, Leaf)
        and entry == before._replace(paddr=before.paddr + size)
    )


def _entry(state: State, node: Node | None, table: Table, index: int, count: int, va: int) -> Row:
    entry = table.entries.get(index)
    bad = ""
    if node is None or not same_word(state.machine.nodes, node, table, index):
        by_machine = _word_text(state, node, index) if node is not None else NOTHING
        bad = f"the machine has {by_machine}, by the ops it is {_entry_text(entry)}"
    subject = f"entry:{table.page * PAGE_SIZE:#x}/{index}"
    common = {"va": f"{va & (1 << 64) - 1:#x}", "n": count if count > 1 else 0}
    if isinstance(entry, Leaf):
        size = state.view.spaces.geometry.sizes[table.level]
        return made(subject, [bad], **common, to=f"{entry.paddr:#x}", prop=rights(entry.prop),
                    kind="page" if entry.is_tracked else "address",
                    size=size if table.level > 1 else 0)  # fmt: skip
    if isinstance(entry, Table):
        return made(subject, [bad], **common, to=f"{entry.page * PAGE_SIZE:#x}", kind="table")
    return made(subject, [bad], **common, kind=NOTHING)


def _entry_text(entry: Entry | None) -> str:
    if isinstance(entry, Leaf):
        kind = "page" if entry.is_tracked else "address"
        return f"{kind} {entry.paddr:#x} {rights(entry.prop)}"
    return f"the table at {entry.page * PAGE_SIZE:#x}" if entry is not None else NOTHING


def _word_text(state: State, node: Node, index: int) -> str:
    word = node.word(index)
    if pte.is_absent(word):
        return f"the absent word {word:#x}" if word else NOTHING
    if pte.is_child(word):
        return f"the table at {pte.child_paddr(word):#x}"
    paddr = pte.leaf_paddr(state.machine.spaces.geometry, word, node.level)
    kind = "page" if node.config.is_tracked(word) else "address"
    return f"{kind} {paddr:#x} {rights(prop_of(word))} (word {word:#x})"


def cursor_rows(state: State) -> Iterator[Row]:
    """Yield where cursors of spaces and of raw tables stand, and which flushes wait in them."""
    spaces, machine = state.view.spaces, state.machine.spaces
    for number, known in sorted(spaces.cursors.items()):
        held = machine.cursors.get(number)
        bad = _place_problems(state, held.inner if held else None, known.place)
        bad += _queue_problems(held.queue if held else None, known.queue)
        yield _cursor(f"c{number}", bad, known.place, space_name(known.space), known.queue)
    trees = {id(tree): f"pt{number}" for number, tree in spaces.trees.items()}
    for number, place in sorted(spaces.ptcursors.items()):
        bad = _place_problems(state, machine.ptcursors.get(number), place)
        yield _cursor(f"pc{number}", bad, place, trees.get(id(place.tree), "a table"), None)


def _cursor(name: str, bad: list[str], place: Place, of: str, queue: Queue | None) -> Row:
    return made(
        f"cursor:{name}",
        bad,
        of=of,
        va=f"{place.va:#x}",
        level=place.level,
        start=f"{place.start:#x}",
        end=f"{place.end:#x}",
        guard=f"{place.guard.page * PAGE_SIZE:#x}",
        flushes=_waiting(queue) if queue is not None else "",
        kept=[f"{owner.index * PAGE_SIZE:#x}" for owner in queue.kept] if queue else [],
    )


def _place_problems(state: State, held: Cursor | None, place: Place) -> list[str]:
    if held is None:
        return ["the machine has no such cursor"]
    if same_place(state.machine.nodes, held, place):
        return []
    here = f"{held.va:#x} level {held.level}"
    return [unlike(here, f"{place.va:#x} level {place.level}") or "its path of nodes is different"]


def _queue_problems(held: OpsStack | None, known: Queue | None) -> list[str]:
    return [] if same_queue(held, known) else ["other flushes wait in the machine"]


def _waiting(queue: Queue) -> str:
    if queue.is_all:
        return "everything"
    spans = [f"{start:#x}" + (f" +{pages}" if pages > 1 else "") for start, pages in queue.spans]
    more = len(spans) - _SPANS
    return ", ".join(spans[:_SPANS]) + (f" and {more} more" if more > 0 else "")
