"""Rules of the ops that make readers and writers of user memory."""

from vmstore.ops.space_io import VsReader, VsReaderWriter, VsWriter
from vmstore.outcome import ACCESS_DENIED, OK, Outcome
from vmstore.view.lending import judge, register
from vmstore.view.state import View
from vmstore.vm_io_owner import Kind, VmIoOwner


def vs_reader(v: View, op: VsReader, out: Outcome) -> Outcome | None:
    """Succeeds iff the space is active here and the range ends in user memory, mapped or not."""
    return _new(v, op, {"Reader": op.dst}, out)


def vs_writer(v: View, op: VsWriter, out: Outcome) -> Outcome | None:
    """Succeeds iff the space is active here and the range ends in user memory, mapped or not."""
    return _new(v, op, {"Writer": op.dst}, out)


def vs_reader_writer(v: View, op: VsReaderWriter, out: Outcome) -> Outcome | None:
    """Makes both over one range, or neither."""
    return _new(v, op, {"Reader": op.dst_reader, "Writer": op.dst_writer}, out)


def _new(
    v: View, op: VsReader | VsWriter | VsReaderWriter, made: dict[Kind, int], out: Outcome
) -> Outcome | None:
    spaces = v.spaces
    here = spaces.roots.get(spaces.cpu, spaces.kernel_root)
    is_active = here == spaces.vm_spaces[op.vs].tree.root.page
    fits = op.va + op.len <= spaces.geometry.io_end
    allowed = OK if is_active and fits else ACCESS_DENIED
    if out is OK and allowed is OK:
        for kind, handle in made.items():
            owner = VmIoOwner(
                ("user", op.vs),
                op.va,
                op.va + op.len,
                ("vs", op.vs),
                is_fallible=True,
                is_kernel=False,
            )
            register(v, kind, handle, owner, op.vs)
    return judge(out, allowed)
