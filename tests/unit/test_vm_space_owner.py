"""Owners of ghost memory: readers and writers of a space, from creation to removal."""

from dataclasses import replace
from itertools import combinations
from random import Random

import pytest

from vmstore.ghost.frame_contents import FrameContents
from vmstore.ghost.mapping import Mapping
from vmstore.ghost.mem_view import MemView
from vmstore.ghost.mem_view_wf import FORMULAS, Formula
from vmstore.ghost.virt_ptr import VirtPtr
from vmstore.ghost.vm_io_owner import VmIoMemView, VmIoOwner, from_user_space
from vmstore.ghost.vm_space_owner import VmSpaceOwner
from vmstore.spaces import RequiresError

P = 0x1000


def memory(*pages: int) -> MemView:
    """Return a view in which page n of the list is mapped to the frame 16 pages above it."""
    mappings = frozenset(Mapping.page(page * P, (page + 16) * P) for page in pages)
    return MemView(mappings, {m.pa_start: FrameContents.of(m.pa_start, bytes(P)) for m in mappings})


def space(formula: Formula, *pages: int, shared_reader: bool = False) -> VmSpaceOwner:
    view = memory(*pages)
    return VmSpaceOwner(
        active=True, formula=formula, mem_view=view, mv_range=view, shared_reader=shared_reader
    )


def handle(number: int, start: int, end: int) -> VmIoOwner:
    return from_user_space(number, VirtPtr.from_vaddr(start, end - start))[1]


READER = replace(handle(0, P, 3 * P), view=VmIoMemView("ReadView", memory(1, 2)))
WRITER = replace(handle(1, 4 * P, 5 * P), view=VmIoMemView("WriteView", memory(4)))


# -- owners of readers and writers -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "clauses"),
    [
        (READER, []),
        (handle(0, P, P), []),
        (replace(handle(0, P, P), start=P + 1), ["VIOO.1"]),
        (
            replace(
                READER,
                view=VmIoMemView(
                    "ReadView", MemView(memory(1, 2).mappings | {Mapping.page(P, 5 * P)})
                ),
            ),
            ["VIOO.2"],
        ),
        (replace(READER, end=4 * P), ["VIOO.3"]),
    ],
)
def test_an_owner_breaks_the_clause_that_says_so(owner: VmIoOwner, clauses: list[str]) -> None:
    assert owner.broken() == clauses


def test_what_an_owner_can_do_follows_from_its_view() -> None:
    assert READER.can_read()
    assert not READER.can_write()
    assert READER.read_view_initialized()
    bare = replace(READER, view=VmIoMemView("ReadView", MemView(memory(1, 2).mappings)))
    assert not bare.read_view_initialized()
    assert not WRITER.read_view_initialized()
    assert WRITER.write_to_read().read_view_initialized()
    with pytest.raises(RequiresError, match="no view to write through"):
        READER.write_to_read()


def test_adjacent_ranges_overlap_and_parts_of_one_page_are_never_disjoint() -> None:
    assert READER.overlaps_with_range(3 * P, 4 * P)
    assert not READER.overlaps_with_range(3 * P + 1, 4 * P)
    assert READER.disjoint(WRITER)
    page = VmIoMemView("ReadView", memory(1))
    first = replace(handle(0, P, P + 8), view=page)
    second = replace(handle(1, P + 64, P + 72), view=page)
    assert not first.overlaps_with_range(second.start, second.end)
    assert not first.disjoint(second)
    assert first.disjoint(replace(second, view=None))


def test_the_type_of_an_owner_changes_and_its_parameters_with_it() -> None:
    other = READER.change_fallible(is_fallible=False)

    assert not other.is_fallible
    assert not READER.params_eq(other)
    assert READER.params_eq(replace(other.change_fallible(is_fallible=True), id=9, view=None))
    with pytest.raises(RequiresError, match="of that type already"):
        READER.change_fallible(is_fallible=True)


def test_advancing_keeps_what_lies_behind_and_returns_what_lies_before() -> None:
    owner = READER.with_memory(READER.mem_view().write_bytes(P + 6, b"abcd"))

    rest, before = owner.advance(8)

    assert (rest.start, rest.end, rest.id) == (P + 8, 3 * P, READER.id)
    assert rest.broken() == []
    assert bytes(before.read_bytes(P + 6, 2)) == b"ab"  # type: ignore[arg-type]  # all Init
    assert rest.read_view_initialized()
    assert rest.mem_view().read_bytes(P + 8, 2) == [ord("c"), ord("d")]
    with pytest.raises(RequiresError, match="bytes left, not"):
        owner.advance(2 * P + 1)
    with pytest.raises(RequiresError, match="no view of memory"):
        handle(0, P, 2 * P).advance(0)


def test_a_split_owner_is_two_owners_of_the_two_parts() -> None:
    left, right = READER.split(P)

    assert (left.start, left.end, right.start, right.end) == (P, 2 * P, 2 * P, 3 * P)
    assert (left.mem_view(), right.mem_view()) == (memory(1), memory(2))
    assert left.broken() == right.broken() == []


def test_an_owner_is_its_handles_until_the_handle_is_limited() -> None:
    """AX-37."""
    made, owner = from_user_space(3, VirtPtr.from_vaddr(P, 16))

    assert made.inv()
    assert owner.inv_with(made)
    limited = replace(made, end=made.cursor.add(4))
    assert limited.inv()
    assert not owner.inv_with(limited)
    assert not replace(made, end=made.cursor, cursor=made.end).inv()


# -- the owner of a space --------------------------------------------------------------------------


@pytest.mark.parametrize("formula", FORMULAS)
def test_an_owner_without_handles_is_well_formed(formula: Formula) -> None:
    assert space(formula, 1, 2).broken() == []
    assert replace(space(formula, 1), active=False, mv_range=None).broken() == []


ALL = space("literal", 1, 2, 4)
KEPT = replace(ALL, mem_view=memory(1, 2), writers=(WRITER,))
DISJOINT = replace(KEPT, formula="disjoint-views")


@pytest.mark.parametrize(
    ("owner", "clause"),
    [
        (replace(ALL, mv_range=None), "MVWF.1"),
        (
            replace(
                ALL,
                mv_range=MemView(ALL.mv_range.mappings | {Mapping.page(P, 0)}),  # type: ignore[union-attr]
            ),
            "MVWF.2",
        ),
        (replace(ALL, mem_view=memory(1, 2, 4, 5)), "MVWF.3"),
        (replace(ALL, mem_view=MemView(memory(1).mappings, memory(1, 5).memory)), "MVWF.3"),
        (replace(ALL, mem_view=memory(1)), "MVWF.4"),
        (KEPT, "MVWF.5"),
        (replace(ALL, writers=(WRITER,)), "MVWF.6"),
        (replace(ALL, writers=(WRITER,)), "MVWF.7"),
        (replace(ALL, readers=(READER,)), "MVWF.8"),
        (replace(ALL, readers=(replace(READER, end=7 * P),)), "VSO.3"),
        (replace(ALL, readers=(replace(READER, end=4 * P),), writers=(WRITER,)), "VSO.4"),
        (replace(ALL, readers=(READER, READER)), "VSO.5"),
        (replace(ALL, writers=(WRITER, WRITER)), "VSO.6"),
        (replace(DISJOINT, mem_view=memory(1)), "MVWF.4"),
        (replace(DISJOINT, writers=(replace(READER, start=2 * P),)), "MVWF.5"),
        (replace(DISJOINT, mem_view=memory(1, 2, 4)), "MVWF.6"),
        (replace(DISJOINT, mem_view=memory(1, 2, 4)), "MVWF.7"),
        (replace(DISJOINT, readers=(replace(READER, view=WRITER.view),)), "MVWF.8"),
        (replace(DISJOINT, readers=(replace(READER, end=7 * P),)), "VSO.3"),
        (replace(DISJOINT, readers=(replace(READER, end=4 * P + 1),)), "VSO.4"),
        (replace(DISJOINT, readers=(READER, READER)), "VSO.5"),
        (replace(DISJOINT, writers=(WRITER, WRITER)), "VSO.6"),
    ],
)
def test_every_clause_fails_where_it_is_broken(owner: VmSpaceOwner, clause: str) -> None:
    assert clause in owner.broken()


@pytest.mark.parametrize("formula", FORMULAS)
def test_shared_readers_may_meet(formula: Formula) -> None:
    owner = replace(space(formula, 1, 2, shared_reader=True), readers=(READER, READER))

    assert owner.broken() == []
    assert "VSO.5" in replace(owner, shared_reader=False).broken()


def test_a_writer_on_record_with_its_page_taken_is_well_formed_in_one_formula_only() -> None:
    assert DISJOINT.broken() == []
    assert KEPT.broken() == ["MVWF.4", "MVWF.5"]


def test_a_frame_that_a_writer_shares_with_another_mapping_breaks_the_repaired_clause() -> None:
    """Other addresses, the same memory."""
    alias = Mapping.page(9 * P, 20 * P)
    both = memory(1, 2, 4).mappings | {alias}
    owner = replace(
        DISJOINT,
        mem_view=MemView(memory(1, 2).mappings | {alias}, memory(1, 2).memory),
        mv_range=MemView(both, memory(1, 2, 4).memory),
    )

    assert owner.broken() == ["MVWF.6"]


def subsets(view: MemView) -> list[MemView]:
    mappings = sorted(view.mappings)
    return [
        MemView(frozenset(chosen), {m.pa_start: view.memory[m.pa_start] for m in chosen})
        for n in range(len(mappings) + 1)
        for chosen in combinations(mappings, n)
    ]


def test_ax_39_no_mapped_memory_with_a_writer_is_well_formed_as_written() -> None:
    """Every total view of two pages, with every remaining view and every view of a writer."""
    total = memory(1, 2)
    good: dict[Formula, set[int]] = {formula: set() for formula in FORMULAS}
    for tot in subsets(total):
        for rem in subsets(total):
            for held in subsets(total):
                start = min((m.va_start for m in held.mappings), default=P)
                writer = replace(handle(0, start, start), view=VmIoMemView("WriteView", held))
                for formula, mapped in good.items():
                    owner = VmSpaceOwner(
                        active=True, formula=formula, mem_view=rem, mv_range=tot, writers=(writer,)
                    )
                    if not owner.broken():
                        mapped.add(len(tot.mappings))

    assert good == {"literal": {0}, "disjoint-views": {0, 1, 2}}


def test_the_literal_life_of_a_writer_leaves_the_invariant() -> None:
    owner = space("literal", 1, 2, 4)
    assert owner.can_create_writer(2 * P, P)

    owner, writer = owner.activate_writer(handle(0, 2 * P, 3 * P))

    assert writer.mem_view() == memory(2)
    assert owner.mem_view == memory(4)  # AX-36 f: page 1 is in neither part
    assert owner.broken() == ["MVWF.4"]
    owner = owner.dispose_writer(writer)
    assert owner.broken() == ["MVWF.4", "MVWF.5"]
    assert not owner.can_create_reader(3 * P, P)  # adjacent
    assert owner.can_create_reader(4 * P, P)
    owner = owner.remove_writer(0)
    assert owner.mem_view == memory(2, 4)
    assert owner.broken() == ["MVWF.4"]


def test_literally_a_page_that_was_cut_cannot_be_given_back() -> None:
    """AX-36 b."""
    owner, writer = space("literal", 1, 2).activate_writer(handle(0, P, P + 8))

    with pytest.raises(RequiresError, match="0x1000 is in both"):
        owner.dispose_writer(writer).remove_writer(0)


def test_literally_a_lent_page_can_be_read_and_written_at_once() -> None:
    """No record is kept of handles between activation and disposal."""
    owner, _reader = space("literal", 1).activate_reader(handle(0, P, P + 8))
    assert owner.can_create_writer(P, 8)
    owner.activate_writer(handle(1, P, P + 8))

    with pytest.raises(RequiresError, match="another has a page"):
        replace(owner, formula="disjoint-views").activate_writer(handle(1, P, P + 8))


def test_the_repaired_life_of_a_writer_keeps_the_invariant_and_what_was_written() -> None:
    owner = space("disjoint-views", 1, 2, 4)

    owner, writer = owner.activate_writer(handle(0, P + 8, 2 * P + 8))
    assert owner.broken() == []
    assert writer.mem_view() == memory(1, 2)
    assert not owner.can_create_reader(P, 8)
    assert owner.can_create_writer(4 * P, P)
    writer = writer.with_memory(writer.mem_view().write_bytes(P + 8, b"\x07" * P))
    writer, consumed = writer.advance(P)
    owner = owner.dispose_writer(writer, consumed)
    assert owner.broken() == []
    owner = owner.remove_writer(0)

    assert owner.broken() == []
    assert owner.mem_view is not None
    assert owner.mem_view.mappings == owner.mv_range.mappings  # type: ignore[union-attr]
    assert owner.mem_view.read_bytes(P + 7, P + 2) == [0, *([7] * P), 0]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_reader_borrows_the_pages_of_its_range_and_the_space_keeps_them(formula: Formula) -> None:
    owner, reader = space(formula, 1, 2, 4).activate_reader(handle(0, P + 8, 2 * P))

    assert reader.mem_view() == memory(1)
    assert reader.read_view_initialized()
    assert owner.mem_view == memory(1, 2, 4)
    assert owner.dispose_reader(reader).readers == (reader,)


@pytest.mark.parametrize("formula", FORMULAS)
def test_misuse_is_refused(formula: Formula) -> None:
    owner = space(formula, 1, 2)
    lent, reader = owner.activate_reader(handle(0, P, 2 * P))

    for misuse, message in (
        (lambda: replace(owner, active=False).activate_reader(handle(1, P, 2 * P)), "not active"),
        (lambda: owner.activate_reader(reader), "has a view already"),
        (lambda: owner.activate_reader(handle(1, 2 * P, 4 * P)), "is mapped"),
        (lambda: owner.activate_writer(handle(1, 3 * P, 4 * P)), "is mapped"),
        (lambda: lent.dispose_reader(handle(0, P, 2 * P)), "no view to read"),
        (lambda: lent.dispose_writer(reader), "no view to write"),
        (lambda: lent.dispose_reader(reader).dispose_reader(reader), "not disjoint"),
        (lambda: lent.remove_reader(0), "none at 0"),
        (lambda: lent.remove_writer(0), "none at 0"),
    ):
        with pytest.raises(RequiresError, match=message):
            misuse()


def test_a_frame_that_is_mapped_twice_is_not_lent_for_writing() -> None:
    view = MemView(memory(1).mappings | {Mapping.page(5 * P, 17 * P)}, memory(1).memory)
    owner = VmSpaceOwner(active=True, formula="disjoint-views", mem_view=view, mv_range=view)

    with pytest.raises(RequiresError, match="is mapped at 0x1000 and at 0x5000"):
        owner.activate_writer(handle(0, P, P + 8))


class Life:
    """A space with handles that come and go at random, and what memory must contain."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.pages = sorted(rng.sample(range(1, 8), rng.randint(1, 5)))
        self.owner = space("disjoint-views", *self.pages, shared_reader=rng.random() < 0.5)
        self.out: list[tuple[VmIoOwner, list[MemView]]] = []
        self.bytes: dict[int, int] = {}
        self.refused = 0

    def activate(self) -> None:
        start = self.rng.choice(self.pages) * P + self.rng.choice([0, 8, P - 8])
        self.owner, number = self.owner.new_vm_io_id()
        made = handle(number, start, start + self.rng.choice([0, 8, 16, P, 2 * P]))
        activate = self.rng.choice([self.owner.activate_reader, self.owner.activate_writer])
        try:
            self.owner, lent = activate(made)
        except RequiresError:
            self.refused += 1
        else:
            self.out.append((lent, []))

    def use(self) -> None:
        """Read, or write and remember, the next bytes of a handle that is out."""
        at = self.rng.randrange(len(self.out))
        owner, consumed = self.out[at]
        n = self.rng.randint(0, owner.end - owner.start)
        if owner.can_write():
            data = self.rng.randbytes(n)
            owner = owner.with_memory(owner.mem_view().write_bytes(owner.start, data))
            self.bytes |= {owner.start + i: byte for i, byte in enumerate(data)}
        else:
            found = owner.mem_view().read_bytes(owner.start, n)
            assert found == [self.bytes.get(owner.start + i, 0) for i in range(n)]
        owner, before = owner.advance(n)
        self.out[at] = (owner, [*consumed, before])

    def dispose(self) -> None:
        owner, consumed = self.out.pop(self.rng.randrange(len(self.out)))
        if owner.can_read():
            self.owner = self.owner.dispose_reader(owner)
        else:
            self.owner = self.owner.dispose_writer(owner, *consumed)

    def remove(self) -> None:
        for count, remove in (
            (len(self.owner.writers), self.owner.remove_writer),
            (len(self.owner.readers), self.owner.remove_reader),
        ):
            if count:
                self.owner = remove(self.rng.randrange(count))
                return


@pytest.mark.parametrize("seed", range(150))
def test_any_lives_of_readers_and_writers_keep_the_invariant_and_lose_nothing(seed: int) -> None:
    life = Life(Random(seed))
    for _ in range(25):
        step = life.rng.choice([life.activate, life.activate, life.use, life.dispose, life.remove])
        if life.out or step in {life.activate, life.remove}:
            step()
        assert life.owner.broken() == []
    while life.out:
        life.dispose()
    while life.owner.readers or life.owner.writers:
        life.remove()

    view = life.owner.mem_view
    assert view is not None
    assert view.mappings == memory(*life.pages).mappings
    for page in life.pages:
        written = [life.bytes.get(page * P + i, 0) for i in range(P)]
        assert view.read_bytes(page * P, P) == written
