"""Every clause fails on a state broken for it, and the fused decision agrees with the clauses."""

from random import Random

import pytest

from vmfuzz.clause_evidence import evidence
from vmfuzz.errors import HarnessError
from vmfuzz.oracle import Session
from vmfuzz.recount import recount
from vmfuzz.swarm import SwarmConfig, SwarmTrace, fuzz_world
from vmstore.cells import Slot
from vmstore.clauses import CLAUSES
from vmstore.clauses.breakers import BREAKERS, FREE, healthy, play
from vmstore.clauses.check import everything, footprint, violations
from vmstore.clauses.fused import everything_holds, footprint_holds
from vmstore.clauses.registry import SCOPES, Scope
from vmstore.clauses.space_breakers import MAPPED
from vmstore.ops import BY_NAME
from vmstore.step import STEPS, State
from vmstore.variants import PROFILES
from vmstore.world import World

# Which invariant clauses a broken state falsifies. Most are alone; the others overlap in the
# specification itself (ACCT.1b has no MMIO exemption, SLOT.13 and REG.04e read the same address).
INVARIANTS = {
    "SLOT.03": {"SLOT.03", "STRUCT.03'"},
    "SLOT.04": {"SLOT.04", "ACCT.1b"},
    "SLOT.09": {"SLOT.09", "ACCT.3d"},
    "SLOT.10": {"SLOT.10", "STRUCT.03'"},
    "SLOT.12": {"SLOT.12", "STRUCT.03'"},
    "SLOT.13": {"SLOT.13", "REG.04e"},
    "SLOT.14": {"SLOT.14", "REG.04e"},
    "REG.02": {"REG.02", "STRUCT.02"},
    "REG.03": {"REG.03", "REG.04c", "REG.04e"},
    "STRUCT.02": {"REG.02", "STRUCT.02"},
    "STRUCT.14d": {"STRUCT.14d", "STRUCT.15'"},
    "STRUCT.17b": {"STRUCT.17b", "ACCT.2"},
    "STRUCT.17c": {"STRUCT.03'", "STRUCT.17c"},
    "STRUCT.17d": {"SLOT.07", "STRUCT.17d"},
    "ACCT.3a": {"ACCT.1a", "ACCT.3a", "ACCT.3d"},
    "ACCT.3d": {"SLOT.09", "ACCT.3d"},
    "CURS.4": {"CURS.2", "CURS.4"},
    "VIOE.1": {"VIOE.1", "VIOO.1"},
    "VIOO.1": {"VIOE.1", "VIOO.1"},
    "VIOO.2": {"VIOE.1", "VIOO.2"},
    "VIOO.3": {"VIOE.1", "VIOO.3"},
}
GROUP = {clause.id: clause.group for clause in CLAUSES}
SCOPE = {clause.id: clause.scope for clause in CLAUSES}
# Where the decision over everything has the clauses of a scope.
DECIDED_IN: dict[Scope, str] = {
    **dict.fromkeys(SCOPES, "vmstore/clauses/fused.py"),
    "node": "vmstore/clauses/abstraction.py (same_node)",
    **dict.fromkeys(("place", "space", "cpu"), "vmstore/clauses/touched_spaces.py"),
    **dict.fromkeys(("vio", "contents"), "vmstore/clauses/touched_io.py"),
}


def broken(state: State) -> set[str]:
    found = violations(state, everything(state), is_strict=True)
    return {violation.clause for violation in found}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_healthy_state_breaks_nothing(profile: str) -> None:
    state = healthy(profile)

    assert violations(state, everything(state)) == []
    assert everything_holds(state)


def test_every_clause_has_a_breaker_and_an_id_of_its_own() -> None:
    ids = [clause.id for clause in CLAUSES]

    assert len(ids) == len(set(ids))
    missing, stray = set(ids) - set(BREAKERS), set(BREAKERS) - set(ids)
    assert not missing, f"{sorted(missing)}: give it a breaker in vmstore/clauses/breakers.py"
    assert not stray, f"{sorted(stray)}: a breaker of no clause in vmstore/clauses/breakers.py"


@pytest.mark.parametrize("clause", sorted(BREAKERS))
def test_a_state_broken_for_a_clause_violates_it(clause: str) -> None:
    state = healthy()

    BREAKERS[clause](state)

    assert clause in broken(state), (
        f"{clause} holds of the state broken for it: its breaker does not reach its subject, or "
        "`when` is false there; what the scene lacks goes into vmstore/clauses/breakers.py"
    )


@pytest.mark.parametrize("clause", sorted(c for c in BREAKERS if GROUP[c] == "invariants"))
def test_a_broken_invariant_violates_exactly_its_clause(clause: str) -> None:
    state = healthy()

    BREAKERS[clause](state)

    invariants = {violated for violated in broken(state) if GROUP[violated] == "invariants"}
    assert invariants == INVARIANTS.get(clause, {clause}), (
        f"the breaker of {clause} falsifies these; where the specification overlaps, enter them "
        "in INVARIANTS"
    )


@pytest.mark.parametrize("clause", sorted(BREAKERS))
def test_the_fused_decision_sees_every_broken_state(clause: str) -> None:
    state = healthy()

    BREAKERS[clause](state)

    assert not everything_holds(state), (
        f"{clause} is broken and the fused decision does not see it: add its condition to "
        f"{DECIDED_IN[SCOPE[clause]]}"
    )


def test_free_pages_are_free() -> None:
    used: set[int] = set()
    for breaker in BREAKERS.values():
        state = healthy()
        breaker(state)
        used |= {slot.index for slot in state.machine.cells.slots.values()}
        used |= {owner.index for owner in state.view.store.owners.values()}

    taken = used & set(FREE)
    assert len(used) > len(FREE) > 0
    assert not taken, f"pages {sorted(taken)} are used: take them out of FREE"


@pytest.mark.parametrize(
    ("name", "values", "came_to"),
    [
        (
            "frame_from_unused",
            {"dst": 100, "paddr": 0x1000},
            r"Err\(variant='InUse'.*; free pages are",
        ),
        ("host_poke_ref_count", {"paddr": 0x1000, "value": "5"}, "may not come to Ok"),
    ],
)
def test_the_scene_refuses_what_does_not_play(
    name: str, values: dict[str, object], came_to: str
) -> None:
    op = BY_NAME[name].make(values)

    with pytest.raises(ValueError, match=rf"the scene does not play: \w+\(.*\).*{came_to}"):
        play(healthy(), [op])


def every_kind_of_reference() -> State:
    """Return a state in which a frame has a handle, a mapping, a cover and a deferred reference."""
    state = healthy()
    for name, values in (
        ("frame_from_in_use", {"dst": 20, "paddr": MAPPED * 0x1000}),
        ("segment_from_frame", {"dst": 20, "frame": 20}),
        ("frame_clone", {"dst": 21, "frame": 10}),
        ("cursor_jump", {"cursor": 0, "va": 0x2000}),
        ("cursor_unmap", {"cursor": 0, "len": 0x1000}),
        ("cursor_jump", {"cursor": 0, "va": 0x2000}),
        ("cursor_map", {"cursor": 0, "frame": 21, "flags": 3, "cache": "WB"}),
        ("cursor_jump", {"cursor": 0, "va": 0x2000}),
        ("cursor_unmap", {"cursor": 0, "len": 0x1000}),
    ):
        op = BY_NAME[name].make(values)
        handler, rule = STEPS[type(op)]
        state.begin_step()
        assert rule
        assert rule(state.view, op, handler(state.machine, op)) is None
    return state


@pytest.mark.parametrize("term", ["handles", "mappings", "covers", "deferred"])
@pytest.mark.parametrize("delta", [-1, 1])
def test_each_term_of_the_equation_is_seen_alone(term: str, delta: int) -> None:
    state = every_kind_of_reference()
    owner = state.view.store.owner(MAPPED)
    assert (owner.handles, owner.mappings, owner.covers, owner.deferred) == (1, 1, 1, 1)
    assert violations(state, everything(state)) == []

    setattr(owner, term, getattr(owner, term) + delta)

    found = violations(state, everything(state), ("invariants",))
    assert {violation.clause for violation in found} == {"ACCT.3c"}
    with pytest.raises(HarnessError, match=f"slot {MAPPED}: counts"):
        recount(state)


def test_an_accounting_witness_shows_both_sides() -> None:
    state = healthy()

    BREAKERS["ACCT.3c"](state)

    (violation,) = violations(state, everything(state))
    assert violation.clause == "ACCT.3c"
    assert violation.witness.endswith("rc=3, but H + P + C + D = 2 + 0 + 0 + 0 = 2")


@pytest.mark.parametrize("profile", PROFILES)
def test_every_clause_applies_in_a_campaign(profile: str) -> None:
    """SLOT.12 speaks of a count of 0, which only exists inside a call or after a planted bug."""
    seen = evidence(profile, 6_000)

    assert all(seen.fails.values())
    assert {c.id for c in CLAUSES} == set(seen.nonvacuous)
    assert set(seen.under) == {"SLOT.12"}


def test_expected_failures_are_named_by_their_defect() -> None:
    known = {clause.id: clause.known for clause in CLAUSES if clause.known}

    assert known == {
        "XTRA.5'": {"vostd": "G3", "seed": "G3"},
        "SEG.REL.1": {"vostd": "G3", "seed": "G3"},
        "VIEW.INV.6": dict.fromkeys(PROFILES, "AX-42"),
        "TLB.3": dict.fromkeys(PROFILES, "AX-41"),
    }


def test_an_adapted_clause_says_why() -> None:
    for clause in CLAUSES:
        assert bool(clause.reason) or not clause.id.endswith("'")


FIELDS = ("ref_count", "vtable", "stored", "val", "in_list", "prev", "next")


def damage(rng: Random, session: Session) -> None:
    """Write one random cell through the memory, as a stray store of the code would."""
    cells = session.state.machine.cells
    slot: Slot = cells.slot(rng.randrange(session.state.world.pages))
    match rng.choice(FIELDS):
        case "ref_count":
            cells.fetch_add(slot, rng.choice((-1, 1, 2)))
        case "vtable":
            cells.write_vtable(slot, rng.choice(("", "unit", "link", "pt")))
        case "stored":
            cells.clear_storage(slot)
        case "val":
            cells.write_val(slot, rng.randrange(4))
        case "in_list":
            cells.store_in_list(slot, rng.randrange(3))
        case "prev":
            cells.write_prev(slot, rng.randrange(-1, 4))
        case _:
            cells.write_next(slot, rng.randrange(-1, 4))


@pytest.mark.parametrize("seed", range(60))
def test_incremental_and_full_agree_on_a_corrupted_state(seed: int) -> None:
    """After a stray write the footprint decides as the whole state does."""
    rng = Random(seed)
    world = fuzz_world(rng, World(), frozenset())
    session = Session(world)
    source = SwarmTrace(rng, SwarmConfig(rng, world), session.state)
    for _ in range(rng.randrange(5, 120)):
        op = source.next_op()
        assert session.step(op) is None
        if session.is_over:
            return
        source.settle(op)
    state = session.state

    damage(rng, session)

    slots_only = footprint(state).slots
    found = {v.clause for v in violations(state, footprint(state), ("invariants", "extra"))}
    whole = {v.clause for v in violations(state, everything(state), ("invariants", "extra"))}
    by_slot = {c.id for c in CLAUSES if c.scope == "slot"}
    assert slots_only
    assert found & by_slot == whole & by_slot
    holds = footprint_holds(state)
    clean = not violations(state, everything(state))
    assert holds == everything_holds(state) or not by_slot.isdisjoint(found)
    assert everything_holds(state) == clean
