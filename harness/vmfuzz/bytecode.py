"""The byte form of a trace: total, of one width for all ops, so that a byte flip changes one op.

A record has `RECORD` bytes: an opcode, then two bytes per field that is no destination, in
declaration order. Handles are indices modulo the live ids; numbers are a value of a pool plus a
signed offset, or, behind the escape `0xFF`, the next 64-bit literal of the literal records before
the op. World, comment, faults, expectations and recorded outcomes are outside of the byte form.
"""

from typing import Any, Final

from vmfuzz.errors import VmfuzzError
from vmfuzz.fields import CODECS
from vmfuzz.liveness import Liveness
from vmfuzz.trace import Step, Trace
from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import HANDLE_KINDS, MetaVal
from vmstore.ops import GENERATED, Declaration, Field, Op
from vmstore.world import World

RECORD: Final = 16
MAX_OPS: Final = 4096
LITERAL: Final = len(GENERATED)  # the opcode after those of the ops, in declaration order
_OPCODES: Final = LITERAL + 1
_ESCAPE: Final = 0xFF
_KINDS: Final = tuple(kind.name for kind in HANDLE_KINDS.values())
_HANDLE, _NUMBER, _CHOICE = range(3)

# (field name, role, handle kind or None, words or None, whether the number is a payload)
_FieldPlan = tuple[str, int, str, tuple[str, ...], bool]


def _plan(field: Field) -> _FieldPlan:
    if field.kind:
        return field.name, _HANDLE, field.kind.name, (), field.is_consumed
    codec = CODECS[field.type]
    role = _CHOICE if codec.domain == "choice" else _NUMBER
    return field.name, role, "", codec.words, field.type is MetaVal


class _OpPlan:
    """How one opcode decodes: the fields in byte order and the destinations to number."""

    __slots__ = ("declaration", "fields", "makes")

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.fields = tuple(_plan(f) for f in declaration.fields if not f.is_destination)
        self.makes = tuple((f.name, f.kind.name) for f in declaration.destinations if f.kind)


_PLANS: Final = tuple(_OpPlan(declaration) for declaration in GENERATED)
_OPCODE: Final = {declaration.op: code for code, declaration in enumerate(GENERATED)}


def address_pool(world: World) -> tuple[int, ...]:
    """Return the 255 values that a selector byte names: pages from 0, then the boundaries."""
    top = world.max_paddr
    special = (
        top - 2 * PAGE_SIZE,
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
    """Return the trace that any byte string means. Errors: none.

    An op for which no handle is live is dropped. Shape: at most `MAX_OPS` records are read.
    """
    decoder = _Decoder(world)
    view = data[: MAX_OPS * RECORD]
    for at in range(0, len(view) - RECORD + 1, RECORD):
        decoder.record(view[at : at + RECORD])
    return Trace(world, decoder.steps)


class _Decoder:
    """The state of a decoding: live ids per kind, next ids, literals not yet used."""

    def __init__(self, world: World) -> None:
        self.pool = address_pool(world)
        self.live: dict[str, list[int]] = {kind: [] for kind in _KINDS}
        self.next_ids = dict.fromkeys(_KINDS, 0)
        self.literals: list[int] = []
        self.steps: list[Step] = []

    def record(self, record: bytes) -> None:
        opcode = record[0] % _OPCODES
        if opcode == LITERAL:
            self.literals.append(int.from_bytes(record[1:9], "little"))
            return
        plan = _PLANS[opcode]
        values: dict[str, Any] = {}
        ended: list[tuple[str, int]] = []
        for position, (name, role, kind, words, flag) in enumerate(plan.fields):
            low, high = record[1 + 2 * position], record[2 + 2 * position]
            if role == _HANDLE:
                live = self.live[kind]
                if not live:
                    self.literals.clear()
                    return
                values[name] = live[(low | high << 8) % len(live)]
                if flag:
                    ended.append((kind, values[name]))
            elif role == _CHOICE:
                values[name] = words[low % len(words)]
            else:
                values[name] = self.number(low, high, payload=flag)
        self.literals.clear()
        for kind, handle in ended:
            if handle in self.live[kind]:
                self.live[kind].remove(handle)
        for name, kind in plan.makes:
            values[name] = self.next_ids[kind]
            self.live[kind].append(values[name])
            self.next_ids[kind] += 1
        self.steps.append(Step(plan.declaration.make(values)))

    def number(self, selector: int, offset: int, *, payload: bool) -> int:
        if selector == _ESCAPE:
            return self.literals.pop(0) if self.literals else 0
        base = selector if payload else self.pool[selector]
        return (base + (offset ^ 0x80) - 0x80) & U64_MASK


def encode(trace: Trace) -> bytes:
    """Return bytes that decode to the same ops, with ids renumbered.

    Requires: no step of the trace is skipped. Errors: VmfuzzError for a skipped step, and for a
    test hook, which has no opcode.
    """
    records: list[bytes] = []
    pool = {value: at for at, value in reversed(list(enumerate(address_pool(trace.world))))}
    live: dict[str, list[int]] = {kind: [] for kind in _KINDS}
    liveness = Liveness()
    for position, step in enumerate(trace.steps):
        op = step.op
        reason = liveness.skip_reason(op)
        if reason is not None or type(op) not in _OPCODE:
            reason = reason or f"{type(op).__name__} has no opcode"
            raise VmfuzzError(f"step {position} has no byte form: {reason}")
        liveness.apply(op)
        records += _encode_op(op, pool, live)
    if len(records) > MAX_OPS:
        raise VmfuzzError(f"the trace needs {len(records)} records, the byte form has {MAX_OPS}")
    return b"".join(records)


def _encode_op(op: Op, pool: dict[int, int], live: dict[str, list[int]]) -> list[bytes]:
    """Encode one op, literal records first. Effect: `live` follows the op's handles."""
    plan = _PLANS[_OPCODE[type(op)]]
    record = bytearray(RECORD)
    record[0] = _OPCODE[type(op)]
    literals: list[bytes] = []
    for position, (name, role, kind, words, flag) in enumerate(plan.fields):
        value = getattr(op, name)
        at = 1 + 2 * position
        if role == _HANDLE:
            record[at : at + 2] = live[kind].index(value).to_bytes(2, "little")
        elif role == _CHOICE:
            record[at] = words.index(value)
        else:
            selector, offset = _select(value, pool, payload=flag)
            record[at], record[at + 1] = selector, offset
            if selector == _ESCAPE:
                head = bytes([LITERAL]) + value.to_bytes(8, "little")
                literals.append(head.ljust(RECORD, b"\0"))
    for name, role, kind, _, flag in plan.fields:
        if role == _HANDLE and flag and getattr(op, name) in live[kind]:
            live[kind].remove(getattr(op, name))
    for name, kind in plan.makes:
        live[kind].append(getattr(op, name))
    return [*literals, bytes(record)]


def _select(value: int, pool: dict[int, int], *, payload: bool) -> tuple[int, int]:
    if payload:
        return (value, 0) if value < _ESCAPE else (_ESCAPE, 0)
    for offset in (0, *range(1, 128), *range(-1, -129, -1)):
        at = pool.get((value - offset) & U64_MASK)
        if at is not None:
            return at, offset & 0xFF
        if value % PAGE_SIZE == 0 and offset == 0 and value not in pool:
            break
    return _ESCAPE, 0


def renumber(trace: Trace) -> Trace:
    """Return the trace with each kind's ids in order of definition. Requires: as `encode`."""
    next_ids = dict.fromkeys(_KINDS, 0)
    names: dict[tuple[str, int], int] = {}
    steps = []
    for step in trace.steps:
        plan = _PLANS[_OPCODE[type(step.op)]]
        values: dict[str, Any] = {
            name: names[kind, getattr(step.op, name)] if role == _HANDLE else getattr(step.op, name)
            for name, role, kind, _, _ in plan.fields
        }
        for name, kind in plan.makes:
            names[kind, getattr(step.op, name)] = values[name] = next_ids[kind]
            next_ids[kind] += 1
        steps.append(Step(plan.declaration.make(values)))
    return Trace(trace.world, steps)
