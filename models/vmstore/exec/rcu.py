"""Drops that wait for the end of an RCU grace period: at once, or at an explicit sync.

Source: `ostd/src/sync/rcu`, `RcuDrop`.
"""

from vmstore.cells import Slot
from vmstore.exec import meta
from vmstore.exec.machine import Machine


def rcu_drop(m: Machine, batch: list[Slot]) -> None:
    """Give back one reference on each page of the batch, in order, when the grace period ends."""
    if m.spaces.defers_rcu:
        if m.faults.rcu_forgets_older_batch:
            m.spaces.callbacks.clear()
        m.spaces.callbacks.append(batch)
        return
    for slot in batch:
        meta.drop_shared(m, slot)


def synchronize(m: Machine) -> int:
    """End the grace period: run what waits, in order. Returns the number of callbacks."""
    callbacks, m.spaces.callbacks = m.spaces.callbacks, []
    for batch in callbacks:
        for slot in batch:
            meta.drop_shared(m, slot)
    return len(callbacks)
