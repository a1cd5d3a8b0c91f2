"""The bug catalogue has every recorded bug, and says of each what it is and why it is not here."""

from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from vmfuzz.trace_file import load
from vmstore.clauses import CLAUSES
from vmstore.faults import CATALOGUE, FAULT_BY_ID, PLANTED, Fault, Faults, UnknownFault
from vmstore.ops import DECLARATIONS

REGRESSIONS = Path(__file__).parents[2] / "corpora" / "regressions"
# The recorded bugs: of Asterinas and its verified twin, and of other systems. Ours come on top.
RECORDED = {
    "frame": """
        blog-os-table-frame-double-free dealloc-before-meta-reset decommit-start-equals-size
        frame-alloc-irq-deadlock heap-rescue-two-locks inc-ref-temp-handle kvm-nonrefcounted-pages
        linux-zero-page-pins max-paddr-misses-reclaimable nyx-missing-incref nyx-u8-refcount
        refcount-32bit-wrap region-list-omits-cmdline unused-and-busy-share-zero""",
    "segment": """
        dma-refcount-unit-mixup from-unused-last-frame-rejected range-alloc-empty-request
        raw-range-in-frames slice-offset-wrap tock-shrunk-buffer-alias
        x86_64-range-inclusive-top""",
    "unique": """
        drop-meta-precondition-excludes-unique linux-anon-vma-reuse linux-cow-gup-exclusive
        linux-thp-mapcount-split""",
    "list": """
        linux-deferred-pages-splice linux-ksm-scan-head-race list-id-overflow
        rfl-cursor-shared-element twin-insert-missing-in-list""",
    "page_table": """
        aarch64-paging-root-leak clear-frees-tables-before-flush dragonos-alias-unmap-frees
        entry-cached-pte-stale kvm-huge-pde-access-share largest-pages-va-len-wrap
        nanos-unmap-handler-range noperm-upper-leaf-decodes-as-table nuttx-level-index
        protect-none-loses-frame pte-nonatomic-read pte-roundtrip-forces-accessed
        sweb-unmap-double-free translate-drops-page-offset twin-pte-precondition-assumed""",
    "cursor": """
        aplus-fork-loses-ro cow-readfault-maps-writable exact-huge-range-guard-too-low
        fault-beyond-object-end find-next-overshoots-barrier fork-mmio-jump-to-end
        jump-misaligned-contract jump-node-end-wrap kvm-stale-pte-revalidate
        protect-merge-removes-next query-range-unaligned-in-huge redcow-dirty-retry
        remap-jump-to-barrier-end take-next-skip-leaves-va-short twin-cursor-new-foreign-owner
        uros-cow-fastpath-no-protect""",
    "vmspace": """
        asid-reuse-no-flush-on-activate boot-pt-used-after-dismissal iommu-root-table-overwritten
        linux-should-flush-window linux-use-mm-ipi-window mimiker-asid-mask
        mremap-expand-beyond-user range-end-inclusive-check user-top-address-off-by-one
        vmar-io-spans-areas vmspace-dropped-while-active xous-map-range-alias""",
    "tlb": """
        arceos-flush-wrong-va-bits dma-coherent-cache-change-no-flush drop-frame-before-bulk-flush
        flush-ops-irq-deadlock keeper-push-panic-leak microv-va-reuse-local-invlpg
        osv-flush-waits-offline rcore-full-flush-local rcore-intermediate-no-invalidate
        sel4-unmap-skips-flush-without-tags sync-with-irq-disabled-deadlock
        unmap-returns-before-remote-flush xsa-408-flush-condition xsa-480-ept-free-before-flush""",
    "io": """
        cstring-overread-cursor offset-plus-len-overflow read-once-tearing
        skip-limit-by-value-ignored typed-slice-length-in-elements xsa-219-write-after-ref-drop""",
    "concurrency": """
        activate-abba-deadlock cache-commit-lock-order iommu-table-irq-deadlock
        nested-irq-guard-out-of-order-drop preempt-count-nonatomic rcu-weak-nonnull
        rwlock-reader-count-carry rwmutex-lost-wakeup spin-rs-try-read-overflow
        stellux-table-reclaim-no-shootdown""",
}
# The components that the model has.
MODELLED = ("frame", "segment", "unique", "list", "page_table", "cursor", "vmspace", "tlb", "io")
EVENTS = {"VIEW.O6", "VIEW.O7", "TLB.DISPATCH.POST.1", "TLB.REQ.2"}


def every(faults: tuple[Fault, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.id)


@pytest.mark.parametrize("component", RECORDED)
def test_the_catalogue_has_every_recorded_bug_of_the_component(component: str) -> None:
    listed = {f.id for f in CATALOGUE if f.component == component}

    assert set(RECORDED[component].split()) <= listed


def test_there_are_103_recorded_bugs_and_ids_are_unique() -> None:
    ids = Counter(fault.id for fault in CATALOGUE)

    assert max(ids.values()) == 1
    assert sum(len(names.split()) for names in RECORDED.values()) == 103


@every(CATALOGUE)
def test_an_entry_says_what_it_is(fault: Fault) -> None:
    assert fault.component in RECORDED
    assert fault.origin in {"upstream", "twin", "analogue", "ours"}
    assert fault.schedule in {"sequential", "concurrent"}
    assert fault.upstream
    assert fault.text
    assert (fault.status == "out-of-scope") == bool(fault.reason)
    assert not (fault.reason and fault.clause)


@every(PLANTED)
def test_a_planted_bug_has_a_clause_and_a_regression_trace(fault: Fault) -> None:
    trace = load(REGRESSIONS / f"{fault.id}.trace")
    clauses = {c.id for c in CLAUSES} | {f"OUT.{d.name}" for d in DECLARATIONS.values()}

    assert fault.status == "expressible"
    assert fault.clause in clauses | EVENTS
    assert trace.faults == (fault.id,)
    assert [expect.clause for expect in trace.expect] == [fault.clause]


def test_every_sequential_bug_of_a_modelled_component_is_planted() -> None:
    missing = {
        f.id
        for f in CATALOGUE
        if f.component in MODELLED and f.schedule == "sequential" and not f.reason
    } - {f.id for f in PLANTED}

    assert missing == {"user-top-address-off-by-one"}  # the bound of readers and writers


def test_every_switch_has_an_entry_and_is_off() -> None:
    flags = {flag.name for flag in fields(Faults)} - {"own"}

    assert {fault.flag for fault in PLANTED} == flags
    assert not any(getattr(Faults(), flag) for flag in flags)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("segment-next-keep-cover", "did you mean 'segment-next-keeps-cover'"),
        ("heap-rescue-two-locks", "catalogued but out of scope: the heap allocator"),
        ("pte-nonatomic-read", "catalogued but not planted yet"),
    ],
)
def test_what_cannot_be_planted_is_refused_with_the_reason(fault: str, message: str) -> None:
    with pytest.raises(UnknownFault, match=message):
        Faults.of([fault])


def test_every_regression_trace_belongs_to_a_planted_bug() -> None:
    assert {path.stem for path in REGRESSIONS.glob("*.trace")} <= FAULT_BY_ID.keys()
