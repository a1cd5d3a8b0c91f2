"""RCU as far as it decides when references end. Source: `ostd/src/sync/rcu`."""

from dataclasses import dataclass


@dataclass(slots=True)
class RcuSync:
    """End the grace period: the drops that wait run. Source: `RcuMonitor::finish_grace_period`.

    VmStore: none.
    """
