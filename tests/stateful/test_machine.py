"""The model as a Hypothesis state machine, clean and with planted bugs."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from vmfuzz.machine import MachineFinding, VmStoreMachine
from vmfuzz.runner import run
from vmfuzz.trace_text import format_trace, parse
from vmstore.ops import GENERATED
from vmstore.variants import PROFILES

LIMITS = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    database=None,
    derandomize=True,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def machine(**settings_of_the_machine: object) -> type[VmStoreMachine]:
    return type("Machine", (VmStoreMachine,), settings_of_the_machine)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_clean_model_stays_clean(profile: str) -> None:
    seen: set[str] = set()

    def after_step(self: VmStoreMachine, op: object) -> None:
        seen.add(type(op).__name__)

    world = VmStoreMachine.world.changed(profile=profile)
    run_state_machine_as_test(machine(world=world, after_step=after_step), settings=LIMITS)

    # Hypothesis also draws the constants of whatever modules are loaded, so this number varies
    # with the tests that ran before: from 61 to 82 of 126.
    assert len(seen) > len(GENERATED) // 3


@pytest.mark.pure  # draws constants that Hypothesis finds in the sources of loaded modules
@pytest.mark.parametrize(
    ("fault", "clause"),
    [
        ("teardown-keeps-storage", "SLOT.01"),
        ("nyx-missing-incref", "ACCT.3c"),
        ("twin-insert-missing-in-list", "STRUCT.03'"),
    ],
)
def test_a_planted_bug_is_found_and_shown_as_a_trace(fault: str, clause: str) -> None:
    limits = settings(LIMITS, max_examples=400, phases=(Phase.generate,))

    with pytest.raises(MachineFinding) as raised:
        run_state_machine_as_test(machine(faults=(fault,)), settings=limits)

    finding, trace = raised.value.finding, raised.value.trace
    assert finding.clause == clause
    assert str(raised.value).startswith(f"{clause} violated at step {finding.step} ")
    assert run(parse(format_trace(trace))).finding == finding


@pytest.mark.slow
def test_hypothesis_shrinks_a_finding_to_a_few_steps() -> None:
    limits = settings(LIMITS, stateful_step_count=15)  # shrinking takes time by the step

    with pytest.raises(MachineFinding) as raised:
        run_state_machine_as_test(machine(faults=("teardown-keeps-storage",)), settings=limits)

    assert raised.value.finding.clause == "SLOT.01"
    assert len(raised.value.trace.steps) <= 4


def test_every_op_is_a_rule() -> None:
    rules = {
        "_".join([d.name, *(f.name for f in shape if f.is_alternative)])
        for d in GENERATED
        for shape in d.shapes()
    }

    assert rules <= set(dir(VmStoreMachine))
