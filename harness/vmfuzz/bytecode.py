"""The byte form of a trace: total, of one width for all ops, so that a byte flip changes one op.

A record has `RECORD` bytes: an opcode, then two bytes per field that is no destination, in
declaration order; the rest is ignored. Handles are indices modulo the live ids, destinations get
ids that ascend per kind and are never reused. Numbers are a value of a pool plus a signed offset,
or, behind the escape `0xFF`, the next 64-bit literal of the literal records before the op.

World, comment, faults, expectations and recorded outcomes are outside of the byte form.
"""

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from vmfuzz.errors import VmfuzzError
from vmfuzz.fields import CODECS
from vmfuzz.liveness import Liveness
from vmfuzz.trace import Step, Trace
from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import HANDLE_KINDS, MetaVal
from vmstore.ops import GENERATED, Declaration, Field
from vmstore.world import World

RECORD: Final = 16
MAX_OPS: Final = 4096
LITERAL: Final = 0xFF  # the last opcode; those of the ops count up from 0 and never move
_ESCAPE: Final = 0xFF
_KINDS: Final = tuple(kind.name for kind in HANDLE_KINDS.values())
_DESTINATION, _HANDLE, _CHOICE, _NUMBER = range(4)
_ADDRESS, _PAYLOAD = range(2)
_SIGNED: Final = tuple((byte ^ 0x80) - 0x80 for byte in range(256))
_ODD: Final = (1, 3, 5, 7, 0x7FF, 0x801, 0xFFF, 0x1001)
_PAYLOADS: Final = tuple(range(_ESCAPE))

_Slot = tuple[int, int, int, tuple[str, ...]]  # role, first byte, kind or pool, words of a choice
_Places = tuple[tuple[int, int], ...]  # (position among the fields, kind)


class _OpPlan:
    """How one opcode decodes: its fields in declaration order, and what becomes of the handles."""

    __slots__ = ("ends", "makes", "names", "needs", "op", "slots")

    def __init__(self, declaration: Declaration) -> None:
        self.op = declaration.op
        self.names = tuple(f.name for f in declaration.fields)
        sources = [f for f in declaration.fields if not f.is_destination]
        self.slots = tuple(
            _slot(f, 0 if f.is_destination else 1 + 2 * sources.index(f))
            for f in declaration.fields
        )
        self.needs = tuple({slot[2]: None for slot in self.slots if slot[0] == _HANDLE})
        self.makes = self._places(_DESTINATION)
        self.ends = tuple(
            (at, kind) for at, kind in self._places(_HANDLE) if declaration.fields[at].is_consumed
        )

    def _places(self, role: int) -> _Places:
        return tuple((at, slot[2]) for at, slot in enumerate(self.slots) if slot[0] == role)


def _slot(field: Field, first: int) -> _Slot:
    if field.kind:
        role = _DESTINATION if field.is_destination else _HANDLE
        return role, first, _KINDS.index(field.kind.name), ()
    codec = CODECS[field.type]
    if codec.domain == "choice":
        return _CHOICE, first, 0, codec.words
    return _NUMBER, first, _PAYLOAD if field.type is MetaVal else _ADDRESS, ()


_PLANS: Final = tuple(_OpPlan(declaration) for declaration in GENERATED)
_OPCODE: Final = {declaration.op: code for code, declaration in enumerate(GENERATED)}
_PLAN_OF_BYTE: Final = (*(_PLANS[byte % len(_PLANS)] for byte in range(LITERAL)), None)


@lru_cache(maxsize=64)
def address_pool(world: World) -> tuple[int, ...]:
    """Return the 255 values that a selector byte names: pages from 0, odd ones, the boundaries.

    Shape: 64-bit values. They may repeat when the world is small.
    """
    top = world.max_paddr
    special = (
        *_ODD,
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
    return (*(page * PAGE_SIZE for page in range(_ESCAPE - len(special))), *special)


def decode(data: bytes, world: World) -> Trace:
    """Return the trace that any byte string means; no step of it is skipped. Errors: none.

    An op for which no handle is live is dropped, with its literals; so is a record cut short.
    Shape: at most `MAX_OPS` records are read.
    """
    decoder = _Decoder(world)
    record = decoder.record
    for at in range(0, min(len(data), MAX_OPS * RECORD) - RECORD + 1, RECORD):
        record(data, at)
    return Trace(world, decoder.steps)


class _Decoder:
    """The state of a decoding: live ids per kind, ascending; next ids; literals not yet used."""

    __slots__ = ("literals", "live", "next_ids", "pools", "steps")

    def __init__(self, world: World) -> None:
        self.pools = (address_pool(world), _PAYLOADS)
        self.live: tuple[list[int], ...] = tuple([] for _ in _KINDS)
        self.next_ids = [0] * len(_KINDS)
        self.literals: list[int] = []
        self.steps: list[Step] = []

    def record(self, data: bytes, at: int) -> None:
        plan = _PLAN_OF_BYTE[data[at]]
        if plan is None:
            self.literals.append(int.from_bytes(data[at + 1 : at + 9], "little"))
            return
        live = self.live
        for kind in plan.needs:
            if not live[kind]:
                self.literals.clear()
                return
        values = self.values(plan, data, at)
        if self.literals:
            self.literals.clear()
        for place, kind in plan.ends:
            ids = live[kind]
            del ids[bisect_left(ids, values[place])]
        for place, kind in plan.makes:
            live[kind].append(values[place])
        self.steps.append(Step(plan.op(*values)))

    def values(self, plan: _OpPlan, data: bytes, at: int) -> list[Any]:  # of any field type
        values: list[Any] = []
        for role, first, index, words in plan.slots:
            byte = data[at + first]
            if role == _DESTINATION:
                values.append(self.next_ids[index])
                self.next_ids[index] += 1
            elif role == _HANDLE:
                ids = self.live[index]
                values.append(ids[(byte | data[at + first + 1] << 8) % len(ids)])
            elif role == _CHOICE:
                values.append(words[byte % len(words)])
            elif byte == _ESCAPE:
                values.append(self.literals.pop(0) if self.literals else 0)
            else:
                offset = _SIGNED[data[at + first + 1]]
                values.append((self.pools[index][byte] + offset) & U64_MASK)
        return values


def encode(trace: Trace) -> bytes:
    """Return bytes that decode to the same ops: `decode(encode(t), t.world) == renumber(t)`.

    Comment, faults, expectations and recorded outcomes are outside of the byte form.

    Errors: VmfuzzError for a step that is skipped, a test hook, which has no opcode, a value that
    its field cannot have, and a trace of more than `MAX_OPS` records.
    """
    records: list[bytes] = []
    pool = _selectors(trace.world)
    live: tuple[list[int], ...] = tuple([] for _ in _KINDS)
    for position, (plan, values) in enumerate(_renumbered(trace)):
        records += _encode_op(plan, values, pool, live, position)
        if len(records) > MAX_OPS:
            problem = f"the byte form ends after {MAX_OPS} records"
            raise VmfuzzError(f"step {position} has no byte form: {problem}")
    return b"".join(records)


@lru_cache(maxsize=64)
def _selectors(world: World) -> dict[int, int]:
    """Return the selector of each value. The odd ones are left to offsets, which reach more."""
    pool = {value: at for at, value in reversed(list(enumerate(address_pool(world))))}
    return {value: at for value, at in pool.items() if value not in _ODD}


def _renumbered(trace: Trace) -> Iterator[tuple[_OpPlan, list[Any]]]:
    """Yield each step's plan and field values, ids in order of definition. Errors: VmfuzzError."""
    liveness = Liveness()
    names: dict[tuple[int, int], int] = {}
    next_ids = [0] * len(_KINDS)
    for position, step in enumerate(trace.steps):
        op = step.op
        code = _OPCODE.get(type(op))
        reason = f"{type(op).__name__} has no opcode" if code is None else liveness.skip_reason(op)
        if code is None or reason is not None:
            raise VmfuzzError(f"step {position} has no byte form: {reason}")
        liveness.apply(op)
        plan = _PLANS[code]
        values: list[Any] = [getattr(op, name) for name in plan.names]
        written = tuple(values)
        for place, slot in enumerate(plan.slots):
            if slot[0] == _HANDLE:
                values[place] = names[slot[2], values[place]]
        for place, kind in plan.makes:
            names[kind, written[place]] = values[place] = next_ids[kind]
            next_ids[kind] += 1
        yield plan, values


def _encode_op(
    plan: _OpPlan,
    values: list[Any],
    pool: dict[int, int],
    live: tuple[list[int], ...],
    position: int,
) -> list[bytes]:
    """Encode one op, literal records first. Effect: `live` follows the op's handles."""
    record = bytearray(RECORD)
    record[0] = _OPCODE[plan.op]
    records: list[bytes] = []
    for name, value, (role, first, index, words) in zip(
        plan.names, values, plan.slots, strict=True
    ):
        if role == _HANDLE:
            at = bisect_left(live[index], value)
            record[first : first + 2] = at.to_bytes(2, "little")
        elif role == _CHOICE:
            if value not in words:
                problem = f"{name}={value!r}: allowed are {', '.join(words)}"
                raise VmfuzzError(f"step {position} has no byte form: {problem}")
            record[first] = words.index(value)
        elif role == _NUMBER:
            if not 0 <= value <= U64_MASK:
                problem = f"{name}={value} does not fit into 64 bits"
                raise VmfuzzError(f"step {position} has no byte form: {problem}")
            selector, offset = _select(value, pool, payload=index == _PAYLOAD)
            record[first], record[first + 1] = selector, offset
            if selector == _ESCAPE:
                literal = bytes([LITERAL]) + value.to_bytes(8, "little")
                records.append(literal.ljust(RECORD, b"\0"))
    for place, kind in plan.ends:
        del live[kind][bisect_left(live[kind], values[place])]
    for place, kind in plan.makes:
        live[kind].append(values[place])
    return [*records, bytes(record)]


def _select(value: int, pool: dict[int, int], *, payload: bool) -> tuple[int, int]:
    """Return selector and offset of a number, `_ESCAPE` when only a literal reaches it."""
    if payload:
        return (value, 0) if value < _ESCAPE else (_ESCAPE, 0)
    if value not in pool and value % PAGE_SIZE == 0:
        return _ESCAPE, 0
    for offset in (0, *range(1, 128), *range(-1, -129, -1)):
        at = pool.get((value - offset) & U64_MASK)
        if at is not None:
            return at, offset & 0xFF
    return _ESCAPE, 0


def renumber(trace: Trace) -> Trace:
    """Return world and ops of the trace, each kind's ids from 0 in order of definition.

    Errors: VmfuzzError for a step that is skipped, or a test hook, which has no opcode.
    """
    return Trace(trace.world, [Step(plan.op(*values)) for plan, values in _renumbered(trace)])
