"""Buffers, readers, writers and the bytes of pages as the explorer shows them.

What the ops wrote is shown; `bad` names the first byte that is something else in memory.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from zlib import crc32

from vmfuzz.report.explorer.records import NOTHING, Row, made, unlike
from vmstore.arch import PAGE_SIZE
from vmstore.clauses.io_cases import VioCase
from vmstore.clauses.touched_io import all_io
from vmstore.ids import PREFIXES
from vmstore.step import State
from vmstore.vm_io_owner import name_of

_RUN: Final = re.compile(rb"[^\0]+(?:\0{1,3}[^\0]+)*")  # bytes that are set, small gaps included
_RUNS: Final = 3
_SHOWN: Final = 16  # bytes of a run


def io_rows(state: State) -> Iterator[Row]:
    """Yield buffers with their bytes, pages with theirs, and what readers and writers have left."""
    io, contents = state.machine.io, state.view.contents
    for number, (address, length) in sorted(io.bufs.items()):
        held, known = io.memory.read(address, length), bytes(contents.bufs.get(number, b""))
        yield made(f"buf:b{number}", [_first_difference(held, known)], bytes=length,
                   **_described(known))  # fmt: skip
    for index in all_io(state).pages:
        held, known = io.memory.page(index), contents.page(index)
        if any(known) or any(held):
            bad = _first_difference(held, known)
            yield made(f"bytes:{index * PAGE_SIZE:#x}", [bad], **_described(known))
    for vio, entry in sorted(state.view.store.vm_ios.items()):
        owner = entry.owner
        lender, number = owner.lender
        kind = "fallible" if owner.is_fallible else "infallible"
        left = VioCase(state, vio).left()
        here = NOTHING if left is None else f"bytes [{left[0]:#x}, {left[1]:#x})"
        bad = unlike(here, f"bytes [{owner.start:#x}, {owner.end:#x})")
        yield made(f"vio:{name_of(vio)}", [bad], start=f"{owner.start:#x}", end=f"{owner.end:#x}",
                   of=f"{PREFIXES[lender]}{number}", kind=kind)  # fmt: skip


def _described(data: bytes) -> dict[str, Any]:
    """Return the first runs of bytes that are not zero, and a sum that changes with any byte."""
    runs = [
        f"+{run.start():#x}: {run[0][:_SHOWN].hex(' ')}{' ...' * (len(run[0]) > _SHOWN)}"
        for run in islice(_RUN.finditer(data), _RUNS)
    ]
    return {"data": runs, "crc": f"{crc32(data):08x}" if runs else ""}


def _first_difference(held: bytes, known: bytes) -> str:
    if held == known:
        return ""
    if len(held) != len(known):
        return f"length: {unlike(len(held), len(known))}"
    at = next(at for at in range(len(held)) if held[at] != known[at])
    return f"byte +{at:#x} is {held[at]:#04x} in memory, by the ops {known[at]:#04x}"
