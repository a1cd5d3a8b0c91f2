"""How an op is laid out in the byte form: which bytes each field has, and what they mean."""

from functools import lru_cache
from typing import Final

from vmfuzz.fields import CODECS
from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import HANDLE_KINDS, IoVal, MetaVal
from vmstore.ops import GENERATED, Declaration, Field
from vmstore.world import World

RECORD: Final = 16
LITERAL: Final = 0xFF  # the last opcode; those of the ops count up from 0 and never move
ESCAPE: Final = 0xFF
KINDS: Final = tuple(kind.name for kind in HANDLE_KINDS.values())
DESTINATION, HANDLE, ALTERNATIVE, CHOICE, NUMBER, SHORT, BYTES = range(7)
ARGUMENTS: Final = frozenset({CHOICE, NUMBER, SHORT, BYTES})
ADDRESSES, PAYLOADS = range(2)  # pools of numbers
ODD: Final = (1, 3, 5, 7, 0x7FF, 0x801, 0xFFF, 0x1001)

# Role, first byte, what the role needs to know (kind, pool or modulus), words of a choice.
Slot = tuple[int, int, int, tuple[str, ...]]
Places = tuple[tuple[int, int], ...]  # (position among the fields, kind)


class OpPlan:
    """How one opcode decodes: its fields in declaration order, and what becomes of the handles."""

    __slots__ = ("alternatives", "ends", "makes", "names", "needs", "op", "slots")

    def __init__(self, declaration: Declaration) -> None:
        self.op = declaration.op
        self.names = tuple(f.name for f in declaration.fields)
        places = _byte_places(declaration)
        self.slots = tuple(_slot(f, places.get(f.name, 0)) for f in declaration.fields)
        self.alternatives = tuple(slot[2] for slot in self.slots if slot[0] == ALTERNATIVE)
        self.needs = tuple({slot[2]: None for slot in self.slots if slot[0] == HANDLE})
        self.makes = self._places(DESTINATION)
        self.ends = tuple(
            (at, kind) for at, kind in self._places(HANDLE) if declaration.fields[at].is_consumed
        )

    def _places(self, role: int) -> Places:
        return tuple((at, slot[2]) for at, slot in enumerate(self.slots) if slot[0] == role)


def _byte_places(declaration: Declaration) -> dict[str, int]:
    """Return the first byte of each field that has bytes; alternatives share theirs."""
    chosen = declaration.alternatives[:1]
    sources = [f for f in declaration.fields if not f.is_destination and not f.is_alternative]
    order = [*chosen, *sources]
    places = {f.name: 1 + 2 * at for at, f in enumerate(order)}
    return places | {f.name: 1 for f in declaration.alternatives}


def _slot(field: Field, first: int) -> Slot:
    if field.kind:
        role = ALTERNATIVE if field.is_alternative else HANDLE
        role = DESTINATION if field.is_destination else role
        return role, first, KINDS.index(field.kind.name), ()
    codec = CODECS[field.type]
    if codec.domain == "choice":
        return CHOICE, first, 0, codec.words
    if codec.domain == "short":
        return SHORT, first, codec.top + 1, ()
    if codec.domain == "payload":
        return BYTES, first, 0, ()
    return NUMBER, first, PAYLOADS if field.type in {MetaVal, IoVal} else ADDRESSES, ()


PLANS: Final = tuple(OpPlan(declaration) for declaration in GENERATED)
OPCODES: Final = {declaration.op: code for code, declaration in enumerate(GENERATED)}
PLAN_OF_BYTE: Final = (*(PLANS[byte % len(PLANS)] for byte in range(LITERAL)), None)


@lru_cache(maxsize=64)
def address_pool(world: World) -> tuple[int, ...]:
    """Return the 255 values that a selector byte names: pages from 0, odd ones, the boundaries.

    Shape: 64-bit values. They may repeat when the world is small.
    """
    top = world.max_paddr
    special = (
        *ODD,
        (top - 2 * PAGE_SIZE) & U64_MASK,
        top - PAGE_SIZE,
        top,
        top + PAGE_SIZE,
        world.frames * PAGE_SIZE,
        1 << 63,
        U64_MASK & ~0xFFF,
        U64_MASK - 2 * PAGE_SIZE + 1,
        U64_MASK,
    )
    return (*(page * PAGE_SIZE for page in range(ESCAPE - len(special))), *special)
