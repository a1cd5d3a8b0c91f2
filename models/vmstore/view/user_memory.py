"""Which physical address an address of the user means on the current CPU."""

from vmstore.view.page_table import translation
from vmstore.view.state import View

READABLE, WRITABLE = 1, 2  # flags of a mapping


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
    needed = READABLE | WRITABLE if want_write else READABLE
    return paddr if leaf.prop[0] & needed == needed and paddr < v.max_paddr else None
