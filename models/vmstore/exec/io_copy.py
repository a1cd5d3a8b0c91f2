"""The copy primitives: byte by byte, ascending, up to the first fault. Source: `mm/io/copy.rs`.

A fault can only begin at a page boundary, so the bytes of one page on both sides go together.
"""

from vmstore.arch import PAGE_SIZE
from vmstore.exec.machine import Machine
from vmstore.exec.mmu import kernel_address


def memcpy(m: Machine, dst: int, src: int, length: int) -> None:
    """Copy between kernel addresses as if through a temporary; cannot fault."""
    m.io.memory.write(dst, m.io.memory.read(src, length))


def memcpy_fallible(m: Machine, dst: int, src: int, length: int) -> int:
    """Copy up to the first byte that faults on either side; return how many bytes were copied.

    A destination ahead of the source in the same memory re-reads what was already written.
    """
    done = 0
    while done < length:
        piece = min(length - done, _left_in_page(src + done), _left_in_page(dst + done))
        source = kernel_address(m, src + done, want_write=False)
        target = kernel_address(m, dst + done, want_write=True)
        if source is None or target is None:
            break
        if 0 < target - source < piece:
            piece = target - source
        memcpy(m, target, source, piece)
        done += piece
    return done


def read_fallible(m: Machine, src: int, length: int) -> bytes:
    """Return the bytes up to the first that faults."""
    data = b""
    while len(data) < length:
        at = src + len(data)
        source = kernel_address(m, at, want_write=False)
        if source is None:
            break
        data += m.io.memory.read(source, min(length - len(data), _left_in_page(at)))
    return data


def write_fallible(m: Machine, dst: int, data: bytes) -> int:
    """Store the bytes up to the first that faults; return how many were stored."""
    done = 0
    while done < len(data):
        target = kernel_address(m, dst + done, want_write=True)
        if target is None:
            break
        piece = data[done : done + _left_in_page(dst + done)]
        m.io.memory.write(target, piece)
        done += len(piece)
    return done


def memset_fallible(m: Machine, dst: int, length: int) -> int:
    """Store zeros up to the first byte that faults; return how many were stored."""
    done = 0
    while done < length:
        target = kernel_address(m, dst + done, want_write=True)
        if target is None:
            break
        piece = min(length - done, _left_in_page(dst + done))
        m.io.memory.write(target, bytes(piece))
        done += piece
    return done


def _left_in_page(address: int) -> int:
    return PAGE_SIZE - address % PAGE_SIZE
