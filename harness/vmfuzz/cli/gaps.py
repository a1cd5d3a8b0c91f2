"""What a campaign did not reach: possible outcomes of ops that its tally has not got."""

from typing import Final

from vmfuzz.campaign import Campaign
from vmfuzz.engines.interface import Plan
from vmfuzz.swarm import fuzz_worlds
from vmstore.possible import CELLS, cells_of

_ENOUGH_STEPS: Final = 10_000  # before that, what is missing says nothing
_NAMED: Final = 5
Cell = tuple[str, str]  # an op and an outcome word


def possible_cells(plan: Plan) -> list[Cell]:
    """Return the cells that a world of the campaign allows, in the order of the model.

    None for a live system: the ops and answers that it knows are its own.
    """
    if plan.live is not None:
        return []
    allowed = cells_of(fuzz_worlds(plan.world, plan.pinned))
    return [pair for cell in CELLS if (pair := (cell.op, cell.word)) in allowed]


def gaps(campaign: Campaign, plan: Plan) -> list[Cell]:
    """Return the possible cells that no step of the campaign reached."""
    tally = campaign.tally()
    return [(op, word) for op, word in possible_cells(plan) if word not in tally.get(op, {})]


def gap_lines(campaign: Campaign, plan: Plan) -> list[str]:
    """Return how many outcomes were reached and, after enough steps, the first that were not."""
    possible, missing = possible_cells(plan), gaps(campaign, plan)
    if not possible:
        return []
    line = f"outcomes reached: {len(possible) - len(missing)} of {len(possible)} possible"
    steps = sum(progress.steps for progress in campaign.progress.values())
    if missing and steps >= _ENOUGH_STEPS:
        named = ", ".join(f"{op} {word}" for op, word in missing[:_NAMED])
        more = len(missing) - _NAMED
        line += f"; never: {named}" + (f" and {more} more (--json lists them)" if more > 0 else "")
    return [line]
