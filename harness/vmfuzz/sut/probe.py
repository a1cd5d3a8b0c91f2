"""Finds out which optional fields an agent reports, so that a missing one can be told from silence.

Each short trace makes several ops say something in the same field, so that a bug in one of them
does not look like an agent that never speaks of it.
"""

from collections.abc import Callable, Iterator
from typing import Final

from vmfuzz.comparison import OPTIONAL
from vmfuzz.sut.agent import Agent
from vmfuzz.sut.prediction import Script
from vmfuzz.trace import Trace
from vmfuzz.trace_text import parse

_HEAD: Final = "#vmfuzz-trace 1\nworld\n"
_TRACES: Final = (
    """
    f0 = frame_from_unused(paddr=0x0, meta=umeta, val=1)
    f1 = frame_clone(frame=f0)
    frame_drop(frame=f1)
    frame_drop(frame=f0)
    u0 = unique_from_unused(paddr=0x1000, meta=tmeta, val=2)
    unique_drop(unique=u0)
    """,
    """
    s0 = segment_from_unused(start=0x0, end=0x2000, meta=umeta, val=3)
    segment_drop(segment=s0)
    """,
    """
    vs0 = vmspace_new()
    vmspace_activate(vs=vs0)
    c0 = cursor_open_mut(vs=vs0, start=0x1000, end=0x3000)
    f0 = frame_from_unused(paddr=0x0)
    cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB)
    cursor_jump(cursor=c0, va=0x1000)
    cursor_unmap(cursor=c0, len=0x1000)
    cursor_drop(cursor=c0)
    """,
    """
    pt0 = pt_new(config=user)
    pc0 = pt_cursor_open(ptable=pt0, start=0x1000, end=0x3000)
    pt_cursor_query(ptcursor=pc0)
    """,
    """
    b0 = buf_new(len=16, seed=1)
    w0 = writer_new(buf=b0, offset=0, len=16)
    writer_write_val(writer=w0, ty=u32, val=0x1020304)
    r0 = reader_new(buf=b0, offset=0, len=16)
    reader_skip(reader=r0, n=4)
    f0 = frame_from_unused(paddr=0x0)
    vmio_write_bytes(frame=f0, offset=0x0, data=0102030405)
    """,
)


def probe_traces() -> list[Trace]:
    """Return the traces, each to be played in a fresh world."""
    return [parse(_HEAD + "\n".join(map(str.strip, text.splitlines()))) for text in _TRACES]


class Reported:
    """The optional fields that an agent reports: as it says itself, else as the probe shows.

    `predict` makes a script of a trace. The probe runs when somebody asks for the first time.
    """

    def __init__(self, agent: Agent, predict: Callable[[Trace], Script]) -> None:
        self.agent, self.predict = agent, predict
        self.fields: frozenset[str] | None = None

    def __contains__(self, name: object) -> bool:
        if self.fields is None:
            self.fields = self.agent.ready.fields
        if self.fields is None:
            self.fields = frozenset(self._probed())
        return name in self.fields

    def _probed(self) -> Iterator[str]:
        for trace in probe_traces():
            script = self.predict(trace)
            if script.lines:
                for answer in self.agent.play(script.lines, script.names).answers:
                    yield from (name for name in OPTIONAL if answer.get(name) is not None)
