"""Every known bug of the modelled code and of its kin, one module per component."""

from typing import Final

from vmstore.faults import (
    concurrency,
    cursor,
    frame,
    io,
    linked_list,
    page_table,
    segment,
    tlb,
    unique,
    vm_space,
)
from vmstore.faults.record import Fault

CATALOGUE: Final[tuple[Fault, ...]] = (
    *frame.FAULTS,
    *segment.FAULTS,
    *unique.FAULTS,
    *linked_list.FAULTS,
    *page_table.FAULTS,
    *cursor.FAULTS,
    *vm_space.FAULTS,
    *tlb.FAULTS,
    *io.FAULTS,
    *concurrency.FAULTS,
)

FAULT_BY_ID: Final = {fault.id: fault for fault in CATALOGUE}
