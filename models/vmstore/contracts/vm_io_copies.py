"""The contracts of copies between readers and writers of kernel memory."""

from typing import Final

from vmstore.contracts.call import Call, is_identical
from vmstore.contracts.registry import fails
from vmstore.contracts.space_terms import Card, is_made
from vmstore.contracts.values import OwnerValue, unchanged
from vmstore.contracts.vm_ios import same_request
from vmstore.vm_io_owner import vio_of

LEFT_OUT: Final[dict[str, str]] = {
    "OP.READ.ENS.4": "the part that was written is no handle of its own here, see OP.READ.STEP.2",
}


def _pair(call: Call) -> tuple[int, int]:
    return vio_of("Reader", call.op.reader), vio_of("Writer", call.op.writer)


def _is_kernel_pair(call: Call) -> bool:
    """Return whether both handles are the kernel's and infallible: the op's precondition."""
    entries = [call.old.vm_ios.get(vio) for vio in _pair(call)]
    return is_made(call) and all(
        e is not None and e.owner.is_kernel and not e.owner.is_fallible for e in entries
    )


def _copies(call: Call) -> bool:
    return call.is_ok and _is_kernel_pair(call)


def _owners(call: Call) -> list[tuple[OwnerValue, OwnerValue]]:
    """Return the owners of source and sink, before and after; none where one is gone."""
    pair = _pair(call)
    if any(vio not in call.new.vm_ios for vio in pair):
        return []
    return [(call.old.vm_ios[vio].owner, call.new.vm_ios[vio].owner) for vio in pair]


def _owners_inv(call: Call) -> bool:
    owners = _owners(call)
    return bool(owners) and all(new.start <= new.end for _, new in owners)


def _were_inv(call: Call) -> bool:
    return all(
        call.old.vm_ios[vio].owner.start <= call.old.vm_ios[vio].owner.end for vio in _pair(call)
    )


def _views_stay(call: Call) -> bool:
    owners = _owners(call)
    return bool(owners) and all(new.has_view for _, new in owners)


def _only_forward(call: Call) -> bool:
    owners = _owners(call)
    return bool(owners) and all(o.start <= n.start and o.end == n.end for o, n in owners)


def _copies_exactly(call: Call) -> bool:
    owners = _owners(call)
    amount = min(old.end - old.start for old, _ in owners) if owners else -1
    is_moved = all(n == o._replace(start=o.start + amount) for o, n in owners)
    return bool(owners) and is_moved and call.value == {"n": amount}


def _rest_is_same(call: Call) -> bool:
    """Return whether nothing differs but the owners of the two handles."""
    pair = _pair(call)
    kept = {vio: e for vio, e in call.new.vm_ios.items() if vio not in pair}
    is_kept = kept == {vio: e for vio, e in call.old.vm_ios.items() if vio not in pair}
    return is_kept and not call.changed and unchanged(call.old, call.new, "vm_ios")


def _part_is_registered(call: Call) -> bool:
    fresh = call.new.vm_ios.keys() - call.old.vm_ios.keys()
    parts = [call.new.vm_ios[vio] for vio in sorted(fresh)]
    return len(parts) == 1 and parts[0][:4] == (None, "Writer", 0, 0)


_READ: Final = Card("OP.READ", "Read", ("reader_read",), "tracked_vm_reader_read_embedded", _copies,
                    _is_kernel_pair)  # fmt: skip
_WRITE: Final = Card("OP.WRITE", "Write", ("writer_write",), "VmWriter::write", _copies,
                     _is_kernel_pair)  # fmt: skip
CLAUSES: Final = (
    _READ.line("REQ.1", "both owners satisfied their invariants", _were_inv),
    _READ.line("REQ.2", "the source had a view to read through",
               lambda c: c.old.vm_ios[_pair(c)[0]].owner.has_view),
    _READ.line("REQ.3", "the sink had a view to write through",
               lambda c: c.old.vm_ios[_pair(c)[1]].owner.has_view),
    _READ.line("ENS.1", "both owners satisfy their invariants", _owners_inv),
    _READ.line("ENS.2", "both owners still have their views", _views_stay),
    _READ.line("ENS.3", "both ranges only lose bytes at their starts", _only_forward),
    _READ.line("STEP.1", "both entries keep space, kind, address and length",
               lambda c: same_request(c, *_pair(c))),
    _READ.line("STEP.2", "the part that was written is registered as a kernel writer",
               _part_is_registered, known=fails("AX-38")),
    _READ.line("EXEC.1", "both starts move by what both sides allowed, which is returned",
               _copies_exactly),
    _READ.line("EXEC.2", "nothing else differs", _rest_is_same),
    _READ.returns(_is_kernel_pair),
    _WRITE.line("ENS.1", "the store is the same", is_identical, known=fails("AX-38")),
    _WRITE.line("EXEC.1", "both starts move by what both sides allowed, which is returned",
                _copies_exactly),
    _WRITE.line("EXEC.2", "nothing else differs", _rest_is_same),
    _WRITE.returns(_is_kernel_pair),
)  # fmt: skip
