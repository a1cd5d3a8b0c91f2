"""The pass that makes the world simpler: defaults first, then small limits."""

from dataclasses import replace
from typing import Final

from vmfuzz.minimize.arguments import shifted
from vmfuzz.minimize.shrinker import Shrinker
from vmstore.arch import PAGE_SIZE
from vmstore.world import LIMITS, World, WorldError

_LIMITS: Final = ("rc_max", "list_ids")
_SMALL: Final = 12  # a limit that stays is tried at every value below this


def simplify_world(shrinker: Shrinker) -> None:
    """Reset each setting to its default where the finding allows, else make the limit smaller."""
    _try(shrinker, World(profile=shrinker.trace.world.profile))
    base = World()
    for key in shrinker.trace.world.settings():
        world = shrinker.trace.world
        if key.startswith("variant."):
            name = key.removeprefix("variant.")
            kept = tuple(pair for pair in world.overrides if pair[0] != name)
            _try(shrinker, replace(world, overrides=kept))
        elif key not in world.settings() or _changed(shrinker, key, getattr(base, key)):
            continue
        elif key in LIMITS:
            for value in range(LIMITS[key][0], min(_SMALL, getattr(world, key))):
                if _changed(shrinker, key, value):
                    break


def lower_limits(shrinker: Shrinker) -> None:
    """Lower a limit by one and delete one step: what fills it up goes only together with it."""
    for key in _LIMITS:
        at = 0
        while at < len(shrinker.steps) and key in shrinker.trace.world.settings():
            steps, world = shrinker.steps, shrinker.trace.world
            try:
                lower = world.changed(**{key: getattr(world, key) - 1})
            except WorldError:  # already as low as it may be
                break
            if not shrinker.propose(steps[:at] + steps[at + 1 :], lower):
                at += 1


def _changed(shrinker: Shrinker, key: str, value: int | str) -> bool:
    try:
        return _try(shrinker, shrinker.trace.world.changed(**{key: value}))
    except WorldError:
        return False


def _try(shrinker: Shrinker, world: World) -> bool:
    """Propose a world, with the addresses as they are and moved along with the top of memory."""
    old = shrinker.trace.world
    if world == old:
        return False
    if shrinker.propose(shrinker.steps, world):
        return True
    delta = world.max_paddr - old.max_paddr
    edge = old.frames // 2 * PAGE_SIZE
    moved = shifted(shrinker.steps, lambda v: v + delta if edge <= v <= 2 * old.max_paddr else v)
    return bool(delta) and shrinker.propose(moved, world)
