"""Which physical address an address of the user means on the current CPU."""

from vmstore.ids import Prop
from vmstore.view.page_table import translation
from vmstore.view.state import View

_READABLE, _WRITABLE = 1, 2  # flags of a mapping


def physical(v: View, va: int, *, want_write: bool) -> int | None:
    """Return the physical address behind `va`, None where an access faults.

    The space that is active on the current CPU decides, whatever space a handle was made for; its
    mapping must allow reading, and writing if that is wanted, and lie in memory.
    """
    spaces = v.spaces
    root = spaces.tables.get(spaces.roots.get(spaces.cpu, spaces.kernel_root))
    found = translation(v, root, va)
    if found is None:
        return None
    paddr, leaf = found
    return paddr if permits(leaf.prop, want_write=want_write) and paddr < v.max_paddr else None


def permits(prop: Prop, *, want_write: bool) -> bool:
    """Return whether a mapping's flags allow reading, and writing if that is wanted."""
    needed = _READABLE | _WRITABLE if want_write else _READABLE
    return prop[0] & needed == needed
