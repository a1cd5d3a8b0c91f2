"""Bugs of address spaces: ranges, activation, lifetime."""

from typing import Final

from vmstore.faults.record import Fault

_AREAS: Final = "the kernel's bookkeeping of memory areas above the address space"

FAULTS: Final = (
    Fault(
        "asid-reuse-no-flush-on-activate",
        "vmspace",
        "upstream",
        "asterinas 491b35b0f",
        "switching address spaces leaves the translations of the old one in the TLB",
    ),
    Fault(
        "iommu-root-table-overwritten",
        "vmspace",
        "upstream",
        "asterinas bad1a7a79",
        "attaching a page table to a device replaces the one it still uses",
        reason="the IOMMU, another subsystem with page tables of its own",
    ),
    Fault(
        "mremap-expand-beyond-user",
        "vmspace",
        "upstream",
        "asterinas 2219e83f8",
        "growing a mapping in place is not limited to user space",
        reason=_AREAS,
    ),
    Fault(
        "range-end-inclusive-check",
        "vmspace",
        "upstream",
        "asterinas a0cbe7551",
        "a range that ends at the top of user space is refused, one beyond it accepted",
        "OUT.cursor_open_mut",
    ),
    Fault(
        "user-top-address-off-by-one",
        "vmspace",
        "upstream",
        "asterinas issue 1592",
        "the last page below the architecture's limit counts as user space",
        "STRUCT.11",
    ),
    Fault(
        "vmar-io-spans-areas",
        "vmspace",
        "upstream",
        "asterinas ff3ff0a59",
        "a buffer across two areas is refused, or copied short at the second",
        reason=_AREAS,
    ),
    Fault(
        "boot-pt-used-after-dismissal",
        "vmspace",
        "upstream",
        "asterinas d15aacfb4",
        "the boot page table is edited by a CPU that no longer uses it",
        reason="the page table of the boot code; the model starts after it",
    ),
    Fault(
        "vmspace-dropped-while-active",
        "vmspace",
        "upstream",
        "asterinas PR 829",
        "a dropped address space is freed although a CPU still has it loaded",
        "PT.INV.7",
    ),
    Fault(
        "xous-map-range-alias",
        "vmspace",
        "analogue",
        "xous-core #980",
        "a range is not limited to user space, nor a frame to one that may be mapped",
        "OUT.cursor_open_mut",
    ),
    Fault(
        "mimiker-asid-mask",
        "vmspace",
        "analogue",
        "mimiker #76",
        "address-space tags are masked too short, so that two spaces share TLB entries",
    ),
    Fault(
        "linux-should-flush-window",
        "vmspace",
        "analogue",
        "Linux CVE-2025-37964",
        "a CPU that loads the space just now is left out of a flush",
        "TLB.REQ.1",
        schedule="concurrent",
    ),
    Fault(
        "linux-use-mm-ipi-window",
        "vmspace",
        "analogue",
        "Linux 38cf307c1f20",
        "a flush between the bookkeeping and the switch reaches the old space only",
        "TLB.REQ.1",
        schedule="concurrent",
    ),
)
