"""Every possible outcome and every goal is reached by a trace, and the lists leave nothing out.

`witnesses.traces` has one minimal trace for each, under its name. To find one for a new goal, run
campaigns with `CountingSession` until one reaches it, and minimize.
"""

import ast
import re
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from vmfuzz.counting_session import CountingSession
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmfuzz.outcome_text import outcome_word
from vmfuzz.runner import Run, run
from vmfuzz.spec_coverage import SpecCoverage
from vmfuzz.trace import Trace
from vmfuzz.trace_text import parse
from vmstore import possible
from vmstore.goals import GOALS, GOALS_OF, Goal
from vmstore.ops import BY_NAME, DECLARATIONS
from vmstore.outcome import ERRORS
from vmstore.possible import CELLS, POSSIBLE, has_setting
from vmstore.step import EXEC
from vmstore.variants import VARIANT_BY_NAME
from vmstore.world import CHOICES, World

FILE = Path(__file__).with_name("witnesses.traces")
HEADER = "#vmfuzz-trace 1\n"
GOAL_MODULES = sorted((Path(possible.__file__).parent / "goals").glob("*.py"))
Runs = dict[str, tuple[Run, list[set[str]]]]
SIZES = {"entries", "levels", "frames", "pt_frames", "cpus"}  # what no need speaks of


def traces() -> dict[str, Trace]:
    found = [parse(HEADER + text) for text in FILE.read_text().split(HEADER) if text]
    return {trace.comment[0]: trace for trace in found}


WITNESSES = traces()
CELL_NAMES = {f"cell {cell.op}: {cell.word}": cell for cell in CELLS}
GOAL_NAMES = {f"goal {goal.id}": goal for goal in GOALS}


def watched(trace: Trace) -> tuple[Run, list[set[str]]]:
    """Run a trace; return the names of the goals that each executed step reached, too."""
    total, reached, counts = SpecCoverage(), [], dict.fromkeys((g.id for g in GOALS), 0)

    def look(_position: int, _session: object) -> None:
        reached.append({g for g, n in total.goals.items() if n > counts[g]})
        counts.update(total.goals)

    return run(trace, watch=look, open_session=partial(CountingSession, total)), reached


@pytest.fixture(scope="module")
def runs() -> Runs:
    return {name: watched(trace) for name, trace in WITNESSES.items()}


def test_everything_has_one_witness_in_the_model_s_order() -> None:
    assert list(WITNESSES) == [*CELL_NAMES, *GOAL_NAMES]


def test_every_witness_runs_whole_and_is_clean(runs: Runs) -> None:
    for name, (result, _) in runs.items():
        assert result.finding is None, name
        assert result.executed == len(WITNESSES[name].steps), name


def test_an_outcome_is_reached_by_the_last_step_of_its_witness(runs: Runs) -> None:
    for name, cell in CELL_NAMES.items():
        last = WITNESSES[name].steps[-1].op
        assert DECLARATIONS[type(last)].name == cell.op, name
        assert outcome_word(runs[name][0].outcomes[-1]) == cell.word, name


def test_a_goal_is_reached_by_the_last_step_of_its_witness_and_by_no_other(runs: Runs) -> None:
    for name, goal in GOAL_NAMES.items():
        _, reached = runs[name]
        assert [goal.id in step for step in reached] == [False] * (len(reached) - 1) + [True], name


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.id)
def test_a_goal_is_not_reached_by_every_step_with_that_op_and_kind_of_outcome(
    goal: Goal, runs: Runs
) -> None:
    kind = type(runs[f"goal {goal.id}"][0].outcomes[-1])
    others = [
        (name, at)
        for name, (result, reached) in runs.items()
        for at, step in enumerate(WITNESSES[name].steps)
        if type(step.op) in goal.ops
        and isinstance(result.outcomes[at], kind)
        and goal.id not in reached[at]
    ]

    assert others


def test_a_world_has_what_its_witness_needs_and_no_other_setting() -> None:
    for name, target in (CELL_NAMES | GOAL_NAMES).items():
        world = WITNESSES[name].world
        assert target.is_possible_in(world), name
        needed = {need.partition("=")[0] for need in target.needs}
        if any(need.startswith("variant.") for need in needed):
            needed.add("profile")
        assert world.settings().keys() <= needed | SIZES, name


def without(world: World, need: str) -> World:
    """Return the world with another value, or the default, of what a cell needs."""
    key, _, value = need.partition("=")
    if key.startswith("variant."):
        name = key.removeprefix("variant.")
        other = next(v for v in VARIANT_BY_NAME[name].values if v != value)
        return replace(world, overrides=(*world.overrides, (name, other)))
    if value:
        return world.changed(**{key: next(v for v in CHOICES[key] if v != value)})
    return world.changed(**{key: getattr(World(), key)})


def test_each_need_of_an_outcome_is_one() -> None:
    """Without the setting the witness comes to something else."""
    for name, cell in CELL_NAMES.items():
        trace = WITNESSES[name]
        for need in cell.needs:
            world = without(trace.world, need)
            assert not has_setting(world, need), name
            words = [outcome_word(o) for o in run(Trace(world, trace.steps)).outcomes]
            assert words[-1] != cell.word, f"{name} without {need}"


def test_each_need_of_a_goal_is_one() -> None:
    for name, goal in GOAL_NAMES.items():
        trace = WITNESSES[name]
        for need in goal.needs:
            _, reached = watched(Trace(without(trace.world, need), trace.steps))
            assert goal.id not in set().union(*reached), f"{name} without {need}"


@pytest.mark.parametrize("profile", ["ostd", "vostd", "seed"])
@pytest.mark.parametrize("build", ["debug", "release"])
def test_a_campaign_reaches_no_outcome_that_is_not_listed(profile: str, build: str) -> None:
    progress = Progress()
    world = World(profile=profile, build=build)
    plan = Plan(steps=8_000, rng_seed=3, world=world, pinned=frozenset({"build", "profile"}))

    assert not list(SwarmEngine().run(plan, progress, lambda: None))

    known = {(cell.op, cell.word) for cell in CELLS}
    assert len(progress.tally) > 100
    assert progress.tally.keys() <= known


def test_the_list_has_every_error_that_the_code_documents() -> None:
    """Busy is documented and not listed: no op leaves a count of 0 behind.

    What is said never to happen is not, either.
    """
    names = {error.variant for error in ERRORS}
    for declaration in DECLARATIONS.values():
        if declaration.area == "host":
            continue
        doc = re.sub(r"never \w+", "", EXEC[declaration.op].__doc__ or "")
        documented = names & set(re.findall(r"[A-Z][A-Za-z]+", doc)) - {"Busy"}
        assert documented <= {cell.word for cell in POSSIBLE[declaration.name]}, declaration.name


def test_every_listed_op_exists_and_every_word_once() -> None:
    assert POSSIBLE.keys() == {d.name for d in BY_NAME.values() if d.area != "host"}
    assert possible._WORDS.keys() <= POSSIBLE.keys()
    for op, cells in POSSIBLE.items():
        assert len({cell.word for cell in cells}) == len(cells), op


def test_goals_are_named_once_and_described_in_one_line() -> None:
    assert len({goal.id for goal in GOALS}) == len(GOALS) == len({goal.text for goal in GOALS})
    for goal in GOALS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", goal.id)
        assert 10 < len(goal.text) <= 90, goal.id
        assert all(goal in GOALS_OF[op] for op in goal.ops)


@pytest.mark.parametrize("path", GOAL_MODULES, ids=lambda path: path.stem)
def test_a_goal_looks_at_the_meaning_and_never_into_the_machine(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    modules = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}

    assert not names & {"machine", "nodes", "live"}
    assert not any(module.startswith("vmstore.exec") for module in modules)


def test_the_witnesses_are_minimal() -> None:
    """Without any one of its steps the last step does not reach the goal any more."""
    for name in GOAL_NAMES:
        trace = WITNESSES[name]
        for at in range(len(trace.steps) - 1):
            steps = [*trace.steps[:at], *trace.steps[at + 1 :]]
            _, reached = watched(Trace(trace.world, steps))
            assert name.removeprefix("goal ") not in set().union(*reached), (name, at)
    assert all(a != b for a, b in pairwise(WITNESSES))
