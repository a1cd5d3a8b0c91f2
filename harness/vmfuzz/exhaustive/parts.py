"""What of a running system is its state: the attributes of every class, but for those named here.

Both the canonical form and the snapshot read classes by reflection, so that an attribute added to
the model belongs to the state until somebody says here why it does not.
"""

from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, Final

from vmstore.attributes import own_attributes
from vmstore.cells import Cells, ListHead, Slot
from vmstore.exec.io_state import IoState
from vmstore.exec.machine import Machine
from vmstore.exec.space_state import Cursor, NodePool, SpaceState
from vmstore.faults import Faults
from vmstore.geometry import Config, Geometry
from vmstore.memory import Memory
from vmstore.node_cells import Node, NodeCells
from vmstore.owner import SlotOwner
from vmstore.step import State
from vmstore.store import VmStore
from vmstore.tlb_cells import TlbCells
from vmstore.tlb_model import TlbModel
from vmstore.view.contents import Contents
from vmstore.view.spaces import Spaces
from vmstore.view.state import View
from vmstore.view.tables import Pool
from vmstore.world import World

# Never change once a world is made, and hold nothing that does.
CONSTANT_CLASSES: Final = frozenset({World, Faults, Geometry, Config})

# Of one step: begun anew by the next one, whatever they hold.
TRANSIENT: Final[Mapping[type, frozenset[str]]] = {
    Cells: frozenset({"head_journal", "journal", "stamp"}),
    Contents: frozenset({"stamp", "touched_bufs", "touched_pages", "touched_vios"}),
    ListHead: frozenset({"stamp"}),
    Machine: frozenset({"events"}),
    Memory: frozenset({"journal", "stamp"}),
    Node: frozenset({"before"}),
    NodeCells: frozenset({"journal"}),
    Slot: frozenset({"stamp"}),
    SlotOwner: frozenset({"stamp"}),
    Spaces: frozenset({"touched"}),
    TlbCells: frozenset({"journal"}),
    TlbModel: frozenset({"touched"}),
    View: frozenset({"events", "touched_cursors", "touched_lists"}),
    VmStore: frozenset({"fresh", "stamp", "touched"}),
}

# Functions of the world, or of where the object is kept.
CONSTANT: Final[Mapping[type, frozenset[str]]] = {
    Cells: frozenset({"kernel", "pages"}),
    Cursor: frozenset({"config", "geometry"}),
    Machine: frozenset({
        "asserts", "calls_dealloc", "debug", "faults", "max_paddr", "push_back_appends", "rc_max",
        "rolls_back", "slice_checks_offsets", "top_page_accepted", "world",
    }),
    Memory: frozenset({"cells"}),
    NodeCells: frozenset({"cells", "entries", "first", "geometry", "half"}),
    NodePool: frozenset({"end"}),
    Pool: frozenset({"end"}),
    Slot: frozenset({"index", "vaddr"}),
    SlotOwner: frozenset({"index", "slot_vaddr"}),
    SpaceState: frozenset({
        "counts_requests", "defers_rcu", "geometry", "jumps_from_end", "maps_at_guard",
        "queries_clone", "replaces_mappings", "work_limit",
    }),
    Spaces: frozenset({
        "config_shape", "counts_requests", "cpus", "defers", "geometry", "jumps_from_end",
        "kernel_root", "maps_at_guard", "queries_clone", "replaces_mappings", "work_limit",
    }),
    State: frozenset({"live", "world"}),  # `live` has the machine's own registries
    View: frozenset({
        "asserts", "debug", "frames", "list_ids", "max_paddr", "push_back_appends", "rc_max",
        "reports_dealloc", "rolls_back", "slice_checks_offsets", "top_page_accepted",
    }),
    VmStore: frozenset({"extracts_slots", "kernel", "ledger_is_exact", "rc_max"}),
}  # fmt: skip

# Only names the next object that loses its id.
NAMING: Final[Mapping[type, frozenset[str]]] = {State: frozenset({"abandoned"})}

# Registries by handle id, and attributes that hold such an id.
REGISTRIES: Final[Mapping[tuple[type, str], str]] = {
    (Machine, "frames"): "frame",
    (Machine, "raws"): "raw",
    (Machine, "segments"): "segment",
    (Machine, "raw_segments"): "raw_segment",
    (Machine, "uniques"): "unique",
    (Machine, "raw_uniques"): "raw_unique",
    (Machine, "lists"): "list",
    (Machine, "lcursors"): "lcursor",
    (SpaceState, "vm_spaces"): "vs",
    (SpaceState, "cursors"): "cursor",
    (SpaceState, "ptables"): "ptable",
    (SpaceState, "ptcursors"): "ptcursor",
    (IoState, "bufs"): "buf",
    (IoState, "readers"): "reader",
    (IoState, "writers"): "writer",
    (VmStore, "frames"): "frame",
    (VmStore, "raw_frames"): "raw",
    (VmStore, "segments"): "segment",
    (VmStore, "raw_segments"): "raw_segment",
    (VmStore, "unique_frames"): "unique",
    (VmStore, "raw_uniques"): "raw_unique",
    (VmStore, "vm_spaces"): "vs",
    (VmStore, "cursors"): "cursor",
    (View, "lists"): "list",
    (View, "lcursors"): "lcursor",
    (Spaces, "vm_spaces"): "vs",
    (Spaces, "cursors"): "cursor",
    (Spaces, "trees"): "ptable",
    (Spaces, "ptcursors"): "ptcursor",
    (Contents, "bufs"): "buf",
}


def slot_names(kind: type) -> tuple[str, ...]:
    """Return the attributes of a slotted class, sorted. Errors: TypeError for one without."""
    names: set[str] = set()
    for base in kind.__mro__[:-1]:
        own = own_attributes(base)
        if own is None:
            raise TypeError(f"{base.__name__} has no __slots__: its state cannot be read")
        names.update(own)
    return tuple(sorted(names))


@cache
def state_names(kind: type) -> tuple[str, ...]:
    """Return the attributes of a class that are state."""
    left_out = CONSTANT.get(kind, frozenset()).union(fleeting_names(kind))
    return tuple(name for name in slot_names(kind) if name not in left_out)


@cache
def fleeting_names(kind: type) -> tuple[str, ...]:
    """Return the attributes of a class that change but are no state, sorted."""
    return tuple(sorted(TRANSIENT.get(kind, frozenset()) | NAMING.get(kind, frozenset())))


def reader(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads these attributes of an object as a tuple."""
    if len(names) == 1:
        only = attrgetter(names[0])
        return lambda value: (only(value),)
    return attrgetter(*names) if names else lambda _value: ()
