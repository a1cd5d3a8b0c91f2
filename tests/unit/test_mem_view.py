"""Ghost memory: mappings, frames, views, pointers. The defects of `split` have a test each."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmstore.arch import U64_MASK
from vmstore.ghost.frame_contents import FrameContents
from vmstore.ghost.mapping import MAX_PADDR, Mapping
from vmstore.ghost.mem_view import MemView
from vmstore.ghost.virt_ptr import VirtPtr, memcpy
from vmstore.spaces import RequiresError

P = 0x1000
PAGE = Mapping.page(0x5000, 0x2000)


def viewed(*pages: tuple[int, int], size: int = P) -> MemView:
    """Return a view of pages (virtual, physical), each with bytes of its own."""
    mappings = frozenset(Mapping.page(va, pa, size) for va, pa in pages)
    memory = {
        m.pa_start: FrameContents.of(
            m.pa_start, bytes(m.pa_start // P + i & 0xFF for i in range(size))
        )
        for m in mappings
    }
    return MemView(mappings, memory)


TWO = viewed((0x1000, 0x8000), (0x2000, 0x4000))
# Some pages of the first eight, each with another frame.
VIEWS = st.dictionaries(st.integers(0, 7), st.none(), min_size=1, max_size=5).map(
    lambda pages: viewed(*((page * P, (9 - page) * P) for page in pages))
)
ADDRESSES = st.integers(0, 9 * P) | st.sampled_from(
    [n * P + d for n in range(9) for d in (0, 1, P - 1)]
)
LENGTHS = st.integers(0, 3 * P) | st.sampled_from([0, 1, P - 1, P, P + 1, 2 * P])


@pytest.mark.parametrize(
    ("changed", "clauses"),
    [
        ({}, []),
        ({"page_size": 2 * P}, ["MAP.1", "MAP.2"]),
        ({"va_end": 0x7000}, ["MAP.2"]),
        ({"pa_start": 0x2001, "pa_end": 0x3001}, ["MAP.2"]),
        ({"pa_start": MAX_PADDR, "pa_end": MAX_PADDR + P}, ["MAP.3"]),
        ({"pa_start": MAX_PADDR - P, "pa_end": MAX_PADDR}, []),
        ({"va_start": 1 << 64, "va_end": (1 << 64) + P}, ["MAP.4"]),
        ({"va_start": (1 << 64) - P, "va_end": 1 << 64}, []),
    ],
)
def test_a_mapping_breaks_the_clause_that_says_so(
    changed: dict[str, int], clauses: list[str]
) -> None:
    assert replace(PAGE, **changed).broken() == clauses  # type: ignore[arg-type]  # ints


@pytest.mark.parametrize(
    ("frame", "clauses"),
    [
        (FrameContents.of(0x2000, bytes(P)), []),
        (FrameContents((0,) * 3, P, 0x2000, 0x3000), ["FC.1"]),
        (FrameContents((0,) * P, P, 0x2000, 0x4000), ["FC.2"]),
        (FrameContents.of(0x2800, bytes(P)), ["FC.3"]),
        (FrameContents.uninit(MAX_PADDR - P, P), ["FC.4"]),  # AX-42: the last page of memory
    ],
)
def test_a_frame_breaks_the_clause_that_says_so(frame: FrameContents, clauses: list[str]) -> None:
    assert frame.broken() == clauses


def test_addresses_translate_to_base_and_offset() -> None:
    assert TWO.addr_transl(0x1FFF) == (0x8000, 0xFFF)
    assert TWO.addr_transl(0x2000) == (0x4000, 0)
    assert TWO.addr_transl(0x3000) is None
    huge = viewed((0x40_0000, 0x20_0000), size=P << 9)
    assert huge.addr_transl(0x40_0000 + 5 * P + 7) == (0x20_0000, 5 * P + 7)
    assert TWO.is_mapped(0x1004, 0x8000)
    assert not TWO.is_mapped(0x1004, 0x8004)


def test_overlapping_mappings_are_not_disjoint_and_translate_to_one_of_them() -> None:
    both = MemView(TWO.mappings | {Mapping.page(0x1000, 0x3000)})

    assert TWO.mappings_are_disjoint()
    assert not both.mappings_are_disjoint()
    assert both.addr_transl(0x1008) == (0x3000, 8)


def test_bytes_are_equal_when_both_are_not_initialised() -> None:
    view = MemView(TWO.mappings, {0x8000: TWO.memory[0x8000]})

    assert view.eq_at(0x2000, 0x9000)
    assert not view.eq_at(0x1000, 0x2000)
    assert view.eq_at(0x1000, 0x1100)


def test_initialised_memory_is_mapped_and_known_to_the_last_byte() -> None:
    assert TWO.is_initialised(0x1000, 0x3000)
    assert TWO.is_initialised(0x5000, 0x5000)
    assert not TWO.is_initialised(0x1000, 0x3001)
    half = MemView(TWO.mappings, {0x8000: TWO.memory[0x8000]})
    assert half.translates(0x1000, 0x3000)
    assert not half.is_initialised(0x1FFF, 0x2001)
    assert half.is_initialised(0x1000, 0x2000)


def test_parts_can_be_joined_again_if_nothing_lies_below_and_every_frame_is_reached() -> None:
    assert TWO.can_rejoin(0x1000)
    assert not TWO.can_rejoin(0x1001)
    stray = MemView(TWO.mappings, TWO.memory | {0x9000: FrameContents.of(0x9000, bytes(P))})
    assert not stray.can_rejoin(0x1000)
    left, right = stray.split(0x1000, P)
    assert left.join(right) == TWO


@given(VIEWS, ADDRESSES, st.binary(min_size=1, max_size=2 * P + 2))
def test_what_is_written_is_read_and_nothing_else_changes(
    view: MemView, va: int, data: bytes
) -> None:
    if not view.translates(va, va + len(data)):
        with pytest.raises(RequiresError, match="is mapped"):
            view.write_bytes(va, data)
        return
    after = view.write_bytes(va, data)

    assert bytes(after.read_bytes(va, len(data))) == data  # type: ignore[arg-type]  # all Init
    assert after.mappings == view.mappings
    for start, end in ((0, va), (va + len(data), 9 * P)):
        assert after.read_bytes(start, end - start) == view.read_bytes(start, end - start)


def test_bytes_go_on_at_0_behind_2_to_the_64() -> None:
    top = U64_MASK + 1 - P
    view = viewed((top, 0x3000), (0, 0x6000)).write_bytes(U64_MASK, b"\x01\x02")

    assert view.read_bytes(U64_MASK, 2) == [1, 2]
    assert (view.read(U64_MASK), view.read(0)) == (1, 2)


@given(VIEWS, ADDRESSES, LENGTHS)
def test_a_borrowed_part_translates_and_reads_as_the_whole(
    view: MemView, va: int, length: int
) -> None:
    part = view.borrow_at(va, length)

    assert part.mappings <= view.mappings
    for at in {va, va + length // 2, va + length - 1} if length else set():
        assert part.addr_transl(at) == view.addr_transl(at)
    assert part.read_bytes(va, length) == view.read_bytes(va, length)
    assert all(
        any(part.is_mapped(at, base) for at in range(va, va + length)) for base in part.memory
    )


@given(VIEWS, ADDRESSES, LENGTHS)
def test_both_parts_of_a_split_keep_their_side(view: MemView, va: int, length: int) -> None:
    """MV.S1 and MV.S2."""
    left, right = view.split(va, length)
    cut, end = va + length, 10 * P

    assert left.read_bytes(va, length) == view.read_bytes(va, length)
    assert right.read_bytes(cut, end - cut) == view.read_bytes(cut, end - cut)
    assert {at: left.addr_transl(at) for at in (va, cut - 1) if va <= at < cut} == {
        at: view.addr_transl(at) for at in (va, cut - 1) if va <= at < cut
    }
    assert right.addr_transl(cut) == view.addr_transl(cut)
    assert right.memory.keys() <= view.memory.keys()


@given(VIEWS, ADDRESSES, LENGTHS)
def test_split_then_join_is_the_identity_where_it_should_be(
    view: MemView, va: int, length: int
) -> None:
    """MV.I, and only mappings below the split are lost where its condition is false."""
    left, right = view.split(va, length)
    lost = view.mappings - left.join(right).mappings

    assert lost == {m for m in view.mappings if m.va_end <= va + length and m.va_end <= va}
    if view.can_rejoin(va):
        assert left.join(right) == view
    else:
        assert min(view.mappings).va_start < va


def test_ax_36_a_and_b_a_page_across_the_cut_is_in_both_parts_which_cannot_be_joined() -> None:
    left, right = TWO.split(0x1000, 0x800)

    assert Mapping.page(0x1000, 0x8000) in left.mappings & right.mappings
    assert left.memory[0x8000] == right.memory[0x8000]
    with pytest.raises(RequiresError, match="0x1000 is in both"):
        left.tracked_join(right)
    left, right = TWO.split(0x1000, P)
    assert left.tracked_join(right) == TWO


def test_ax_36_c_what_is_written_through_the_left_part_is_lost() -> None:
    left, right = TWO.split(0x1000, 0x800)
    written = left.write(0x1004, 0xEE)

    assert written.join(right).read(0x1004) == TWO.read(0x1004) != 0xEE
    assert right.join(written).read(0x1004) == 0xEE


def test_ax_36_d_a_write_without_a_frame_makes_one_of_which_little_is_known() -> None:
    view = MemView(TWO.mappings).write(0x2010, 7)

    assert set(view.memory) == {0x4000}
    assert (view.read(0x2010), view.read(0x2011)) == (7, None)


def test_ax_36_e_an_empty_part_inside_a_page_has_its_mapping_and_no_frame() -> None:
    left, _ = TWO.split(0x1400, 0)

    assert left == MemView(frozenset({Mapping.page(0x1000, 0x8000)}))
    assert TWO.split(0x1000, 0)[0] == MemView()


def test_ax_36_f_what_lies_below_is_in_neither_part() -> None:
    left, right = TWO.split(0x2000, P)

    assert left.join(right).addr_transl(0x1000) is None


def test_a_pointer_stays_in_its_range_or_says_that_it_does_not() -> None:
    pointer = VirtPtr.from_vaddr(0x1000, 16)

    assert pointer.inv()
    assert pointer.is_valid()
    end = pointer.add(16)
    assert end.inv()
    assert not end.is_valid()
    assert not end.add(1).inv()
    assert end.sub(16) == pointer
    assert pointer.wrapping_add(U64_MASK) == pointer.sub(1)
    assert not VirtPtr.new(U64_MASK, 2).inv()
    assert pointer.split(4) == (VirtPtr(0x1000, 0x1000, 0x1004), VirtPtr(0x1004, 0x1004, 0x1010))


@pytest.mark.parametrize(
    "misuse",
    [
        lambda _: VirtPtr.from_vaddr(U64_MASK, 1),
        lambda p: p.add(U64_MASK),
        lambda p: p.sub(0x1001),
        lambda p: p.split(17),
        lambda p: p.add(1).split(1),
        lambda p: p.add(16).read(TWO),
        lambda p: p.add(2).read_volatile(TWO, 4),
        lambda p: p.add(8).read_volatile(TWO, 16),
        lambda p: p.read(MemView(TWO.mappings)),
        lambda _: VirtPtr.from_vaddr(0x3000, 4).write(TWO, 1),
    ],
)
def test_a_pointer_is_not_used_where_its_requires_is_false(misuse: object) -> None:
    assert callable(misuse)
    with pytest.raises(RequiresError):
        misuse(VirtPtr.from_vaddr(0x1000, 16))


@given(VIEWS, st.integers(0, 9 * P // 8).map(lambda n: n * 8), st.sampled_from([1, 2, 4, 8]))
def test_a_volatile_write_is_read_back(view: MemView, va: int, size: int) -> None:
    pointer = VirtPtr.from_vaddr(va, 8)
    data = bytes(range(size))
    if not view.translates(va, va + size):
        with pytest.raises(RequiresError):
            pointer.read_volatile(view, size)
        return

    assert pointer.read_volatile(pointer.write_volatile(view, data), size) == data


@given(st.integers(0x1000, 0x2FC0), st.integers(0x1000, 0x2FC0), st.integers(0, 64))
def test_a_copy_is_that_of_a_snapshot(source: int, target: int, n: int) -> None:
    """AX-50: also where the ranges overlap."""
    expected = TWO.write_bytes(target, bytes(b or 0 for b in TWO.read_bytes(source, n)))

    copied = memcpy(VirtPtr.from_vaddr(source, 64), TWO, VirtPtr.from_vaddr(target, 64), TWO, n)

    assert copied == expected
