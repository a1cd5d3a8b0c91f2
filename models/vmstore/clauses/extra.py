"""Oracles beyond the proof's invariant: blind spots (XTRA) and derived facts (DER)."""

from typing import Final

from vmstore.arch import REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.clauses.registry import Clause, Group, SlotCase, count_name

_SRC: Final = "beyond vostd VmStore::inv"
_X: Final[Group] = "extra"
_HANDLES: Final = "listed frames and raw handles are exclusive owners too"
_DYNAMIC: Final = "from_in_use gives handles on nodes (AX-21), unmap defers their release"
_RAW: Final = "a handle that was forgotten one by one has given its obligation back"


def _node_count(c: SlotCase) -> str:
    o = c.owner
    return (
        f"rc={count_name(c.rc)}, but links + H + C + D ="
        f" {o.links} + {o.handles} + {o.covers} + {o.deferred} = {o.references()}"
    )


def _is_root(c: SlotCase) -> bool:
    table = c.state.view.spaces.tables.get(c.slot.index)
    return table is not None and table.level == c.state.world.levels


def _is_node(c: SlotCase) -> bool:
    return c.owner.usage == "PageTable" and not c.owner.uniques


def _owed(c: SlotCase) -> int:
    o = c.owner
    return o.handles + o.covers + o.uniques - o.forgotten


CLAUSES: Final = (
    Clause("XTRA.1'", "rc == UNIQUE iff exactly one exclusive owner: live, raw, or a list", _SRC,
           "slot", _X, reason=_HANDLES,
           when=lambda c: c.rc == REF_COUNT_UNIQUE or c.owner.uniques > 0,
           holds=lambda c: c.rc == REF_COUNT_UNIQUE and c.owner.uniques == 1,
           show=lambda c: f"rc={count_name(c.rc)} with {c.owner.uniques} exclusive owners"),
    Clause("XTRA.2", "a node below a root, or the kernel's, has rc == links + handles on it + D",
           _SRC, "slot", _X, when=lambda c: _is_node(c) and not _is_root(c),
           holds=lambda c: c.rc == c.owner.references(), show=_node_count),
    Clause("PT.INV.7'", "a root has rc == its table's handle + CPUs that run it + handles + D",
           "page_table::PageTableNode", "slot", _X, when=lambda c: _is_node(c) and _is_root(c),
           holds=lambda c: c.rc == c.owner.references(), show=_node_count, reason=_DYNAMIC),
    Clause("XTRA.4", "usage Unused implies rc == UNUSED", _SRC, "slot", _X,
           when=lambda c: c.owner.usage == "Unused", holds=lambda c: c.rc == REF_COUNT_UNUSED),
    Clause("XTRA.5'", "frame_obligations at a slot == live H + C + live U", _SRC, "slot", _X,
           holds=lambda c: c.owner.obligations == _owed(c), reason=_RAW,
           when=lambda c: c.owner.obligations > 0 or _owed(c) > 0,
           show=lambda c: f"obligations={c.owner.obligations}, owed {_owed(c)}",
           known={"vostd": "G3", "seed": "G3"}),
    Clause("XTRA.10", "no op changes a slot outside of physical memory", _SRC, "slot", _X,
           holds=lambda c: 0 <= c.slot.index < c.state.world.pages),
    Clause("DER.1", "usage Frame implies rc != 0", _SRC, "slot", _X,
           when=lambda c: c.owner.usage == "Frame", holds=lambda c: c.rc != 0),
    Clause("DER.2", "H > 0 implies 1 <= rc <= MAX, storage and vtable init, in_list 0", _SRC,
           "slot", _X, when=lambda c: c.owner.handles > 0,
           holds=lambda c: c.is_shared and c.slot.stored and bool(c.slot.vtable)
           and c.slot.in_list == 0),
    Clause("DER.3", "rc == UNIQUE and usage Frame implies H = P = C = 0", _SRC, "slot", _X,
           when=lambda c: c.rc == REF_COUNT_UNIQUE and c.owner.usage == "Frame",
           holds=lambda c: not c.has_users),
    Clause("DER.4", "a handle with rc == 1 is sole: H = 1, P = C = 0", _SRC, "slot", _X,
           when=lambda c: c.owner.handles > 0 and c.rc == 1,
           holds=lambda c: c.owner.handles == 1 and not c.owner.mappings and not c.owner.covers),
    Clause("DER.5", "a covered slot has rc >= C; with rc == 1 also H = P = 0", _SRC, "slot", _X,
           when=lambda c: c.owner.covers > 0 and c.rc <= c.state.world.rc_max,
           holds=lambda c: c.rc >= c.owner.covers
           and (c.rc != 1 or (not c.owner.handles and not c.owner.mappings))),
    Clause("DER.6", "an exclusive owner's slot has H = P = C = 0", _SRC, "slot", _X,
           when=lambda c: c.owner.uniques > 0, holds=lambda c: not c.has_users),
)  # fmt: skip
