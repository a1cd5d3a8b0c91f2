"""Bugs of locks, interrupts and read-copy-update around memory management."""

from typing import Final

from vmstore.faults.record import Fault

_LOCKS: Final = "a lock primitive, another subsystem; the model's locks are atomic"

FAULTS: Final = (
    Fault(
        "iommu-table-irq-deadlock",
        "concurrency",
        "upstream",
        "asterinas da5e7a21c",
        "the remapping table's lock is wanted by task and by interrupt",
        schedule="concurrent",
        reason="the IOMMU, another subsystem with page tables of its own",
    ),
    Fault(
        "rcu-weak-nonnull",
        "concurrency",
        "upstream",
        "asterinas issue 2801",
        "a dangling weak reference is stored as a pointer to be read under RCU",
        reason="a payload type of the RCU primitive, which frames and tables never use",
    ),
    Fault(
        "cache-commit-lock-order",
        "concurrency",
        "upstream",
        "asterinas 725a46fe7",
        "a page fault waits for I/O while it holds a page-table cursor",
        schedule="concurrent",
        reason="page-fault handling over the page cache, in the kernel above",
    ),
    Fault(
        "preempt-count-nonatomic",
        "concurrency",
        "upstream",
        "asterinas 3ae884081",
        "an interrupt between read and write of the preemption count loses an update",
        schedule="concurrent",
        reason="the scheduler's preemption count, another subsystem",
    ),
    Fault(
        "rwmutex-lost-wakeup",
        "concurrency",
        "upstream",
        "asterinas bebfc360d",
        "releasing an upgradeable guard never wakes the sleepers",
        schedule="concurrent",
        reason=_LOCKS,
    ),
    Fault(
        "activate-abba-deadlock",
        "concurrency",
        "upstream",
        "asterinas e04fa6c69",
        "two CPUs that swap address spaces take the locks of both in opposite order",
        schedule="concurrent",
    ),
    Fault(
        "nested-irq-guard-out-of-order-drop",
        "concurrency",
        "upstream",
        "asterinas issue 3896",
        "dropping the outer interrupt guard first ends the inner one's protection",
        reason="the interrupt guard, a primitive of another subsystem",
    ),
    Fault(
        "rwlock-reader-count-carry",
        "concurrency",
        "upstream",
        "asterinas issue 2977",
        "enough readers at once carry past the bit that limits them",
        schedule="concurrent",
        reason=_LOCKS,
    ),
    Fault(
        "spin-rs-try-read-overflow",
        "concurrency",
        "analogue",
        "spin-rs #123",
        "leaked read guards overflow into the writer's bit",
        reason=_LOCKS,
    ),
    Fault(
        "stellux-table-reclaim-no-shootdown",
        "concurrency",
        "analogue",
        "StelluxOS #188",
        "an empty table is freed while another CPU walks it",
        "TLB.REQ.6",
        schedule="concurrent",
    ),
)
