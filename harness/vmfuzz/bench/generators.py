"""The swarm with one of its ideas taken away at a time, and hunts with each.

A variant configures the batches of the same engine in another way. It draws what the swarm draws
first and then replaces the one thing that it is about, so that with one seed all else is the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from vmfuzz.bench.faults import hunt_all
from vmfuzz.bench.trial import Quarry, Trial, hunt, warmed
from vmfuzz.engines.interface import Engine, Plan
from vmfuzz.engines.swarm_engine import SwarmEngine, batch_rng, draw_config
from vmfuzz.swarm import SwarmConfig, fuzz_world, spread, with_partners
from vmfuzz.swarm_draw import FRAME_AREAS, PLANS, OpPlan
from vmfuzz.swarm_state import RARE, Drawing
from vmstore.arch import PAGE_SIZE
from vmstore.geometry import geometry
from vmstore.ids import Paddr, PaddrEnd, Vaddr, VaddrEnd
from vmstore.ops import GENERATED, Declaration
from vmstore.world import World

_SETTINGS: Final = frozenset(field.name for field in fields(World))

Configure = Callable[[Plan, int], SwarmConfig]
_Draw = Callable[[Drawing], Any]


# -- ops -------------------------------------------------------------------------------------------


def _every_op(plan: Plan, number: int) -> SwarmConfig:
    """Enable all ops, about as often as they weigh."""
    config, rng = draw_config(plan, number), batch_rng(plan, number)
    config.plans = spread(rng, [plan for plan in PLANS for _ in range(plan.weight)])
    if "link" not in config.kinds:  # what lists are made of
        config.kinds += ["link"] * len(config.kinds)
    return config


def _no_partners(plan: Plan, number: int) -> SwarmConfig:
    """Leave a subset of ops as it was drawn."""
    rng = batch_rng(plan, number)
    return SwarmConfig(rng, fuzz_world(rng, plan.world, plan.pinned), plan.families, _as_drawn)


def _as_drawn(rng: Random, names: set[str]) -> set[str]:
    with_partners(rng, set(names))  # what is drawn after this stays the same
    return names


# -- where -----------------------------------------------------------------------------------------


def _wide(plan: Plan, number: int) -> SwarmConfig:
    """Draw pages from all of memory, and addresses from all of a half, or 247 of them.

    Of the pages of the node pool, which no op can claim, a batch has those that the swarm gives it.
    """
    config, rng = draw_config(plan, number), batch_rng(plan, number)
    world = config.world
    half = geometry(world.levels, world.entries).user_end
    nodes = [page for page in config.pages if page >= world.frames]
    config.pages = _any_of(rng, range(world.frames)) + nodes
    config.vas = _any_of(rng, range(0, half, PAGE_SIZE))
    return config


def _any_of(rng: Random, choices: range) -> list[int]:
    """Return all of them in some order, or as many as one byte chooses from."""
    return rng.sample(choices, min(len(choices), RARE))


def _one_world(plan: Plan, number: int) -> SwarmConfig:
    """Vary no setting of the world."""
    return draw_config(replace(plan, pinned=_SETTINGS), number)


# -- next to what is live --------------------------------------------------------------------------


def _anywhere(plan: Plan, number: int) -> SwarmConfig:
    """Take any of the batch's pages and addresses, whether something lives there or not.

    Handles stay live, and what a guard keeps from panicking stays so.
    """
    config = draw_config(plan, number)
    blind = _blind_plans()
    config.plans = [blind[plan] for plan in config.plans]
    return config


@cache
def _blind_plans() -> dict[OpPlan, OpPlan]:
    # Made anew and then changed: a compiled plan cannot be copied.
    pairs = [(d, OpPlan(d, shape)) for d in GENERATED for shape in d.shapes()]
    for declaration, made in pairs:
        made.build = _blind(declaration, made.build)
    return dict(zip(PLANS, (made for _, made in pairs), strict=True))


def _blind(declaration: Declaration, build: _Draw) -> _Draw:
    """Return what makes the same op elsewhere, if its address is drawn next to what is live.

    Ranges of addresses are drawn from the batch's as they are; mapped pages come from a device.
    """
    by_type = {field.type: field.name for field in declaration.arguments}
    if Paddr in by_type and declaration.area in FRAME_AREAS:
        return _at_any_page(build, by_type[Paddr], by_type.get(PaddrEnd))
    if Vaddr in by_type and VaddrEnd not in by_type:
        is_at_cursor = {"cursor", "ptcursor"} & {field.name for field in declaration.handles}
        return _at_any_address(build, by_type[Vaddr], is_at_cursor=bool(is_at_cursor))
    return build


def _at_any_page(build: _Draw, start: str, end: str | None) -> _Draw:
    """Move an op to any page of the batch, with the end of its range; boundaries stay."""

    def generate(g: Drawing) -> Any:
        op = build(g)
        before = getattr(op, start)
        if before % PAGE_SIZE == 0 and before // PAGE_SIZE in g.pages:
            after = g.pages[g.draw() % len(g.pages)] * PAGE_SIZE
            setattr(op, start, after)
            if end is not None:
                setattr(op, end, getattr(op, end) + after - before)
        return op

    return generate


def _at_any_address(build: _Draw, name: str, *, is_at_cursor: bool) -> _Draw:
    """Move an op to any address of the batch; those outside the range or the half stay."""

    def generate(g: Drawing) -> Any:
        op = build(g)
        before = getattr(op, name)
        if is_at_cursor:
            assert g.place is not None
            low, start, end = g.place.tree.config.low, g.place.start, g.place.end
        else:
            low, start, end = g.base, g.base, g.base + g.spaces.geometry.user_end
        if start <= before < end:
            setattr(op, name, low + g.vas[g.draw() % len(g.vas)] + before % PAGE_SIZE)
        return op

    return generate


# -- hunts -----------------------------------------------------------------------------------------

VARIANTS: Final[dict[str, Configure]] = {
    "every-op": _every_op,
    "no-partners": _no_partners,
    "wide": _wide,
    "anywhere": _anywhere,
    "one-world": _one_world,
}


# What trials have as their engine's name: the swarm's own, then those of its variants.
GENERATORS: Final = (
    SwarmEngine().name,
    *(f"{SwarmEngine().name}:{variant}" for variant in VARIANTS),
)


def hunt_generators(
    faults: Sequence[str],
    trials: int,
    *,
    seed: int = 0,
    limit: float = 5.0,
    workers: int = 1,
    record: Path | None = None,
) -> Iterator[tuple[Trial, bool]]:
    """Hunt each bug with the swarm and with every variant, as `hunt_all` with engines.

    A trial ends at the first finding of the bug. Errors: as `hunt_all`.
    """
    return hunt_all(
        faults,
        GENERATORS,
        trials,
        seed=seed,
        limit=limit,
        workers=workers,
        record=record,
        hunter=hunt_variant,
    )


def hunt_variant(quarry: Quarry) -> Trial:
    """Run one trial with the generator that its engine names."""
    return hunt(quarry, _warm_engine(quarry.engine), patience=0.0, observes=False)


@cache
def _warm_engine(name: str) -> Engine:
    _, _, variant = name.partition(":")
    return warmed(SwarmEngine(VARIANTS[variant] if variant else None))
