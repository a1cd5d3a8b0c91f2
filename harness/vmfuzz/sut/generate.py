"""Traces for a live system: the swarm, kept to what the agent knows and the wire can say.

The ids are the agent's numbers from the start, so that nothing has to be translated.
"""

from collections.abc import Iterable
from random import Random
from typing import Final

from vmfuzz.errors import VmfuzzError
from vmfuzz.sut.observe import WATCHED, Observer
from vmfuzz.sut.prediction import NAMES, Prediction, Script
from vmfuzz.sut.system import LiveSystem
from vmfuzz.sut.wire import wire_name
from vmfuzz.swarm import FAMILIES, SwarmConfig, SwarmTrace, spread
from vmfuzz.swarm_draw import DESTINATIONS, PLANS, SOURCES, OpPlan
from vmfuzz.swarm_state import KINDS, MAX_TRACE, NOTHING
from vmstore.ids import Deferred, PageCount
from vmstore.ops import DECLARATIONS, Op
from vmstore.ops.host import HostPoolLimit, HostRcuMode, HostRcuSync
from vmstore.world import World

_WIRE: Final = {d.name: wire_name(d) for d in DECLARATIONS.values()}
_MAKERS: Final = frozenset(d.name for d in DECLARATIONS.values() if d.destinations)
# Ops that make a handle out of nothing.
_STARTS: Final = tuple(p for p in PLANS if p.need == NOTHING and p.name in _MAKERS)
# What a family is nothing without.
_ROOTS: Final = {
    "frame": SOURCES,
    "space": ("vmspace_new",),
    "table": ("pt_new",),
    "io": ("buf_new", "vmio_read_bytes"),
}
_FAREWELL: Final = 60  # ops at the end of a trace for letting go of what lives
_SYNC: Final = 24  # in a trace that defers drops, one op in so many ends the grace period
_POOLS: Final = (0, 1, 2, 3, 5, 8, 16)  # page-table nodes that a trace may still have


def families_of(system: LiveSystem, wanted: tuple[str, ...] = FAMILIES) -> tuple[str, ...]:
    """Return the families that the agent knows at least one root op of.

    Errors: VmfuzzError if it knows no op to start from.
    """
    _starts(system)
    return (
        tuple(name for name in wanted if any(map(system.vocabulary.speaks, _ROOTS[name]))) or wanted
    )


def live_config(rng: Random, system: LiveSystem, wanted: tuple[str, ...]) -> SwarmConfig:
    """Return what the traces of one batch have in common."""
    return SwarmConfig(rng, system.world, families_of(system, wanted))


def _starts(system: LiveSystem) -> list[OpPlan]:
    """Return what a trace can start with. Errors: VmfuzzError if the agent takes nothing of it."""
    starts = _spoken(_STARTS, system)
    if not starts:
        needed = ", ".join(plan.name for plan in _STARTS)
        raise VmfuzzError(f"--sut: the agent takes no op that a trace can start with: {needed}")
    return starts


def _spoken(plans: Iterable[OpPlan], system: LiveSystem) -> list[OpPlan]:
    """Return the plans of ops that the agent knows and does not refuse."""
    spoken = system.vocabulary.spoken
    return [plan for plan in plans if _WIRE[plan.name] in spoken]


class LiveTrace(SwarmTrace):
    """Generates the ops of one trace and predicts each. `run` fills the prediction's script."""

    __slots__ = ("claims", "observer", "prediction", "prelude", "spoken", "syncs")

    def __init__(
        self, rng: Random, config: SwarmConfig, prediction: Prediction, system: LiveSystem
    ) -> None:
        super().__init__(rng, config, prediction.session.state)
        self.prediction = prediction
        self.observer = Observer(rng, prediction)
        self.spoken = system.vocabulary.spoken
        self.plans = spread(rng, _spoken(config.plans, system) or _spoken(PLANS, system))
        known = _starts(system)
        self.claims = [plan for plan in known if plan.name in SOURCES] or known
        self.prelude = _prelude(rng, system, config.world)
        self.syncs = any(isinstance(op, HostRcuMode) for op in self.prelude)

    def run(self, length: int) -> Script:
        """Generate until so many ops are in the script, or no more can be; return the script."""
        sent, observer = self.prediction.sent, self.observer
        for op in self.prelude:
            self._step(op)
        end = length - min(length // 4, _FAREWELL)
        for _ in range(MAX_TRACE):
            if len(sent) >= end or self.prediction.is_over:
                break
            op = self.next_op() if not self.syncs else self._hook() or self.next_op()
            if self._step(op) and op.__class__ in WATCHED:
                for look in observer.after(op):
                    if len(sent) < end:
                        self._step(look)
        for op in observer.farewell():
            if len(sent) < length:
                self._step(op)
        return self.prediction.finish()

    def _step(self, op: Op) -> bool:
        """Predict one op; return whether it is sent."""
        prediction, kind = self.prediction, op.__class__
        if prediction.is_over or NAMES[kind] not in self.spoken:
            return False
        if kind in WATCHED:
            self.observer.before(op)
        is_sent = prediction.step(op, len(prediction.sent)) is None
        self.settle(op)
        return is_sent

    def settle(self, op: Op) -> None:
        """Take note of what was made, and give the numbers back that were not used."""
        made = self.prediction.recorder.numbers
        for destination, kind in DESTINATIONS.get(op.__class__, ()):
            handle = destination(op)
            if handle in self.live[kind]:
                self.pools[kind].append(handle)
                self.next_ids[kind] = handle + 1
            else:
                self.next_ids[kind] = made.get(KINDS[kind], 0)

    def _hook(self) -> Op | None:
        if self.syncs and self.draw() * _SYNC < 256:
            return HostRcuSync()
        return None

    def _claim(self) -> Op:
        """Return an op that needs no handle: nothing that was chosen can run."""
        op: Op = self.claims[self.draw() % len(self.claims)].build(self)
        return op


def _prelude(rng: Random, system: LiveSystem, world: World) -> list[Op]:
    """Return test hooks for a trace to start with: drops that wait, little memory for tables."""
    ops: list[Op] = []
    if not world.pt_frames:
        return ops
    if (
        rng.random() < 0.25
        and system.vocabulary.speaks("host_rcu_mode")
        and system.vocabulary.speaks("host_rcu_sync")
    ):
        ops.append(HostRcuMode(deferred=Deferred(rng.random() < 0.9)))
    if rng.random() < 0.1 and system.vocabulary.speaks("host_pool_limit"):
        ops.append(HostPoolLimit(free=PageCount(rng.choice(_POOLS))))
    return ops
