"""`accounting_inv`: the exact reference-count equation."""

from typing import Final

from vmstore.arch import REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.clauses.registry import Clause, Group, SlotCase, count_name

_SRC: Final = "vostd VmStore::accounting_inv"
_I: Final[Group] = "invariants"
_SENTINELS: Final = (REF_COUNT_UNUSED, REF_COUNT_UNIQUE)


def _unused(c: SlotCase) -> bool:
    return c.rc == REF_COUNT_UNUSED


def _used(c: SlotCase) -> bool:
    return c.owner.usage == "Frame" and c.has_users


def _equation(c: SlotCase) -> str:
    o = c.owner
    total = o.handles + o.mappings + o.covers + o.deferred
    return (
        f"rc={count_name(c.rc)}, but H + P + C + D ="
        f" {o.handles} + {o.mappings} + {o.covers} + {o.deferred} = {total}"
    )


def _balanced(c: SlotCase) -> bool:
    return c.rc in _SENTINELS or c.rc == c.owner.references()


CLAUSES: Final = (
    Clause("ACCT.1a", "rc == UNUSED implies H == 0", _SRC, "slot", _I,
           when=_unused, holds=lambda c: c.owner.handles == 0, show=_equation),
    Clause("ACCT.1b", "rc == UNUSED implies paths empty", _SRC, "slot", _I,
           when=_unused, holds=lambda c: not c.owner.mappings and not c.owner.paths),
    Clause("ACCT.1c", "rc == UNUSED implies C == 0", _SRC, "slot", _I,
           when=_unused, holds=lambda c: c.owner.covers == 0, show=_equation),
    Clause("ACCT.2", "usage Frame and rc no sentinel implies H > 0 or P > 0 or C > 0 (or D > 0)",
           _SRC, "slot", _I, holds=lambda c: c.owner.references() > 0, show=_equation,
           when=lambda c: c.owner.usage == "Frame" and c.rc not in _SENTINELS),
    Clause("ACCT.3a", "usage Frame and any user implies rc != UNUSED", _SRC, "slot", _I,
           when=_used, holds=lambda c: c.rc != REF_COUNT_UNUSED, show=_equation),
    Clause("ACCT.3b", "usage Frame and any user implies rc != UNIQUE", _SRC, "slot", _I,
           when=_used, holds=lambda c: c.rc != REF_COUNT_UNIQUE, show=_equation),
    Clause("ACCT.3c", "rc == H + P + C, and + D while references are deferred", _SRC, "slot", _I,
           when=_used, holds=_balanced, show=_equation),
    Clause("ACCT.3d", "usage Frame and any user implies storage initialised", _SRC, "slot", _I,
           when=_used, holds=lambda c: c.slot.stored),
)  # fmt: skip
