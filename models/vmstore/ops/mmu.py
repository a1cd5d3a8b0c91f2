"""What a processor does by itself: loads and stores through its cached translations."""

from dataclasses import dataclass

from vmstore.ids import AccessKind, Vaddr


@dataclass(slots=True)
class Access:
    """Load from or store to a virtual address on the current CPU. Source: the processor's MMU.

    VmStore: none.
    """

    va: Vaddr
    kind: AccessKind
