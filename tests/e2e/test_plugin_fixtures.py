"""The fixtures in tests of somebody else's project."""

import shlex
import sys
from pathlib import Path

import pytest

from plugin_traces import FAILS, FAULT, KNOWN, SETTINGS
from vmfuzz.trace_text import parse

pytest_plugins = ["pytester"]

AGENT = Path(__file__).parents[2] / "docs" / "examples" / "python-agent" / "agent.py"


def run(pytester: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=text)
    return pytester.runpytest_inprocess("--color=no", *options)


def test_a_model_runs_ops_and_shows_who_owns_what(pytester: pytest.Pytester) -> None:
    text = """
        import pytest
        from vmfuzz.errors import VmfuzzError
        from vmstore.ops.frame import FrameDrop
        from vmstore.ids import FrameId

        def test_ops(vm_model):
            model = vm_model(frames=4)
            assert str(model.run("f0 = frame_from_unused(paddr=0x1000)")).startswith("Ok")
            assert model.store.frames == {0: 0x1000}
            with pytest.raises(VmfuzzError, match="f7 is not live"):
                model.run(FrameDrop(FrameId(7)))
            model.run(FrameDrop(FrameId(0)))
            model.check()
            assert model.store.frames == {}
            assert vm_model().store.frames == {}

        def test_worlds(vm_model):
            assert vm_model().session.state.world.profile == "vostd"
            with pytest.raises(VmfuzzError, match="unknown world key 'fames'"):
                vm_model(fames=4)
        """
    run(pytester, text, "--vmfuzz-profile=vostd").assert_outcomes(passed=2)


def test_a_finding_fails_the_test_at_its_own_line(pytester: pytest.Pytester) -> None:
    text = f"""
        def test_it(vm_model):
            model = vm_model(faults=["{FAULT}"])
            model.run("s0 = segment_from_unused(start=0x0, end=0x1000)")
            model.run("s1 = segment_clone(segment=s0)")
        """
    result = run(pytester, text)

    result.assert_outcomes(failed=1)
    output = result.stdout.str()
    assert '>       model.run("s1 = segment_clone(segment=s0)")' in output
    assert "ACCT.3c violated at step 1 (segment_clone)" in output
    assert "fixtures.py" not in output


def test_traces_are_replayed_wherever_they_come_from(pytester: pytest.Pytester) -> None:
    (pytester.path / "known.trace").write_text(KNOWN)
    text = f"""
        from pathlib import Path
        import pytest
        from vmfuzz.testing.failure import TraceFailed

        def test_path(vm_replay):
            assert vm_replay(Path("known.trace")).finding.clause == "ACCT.3c"

        def test_text(vm_replay):
            result = vm_replay({KNOWN!r})
            assert result.executed == 2

        def test_built(vm_replay, vm_trace_factory):
            lines = ["s0 = segment_from_unused(start=0x0, end=0x1000)",
                     "s1 = segment_clone(segment=s0) => ok"]
            assert vm_replay(vm_trace_factory(*lines, frames=8)).finding is None
            bug = vm_trace_factory(*lines, faults=["{FAULT}"], expect=("ACCT.3c", 1))
            assert vm_replay(bug).finding.step == 1
            with pytest.raises(TraceFailed, match="expected ACCT.3c at 1, found nothing"):
                vm_replay(vm_trace_factory(*lines, expect=("ACCT.3c", 1)))
        """
    run(pytester, text).assert_outcomes(passed=3)


def test_a_file_that_fails_is_blamed_with_its_line(pytester: pytest.Pytester) -> None:
    (pytester.path / "bad.trace").write_text(FAILS)
    text = """
        from pathlib import Path

        def test_it(vm_replay):
            vm_replay(Path("bad.trace"))
        """
    result = run(pytester, text)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['>*vm_replay(Path("bad.trace"))', "*bad.trace:5: ACCT.3c*"])


def test_the_corpus_is_a_fixture(pytester: pytest.Pytester) -> None:
    text = """
        def test_it(vm_corpus_dir, pytestconfig):
            assert vm_corpus_dir == pytestconfig.rootpath / "corpus"
        """
    pytester.makeini(SETTINGS)
    run(pytester, text).assert_outcomes(passed=1)
    pytester.makeini("[pytest]\n")

    result = run(pytester, text)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*vm_corpus_dir: no corpus; set vmfuzz_corpora*"])


CAMPAIGNS = f"""
    import pytest

    def test_clean(vm_campaign):
        campaign = vm_campaign(steps=3000, seed=7, world={{"frames": 8}})
        assert campaign.progress["swarm"].steps == 3000

    @pytest.mark.vm_campaign(steps=50_000, faults=["{FAULT}"])
    def test_bug(vm_campaign):
        vm_campaign()

    def test_typo(vm_campaign):
        vm_campaign(step=5)
    """


def test_a_campaign_keeps_its_finding_and_fails(pytester: pytest.Pytester) -> None:
    result = run(pytester, CAMPAIGNS)

    result.assert_outcomes(passed=1, failed=2)
    folder = "vmfuzz-out/pytest/ACCT.3c--segment_clone"
    result.stdout.fnmatch_lines(
        [
            "E*ACCT.3c violated at step 1 (segment_clone)*",
            f"E*kept in {folder}/min.trace",
            f"E*repeat: vmfuzz replay {folder}/min.trace",
            "*VmfuzzError: vm_campaign: unknown option 'step' (did you mean 'steps'?)",
        ]
    )
    assert (pytester.path / folder / "min.trace").read_text().count("\ns") == 2


def test_the_command_line_sets_time_seed_and_folder(pytester: pytest.Pytester) -> None:
    text = """
        def test_it(vm_campaign):
            campaign = vm_campaign(steps=10_000_000, seed=3)
            assert 0.2 < campaign.progress["swarm"].seconds < 30
        """
    options = ("--vmfuzz-seed=9", "--vmfuzz-report=out")

    run(pytester, text, "--vmfuzz-time=0.5s", *options).assert_outcomes(passed=1)
    run(pytester, CAMPAIGNS, *options, "-k", "bug").assert_outcomes(failed=1, deselected=2)

    meta = pytester.path / "out" / "findings" / "ACCT.3c--segment_clone" / "meta.json"
    assert '"rng_seed": 9' in meta.read_text()


def test_an_agent_lives_as_long_as_its_test(pytester: pytest.Pytester) -> None:
    command = shlex.join([sys.executable, str(AGENT)])
    text = f"""
        import os
        import pytest
        from vmfuzz.errors import VmfuzzError

        pids = []

        def test_good(vm_sut, vm_replay, vm_trace_factory, vm_campaign):
            agent = vm_sut({command!r})
            trace = vm_trace_factory("f0 = frame_from_unused(paddr=0x0)", "frame_drop(frame=f0)")
            assert vm_replay(trace, system=agent).executed == 2
            assert not vm_campaign(sut=agent, steps=300).findings
            pids.append(agent.agent.channel.process.popen.pid)

        def test_gone():
            with pytest.raises(ProcessLookupError):
                os.kill(pids[0], 0)

        def test_bad(vm_sut, vm_campaign):
            vm_campaign(sut=vm_sut({command + " --bug"!r}), steps=5000)

        def test_missing(vm_sut):
            with pytest.raises(VmfuzzError):
                vm_sut("./there-is-no-such-agent")
        """
    result = run(pytester, text)

    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["E*repeat: vmfuzz replay --sut '*agent.py --bug' vmfuzz-out/*"])


MISTAKES = {  # a call, and what it must say
    'vm_model(checks=["invariant"])': "unknown check 'invariant' (did you mean 'invariants'?)",
    'vm_model(checks="zz")': "unknown check 'zz'",
    'vm_model(frames="many")': "sizes are whole numbers",
    f'vm_model(faults="{FAULT}x")': f"unknown fault '{FAULT}x' (did you mean '{FAULT}'?)",
    "vm_model().run(7)": "7 is no op",
    'vm_replay("#vmfuzz-trace 1\\nworld\\n", checks=["views"])': "unknown check 'views'",
    'vm_trace_factory(expect="ACCT.3c")': "expected a clause and a step",
    'vm_trace_factory(expect=("ACTC.3c", 1))': "did you mean 'ACCT.3c'?",
    "vm_campaign(engines=[])": "leaves nothing to run",
    "vm_campaign(steps=0)": "steps=0: allowed are whole numbers from 1",
    'vm_campaign(steps="x")': "steps='x': allowed are whole numbers from 1",
    "vm_campaign(seed=-1)": "seed=-1: allowed are whole numbers from 0",
}


def test_a_mistaken_argument_is_named(pytester: pytest.Pytester) -> None:
    text = f"""
        import pytest
        from vmfuzz.errors import VmfuzzError
        from vmstore.faults import UnknownFault

        @pytest.mark.parametrize("call, message", {list(MISTAKES.items())!r})
        def test_it(vm_model, vm_replay, vm_trace_factory, vm_campaign, call, message):
            with pytest.raises((VmfuzzError, UnknownFault)) as raised:
                eval(call)
            assert message in str(raised.value)
        """
    run(pytester, text).assert_outcomes(passed=len(MISTAKES))


def test_a_single_name_will_do_for_a_list_of_them(pytester: pytest.Pytester) -> None:
    text = f"""
        def test_it(vm_model):
            model = vm_model(faults="{FAULT}", checks="invariants")
            model.run("s0 = segment_from_unused(start=0x0, end=0x1000)")
            model.run("s1 = segment_clone(segment=s0)")
        """
    result = run(pytester, text)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ACCT.3c violated at step 1*"])


MACHINE = """
    from hypothesis import HealthCheck, settings
    from vmfuzz.machine import VmStoreMachine
    from vmstore.clauses import Clause
    from vmstore.world import World

    class Segments(VmStoreMachine):
        world = World(frames=8, pt_frames=0)
        ops = ("segment_from_unused", "segment_clone", "segment_drop")
        ADDED

    TestSegments = Segments.TestCase
    TestSegments.settings = settings(
        max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    """
OWN = (
    'clauses = (Clause("ours.once", "", "", "slot", "extra", holds=lambda c: c.owner.covers < 2),)'
)


@pytest.mark.parametrize(
    ("added", "bucket"),
    [
        (f'faults = ("{FAULT}",)', "ACCT.3c--segment_clone"),
        pytest.param(OWN, "ours.once--segment_clone", marks=pytest.mark.slow),
    ],
    ids=["clause of the model", "clause of the machine"],
)
def test_what_a_machine_finds_is_minimized_and_kept(
    pytester: pytest.Pytester, added: str, bucket: str
) -> None:
    result = run(pytester, MACHINE.replace("ADDED", added))

    result.assert_outcomes(failed=1)
    kept = f"vmfuzz-out/pytest/{bucket}/min.trace"
    section = result.stdout.str().partition("- vmfuzz -")[2]
    assert "  >   1  s1 = segment_clone(segment=s0)" in section
    assert f"kept in {kept}\n" in section
    assert (f"repeat: vmfuzz replay {kept}\n" in section) == added.startswith("faults")
    assert len(parse((pytester.path / kept).read_text()).steps) == 2
