"""Address arithmetic: edge cases 1 to 8, and the round trips MAP.1 to MAP.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmstore.arch import (
    AddressOverflow,
    frame_to_index,
    frame_to_meta,
    index_to_frame,
    index_to_meta,
    is_valid_frame_paddr,
    meta_to_frame,
    meta_to_index,
)

MAX_PADDR = 0x8000_0000


@pytest.mark.parametrize(
    ("paddr", "meta"),
    [
        (0x0, 0xFFFF_E000_0000_0000),
        (0x7FFF_F000, 0xFFFF_E000_01FF_FFC0),
        (0x1FFF, 0xFFFF_E000_0000_0040),
    ],
)
def test_frame_to_meta(paddr: int, meta: int) -> None:
    assert frame_to_meta(paddr) == meta


@pytest.mark.parametrize(
    ("meta", "paddr"),
    [
        (0xFFFF_E000_0000_0040, 0x1000),
        (0xFFFF_E000_0000_007F, 0x1000),
        (0xFFFF_E0FF_FFFF_FFC0, 0x3FFF_FFFF_F000),
    ],
)
def test_meta_to_frame(meta: int, paddr: int) -> None:
    assert meta_to_frame(meta) == paddr


def test_overflow_panics_in_debug_and_wraps_in_release() -> None:
    with pytest.raises(AddressOverflow):
        frame_to_meta(0x8_0000_0000_0000)
    with pytest.raises(AddressOverflow):
        meta_to_frame(0xFFFF_DFFF_FFFF_FFC0)
    assert frame_to_meta(0x8_0000_0000_0000, debug=False) == 0x0
    assert meta_to_frame(0xFFFF_DFFF_FFFF_FFC0, debug=False) == 0xFFFF_FFFF_FFFF_F000


@given(st.integers(0, MAX_PADDR // 0x1000 - 1))
def test_round_trips(index: int) -> None:
    paddr = index_to_frame(index)

    assert is_valid_frame_paddr(paddr, MAX_PADDR)
    assert frame_to_index(paddr) == index
    assert meta_to_frame(frame_to_meta(paddr)) == paddr
    assert frame_to_meta(meta_to_frame(index_to_meta(index))) == index_to_meta(index)
    assert meta_to_index(index_to_meta(index)) == index
    assert frame_to_meta(paddr) % 64 == 0


@pytest.mark.parametrize("paddr", [1, 0xFFF, MAX_PADDR, MAX_PADDR + 1, -0x1000])
def test_an_address_without_a_page_is_not_valid(paddr: int) -> None:
    assert not is_valid_frame_paddr(paddr, MAX_PADDR)
