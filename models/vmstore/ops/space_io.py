"""Ops that make readers and writers of address spaces. Source: `ostd/src/mm/vm_space.rs`."""

from dataclasses import dataclass

from vmstore.ids import IoLength, ReaderId, Vaddr, VmSpaceId, WriterId


@dataclass(slots=True)
class VsReader:
    """Read user memory of the active space. Source: `VmSpace::reader`. VmStore: NewReader."""

    dst: ReaderId
    vs: VmSpaceId
    va: Vaddr
    len: IoLength


@dataclass(slots=True)
class VsWriter:
    """Write user memory of the active space. Source: `VmSpace::writer`. VmStore: NewWriter."""

    dst: WriterId
    vs: VmSpaceId
    va: Vaddr
    len: IoLength


@dataclass(slots=True)
class VsReaderWriter:
    """Read and write one range of the active space. Source: `VmSpace::reader_writer`.

    VmStore: none.
    """

    dst_reader: ReaderId
    dst_writer: WriterId
    vs: VmSpaceId
    va: Vaddr
    len: IoLength


SpaceIoOp = VsReader | VsWriter | VsReaderWriter
