"""Rules of RCU."""

from vmstore.ops.rcu import RcuSync
from vmstore.outcome import BORROWED, Ok, Outcome
from vmstore.view.predict import predicted
from vmstore.view.state import View


@predicted
def rcu_sync(v: View, _op: RcuSync) -> Outcome:
    """Nothing waits any more; refused while a cursor lives."""
    return sync(v)


def sync(v: View) -> Outcome:
    """End the grace period, which a live cursor holds up."""
    if v.spaces.cursors or v.spaces.ptcursors:
        return BORROWED
    return Ok({"callbacks": end_grace_period(v), "left": 0})


def end_grace_period(v: View) -> int:
    """Give back all that waits, in the order in which it came; return the number of batches."""
    spaces = v.spaces
    batches, spaces.waiting = spaces.waiting, []
    spaces.touched.is_used = spaces.touched.has_pages = True
    for batch in batches:
        v.end_deferral(batch)
    return len(batches)
