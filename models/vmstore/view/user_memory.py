"""Which physical address an address of the user means on the current CPU."""

from vmstore.view.state import View
from vmstore.view.tables import Leaf, Table

READABLE, WRITABLE = 1, 2  # flags of a mapping


def physical(v: View, va: int, *, want_write: bool) -> int | None:
    """Return the physical address behind `va`, None where an access faults.

    The space that is active on the current CPU decides, whatever space a handle was made for; its
    mapping must allow reading, and writing if that is wanted, and lie in memory.
    """
    spaces = v.spaces
    g = spaces.geometry
    entry: Table | Leaf | None = spaces.tables.get(spaces.roots.get(spaces.cpu, spaces.kernel_root))
    size = 0
    while isinstance(entry, Table):
        size = g.sizes[entry.level]
        entry = entry.entries.get(g.index(va, entry.level))
    if entry is None:
        return None
    needed = READABLE | WRITABLE if want_write else READABLE
    paddr = entry.paddr + va % size
    return paddr if entry.prop[0] & needed == needed and paddr < v.max_paddr else None
