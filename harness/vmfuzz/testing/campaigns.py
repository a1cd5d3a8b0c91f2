"""The fixture `vm_campaign`: fuzzing with a budget inside a test."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from vmfuzz.campaign import Campaign, Stored, run_campaign
from vmfuzz.durations import parse_duration
from vmfuzz.engines.interface import Plan
from vmfuzz.engines.registry import check_engines
from vmfuzz.errors import HarnessError, VmfuzzError, closest, shown
from vmfuzz.extensions import load_extensions
from vmfuzz.oracle import parse_checks
from vmfuzz.report.block import finding_block, replay_command
from vmfuzz.sut.system import LiveSystem
from vmfuzz.testing.fixtures import names, world_of
from vmfuzz.testing.settings import settings
from vmstore.faults import Faults
from vmstore.world import World

STEPS: Final = 20_000  # of a campaign without a limit: under a second, and the same every time
MARKER: Final = "vm_campaign"
_OPTIONS: Final = ("time", "steps", "seed", "faults", "world", "engines", "checks", "strict")


class CampaignFailed(AssertionError):
    """What a campaign found; the message has each finding's text. `campaign` has the rest."""

    def __init__(self, campaign: Campaign, text: str) -> None:
        super().__init__(text)
        self.campaign = campaign


class CampaignRunner:
    """Runs campaigns. What the command line says wins, then the call, then the test's marker."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        load_extensions()
        self.config = request.config
        self.settings = settings(request.config)
        self.test = request.node.name
        self.defaults: dict[str, Any] = {}
        for mark in request.node.iter_markers(MARKER):  # the closest comes first
            self.defaults = {**mark.kwargs, **self.defaults}
            if mark.args:
                raise pytest.UsageError(f"{request.node.nodeid}: {MARKER} takes keywords only")

    def __call__(self, *, sut: LiveSystem | None = None, **options: Any) -> Campaign:
        """Fuzz the model, or the live system `sut`, until a limit; return what was done.

        Options: `time`, such as `"10s"`; `steps`; `seed`; `faults`; `world`; `engines`; `checks`;
        `strict`. Without a limit, 20,000 steps.
        Effect: findings are minimized and kept in the run's folder of findings.
        Errors: CampaignFailed for a finding, VmfuzzError for options that are none.
        """
        __tracebackhide__ = True
        chosen = {**self.defaults, **options}
        plan = self._plan(chosen, sut)
        engines = names(chosen.get("engines", ("swarm",)))
        if not engines:
            raise VmfuzzError(f"{MARKER}: engines=[] leaves nothing to run")
        check_engines(engines, None, is_live=sut is not None)
        campaign = Campaign()
        out = self.settings.findings
        run_campaign(campaign, plan, engines, out=out)
        if campaign.findings:
            raise CampaignFailed(campaign, self._explain(campaign, sut))
        if campaign.unreproducible:
            text = f"{campaign.unreproducible} findings did not replay"
            raise HarnessError(text) if sut is None else CampaignFailed(campaign, text)
        return campaign

    def _plan(self, chosen: Mapping[str, Any], sut: LiveSystem | None) -> Plan:
        for name in chosen:
            if name not in _OPTIONS:
                raise VmfuzzError(f"{MARKER}: unknown option {name!r}{closest(name, _OPTIONS)}")
        own, steps = chosen.get("time"), chosen.get("steps")
        seconds = _seconds(own) if own is not None else None
        if self.settings.seconds is not None:
            seconds, steps = self.settings.seconds, None
        elif seconds is None and steps is None:
            steps = STEPS
        seed = self.settings.seed if self.settings.seed is not None else chosen.get("seed", 0)
        _check_number("seed", seed, 0)
        if steps is not None:
            _check_number("steps", steps, 1)
        world = chosen.get("world")
        made, pinned = self._world(world)
        faults = tuple(names(chosen.get("faults", ())))
        Faults.of(faults)
        return Plan(
            seconds=seconds,
            steps=steps,
            rng_seed=seed,
            faults=faults,
            checks=parse_checks(names(chosen.get("checks", Plan().checks))),
            strict=chosen.get("strict", False),
            world=made,
            pinned=pinned,
            live=sut,
        )

    def _world(self, world: World | Mapping[str, Any] | None) -> tuple[World, frozenset[str]]:
        """Return the world and what of it is pinned: all of a whole one, else what is named."""
        if isinstance(world, World):
            return world, frozenset(world.settings())
        named = dict(world or {})
        return world_of(self.config, None, named), frozenset(named)

    def _explain(self, campaign: Campaign, sut: LiveSystem | None) -> str:
        name = sut.name if sut is not None else None
        found = campaign.findings.values()
        return "\n\n".join(kept_text(stored, self.config, name) for stored in found)


def kept_text(
    stored: Stored, config: pytest.Config, sut: str | None, own: Collection[str] = ()
) -> str:
    """Return a finding with where it is kept, and the command that repeats it.

    `own` are clauses that only the test knows: what one of them finds, it alone can repeat.
    """
    small = stored.minimized
    lines = [finding_block(small.finding, small.trace, whole=True), ""]
    if stored.path is None:
        return "\n".join([*lines, f"NOT KEPT: {stored.problem}"])
    path = _from(stored.path, config.invocation_params.dir)
    lines.append(f"kept in {shown(path)}")
    if small.finding.clause not in own:
        lines.append(f"repeat: {replay_command(path, sut)}")
    return "\n".join(lines)


def _check_number(name: str, value: object, least: int) -> None:
    if type(value) is not int or value < least:
        raise VmfuzzError(f"{MARKER}: {name}={value!r}: allowed are whole numbers from {least}")


def _from(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _seconds(time: str | float) -> float:
    try:
        return parse_duration(str(time))
    except ValueError as error:
        raise VmfuzzError(f"{MARKER}: time: {error}") from None
