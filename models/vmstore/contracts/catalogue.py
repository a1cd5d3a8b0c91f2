"""All contract clauses, and what they say of one call."""

from collections.abc import Iterable
from typing import Final

from vmstore.contracts import (
    cursor_map,
    cursor_unmap,
    cursors,
    frame_methods,
    frames,
    guards,
    segment_methods,
    segments,
    spaces,
    unique_methods,
    uniques,
    vm_io_copies,
    vm_ios,
)
from vmstore.contracts.call import Call
from vmstore.contracts.registry import ContractClause, Test
from vmstore.ops import DECLARATIONS

_MODULES: Final = (
    frames,
    segments,
    uniques,
    spaces,
    cursors,
    cursor_map,
    cursor_unmap,
    vm_ios,
    vm_io_copies,
    frame_methods,
    segment_methods,
    unique_methods,
    guards,
)
CLAUSES: Final[tuple[ContractClause, ...]] = tuple(
    clause for module in _MODULES for clause in module.CLAUSES
)
BY_OP: Final[dict[str, tuple[ContractClause, ...]]] = {
    d.name: tuple(clause for clause in CLAUSES if d.name in clause.ops)
    for d in DECLARATIONS.values()
}

# What is required comes first: without it a contract promises nothing.
Plan = tuple[tuple[Test, tuple[ContractClause, ...]], ...]
_REQUIRES: Final = ("REQ", "PRE")


def _by_condition(clauses: Iterable[ContractClause]) -> Plan:
    groups: dict[Test, list[ContractClause]] = {}
    for clause in clauses:
        groups.setdefault(clause.when, []).append(clause)
    return tuple((when, tuple(group)) for when, group in groups.items())


def _contracts(name: str) -> tuple[tuple[Plan, Plan], ...]:
    """Return the contracts of an op, each as what it requires and what it promises."""
    contracts: dict[str, list[ContractClause]] = {}
    for clause in BY_OP[name]:
        contracts.setdefault(clause.op, []).append(clause)
    return tuple(
        (
            _by_condition(c for c in clauses if c.kind in _REQUIRES),
            _by_condition(c for c in clauses if c.kind not in _REQUIRES),
        )
        for clauses in contracts.values()
    )


_PLANS: Final = {d.op: _contracts(d.name) for d in DECLARATIONS.values()}


def judge(call: Call) -> list[tuple[ContractClause, bool]]:
    """Return the clauses that apply to a call, each with whether it holds.

    A contract whose requirements do not all hold promises nothing: what is judged of it are the
    requirements alone. A condition that several clauses share is evaluated once.
    """
    judged: list[tuple[ContractClause, bool]] = []
    for requires, promises in _PLANS[call.op.__class__]:
        met = _judge(call, requires, judged)
        if met:
            _judge(call, promises, judged)
    return judged


def _judge(call: Call, plan: Plan, judged: list[tuple[ContractClause, bool]]) -> bool:
    met = True
    for when, clauses in plan:
        if when(call):
            for clause in clauses:
                holds = clause.holds(call)
                met = met and holds
                judged.append((clause, holds))
    return met
