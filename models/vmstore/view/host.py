"""Rules of the test hooks that leave a state which the view can follow."""

from vmstore.ops.host import NO_LIMIT, HostPoolLimit, HostRcuMode, HostRcuSync
from vmstore.outcome import OK, Outcome
from vmstore.view.predict import predicted
from vmstore.view.rcu import sync
from vmstore.view.state import View


@predicted
def host_rcu_mode(v: View, op: HostRcuMode) -> Outcome:
    """From now on what is let go of waits for the sync, or does not."""
    v.spaces.defers = op.deferred
    return OK


@predicted
def host_rcu_sync(v: View, _op: HostRcuSync) -> Outcome:
    """Nothing waits any more; refused while a cursor lives."""
    return sync(v)


@predicted
def host_pool_limit(v: View, op: HostPoolLimit) -> Outcome:
    """Only so many more tables fit."""
    pool = v.spaces.pool
    v.spaces.touched.is_used = v.spaces.touched.has_pages = True
    pool.limit = None if op.free == NO_LIMIT else len(pool.live) + op.free
    return OK
