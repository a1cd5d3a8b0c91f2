"""`VmStore` helpers: HLP.1 to HLP.5 and the counting facts CNT.1 to CNT.6."""

import pytest

from vmstore.clauses.breakers import COVERED, SHARED, healthy
from vmstore.clauses.check import everything, violations
from vmstore.spaces import RequiresError
from vmstore.step import State
from vmstore.store import VmStore
from vmstore.world import World

P = 0x1000


@pytest.fixture
def store() -> VmStore:
    return VmStore(World(frames=16))


def counts(store: VmStore) -> list[tuple[int, int, int]]:
    owners = [store.owner(index) for index in range(8)]
    return [(owner.handles, owner.covers, owner.uniques) for owner in owners]


def broken(state: State) -> set[str]:
    found = violations(state, everything(state), ("invariants",))
    return {violation.clause for violation in found}


def test_a_frame_entry_counts_at_its_page_only(store: VmStore) -> None:
    before = counts(store)
    store.insert_frame(0, 3 * P)

    assert counts(store)[3] == (1, 0, 0)
    assert counts(store)[:3] + counts(store)[4:] == before[:3] + before[4:]
    store.extract_frame(0)
    assert counts(store) == before


def test_a_segment_counts_inside_its_range_and_not_at_its_end(store: VmStore) -> None:
    store.insert_segment(0, 2 * P, 4 * P)

    assert [covers for _, covers, _ in counts(store)] == [0, 0, 1, 1, 0, 0, 0, 0]
    store.shrink_front(0, 7)
    assert [covers for _, covers, _ in counts(store)] == [0, 0, 0, 1, 0, 0, 0, 0]
    assert counts(store)[2] == (1, 0, 0)
    store.extract_segment(0)
    assert [covers for _, covers, _ in counts(store)] == [0] * 8


def test_forgetting_and_restoring_moves_no_count(store: VmStore) -> None:
    store.insert_frame(0, P)
    store.insert_unique(0, 2 * P)
    store.insert_segment(0, 3 * P, 5 * P)
    before = counts(store)

    store.forget_frame(0, 9)
    store.forget_unique(0, 9)
    store.forget_segment(0, 9)
    assert counts(store) == before
    store.restore_frame(9, 1)
    store.restore_unique(9, 1)
    store.restore_segment(9, 1)

    assert counts(store) == before
    assert (store.frames, store.raw_frames) == ({1: P}, {})


def test_the_ledger_is_clean_when_no_handle_lives(store: VmStore) -> None:
    store.insert_frame(0, P)
    store.insert_segment(0, 3 * P, 5 * P)
    assert not store.is_clean()

    store.extract_frame(0)
    store.extract_segment(0)

    assert store.is_clean()


def test_a_forgotten_handle_leaves_the_ledger_and_a_forgotten_segment_stays(
    store: VmStore,
) -> None:
    store.insert_frame(0, P)
    store.forget_frame(0, 0)
    assert store.is_clean()

    store.insert_segment(0, 3 * P, 5 * P)
    store.forget_segment(0, 0)

    assert not store.is_clean()


def test_hlp_1_extract_then_insert_is_the_identity() -> None:
    state = healthy()
    store = state.view.store
    paddr = store.frames[0]

    store.extract_frame(0)
    store.insert_frame(0, paddr)

    assert broken(state) == set()
    assert sorted(store.frames) == [0, 1, 3, 10]


def test_hlp_2_extracting_a_handle_breaks_accounting_and_nothing_structural() -> None:
    state = healthy()
    state.view.store.extract_frame(0)
    assert broken(state) == {"ACCT.3c"}

    state.view.store.extract_frame(1)

    assert broken(state) == {"ACCT.2"}
    assert state.view.store.owner(SHARED).references() == 0


def test_hlp_3_extracting_a_segment_breaks_accounting_at_every_covered_page() -> None:
    state = healthy()
    state.view.store.extract_segment(0)

    found = violations(state, everything(state), ("invariants",))

    assert [violation.clause for violation in found] == ["ACCT.2", "ACCT.2", "ACCT.3c"]  # mapped
    assert f"{COVERED * P:#x}" in found[1].witness


@pytest.mark.parametrize("kind", ["frame", "segment", "unique"])
def test_hlp_5_a_used_id_is_rejected_without_change(store: VmStore, kind: str) -> None:
    inserts = {
        "frame": lambda: store.insert_frame(0, P),
        "segment": lambda: store.insert_segment(0, P, 2 * P),
        "unique": lambda: store.insert_unique(0, P),
    }
    inserts[kind]()
    before = counts(store)

    with pytest.raises(RequiresError, match=f"{kind} 0 is already registered"):
        inserts[kind]()

    assert counts(store) == before


def test_an_id_that_is_not_live_is_rejected(store: VmStore) -> None:
    for extract in (store.extract_frame, store.extract_unique, store.extract_segment):
        with pytest.raises(RequiresError, match="0 is not registered"):
            extract(0)
