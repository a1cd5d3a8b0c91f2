"""The ghost values of random states: they say what the code's tables and memory say."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from vmfuzz.oracle import Session
from vmfuzz.swarm import SwarmConfig, SwarmTrace, fuzz_world
from vmstore.arch import LINEAR_BASE, PAGE_SIZE
from vmstore.clauses.breakers import BREAKERS, COVERED, healthy
from vmstore.exec.page_table import translate
from vmstore.ghost.mem_view import MemView
from vmstore.ghost.mem_view_wf import FORMULAS, Formula
from vmstore.ghost.of_view import (
    formula_of,
    global_mem_view,
    kernel_mem_view,
    space_mem_view,
    vm_io_owner,
    vm_space_owner,
)
from vmstore.ghost.segment import (
    SegmentOwner,
    clone_ensures,
    clone_requires,
    kernel_mem_view_covers,
    mint_seg_obligations,
    obligations,
    page_in_range_saturated,
    redeem_seg_obligations,
    seg_nframes,
    seg_obligations_minted,
    split_spec,
)
from vmstore.ghost.vm_io_owner import VmIoMemView, VmIoOwner
from vmstore.ghost.vm_space import handle_ensures, make_handle, reader_requires, writer_requires
from vmstore.ghost.vm_space_owner import VmSpaceOwner
from vmstore.ops import BY_NAME, Op
from vmstore.ops.segment import SegmentFromUnused, SegmentSlice, SegmentSplit
from vmstore.outcome import ACCESS_DENIED, OK, Abort, Err, Outcome
from vmstore.spaces import RequiresError
from vmstore.variants import PROFILES
from vmstore.view.state import View
from vmstore.world import World

P = PAGE_SIZE


def sessions(
    first: int, families: tuple[str, ...], count: int = 30
) -> Iterator[tuple[Session, SwarmTrace]]:
    for seed in range(first, first + count):
        rng = Random(seed)
        session = Session(fuzz_world(rng, World(frames=8), frozenset({"frames"})))
        config = SwarmConfig(rng, session.state.world, families)
        yield session, SwarmTrace(rng, config, session.state)


def played(
    session: Session, source: SwarmTrace, steps: int = 120
) -> Iterator[tuple[Op, Callable[[], None]]]:
    """Yield each op with the function that runs it, which is called here if it was not."""
    while session.steps < steps and not session.is_over:
        op = source.next_op()
        before = session.steps

        def run(op: Op = op) -> None:
            assert session.step(op) is None
            source.settle(op)

        yield op, run
        if session.steps == before:
            run()


def made(session: Session, name: str, **values: Any) -> Outcome:
    assert session.step(BY_NAME[name].make(values)) is None
    assert session.outcome is not None
    return session.outcome


def mapped_spaces(seed: int) -> Session:
    """Return two spaces that map random pages of known contents, aliases and device memory too."""
    rng = Random(seed)
    session = Session(World(frames=12, pt_frames=64, entries=4, levels=3))
    for frame in range(8):
        made(session, "frame_from_unused", dst=frame, paddr=frame * P)
        data = rng.randbytes(64)
        made(session, "vmio_write_bytes", frame=frame, offset=rng.randrange(P - 64), data=data)
    top = session.view.spaces.geometry.user_end
    for vs in range(2):
        made(session, "vmspace_new", dst=vs)
        made(session, "cursor_open_mut", dst=vs, vs=vs, start=0, end=top)
        for page in sorted(rng.sample(range(top // P), rng.randint(0, 6))):
            made(session, "cursor_jump", cursor=vs, va=page * P)
            flags = {"flags": rng.choice([3, 3, 1, 0]), "cache": "WB"}
            if rng.random() < 0.15:
                region = {"paddr": rng.choice([1 << 40, 9 * P]), "size": P, "len": P, "offset": 0}
                made(session, "cursor_map_iomem", cursor=vs, **region, **flags)
                continue
            made(session, "frame_from_in_use", dst=100, paddr=rng.randrange(8) * P)
            made(session, "cursor_map", cursor=vs, frame=100, **flags)
        made(session, "cursor_drop", cursor=vs)
    if rng.random() < 0.8:
        made(session, "vmspace_activate", vs=rng.randrange(2))
    return session


def test_the_memory_of_a_space_is_what_its_tables_and_pages_say() -> None:
    readable = 0
    for session in map(mapped_spaces, range(60)):
        machine = session.machine
        for vs, space in machine.spaces.vm_spaces.items():
            view = space_mem_view(session.view, vs)
            assert view.mappings_are_disjoint()
            assert not [m for m in view.mappings if m.broken(machine.max_paddr)]
            for va in range(0, session.view.spaces.geometry.user_end, 0x333):
                paddr = translate(machine, space.table.root, va, want_write=False)
                there = view.addr_transl(va)
                if there is not None:
                    assert view.read(va) == machine.io.memory.page(there[0] // P)[there[1]]
                assert paddr is None or there == (paddr - va % P, va % P)
                readable += paddr is not None
    assert readable > 1_000


@pytest.mark.parametrize("seed", range(60))
def test_the_owner_of_any_space_is_well_formed_and_lends_its_pages_for_writing(seed: int) -> None:
    """What is written through the ghost is what the op writes."""
    session = mapped_spaces(seed)
    for vs, entry in session.view.store.vm_spaces.items():
        assert all(not vm_space_owner(session.view, vs, f).broken() for f in FORMULAS)
        owner = vm_space_owner(session.view, vs, "disjoint-views")
        assert owner.active == entry.is_active == (owner.mem_view is not None)
        for va in sorted(m.va_start for m in owner.mem_view.mappings) if owner.mem_view else ():
            space, handle, lent = new = make_handle(owner, va + 8, 16)
            assert handle_ensures(owner, new)
            if is_aliased(owner, va):
                with pytest.raises(RequiresError, match="is mapped at"):
                    space.activate_writer(lent)
                continue
            space, writer = space.activate_writer(lent)
            memory = handle.cursor.write_volatile(writer.mem_view(), b"12345678")
            space = space.dispose_writer(writer.with_memory(memory)).remove_writer(0)
            assert not space.broken()
            outcome = made(session, "vs_writer", dst=0, vs=vs, va=va + 8, len=16)
            if outcome is not OK:  # the last page can be mapped, and not be written by a handle
                assert va == session.view.spaces.geometry.user_end - P
                continue
            value = int.from_bytes(b"12345678", "little")
            if made(session, "writer_write_val", writer=0, ty="u64", val=value) is OK:
                owner = vm_space_owner(session.view, vs, "disjoint-views")
                assert owner.mem_view == space.mem_view
            made(session, "writer_drop", writer=0)


def is_aliased(owner: VmSpaceOwner, va: int) -> bool:
    assert owner.mem_view is not None
    bases = [m.pa_start for m in owner.mem_view.mappings]
    return bases.count(owner.mem_view.addr_transl(va)[0]) > 1  # type: ignore[index]  # mapped


@pytest.mark.parametrize("seed", range(60))
def test_a_space_and_all_of_memory_are_well_formed_but_for_aliases(seed: int) -> None:
    session = mapped_spaces(seed)
    for vs in session.view.store.vm_spaces:
        memory, whole = global_mem_view(session.view, vs), space_mem_view(session.view, vs)
        bases = [m.pa_start for m in memory.pt_mappings]
        expected = ["GMV.4"] if len(set(bases)) < len(bases) else []

        assert memory.broken(session.view.max_paddr) == expected
        for va in sorted(m.va_start for m in memory.pt_mappings):
            memory = memory.tlb_soft_fault(va + 5)
            assert memory.addr_transl(va + 7) == whole.addr_transl(va + 7)
        assert memory.tlb_mappings == memory.pt_mappings
        assert "GMV.2" not in memory.broken(session.view.max_paddr)


@pytest.mark.parametrize("profile", PROFILES)
def test_each_profile_has_a_formula(profile: str) -> None:
    expected = "disjoint-views" if profile == "ostd" else "literal"

    assert formula_of(World(profile=profile)) == expected
    other = next(f for f in FORMULAS if f != expected)
    assert formula_of(World(profile=profile, overrides=(("mem_view_wf", other),))) == other


def ranges(session: Session, rng: Random) -> Iterator[tuple[int, int]]:
    top = session.view.spaces.geometry.user_end
    for va in (0, 8, P, top - 2 * P, top - P, rng.randrange(top)):
        for length in (0, 1, P, top):
            yield va, length


@pytest.mark.parametrize("kind", ["reader", "writer"])
@pytest.mark.parametrize("seed", range(30))
def test_where_a_reader_or_writer_may_be_made_it_is_and_is_well_formed(
    seed: int, kind: str
) -> None:
    """The contract of the seed documents; the code also makes handles where it says nothing."""
    session = mapped_spaces(seed)
    requires = reader_requires if kind == "reader" else writer_requires
    made_by = {(True, True): 0, (False, True): 0, (False, False): 0}
    for vs in (0, 1):
        for va, length in ranges(session, Random(seed)):
            owner = vm_space_owner(session.view, vs, "literal")
            is_met = requires(session.view, vs, owner, va, length)
            outcome = made(session, f"vs_{kind}", dst=0, vs=vs, va=va, len=length)
            assert outcome in (OK, ACCESS_DENIED)
            made_by[is_met, outcome is OK] += 1  # a KeyError where the call must succeed
            if outcome is OK:
                made(session, f"{kind}_drop", **{kind: 0})
            if is_met:
                assert handle_ensures(owner, make_handle(owner, va, length))
    assert made_by[False, False]
    assert bool(made_by[True, True]) == bool(session.view.spaces.active)
    assert bool(made_by[False, True]) == bool(session.view.spaces.active)  # length 0, address 0


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_handle_is_not_made_where_another_is_in_the_way(formula: Formula) -> None:
    session = next(s for s in map(mapped_spaces, range(60)) if s.view.spaces.active.get(0))
    vs = session.view.spaces.active[0].number
    view = session.view
    owner = vm_space_owner(view, vs, formula)
    lent = VmIoOwner(9, P, 2 * P, is_fallible=True, is_kernel=False)
    reading = replace(lent, view=VmIoMemView("ReadView", MemView()))
    writing = replace(lent, view=VmIoMemView("WriteView", MemView()))
    read, written = replace(owner, readers=(reading,)), replace(owner, writers=(writing,))

    assert owner.can_create_writer(P, P)
    assert read.can_create_reader(P, P) == (formula == "literal")
    assert replace(read, shared_reader=True).can_create_reader(P, P)
    assert not read.can_create_writer(P, P)
    assert not written.can_create_reader(P, P)
    assert not written.can_create_writer(P, P)
    assert written.can_create_writer(2 * P, P) == (formula != "literal")  # adjacent
    assert reader_requires(view, vs, owner, P, P)
    assert not reader_requires(view, vs, replace(owner, active=False), P, P)
    assert not writer_requires(view, vs, read, P, P)


def kernel_handles(v: View) -> Iterator[int]:
    for vio, entry in v.store.vm_ios.items():
        if entry.vm_space is None and entry.owner.place[0] == "memory":
            yield vio


@pytest.mark.parametrize("first", range(0, 60, 30))
def test_a_kernel_handle_sees_what_memory_contains(first: int) -> None:
    looked = 0
    for session, source in sessions(first, ("io",)):
        for _op, _run in played(session, source):
            if session.steps % 5:
                continue
            for vio in kernel_handles(session.view):
                owner = vm_io_owner(session.view, vio)
                assert owner.broken() == []
                assert owner.can_read() == (session.view.store.vm_ios[vio].kind == "Reader")
                assert owner.can_write() or owner.read_view_initialized()
                length = owner.end - owner.start
                found = owner.mem_view().read_bytes(owner.start, length)
                assert bytes(b or 0 for b in found) == session.machine.io.memory.read(
                    owner.start, length
                )
                looked += 1
    assert looked > 20


def test_an_owner_of_user_memory_has_no_view_and_one_of_a_buffer_no_frame() -> None:
    view = healthy().view
    places = {entry.owner.place[0]: vio for vio, entry in view.store.vm_ios.items()}

    assert vm_io_owner(view, places["user"]).view is None
    assert vm_io_owner(view, places["user"]).broken() == []
    with pytest.raises(RequiresError, match="of a buffer"):
        vm_io_owner(view, places["buf"])


# -- segments --------------------------------------------------------------------------------------


@pytest.mark.parametrize("clause", [f"SEG.REL.{n}" for n in (1, 3)])
def test_a_page_that_breaks_the_relation_is_named(clause: str) -> None:
    state = healthy()
    owner = SegmentOwner(*state.view.store.segments[0])
    assert owner.relate_regions(state.view) == ["SEG.REL.6"]  # one page is mapped too (AX-28)

    BREAKERS[clause](state)

    assert clause in owner.relate_regions(state.view)


@pytest.mark.parametrize(
    ("clause", "change"),
    [
        ("SEG.REL.2", {"parked": False}),
        ("SEG.REL.4", {"handles": 0, "covers": 0, "mappings": 0}),
        ("SEG.REL.5", {"uniques": 1}),
        ("SEG.REL.6", {"paths": frozenset({(1, 1)})}),
        ("SEG.REL.7", {"usage": "Unused"}),
    ],
)
def test_each_conjunct_of_the_relation_is_read(clause: str, change: dict[str, object]) -> None:
    view = healthy().view
    owner = SegmentOwner(COVERED * P, (COVERED + 1) * P)
    assert owner.relate_regions(view) == []
    assert owner.invariants(view, COVERED * P, (COVERED + 1) * P)
    assert not owner.invariants(view, COVERED * P, (COVERED + 2) * P)

    for name, value in change.items():
        setattr(view.store.owner(COVERED), name, value)

    assert clause in owner.relate_regions(view)
    assert clause in owner.relate_regions_at(view, COVERED)
    assert not owner.invariants(view, COVERED * P, (COVERED + 1) * P)


@pytest.mark.parametrize("first", range(0, 60, 30))
def test_segment_calls_do_what_their_specification_says(first: int) -> None:
    seen = {"minted": 0, "refused": 0, "split": 0, "saturated": 0, "shared": 0}
    for session, source in sessions(first, ("frame",), 60):
        view = session.view
        for op, run in played(session, source, 100):
            store = view.store
            before = obligations(store)
            if isinstance(op, SegmentFromUnused):
                run()
                n = seg_nframes(op.start, op.end)
                after = obligations(store)
                if session.outcome is OK:
                    assert seg_obligations_minted(before, after, op.start, n)
                    assert after == mint_seg_obligations(before, op.start, n)
                    assert redeem_seg_obligations(after, op.start, n) == before
                    seen["minted"] += 1
                elif isinstance(session.outcome, Err):
                    assert after == before
                    seen["refused"] += 1
            if isinstance(op, SegmentSplit):
                was = store.segments[op.segment]
                run()
                if session.outcome is OK:
                    parts = (store.segments[op.dst_left], store.segments[op.dst_right])
                    assert parts == split_spec(*was, op.offset)
                    seen["split"] += 1
            if isinstance(op, SegmentSlice):
                was = store.segments[op.segment]
                inside = op.start <= op.end <= was.end - was.start
                full = inside and page_in_range_saturated(view, was.start, op.start, op.end)
                run()
                assert not (full and session.outcome is OK)
                assert full or not isinstance(session.outcome, Abort)
                seen["saturated" if full else "shared"] += 1
    assert all(seen[name] for name in ("minted", "refused", "split", "shared"))


@pytest.mark.parametrize("ledger", ["exact", "literal"])
def test_where_a_segment_can_be_cloned_it_is(ledger: str) -> None:
    cloned = refused = 0
    for seed in range(60):
        rng = Random(seed)
        session = Session(World(frames=6, rc_max=4, pt_frames=0, overrides=(("ledger", ledger),)))
        made(session, "segment_from_unused", dst=0, start=0, end=4 * P)
        while not session.is_over:
            page = rng.randrange(4) * P
            made(session, "frame_from_in_use", dst=session.steps, paddr=page)
            if session.is_over or rng.random() < 0.6:
                continue
            is_met = clone_requires(session.view, 0, 4 * P)
            before = obligations(session.view.store)
            outcome = made(session, "segment_clone", dst=session.steps, segment=0)
            if is_met:
                assert outcome is OK
                segments = session.view.store.segments
                after = obligations(session.view.store)
                holds = clone_ensures(before, after, segments[0], segments[session.steps - 1])
                assert holds == (ledger == "literal")
            cloned += is_met
            refused += not is_met
    assert cloned > 10
    assert refused > 10
    assert not clone_requires(session.view, 0, 9 << 40)


def test_a_saturated_page_of_a_slice_is_found() -> None:
    view = healthy().view
    view.rc_max = 2

    assert not page_in_range_saturated(view, COVERED * P, 0, P)
    view.store.owner(COVERED).handles += 1
    assert page_in_range_saturated(view, COVERED * P, 0, P)
    assert not page_in_range_saturated(view, (COVERED - 1) * P, 0, P)
    assert page_in_range_saturated(view, (COVERED - 1) * P, P, 2 * P)


def test_an_obligation_that_is_not_there_cannot_be_redeemed() -> None:
    with pytest.raises(RequiresError, match="slot 2 has no obligation"):
        redeem_seg_obligations({1: 1}, P, 2)
    assert not seg_obligations_minted({}, {1: 1}, P, 2)
    assert not seg_obligations_minted({}, {1: 1, 2: 1, 3: 1}, P, 2)


# -- what covers a segment -------------------------------------------------------------------------


def test_a_kernel_view_covers_a_segment_but_not_the_last_page_of_memory() -> None:
    view = healthy().view
    end = view.max_paddr

    covers = kernel_mem_view(view, 2 * P, 5 * P)
    assert kernel_mem_view_covers(covers, 2 * P, 5 * P, end) == []
    assert kernel_mem_view_covers(covers, 2 * P, 6 * P, end) == ["SEG.MV.3", "SEG.MV.4"]
    assert kernel_mem_view_covers(covers, 5 * P, 4 * P, end) == ["SEG.MV.1"]
    last = kernel_mem_view(view, end - P, end)  # AX-42: FC.4 is strict
    assert kernel_mem_view_covers(last, end - P, end, end) == ["SEG.MV.3", "SEG.MV.4"]
    assert kernel_mem_view_covers(last, end - P, end, end + P) == []


def test_a_view_of_other_pages_does_not_cover_a_segment() -> None:
    view = healthy().view
    covers = kernel_mem_view(view, 2 * P, 4 * P)
    low, high = sorted(covers.mappings)
    swapped = frozenset(
        {
            type(low)(low.va_start, low.va_end, high.pa_start, high.pa_end, P, low.prop),
            type(low)(high.va_start, high.va_end, low.pa_start, low.pa_end, P, low.prop),
        }
    )
    overlapping = covers.mappings | {type(low)(low.va_start, low.va_end, 6 * P, 7 * P, P, low.prop)}

    found = kernel_mem_view_covers(type(covers)(swapped, covers.memory), 2 * P, 4 * P, 1 << 30)
    assert found == ["SEG.MV.4"]
    found = kernel_mem_view_covers(type(covers)(overlapping, covers.memory), 2 * P, 4 * P, 1 << 30)
    assert found == ["SEG.MV.2"]
    assert low.va_start == LINEAR_BASE + 2 * P
