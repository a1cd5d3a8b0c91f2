"""How far a hunt has come: the bug's site was reached, the bug was triggered.

*Reached*: the model asked whether the bug is there, so the code where upstream had it ran.
*Triggered*: the first step after which the machine with the bug differs from the clean one that ran
the same ops, in the outcome, an event, undefined behaviour, or anything in its state.

A machine whose bug's switch was not read in a step did what the clean one did. So the states are
compared only after steps that read it, which makes the comparison cheap enough for every trace.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vmfuzz.bench.same_state import same_state
from vmfuzz.liveness import Liveness
from vmfuzz.oracle import Session
from vmfuzz.runner import not_produced
from vmstore.faults import FAULT_BY_ID, Faults
from vmstore.ops import Op
from vmstore.world import World

_NEVER = 1 << 60  # no whole check between the steps: only the machines matter here


@dataclass(frozen=True, slots=True)
class Stages:
    """Positions of the ops at which a trace first came to each stage, None if it never did."""

    reached: int | None
    triggered: int | None


class _Witness(int):
    """A switch that is on, as true as `True` is, and notes that somebody asked or counted it."""

    is_read = False

    def __bool__(self) -> bool:
        self.is_read = True
        return True

    def __radd__(self, other: int) -> int:
        self.is_read = True
        return other + 1


def stages(world: World, ops: Sequence[Op], fault: str) -> Stages:
    """Run ops with and without a planted bug until they differ.

    An op whose handles are not live in the world with the bug is skipped, as a replay does.
    """
    witness = _Witness(1)
    flags = Faults.of((fault,))
    setattr(flags, FAULT_BY_ID[fault].flag, witness)
    faulty, clean = (
        Session(world, switches, checks=frozenset(), full_every=_NEVER)
        for switches in (flags, Faults())
    )
    liveness = Liveness()
    reached: int | None = None
    for position, op in enumerate(ops):
        if faulty.is_over:
            break
        if liveness.skip_reason(op) is not None:
            continue
        liveness.apply(op)
        if not_produced(faulty, op) is not None:
            continue
        witness.is_read = False
        unsafe = faulty.step(op)
        has_read = witness.is_read
        if has_read and reached is None:
            reached = position
        if clean.is_over or not_produced(clean, op) is not None:
            return Stages(reached, position)
        is_as_unsafe = (clean.step(op) is None) == (unsafe is None)
        if has_read and (not is_as_unsafe or _differ(faulty, clean)):
            return Stages(reached, position)
    return Stages(reached, None)


def _differ(faulty: Session, clean: Session) -> bool:
    return (
        faulty.outcome != clean.outcome
        or faulty.quirks != clean.quirks
        or not same_state(faulty.machine, clean.machine)
    )
