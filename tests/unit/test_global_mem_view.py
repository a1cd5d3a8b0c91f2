"""Ghost memory as a whole: mapped, cached, unmapped."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from vmstore.ghost.frame_contents import FrameContents
from vmstore.ghost.global_mem_view import GlobalMemView
from vmstore.ghost.mapping import Mapping
from vmstore.spaces import RequiresError

P = 0x1000
MAX = 8 * P
A, B, C = (Mapping.page(page * P, (7 - page) * P) for page in (1, 2, 4))


def frames(*mappings: Mapping) -> dict[int, FrameContents]:
    return {m.pa_start: FrameContents.of(m.pa_start, bytes(m.page_size)) for m in mappings}


def unmapped(*mappings: Mapping) -> frozenset[int]:
    return frozenset(range(0, MAX, P)) - {m.pa_start for m in mappings}


MEMORY = GlobalMemView(frozenset({A, B, C}), frozenset({A, B}), unmapped(A, B, C), frames(A, B, C))
ALIAS = Mapping.page(6 * P, A.pa_start)
OVERLAP = Mapping.page(P, 0)
LAST = Mapping.page(6 * P, MAX - P)


@pytest.mark.parametrize(
    ("memory", "clauses"),
    [
        (MEMORY, []),
        (replace(MEMORY, memory=frames(A, B)), ["GMV.1"]),
        (replace(MEMORY, tlb_mappings=frozenset({OVERLAP})), ["GMV.2"]),
        (
            replace(
                MEMORY,
                pt_mappings=MEMORY.pt_mappings | {OVERLAP},
                unmapped_pas=unmapped(A, B, C, OVERLAP),
                memory=frames(A, B, C, OVERLAP),
            ),
            ["GMV.3"],
        ),
        (replace(MEMORY, pt_mappings=MEMORY.pt_mappings | {ALIAS}), ["GMV.4"]),  # AX-42
        (replace(MEMORY, tlb_mappings=frozenset({A, OVERLAP})), ["GMV.2", "GMV.5"]),
        (replace(MEMORY, tlb_mappings=frozenset({A, ALIAS})), ["GMV.2", "GMV.6"]),
        (replace(MEMORY, unmapped_pas=MEMORY.unmapped_pas - {0}), ["GMV.7"]),
        (replace(MEMORY, unmapped_pas=MEMORY.unmapped_pas | {A.pa_start}), ["GMV.8"]),
        (
            GlobalMemView(frozenset({LAST}), frozenset(), unmapped(LAST), frames(LAST)),
            ["GMV.1"],  # AX-42: FC.4 is strict
        ),
    ],
)
def test_each_clause_fails_where_it_is_broken(memory: GlobalMemView, clauses: list[str]) -> None:
    assert memory.broken(MAX) == clauses


def test_only_what_is_cached_translates() -> None:
    assert MEMORY.addr_transl(P + 3) == (A.pa_start, 3)
    assert MEMORY.addr_transl(4 * P) is None
    assert MEMORY.tlb_soft_fault(4 * P + 9).addr_transl(4 * P) == (C.pa_start, 0)
    assert MEMORY.tlb_flush_vaddr(P + 9).addr_transl(P) is None
    assert MEMORY.tlb_flush_vaddr(3 * P) == MEMORY


def test_ax_42_a_view_that_ends_where_a_mapping_begins_loses_it() -> None:
    left, view = MEMORY.take_view(P, P)

    assert view.mappings == {A}
    assert left.tlb_mappings == frozenset()
    assert left.return_view(view).tlb_mappings == {A}
    left, view = MEMORY.take_view(P, P - 1)
    assert left.return_view(view) == MEMORY


def test_what_was_written_to_a_view_is_returned() -> None:
    left, view = MEMORY.take_view(P, P - 1)
    assert left.memory.keys() == MEMORY.memory.keys() - {A.pa_start}

    back = left.return_view(view.write_bytes(P + 4, b"xyz"))

    assert back.broken(MAX) == []
    assert back.memory[A.pa_start].contents[4:8] == (*b"xyz", 0)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: MEMORY.tlb_soft_fault(3 * P),
        lambda: MEMORY.tlb_soft_fault(P),
        lambda: MEMORY.pt_map(ALIAS),
        lambda: MEMORY.pt_unmap(A),
        lambda: MEMORY.pt_unmap(ALIAS),
    ],
)
def test_misuse_is_refused(misuse: Callable[[], object]) -> None:
    with pytest.raises(RequiresError):
        misuse()


@pytest.mark.parametrize("seed", range(30))
def test_mapping_using_flushing_and_unmapping_keep_the_invariant(seed: int) -> None:
    rng = Random(seed)
    every = [Mapping.page(va * P, pa * P) for va in range(6) for pa in range(7)]
    memory = GlobalMemView(unmapped_pas=unmapped(), memory=frames(*every))
    accepted = 0
    for _ in range(120):
        m = rng.choice(every)
        is_free = not any(m.overlaps(o.va_start, o.va_end) for o in memory.pt_mappings)
        name = rng.choice(["pt_map", "pt_unmap", "tlb_soft_fault", "tlb_flush_vaddr"])
        if name == "pt_map" and not is_free:
            continue
        argument = m if name.startswith("pt") else m.va_start
        try:
            memory = getattr(memory, name)(argument)
        except RequiresError:
            continue
        accepted += 1
        assert memory.broken(MAX) == []
    assert accepted > 20
