"""Ops on address spaces and the CPU that runs. Source: `ostd/src/mm/vm_space.rs`."""

from dataclasses import dataclass
from typing import ClassVar

from vmstore.ids import CpuNumber, VmSpaceId


@dataclass(slots=True)
class VmspaceNew:
    """Create an address space that shares the kernel half. Source: `VmSpace::new`.

    VmStore: NewVmSpace.
    """

    dst: VmSpaceId


@dataclass(slots=True)
class VmspaceDrop:
    """Drop the handle; an active space lives on. Source: `VmSpace::drop`. VmStore: DropVmSpace."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("vs",)

    vs: VmSpaceId


@dataclass(slots=True)
class VmspaceActivate:
    """Switch the current CPU to the space. Source: `VmSpace::activate`. VmStore: none."""

    vs: VmSpaceId


@dataclass(slots=True)
class CpuSet:
    """Run what follows on another CPU. Source: the recorded program. VmStore: none."""

    cpu: CpuNumber
