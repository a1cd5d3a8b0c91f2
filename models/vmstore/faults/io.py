"""Bugs of readers and writers."""

from typing import Final

from vmstore.faults.record import Fault

FAULTS: Final = (
    Fault(
        "cstring-overread-cursor",
        "io",
        "upstream",
        "asterinas 1846c680f",
        "a read that fails half-way has moved the reader",
        "XTRA.9",
    ),
    Fault(
        "offset-plus-len-overflow",
        "io",
        "upstream",
        "asterinas b450eef16",
        "offset + length wraps and passes the bound",
        "OUT.vmio_read_bytes",
    ),
    Fault(
        "skip-limit-by-value-ignored",
        "io",
        "upstream",
        "asterinas 0e1c66022",
        "limit and skip change a copy and leave the reader as it was",
        "XTRA.9",
    ),
    Fault(
        "typed-slice-length-in-elements",
        "io",
        "upstream",
        "asterinas 8e3212449",
        "a typed slice is copied with its number of elements as length in bytes",
        "VIEW.MEM",
    ),
    Fault(
        "read-once-tearing",
        "io",
        "upstream",
        "asterinas issue 3920",
        "a read that promises one access is made of several",
        schedule="concurrent",
    ),
    Fault(
        "xsa-219-write-after-ref-drop",
        "io",
        "analogue",
        "Xen XSA-219",
        "a writer keeps the address of a frame after giving its reference back",
        "OUT.writer_write_val",
    ),
    Fault(
        "copy-leaves-writer-behind",
        "io",
        "ours",
        "VmReader::read",
        "a copy moves the reader but not the writer",
        "XTRA.9",
    ),
    Fault(
        "atomic-load-consumes",
        "io",
        "ours",
        "VmReader::atomic_load",
        "an atomic load moves the cursor like any other read",
        "XTRA.9",
    ),
    Fault(
        "fill-zeros-one-short",
        "io",
        "ours",
        "VmWriter::fill_zeros",
        "the last byte of a fill keeps what it held",
        "VIEW.MEM",
    ),
)
