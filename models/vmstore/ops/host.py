"""Test hooks of the recordings: replayed, never generated. After a poke nothing is checked."""

from dataclasses import dataclass
from typing import Final

from vmstore.arch import U64_MASK
from vmstore.ids import CountWord, Deferred, Paddr, PageCount

NO_LIMIT: Final = PageCount(U64_MASK)


@dataclass(slots=True)
class HostPokeRefCount:
    """Overwrite a page's count; its metadata stays. `value`: a number, MAX, MAX-1, MAX+1, ..."""

    paddr: Paddr
    value: CountWord


@dataclass(slots=True)
class HostRcuMode:
    """Let drops that wait for a grace period wait for `host_rcu_sync`, or not."""

    deferred: Deferred


@dataclass(slots=True)
class HostRcuSync:
    """End the grace period: the drops that wait run now."""


@dataclass(slots=True)
class HostPoolLimit:
    """Let only `free` more page-table nodes be allocated; without a number, all there are."""

    free: PageCount = NO_LIMIT
