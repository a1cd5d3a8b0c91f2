"""Calls on frames, segments and unique frames, and values to damage them with."""

from vmstore.outcome import Err
from vmstore.store import SegmentEntry

WORLD = "world frames=8 pt_frames=24 entries=4 rc_max=5"
F0 = "f0 = frame_from_unused(paddr=0x2000, meta=umeta, val=0)\n"
F1 = F0 + "f1 = frame_clone(frame=f0)\n"
S0 = "s0 = segment_from_unused(start=0x1000, end=0x3000)\n"
U0 = "u0 = unique_from_unused(paddr=0x2000)\n"
# What is run before, and the call itself.
CALLS: dict[str, tuple[str, str]] = {
    "ffu": ("", "f0 = frame_from_unused(paddr=0x2000)"),
    "ffu misaligned": ("", "f0 = frame_from_unused(paddr=0x2001)"),
    "ffu in use": (F0, "f1 = frame_from_unused(paddr=0x2000)"),
    "ffiu": (F0, "f1 = frame_from_in_use(paddr=0x2000)"),
    "ffiu misaligned": (F0, "f1 = frame_from_in_use(paddr=0x2001)"),
    "ffiu unused": ("", "f1 = frame_from_in_use(paddr=0x2000)"),
    "clone": (F0, "f1 = frame_clone(frame=f0)"),
    "drop": (F1, "frame_drop(frame=f0)"),
    "last drop": (F0, "frame_drop(frame=f0)"),
    "info": (F0, "frame_info(frame=f0)"),
    "count": (F0, "frame_reference_count(frame=f0)"),
    "eq": (F1, "frame_eq(frame=f0, other=f1)"),
    "borrow": (F0, "frame_borrow(frame=f0)"),
    "into_raw": (F0, "fr0 = frame_into_raw(frame=f0)"),
    "from_raw": (F0 + "fr0 = frame_into_raw(frame=f0)\n", "f1 = frame_from_raw(raw=fr0)"),
    "sfu": ("", S0.strip()),
    "sfu misaligned": ("", "s0 = segment_from_unused(start=0x1, end=0x3000)"),
    "sfu far": ("", "s0 = segment_from_unused(start=0x1000, end=0x80000)"),
    "sfu in use": ("f0 = frame_from_unused(paddr=0x1000)\n", S0.strip()),
    "sd": (S0, "segment_drop(segment=s0)"),
    "sd shared": (S0 + "s1 = segment_clone(segment=s0)\n", "segment_drop(segment=s0)"),
    "split": (S0, "s1, s2 = segment_split(segment=s0, offset=0x1000)"),
    "next": (S0, "f0 = segment_next(segment=s0)"),
    "next of none": (
        S0 + "f0 = segment_next(segment=s0)\nf1 = segment_next(segment=s0)\n",
        "f2 = segment_next(segment=s0)",
    ),
    "sc": (S0, "s1 = segment_clone(segment=s0)"),
    "slice": (S0, "s1 = segment_slice(segment=s0, start=0x0, end=0x1000)"),
    "s into_raw": (S0, "sr0 = segment_into_raw(segment=s0)"),
    "s from_raw": (
        S0 + "sr0 = segment_into_raw(segment=s0)\n", "s1 = segment_from_raw(raw_segment=sr0)"
    ),
    "ufu": ("", U0.strip()),
    "ufu misaligned": ("", "u0 = unique_from_unused(paddr=0x2001)"),
    "ufu in use": (F0, U0.strip()),
    "ud": (U0, "unique_drop(unique=u0)"),
    "fu": (U0, "f0 = unique_into_shared(unique=u0)"),
    "tfs": (F0, "u0 = unique_try_from_shared(frame=f0)"),
    "tfs shared": (F1, "u0 = unique_try_from_shared(frame=f0)"),
    "reset": (U0, "unique_reset_as_unused(unique=u0)"),
    "set_val": (U0, "unique_set_val(unique=u0, val=3)"),
    "repurpose": (U0, "u1 = unique_repurpose(unique=u0, meta=umeta)"),
    "u into_raw": (U0, "ur0 = unique_into_raw(unique=u0)"),
    "u from_raw": (
        U0 + "ur0 = unique_into_raw(unique=u0)\n", "u1 = unique_from_raw(raw_unique=ur0)"
    ),
}  # fmt: skip
REFUSED = Err("InUse")
PATHS = frozenset({(9, 1)})
FAR = SegmentEntry(0x4000, 0x5000)
