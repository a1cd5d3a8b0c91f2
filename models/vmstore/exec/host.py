"""Test hooks of the recorded programs."""

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.exec import rcu
from vmstore.exec.machine import Machine
from vmstore.ops.host import NO_LIMIT, HostPokeRefCount, HostPoolLimit, HostRcuMode, HostRcuSync
from vmstore.ops.rcu import RcuSync
from vmstore.outcome import OK, Outcome


def host_poke_ref_count(m: Machine, op: HostPokeRefCount) -> Outcome:
    """Overwrite the count of the page at `paddr`; kind and payload of its metadata stay."""
    m.cells.store_ref_count(m.cells.slot(op.paddr // PAGE_SIZE), count_word(m, op.value))
    return OK


def count_word(m: Machine, word: str) -> int:
    """Return the number that a count word names in this world."""
    named = {
        "MAX": m.rc_max,
        "MAX-1": m.rc_max - 1,
        "MAX+1": m.rc_max + 1,
        "UNUSED": REF_COUNT_UNUSED,
        "UNIQUE": REF_COUNT_UNIQUE,
    }
    return named[word] if word in named else int(word)


def host_rcu_mode(m: Machine, op: HostRcuMode) -> Outcome:
    """From now on, drops that wait for a grace period wait for the sync, or run at once."""
    m.spaces.defers_rcu = op.deferred
    return OK


def host_rcu_sync(m: Machine, _op: HostRcuSync) -> Outcome:
    """End the grace period. Errors: Borrowed while a cursor lives, which the end would wait for."""
    return rcu.rcu_sync(m, RcuSync())


def host_pool_limit(m: Machine, op: HostPoolLimit) -> Outcome:
    """Let only `free` more nodes live than do now."""
    pool = m.spaces.pool
    pool.limit = None if op.free == NO_LIMIT else len(pool.handed) + op.free
    return OK
