"""`op_pre`: when the proof's contract of an op applies."""

import pytest

from vmfuzz.oracle import Session
from vmfuzz.trace_text import parse, parse_op
from vmstore.ops.writer import WriterWrite
from vmstore.preconditions import OP_PRE, op_pre

SPACE = "vs0 = vmspace_new()\nvmspace_activate(vs=vs0)\n"
SEGMENT = "s0 = segment_from_unused(start=0x0, end=0x3000)\n"
BUFFERS = """b0 = buf_new(len=16, seed=1)
b1 = buf_new(len=16, seed=2)
r0 = reader_new(buf=b0, len=8)
w0 = writer_new(buf=b1, len=8)
"""
CASES = [
    (SPACE, "vmspace_drop(vs=vs0)", True),
    (SPACE + "c0 = cursor_open(vs=vs0, start=0x0, end=0x1000)\n", "vmspace_drop(vs=vs0)", False),
    (SPACE + "r0 = vs_reader(vs=vs0, va=0x0, len=8)\n", "vmspace_drop(vs=vs0)", False),
    (SEGMENT + "f0 = segment_next(segment=s0)\n", "frame_drop(frame=f0)", True),
    (SEGMENT + "s1 = segment_clone(segment=s0)\nf0 = segment_next(segment=s0)\n",
     "frame_drop(frame=f0)", False),
    (SEGMENT, "s1, s2 = segment_split(segment=s0, offset=0x1000)", True),
    (SEGMENT, "s1, s2 = segment_split(segment=s0, offset=0x0)", False),
    (SEGMENT, "s1, s2 = segment_split(segment=s0, offset=0x3000)", False),
    (SEGMENT, "s1, s2 = segment_split(segment=s0, offset=0x800)", False),
    (SEGMENT, "s1 = segment_clone(segment=s0)", True),
    (SEGMENT + "s1 = segment_clone(segment=s0)\n" "s2 = segment_clone(segment=s0)\n",
     "s3 = segment_clone(segment=s0)", False),
    (SEGMENT, "s1 = segment_slice(segment=s0, start=0x0, end=0x3000)", True),
    (SEGMENT, "s1 = segment_slice(segment=s0, start=0x1000, end=0x1000)", False),
    (SEGMENT, "s1 = segment_slice(segment=s0, start=0x0, end=0x4000)", False),
    (SEGMENT, "s1 = segment_slice(segment=s0, start=0x1, end=0x1000)", False),
    (BUFFERS, "reader_read(reader=r0, writer=w0)", True),
    (BUFFERS, "writer_write(writer=w0, reader=r0)", True),
    (SPACE + "r0 = vs_reader(vs=vs0, va=0x0, len=8)\nb1 = buf_new(len=16, seed=2)\n"
     "w0 = writer_new(buf=b1, len=8)\n", "reader_read(reader=r0, writer=w0)", False),
    ("", "f0 = frame_from_unused(paddr=0x1)", True),
]  # fmt: skip


@pytest.mark.parametrize(("before", "op", "expected"), CASES)
def test_a_contract_applies_where_its_precondition_holds(
    before: str, op: str, expected: bool
) -> None:
    trace = parse(f"#vmfuzz-trace 1\nworld rc_max=3\n{before}{op}\n")
    session = Session(trace.world)
    for step in trace.ops[:-1]:
        assert session.step(step) is None

    assert op_pre(session.view.store, trace.ops[-1]) == expected


def test_every_precondition_has_a_case_on_both_sides() -> None:
    for expected in (False, True):
        ops = {type(parse_op(text)) for _, text, holds in CASES if holds == expected}
        assert OP_PRE.keys() - ops <= ({WriterWrite} if not expected else set())
