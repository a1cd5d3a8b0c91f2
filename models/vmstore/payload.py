"""Bytes that ops write and show: patterns, scalars, and the form in which contents are compared."""

from functools import lru_cache
from typing import Final

from vmstore.arch import U64_MASK
from vmstore.ids import SCALARS, Scalar

SCALAR_SIZE: Final[dict[Scalar, int]] = {ty: 1 << at for at, ty in enumerate(SCALARS)}
_SHOWN: Final = 96  # bytes; longer contents are shown by length and hash
_STEP: Final = 7
_PERIOD: Final = bytes(_STEP * k & 0xFF for k in range(256))
_INVERSE: Final = pow(_STEP, -1, 256)  # byte `seed * _INVERSE` of the period is `seed`
_FNV_OFFSET: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3


def pattern(seed: int, length: int) -> bytes:
    """Return `length` bytes of which byte k is `(seed + 7 k) mod 256`."""
    first = seed * _INVERSE & 0xFF
    return (_PERIOD * (length // 256 + 2))[first : first + length]


def scalar_bytes(ty: Scalar, val: int) -> bytes:
    """Return `val` truncated to `ty`, little endian."""
    size = SCALAR_SIZE[ty]
    return (val & ((1 << 8 * size) - 1)).to_bytes(size, "little")


@lru_cache(maxsize=256)
def shown(data: bytes) -> str:
    """Return contents as recordings show them: hex, or `len=N fnv1a64=HEX` beyond 96 bytes."""
    if len(data) <= _SHOWN:
        return data.hex()
    digest = _FNV_OFFSET
    for byte in data:
        digest = ((digest ^ byte) * _FNV_PRIME) & U64_MASK
    return f"len={len(data)} fnv1a64={digest:016x}"
