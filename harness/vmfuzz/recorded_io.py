"""The fields of a recorded step that speak of contents: `mem` and `rw`."""

from typing import Any

from vmstore.arch import LINEAR_BASE, PAGE_SIZE
from vmstore.memory import Memory
from vmstore.ops import Declaration, Op
from vmstore.outcome import Abort, Outcome, Panic
from vmstore.payload import shown
from vmstore.step import State

Json = Any  # what json.loads returns


def changed_memory(state: State) -> list[list[Json]]:
    """Return what the step changed: frame or buffer, first changed byte, new bytes to the last."""
    io = state.machine.io
    written = io.memory.written()
    if not written:
        return []
    changed: list[list[Json]] = []
    for index in sorted(written):
        if index < state.world.frames:
            changed += _span(index, written[index], io.memory.page(index))
    for buf, (address, length) in sorted(io.bufs.items()):
        before = _before(io.memory, address, length)
        changed += _span(f"buf{buf}", before, io.memory.read(address, length))
    return changed


def _before(memory: Memory, address: int, length: int) -> bytes:
    """Return what a buffer held before the step."""
    written = memory.written()
    first = (address - LINEAR_BASE) // PAGE_SIZE
    pages = range(first, first + length // PAGE_SIZE + 1)
    return b"".join(written.get(index) or memory.page(index) for index in pages)[:length]


def _span(name: int | str, before: bytes, now: bytes) -> list[list[Json]]:
    if before == now:
        return []
    # As numbers, because looking at a page byte by byte takes longer than the step.
    changed = int.from_bytes(before) ^ int.from_bytes(now)
    first = len(now) - (changed.bit_length() + 7) // 8
    last = len(now) - 1 - ((changed & -changed).bit_length() - 1) // 8
    return [[name, first, shown(now[first : last + 1])]]


def remaining_bytes(
    state: State, op: Op, declaration: Declaration, outcome: Outcome
) -> dict[str, int]:
    """Return the bytes left of the readers and writers that the step names or makes.

    Nothing after a panic, and nothing for a clone: recordings show the reader it was made of.
    """
    if isinstance(outcome, Panic | Abort):
        return {}
    io = state.machine.io
    tables = {"reader": ("r", io.readers), "writer": ("w", io.writers)}
    left: dict[str, int] = {}
    for field in declaration.fields:
        if field.kind and field.kind.name in tables and field.name != "dst_new_reader":
            prefix, table = tables[field.kind.name]
            handle = getattr(op, field.name)
            if handle in table:
                left[f"{prefix}{handle}"] = table[handle].remain
    return left
