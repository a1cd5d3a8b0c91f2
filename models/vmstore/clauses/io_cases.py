"""What clauses on readers, writers and contents look at, seen from both sides."""

from typing import Literal

from vmstore.arch import LINEAR_BASE, PAGE_SIZE
from vmstore.step import State
from vmstore.vm_io_owner import handle_of, name_of


class VioCase:
    """One reader or writer: its entry in the store, and the handle that the code has."""

    __slots__ = ("entry", "handle", "held", "state")

    def __init__(self, state: State, vio: int) -> None:
        io = state.machine.io
        kind, number = handle_of(vio)
        self.state = state
        self.entry = state.view.store.vm_ios[vio]
        self.handle = name_of(vio)
        self.held = (io.writers if kind == "Writer" else io.readers).get(number)

    @property
    def user_limit(self) -> int:
        """Where the user memory that readers and writers reach ends."""
        return self.state.machine.spaces.geometry.io_end

    def left(self) -> tuple[int, int] | None:
        """Return the range that the code has left, in offsets of the owner's place."""
        if self.held is None:
            return None
        place, number = self.entry.owner.place
        base = LINEAR_BASE if place == "memory" else 0
        if place == "buf":
            base = self.state.machine.io.bufs[number][0]
        return self.held.cursor - base, self.held.end - base

    def describe(self) -> str:
        """Return the handle in one line."""
        e, o = self.entry, self.entry.owner
        of = "kernel memory" if e.vm_space is None else f"space {e.vm_space}"
        return (
            f"{e.kind} {self.handle} of {of}, {'fallible' if o.is_fallible else 'infallible'}:"
            f" {o.place[0]} {o.start:#x}..{o.end:#x} left of {e.length:#x} bytes at {e.vaddr:#x}"
        )


class ContentsCase:
    """The bytes of one page or buffer, as memory holds them and as the ops wrote them."""

    __slots__ = ("expected", "found", "name")

    def __init__(self, state: State, kind: Literal["page", "buf"], number: int) -> None:
        io, contents = state.machine.io, state.view.contents
        if kind == "page":
            self.name = f"page {number * PAGE_SIZE:#x}"
            self.found, self.expected = io.memory.page(number), contents.page(number)
        else:
            self.name = f"buffer b{number}"
            self.found = io.memory.read(*io.bufs[number])
            self.expected = bytes(contents.bufs[number])

    def describe(self) -> str:
        """Return which bytes are meant."""
        return self.name
