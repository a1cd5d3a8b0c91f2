"""One op against the machine and against the view: the seam between doing and meaning."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from vmstore.exec import frame as exec_frame
from vmstore.exec import host as exec_host
from vmstore.exec import linked_list as exec_linked_list
from vmstore.exec import mmu as exec_mmu
from vmstore.exec import page_table as exec_page_table
from vmstore.exec import pt_cursor as exec_pt_cursor
from vmstore.exec import rcu as exec_rcu
from vmstore.exec import reader as exec_reader
from vmstore.exec import segment as exec_segment
from vmstore.exec import space_io as exec_space_io
from vmstore.exec import unique as exec_unique
from vmstore.exec import vm_cursor as exec_vm_cursor
from vmstore.exec import vm_io as exec_vm_io
from vmstore.exec import vm_space as exec_vm_space
from vmstore.exec import writer as exec_writer
from vmstore.exec.machine import Machine
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS, Op
from vmstore.outcome import CallEnded, Outcome
from vmstore.spaces import rename_vm_space
from vmstore.view import frame as view_frame
from vmstore.view import host as view_host
from vmstore.view import linked_list as view_linked_list
from vmstore.view import mmu as view_mmu
from vmstore.view import page_table as view_page_table
from vmstore.view import pt_cursor as view_pt_cursor
from vmstore.view import rcu as view_rcu
from vmstore.view import reader as view_reader
from vmstore.view import segment as view_segment
from vmstore.view import space_io as view_space_io
from vmstore.view import unique as view_unique
from vmstore.view import vm_cursor as view_vm_cursor
from vmstore.view import vm_io as view_vm_io
from vmstore.view import vm_space as view_vm_space
from vmstore.view import writer as view_writer
from vmstore.view.spaces import Touched
from vmstore.view.state import View
from vmstore.world import World

Handler = Callable[[Machine, Any], Outcome]
Rule = Callable[[View, Any, Outcome], Outcome | None]

_EXEC_MODULES: Final[dict[str, ModuleType]] = {
    "frame": exec_frame,
    "segment": exec_segment,
    "unique": exec_unique,
    "linked_list": exec_linked_list,
    "space_io": exec_space_io,
    "vm_io": exec_vm_io,
    "reader": exec_reader,
    "writer": exec_writer,
    "host": exec_host,
    "page_table": exec_page_table,
    "pt_cursor": exec_pt_cursor,
    "vm_space": exec_vm_space,
    "cursor": exec_vm_cursor,
    "mmu": exec_mmu,
    "rcu": exec_rcu,
}
_VIEW_MODULES: Final[dict[str, ModuleType]] = {
    "frame": view_frame,
    "segment": view_segment,
    "unique": view_unique,
    "linked_list": view_linked_list,
    "host": view_host,
    "page_table": view_page_table,
    "pt_cursor": view_pt_cursor,
    "vm_space": view_vm_space,
    "cursor": view_vm_cursor,
    "mmu": view_mmu,
    "rcu": view_rcu,
    "space_io": view_space_io,
    "vm_io": view_vm_io,
    "reader": view_reader,
    "writer": view_writer,
}

EXEC: Final[dict[type, Handler]] = {
    d.op: getattr(_EXEC_MODULES[d.area], d.name) for d in DECLARATIONS.values()
}
RULES: Final[dict[type, Rule]] = {
    d.op: getattr(_VIEW_MODULES[d.area], d.name)
    for d in DECLARATIONS.values()
    if hasattr(_VIEW_MODULES[d.area], d.name)  # a poked count has no meaning
}

STEPS: Final[dict[type, tuple[Handler, Rule | None]]] = {
    op: (handler, RULES.get(op)) for op, handler in EXEC.items()
}


class State:
    """A machine and the view of it, which never looks into the machine.

    `live` maps each kind of handle to the machine's values of it, by id.
    """

    __slots__ = ("abandoned", "live", "machine", "view", "world")

    def __init__(self, world: World, faults: Faults | None = None) -> None:
        self.world = world
        self.machine = Machine(world, faults if faults is not None else Faults())
        self.view = View(world)
        self.abandoned = 0
        machine, spaces = self.machine, self.machine.spaces
        self.live: dict[str, dict[int, Any]] = {
            "frame": machine.frames,
            "raw": machine.raws,
            "segment": machine.segments,
            "raw_segment": machine.raw_segments,
            "unique": machine.uniques,
            "raw_unique": machine.raw_uniques,
            "list": machine.lists,
            "lcursor": machine.lcursors,
            "vs": spaces.vm_spaces,
            "cursor": spaces.cursors,
            "ptable": spaces.ptables,
            "ptcursor": spaces.ptcursors,
            "buf": machine.io.bufs,
            "reader": machine.io.readers,
            "writer": machine.io.writers,
        }

    def begin_step(self) -> None:
        """Open a new journal and a new footprint.

        One flat function, because it runs before every step: a list is replaced, not cleared, so
        that whoever kept the old one keeps its contents.
        """
        machine, view = self.machine, self.view
        cells, store = machine.cells, view.store
        cells.stamp += 1
        store.stamp += 1
        if cells.journal:
            cells.journal = []
        if cells.head_journal:
            cells.head_journal = []
        if view.touched_lists:
            view.touched_lists = []
        if view.touched_cursors:
            view.touched_cursors = []
        if machine.nodes.nodes:  # most traces have no page tables
            if machine.nodes.journal:
                machine.nodes.journal = []
            machine.tlbs.journal.clear()
            store.tlb_model.touched.clear()
            if view.spaces.touched.is_used:
                view.spaces.touched = Touched()
        if store.touched:
            store.touched = []
        if store.fresh:
            store.fresh = []
        if machine.events:
            machine.events = []
        if view.events:
            view.events = []

    def abandon(self, kind: str, handle: int) -> None:
        """Take a live handle's id away: a failed op gave the object back, no trace can name it.

        Requires: `handle` is live on both sides. Effect: it lives on under a negative id.
        """
        self.abandoned -= 1
        view = self.view
        known: dict[str, dict[int, Any]] = {
            "frame": view.store.frames,
            "unique": view.store.unique_frames,
            "list": view.lists,
            "vs": view.spaces.vm_spaces,
            "ptable": view.spaces.trees,
        }
        for table in (self.live[kind], known[kind]):
            table[self.abandoned] = table.pop(handle)
        if kind == "list":
            view.lists[self.abandoned].handle = self.abandoned
        elif kind == "vs":
            store = view.store
            rename_vm_space(store.vm_spaces, store.cursors, store.vm_ios, handle, self.abandoned)
            view.spaces.vm_spaces[self.abandoned].handle = self.abandoned


def execute(machine: Machine, op: Op) -> Outcome:
    """Run `op` on the machine; a panic is an outcome. Requires: its handles are live."""
    try:
        return EXEC[op.__class__](machine, op)
    except CallEnded as end:
        return end.outcome
