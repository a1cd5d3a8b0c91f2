"""The byte form of a trace: total, of one width for all ops, so that a byte flip changes one op.

A record has `RECORD` bytes: an opcode, then two bytes per field that is no destination, in
declaration order; the rest is ignored. Handles are indices modulo the live ids, destinations get
ids that ascend per kind and are never reused; alternatives share two bytes, which index the live
ids of all their kinds. Numbers are a value of a pool plus a signed offset, or, behind the escape
`0xFF`, the next 64-bit literal of the literal records before the op. Short numbers are themselves.
Payloads are (length, first byte) of a pattern, or, behind the escape, made of literals: the length,
then the bytes.

World, comment, faults, expectations and recorded outcomes are outside of the byte form.
"""

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from vmfuzz.byte_layout import (
    ALTERNATIVE,
    ARGUMENTS,
    BYTES,
    CHOICE,
    DESTINATION,
    ESCAPE,
    HANDLE,
    KINDS,
    LITERAL,
    ODD,
    OPCODES,
    PAYLOADS,
    PLAN_OF_BYTE,
    PLANS,
    RECORD,
    SHORT,
    OpPlan,
    Slot,
    address_pool,
)
from vmfuzz.errors import VmfuzzError
from vmfuzz.liveness import Liveness
from vmfuzz.trace import Step, Trace
from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import MAX_PAYLOAD
from vmstore.payload import pattern
from vmstore.world import World

MAX_OPS: Final = 4096
_SIGNED: Final = tuple((byte ^ 0x80) - 0x80 for byte in range(256))
_SMALL: Final = tuple(range(ESCAPE))


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
        self.pools = (address_pool(world), _SMALL)
        self.live: tuple[list[int], ...] = tuple([] for _ in KINDS)
        self.next_ids = [0] * len(KINDS)
        self.literals: list[int] = []
        self.steps: list[Step] = []

    def record(self, data: bytes, at: int) -> None:
        plan = PLAN_OF_BYTE[data[at]]
        if plan is None:
            self.literals.append(int.from_bytes(data[at + 1 : at + 9], "little"))
            return
        live = self.live
        for kind in plan.needs:
            if not live[kind]:
                self.literals.clear()
                return
        if plan.alternatives and not any(live[kind] for kind in plan.alternatives):
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

    def values(self, plan: OpPlan, data: bytes, at: int) -> list[Any]:  # of any field type
        values: list[Any] = []
        for role, first, index, words in plan.slots:
            byte = data[at + first]
            if role == DESTINATION:
                values.append(self.next_ids[index])
                self.next_ids[index] += 1
            elif role == HANDLE:
                ids = self.live[index]
                values.append(ids[(byte | data[at + first + 1] << 8) % len(ids)])
            elif role == CHOICE:
                values.append(words[byte % len(words)])
            elif role == ALTERNATIVE:
                place = byte | data[at + first + 1] << 8
                values.append(self.alternative(plan.alternatives, index, place))
            elif role == SHORT:
                values.append((byte | data[at + first + 1] << 8) % index)
            elif role == BYTES:
                values.append(self.payload(byte, data[at + first + 1]))
            elif byte == ESCAPE:
                values.append(self.literals.pop(0) if self.literals else 0)
            else:
                offset = _SIGNED[data[at + first + 1]]
                values.append((self.pools[index][byte] + offset) & U64_MASK)
        return values

    def alternative(self, kinds: tuple[int, ...], kind: int, place: int) -> int | None:
        """Return the id at `place` of all live ids of the kinds, None if it is no `kind`."""
        place %= sum(len(self.live[one]) for one in kinds)
        for one in kinds:
            if place < len(self.live[one]):
                return self.live[one][place] if one == kind else None
            place -= len(self.live[one])
        return None

    def payload(self, length: int, seed: int) -> bytes:
        """Return a pattern or, behind the escape, what the literals spell."""
        if length != ESCAPE:
            return pattern(seed, length)
        size, *words = self.literals or [0]
        self.literals.clear()
        size %= MAX_PAYLOAD + 1
        return b"".join(word.to_bytes(8, "little") for word in words).ljust(size, b"\0")[:size]


def encode(trace: Trace) -> bytes:
    """Return bytes that decode to the same ops: `decode(encode(t), t.world) == renumber(t)`.

    Comment, faults, expectations and recorded outcomes are outside of the byte form.

    Errors: VmfuzzError for a step that is skipped, a test hook, which has no opcode, a value that
    its field cannot have, and a trace of more than `MAX_OPS` records.
    """
    records: list[bytes] = []
    pool = _selectors(trace.world)
    live: tuple[list[int], ...] = tuple([] for _ in KINDS)
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
    return {value: at for value, at in pool.items() if value not in ODD}


def _renumbered(trace: Trace) -> Iterator[tuple[OpPlan, list[Any]]]:
    """Yield each step's plan and field values, ids in order of definition. Errors: VmfuzzError."""
    liveness = Liveness()
    names: dict[tuple[int, int], int] = {}
    next_ids = [0] * len(KINDS)
    for position, step in enumerate(trace.steps):
        op = step.op
        code = OPCODES.get(type(op))
        reason = f"{type(op).__name__} has no opcode" if code is None else liveness.skip_reason(op)
        if code is None or reason is not None:
            raise VmfuzzError(f"step {position} has no byte form: {reason}")
        liveness.apply(op)
        plan = PLANS[code]
        values: list[Any] = [getattr(op, name) for name in plan.names]
        written = tuple(values)
        for place, slot in enumerate(plan.slots):
            if slot[0] == HANDLE or (slot[0] == ALTERNATIVE and values[place] is not None):
                values[place] = names[slot[2], values[place]]
        for place, kind in plan.makes:
            names[kind, written[place]] = values[place] = next_ids[kind]
            next_ids[kind] += 1
        yield plan, values


def _encode_op(
    plan: OpPlan,
    values: list[Any],
    pool: dict[int, int],
    live: tuple[list[int], ...],
    position: int,
) -> list[bytes]:
    """Encode one op, literal records first. Effect: `live` follows the op's handles."""
    record = bytearray(RECORD)
    record[0] = OPCODES[plan.op]
    records: list[bytes] = []
    for name, value, slot in zip(plan.names, values, plan.slots, strict=True):
        role, first, index, _ = slot
        if role == HANDLE or (role == ALTERNATIVE and value is not None):
            others = plan.alternatives if role == ALTERNATIVE else (index,)
            before = sum(len(live[kind]) for kind in others[: others.index(index)])
            at = before + bisect_left(live[index], value)
            record[first : first + 2] = at.to_bytes(2, "little")
        elif role in ARGUMENTS:
            try:
                records += _encode_argument(record, value, slot, pool)
            except ValueError as error:
                problem = f"{name}={value!r}{error}"
                raise VmfuzzError(f"step {position} has no byte form: {problem}") from None
    for place, kind in plan.ends:
        del live[kind][bisect_left(live[kind], values[place])]
    for place, kind in plan.makes:
        live[kind].append(values[place])
    return [*records, bytes(record)]


def _encode_argument(
    record: bytearray,
    value: Any,  # of any field type
    slot: Slot,
    pool: dict[int, int],
) -> list[bytes]:
    """Put an argument into the record; return the literals it needs. Errors: ValueError."""
    role, first, index, words = slot
    if role == BYTES:
        return _encode_payload(record, first, value)
    if role == CHOICE:
        if value not in words:
            raise ValueError(f": allowed are {', '.join(words)}")
        record[first] = words.index(value)
        return []
    if role == SHORT:
        if not 0 <= value < index:
            raise ValueError(f": at most {index - 1}")
        record[first : first + 2] = value.to_bytes(2, "little")
        return []
    if not 0 <= value <= U64_MASK:
        raise ValueError(" does not fit into 64 bits")
    record[first], record[first + 1] = _select(value, pool, payload=index == PAYLOADS)
    return [_literal(value)] if record[first] == ESCAPE else []


def _literal(value: int) -> bytes:
    return (bytes([LITERAL]) + value.to_bytes(8, "little")).ljust(RECORD, b"\0")


def _encode_payload(record: bytearray, first: int, data: bytes) -> list[bytes]:
    """Put a pattern into the record; return literals for what is none."""
    seed = data[0] if data else 0
    if len(data) < ESCAPE and data == pattern(seed, len(data)):
        record[first], record[first + 1] = len(data), seed
        return []
    record[first] = ESCAPE
    words = [data[at : at + 8].ljust(8, b"\0") for at in range(0, len(data), 8)]
    return [_literal(len(data)), *(_literal(int.from_bytes(word, "little")) for word in words)]


def _select(value: int, pool: dict[int, int], *, payload: bool) -> tuple[int, int]:
    """Return selector and offset of a number, `ESCAPE` when only a literal reaches it."""
    if payload:
        return (value, 0) if value < ESCAPE else (ESCAPE, 0)
    if value not in pool and value % PAGE_SIZE == 0:
        return ESCAPE, 0
    for offset in (0, *range(1, 128), *range(-1, -129, -1)):
        at = pool.get((value - offset) & U64_MASK)
        if at is not None:
            return at, offset & 0xFF
    return ESCAPE, 0


def renumber(trace: Trace) -> Trace:
    """Return world and ops of the trace, each kind's ids from 0 in order of definition.

    Errors: VmfuzzError for a step that is skipped, or a test hook, which has no opcode.
    """
    return Trace(trace.world, [Step(plan.op(*values)) for plan, values in _renumbered(trace)])
