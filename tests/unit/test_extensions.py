"""Clauses and faults from outside: registered, refused, checked, planted."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vmfuzz.extensions import is_of_extension
from vmfuzz.located import described, in_trace
from vmfuzz.oracle import Session
from vmfuzz.runner import run
from vmfuzz.trace_text import format_trace, parse
from vmstore.clauses.check import CLAUSES
from vmstore.clauses.own import OWN_CLAUSES, ClauseError
from vmstore.extensions import (
    Clause,
    ExtensionError,
    OwnFault,
    register_clauses,
    register_faults,
)
from vmstore.faults import Faults, UnknownFault
from vmstore.faults.own import OWN_FAULTS
from vmstore.ops.frame import FrameClone, FrameFromUnused
from vmstore.outcome import Panic
from vmstore.step import EXEC, STEPS
from vmstore.world import World


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """Give each test an empty registry, and the model back as it was."""
    before = dict(EXEC), dict(STEPS), list(OWN_CLAUSES), dict(OWN_FAULTS)
    OWN_CLAUSES.clear()
    OWN_FAULTS.clear()
    yield
    EXEC.update(before[0])
    STEPS.update(before[1])
    OWN_CLAUSES[:] = before[2]
    OWN_FAULTS.clear()
    OWN_FAULTS.update(before[3])


def clause(**changes: Any) -> Clause:
    made = Clause(
        "acme.few", "no page has two handles", "acme", "slot", "extra",
        holds=lambda case: case.owner.handles < 2,
    )  # fmt: skip
    return replace(made, **changes)


def fault(**changes: Any) -> OwnFault:
    def plant(machine: Any, op: Any, do: Any) -> Any:
        outcome = do(machine, op)
        machine.debug = False
        return outcome

    return replace(OwnFault("acme.quiet", (FrameClone,), "debug is off", plant), **changes)


def frames(*, with_clone: bool = True) -> str:
    lines = ["#vmfuzz-trace 1", "world frames=4", "f0 = frame_from_unused(paddr=0x1000)"]
    return "\n".join([*lines, *(["f1 = frame_clone(frame=f0)"] if with_clone else [])])


def test_a_clause_is_checked_at_every_step_once_it_is_registered() -> None:
    assert run(parse(frames())).finding is None

    assert register_clauses("acme", (clause(),)) == ("acme.few",)
    found = run(parse(frames())).finding

    assert found is not None
    assert (found.signature, found.step) == ("acme.few/frame_clone", 1)
    assert found.witness.startswith("slot 0x1000: rc=2 ")
    assert run(parse(frames(with_clone=False))).finding is None


def test_a_clause_of_a_group_that_is_not_checked_says_nothing() -> None:
    register_clauses("acme", [clause()])

    assert run(parse(frames()), checks=frozenset({"invariants", "outcome"})).finding is None
    assert run(parse(frames()), without=frozenset({"acme.few"})).finding is None


def test_the_models_own_clauses_come_first() -> None:
    register_clauses("acme", [clause(holds=lambda _: False)])
    trace = parse(frames().replace("frames=4", "frames=4\nfault nyx-missing-incref"))

    found = run(replace(trace, faults=("nyx-missing-incref",))).finding

    assert found is not None
    assert found.clause == "acme.few"
    assert found.step == 0  # the bug shows at step 1 only


def test_an_expected_failure_of_a_profile_is_left_out() -> None:
    register_clauses("acme", [clause(known={"vostd": "BUG-1"})])

    vostd = frames().replace("frames=4", "frames=4 profile=vostd")
    assert run(parse(vostd)).finding is None
    assert run(parse(frames())).finding is not None


def test_the_end_of_a_trace_is_checked_too() -> None:
    looks: list[int] = []

    def look(case: Any) -> bool:
        looks.append(case.slot.index)
        return True

    register_clauses("acme", [clause(holds=look)])

    run(parse(frames()))

    assert looks == [1, 1, 1]  # two steps that touch the page, and everything at the end


def test_a_clause_that_raises_is_its_authors_mistake() -> None:
    register_clauses("acme", [clause(holds=lambda case: case.no_such_thing)])

    with pytest.raises(ClauseError, match=r"clause acme\.few: AttributeError: .*no_such_thing"):
        run(parse(frames()))


def test_the_step_that_raises_counts_op_lines() -> None:
    """The second op line is skipped, and counts."""
    looks: list[int] = []

    def third(case: Any) -> bool:
        looks.append(case.slot.index)
        return bool(case.no_such_thing) if len(looks) == 2 else True

    register_clauses("acme", [clause(holds=third)])
    text = "#vmfuzz-trace 1\nworld frames=4\nf0 = frame_from_unused(paddr=0x1000)\n"
    text += "f1 = frame_clone(frame=f7)\nf2 = frame_clone(frame=f0)\n"

    with pytest.raises(ClauseError) as raised, in_trace("a.trace"):
        run(parse(text))

    assert described(raised.value).endswith("'no_such_thing', at step 2 (frame_clone) of a.trace")
    assert is_of_extension(raised.value)


@pytest.mark.pure  # puts another clause in the place of one
def test_a_clause_of_the_model_that_raises_is_named_and_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the fused decision finds something, the clauses are asked one by one."""
    (asked,) = [clause for clause in CLAUSES if clause.id == "ACCT.3c"]
    raising = replace(asked, holds=lambda case: case.no_such_thing)
    monkeypatch.setattr("vmstore.clauses.check.CLAUSES", (raising,))
    text = "#vmfuzz-trace 1\nworld\nfault segment-clone-misses-last\n"
    text += "s0 = segment_from_unused(start=0x0, end=0x2000)\ns1 = segment_clone(segment=s0)\n"

    with pytest.raises(ClauseError, match=r"clause ACCT\.3c: AttributeError: ") as raised:
        run(parse(text))

    assert described(raised.value).endswith(", at step 1 (segment_clone)")
    assert not is_of_extension(raised.value)


def test_a_fault_acts_where_it_is_planted_and_nowhere_else() -> None:
    def panic(_machine: Any, _op: Any, _do: Any) -> Any:
        return Panic("segment-empty")

    register_faults("acme", [fault(id="acme.panics", plant=panic)])
    planted = frames().replace("frames=4", "frames=4\nfault acme.panics")

    found = run(parse(planted)).finding
    assert found is not None
    assert found.signature == "OUT.frame_clone/frame_clone"
    assert run(parse(frames())).finding is None
    assert format_trace(parse(planted)).splitlines()[2] == "fault acme.panics"
    assert Faults.of(["acme.panics"]).own == {"acme.panics"}


def test_two_faults_of_one_op_do_not_disturb_each_other() -> None:
    calls: list[str] = []

    def plant(name: str) -> Any:
        def counted(machine: Any, op: Any, do: Any) -> Any:
            calls.append(name)
            return do(machine, op)

        return counted

    register_faults("acme", [fault(id=f"acme.{n}", plant=plant(n)) for n in "ab"])
    for chosen in ("acme.a", "acme.b"):
        run(parse(frames()), faults=(chosen,))
    run(parse(frames()), faults=("acme.b", "acme.a"))

    assert calls == ["a", "b", "b", "a"]


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (lambda machine, *_: machine.nothing, "acme.quiet: AttributeError"),
        (lambda *_: None, "acme.quiet: returned no outcome"),
    ],
)
def test_a_fault_that_goes_wrong_is_its_authors_mistake(plant: Any, message: str) -> None:
    register_faults("acme", [fault(plant=plant)])

    with pytest.raises(ExtensionError, match=message):
        run(parse(frames()), faults=("acme.quiet",))


def test_a_fault_that_nobody_offers_is_named() -> None:
    with pytest.raises(UnknownFault, match="belong to an extension, and none that is installed"):
        Faults.of(["acme.gone"])
    register_faults("acme", [fault()])
    with pytest.raises(UnknownFault, match=r"an extension \(did you mean 'acme\.quiet'"):
        Faults.of(["acme.quit"])
    with pytest.raises(UnknownFault, match=r"an extension, and none that is installed has it$"):
        Faults.of(["into.raw-drops"])  # near to one of the model's


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("acme", [clause(id="few")], r"'few': its id must begin with 'acme\.'"),
        ("acme", [clause(id="ACCT.3c")], "must begin with"),
        ("acme", [clause(id="acme.a b")], "is not of the form"),
        ("acme", [clause(id="acme.a/b")], "is not of the form"),
        ("acme", [clause(), clause()], "'acme.few' is registered twice"),
        ("acme", [clause(scope="page")], "scope 'page' is none of slot, frame"),
        ("acme", [clause(group="mine")], "group 'mine' is none of invariants"),
        ("acme", clause(), "expected a tuple of Clause, got Clause"),
        ("acme", [clause(), 7], "expected a tuple of Clause, 7 is none"),
        ("ACCT", [clause(id="ACCT.few")], "'ACCT' is no name"),
    ],
)
def test_a_clause_that_does_not_fit_is_refused(name: str, values: Any, message: str) -> None:
    with pytest.raises(ExtensionError, match=message):
        register_clauses(name, values)

    assert OWN_CLAUSES == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([fault(id="quiet")], "must begin with"),
        ([fault(id="acme.Quiet")], "is not of the form"),
        ([fault(ops=(Path,))], "is no class of an op"),
        ([fault(ops=())], "it changes no op"),
        ([fault(), clause()], "expected a tuple of OwnFault"),
    ],
)
def test_a_fault_that_does_not_fit_is_refused(values: Any, message: str) -> None:
    before = dict(EXEC)

    with pytest.raises(ExtensionError, match=message):
        register_faults("acme", values)

    assert before == EXEC
    assert OWN_FAULTS == {}


def test_a_session_can_have_clauses_of_its_own() -> None:
    session = Session(World(frames=4), own=(clause(id="mine", holds=lambda _: False),))

    op = parse(frames()).ops[0]
    found = session.step(op)

    assert isinstance(op, FrameFromUnused)
    assert found is not None
    assert found.clause == "mine"
    assert Session(World(frames=4)).step(op) is None
