"""Calls of a trace, and calls whose values are edited: what contract clauses are tested with."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from call_damage import Edit
from vmfuzz.oracle import Session
from vmfuzz.trace_text import parse
from vmstore.contracts.call import Call
from vmstore.contracts.catalogue import judge
from vmstore.contracts.observer import Observer, SlotMap
from vmstore.contracts.values import StoreValue


@pytest.fixture(scope="session")
def call_of() -> Callable[[str, str], Call]:
    """Return the function that gives the last step of a trace, in a world, as a call."""

    def read(world: str, text: str) -> Call:
        trace = parse(f"#vmfuzz-trace 1\n{world}\n{text}\n")
        session = Session(trace.world)
        observer = Observer(session.state)
        for op in trace.ops:
            assert session.step(op) is None
            assert session.outcome is not None
            call = observer.after(op, session.outcome)
        return call

    return read


@pytest.fixture(scope="session")
def edited() -> Callable[[Call, Iterable[Edit]], Call]:
    """Return the function that gives a call with other values, or another outcome."""

    def make(call: Call, edits: Iterable[Edit]) -> Call:
        parts: dict[str, Any] = {"old": call.old, "new": call.new, "outcome": call.outcome}
        for part, name, key, value in edits:
            parts[part] = _edited(parts[part], name, key, value) if name else value
        old, new = parts["old"], parts["new"]
        known = sorted({*old.slots, *new.slots})
        changed = tuple(i for i in known if old.slots[i] != new.slots[i])
        return Call(call.world, call.op, parts["outcome"], old, new, changed)

    return make


def _edited(store: StoreValue, name: str, key: int, value: Any) -> StoreValue:
    held = getattr(store, name)
    if name == "slots":
        return replace(store, slots=SlotMap({**held, key: held[key]._replace(**value)}))
    rest: Any = {k: v for k, v in held.items() if k != key}
    return replace(store, **{name: rest if value is None else rest | {key: value}})


@pytest.fixture(scope="session")
def broken() -> Callable[[Call, str], set[str]]:
    """Return the function that gives the clauses of one contract that are false of a call."""

    def find(call: Call, contract: str) -> set[str]:
        return {c.id for c, holds in judge(call) if not holds and c.op == contract}

    return find
