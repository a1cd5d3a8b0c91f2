"""Drops that wait for the end of an RCU grace period: at once, or at an explicit sync.

Source: `ostd/src/sync/rcu`, `RcuDrop`.
"""

from vmstore.cells import Slot
from vmstore.exec import meta
from vmstore.exec.machine import Machine
from vmstore.ops.rcu import RcuSync
from vmstore.outcome import BORROWED, Ok, Outcome


def rcu_drop(m: Machine, batch: list[Slot]) -> None:
    """Give back one reference on each page of the batch, in order, when the grace period ends."""
    if m.spaces.defers_rcu:
        if m.faults.rcu_forgets_older_batch:
            m.spaces.callbacks.clear()
        m.spaces.callbacks.append(batch)
        return
    _drop(m, batch)


def synchronize(m: Machine) -> int:
    """End the grace period: run what waits, in order. Returns the number of callbacks."""
    callbacks, m.spaces.callbacks = m.spaces.callbacks, []
    for batch in callbacks:
        _drop(m, batch)
    return len(callbacks)


def _drop(m: Machine, batch: list[Slot]) -> None:
    for slot in batch:
        meta.drop_shared(m, slot)


def rcu_sync(m: Machine, _op: RcuSync) -> Outcome:
    """End the grace period. Errors: Borrowed while a cursor lives, which the end would wait for."""
    if m.spaces.cursors or m.spaces.ptcursors:
        return BORROWED
    return Ok({"callbacks": synchronize(m), "left": 0})
