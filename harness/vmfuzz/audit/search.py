"""Is a contract satisfiable? Tiny states before a call, and every small state after it.

A question is a set of contract clauses, a scene maker and, where doing nothing would satisfy the
clauses, what the call is to have done. For each scene every state of a small domain is tried as the
state after the call; a scene without any is the witness that the contract cannot be met there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from vmstore.arch import REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.contracts.call import Call
from vmstore.contracts.registry import ContractClause
from vmstore.contracts.slot_inv import broken, region_inv
from vmstore.contracts.values import NO_PATHS, SlotValue, StoreValue
from vmstore.ops import Op
from vmstore.outcome import Outcome
from vmstore.owner import EntryAt, Usage
from vmstore.world import World

# Four pages, tables of two entries: the smallest machine in which a huge page has two pages.
TINY: Final = World(frames=4, pt_frames=0, cpus=1, levels=2, entries=2, rc_max=3)
TABLE: Final = 9  # the page of the table whose entries the paths name
PATHS: Final[tuple[EntryAt, ...]] = ((TABLE, 0), (TABLE, 1))
_COUNTS: Final = (REF_COUNT_UNUSED, REF_COUNT_UNIQUE, 0, 1, 2, 3)
_USAGES: Final[tuple[Usage, ...]] = ("Unused", "Frame", "PageTable", "MMIO")
_PATH_SETS: Final = (NO_PATHS, *(frozenset({p}) for p in PATHS), frozenset(PATHS))


@dataclass(frozen=True, slots=True)
class Scene:
    """A state before a call, the call, and what the store's registries are after it.

    `after` are the candidates for the store after the call, with slots still as before; `slots`
    those that the call may change; `looked_at` those that are judged though they did not change,
    for clauses that only an invariant keeps true of them.
    """

    text: str
    old: StoreValue
    op: Op
    outcome: Outcome
    after: tuple[StoreValue, ...]
    slots: tuple[int, ...]
    looked_at: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """Can a call meet its contract? `wants` is what the call is to have done besides.

    `op` is the store's operation, `ax` the suspect that says no.
    """

    id: str
    op: str
    text: str
    clauses: tuple[ContractClause, ...]
    scenes: Callable[[], Iterator[Scene]]
    ax: str | None = None
    wants: Callable[[Call], bool] = lambda _: True

    @property
    def source(self) -> str:
        """The contract's name upstream."""
        return self.clauses[0].source


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search came to: scenes and states tried, the scene without an allowed state, if any.

    `conflict` names the clauses that no state met together with the others.
    """

    scenes: int
    states: int
    witness: str | None
    conflict: tuple[str, ...] = ()


def ask(question: Question) -> Answer:
    """Search every scene; stop at the first that no state after the call satisfies."""
    scenes = states = 0
    for scene in question.scenes():
        if not _is_required(question, scene):
            continue
        scenes += 1
        tried, conflict = _try_all(question, scene)
        states += tried
        if conflict is not None:
            return Answer(scenes, states, scene.text, conflict)
    return Answer(scenes, states, None)


def _is_required(question: Question, scene: Scene) -> bool:
    """Return whether the scene meets what the contract requires."""
    call = Call(TINY, scene.op, scene.outcome, scene.old, scene.old, ())
    return all(c.holds(call) for c in question.clauses if c.kind in {"REQ", "PRE"} and c.when(call))


def _try_all(question: Question, scene: Scene) -> tuple[int, tuple[str, ...] | None]:
    """Return how many states were tried, and the clauses in conflict if none was allowed."""
    clauses = [c for c in question.clauses if c.kind not in {"REQ", "PRE"}]
    is_sound = any(c.holds is region_inv for c in clauses)
    domains = [_values(scene.old.slots[index], is_sound) for index in scene.slots]
    tried = 0
    for after in scene.after:
        steps, is_allowed = _descend(question, clauses, scene, after, domains)
        tried += steps
        if is_allowed:
            return tried, None
    refused: dict[str, None] = {}
    for after in scene.after:
        trial = _Trial(scene, after)
        for values in product(*domains):
            tried += 1
            call = trial.with_values(values)
            failing = _first_false(clauses, call)
            if failing is None and question.wants(call):
                return tried, None
            if failing is not None:
                refused[clauses[failing].id] = None
                # What refused one state refuses its neighbour: ask it first.
                clauses.insert(0, clauses.pop(failing))
    return tried, tuple(sorted(refused))


def _descend(
    question: Question,
    clauses: list[ContractClause],
    scene: Scene,
    after: StoreValue,
    domains: list[list[SlotValue]],
) -> tuple[int, bool]:
    """Go from the state before the call to an allowed one, slot by slot, if that is possible.

    Most contracts speak of each slot alone, and then it is: a hundredth of the work of trying all.
    """
    values = [scene.old.slots[index] for index in scene.slots]
    trial = _Trial(scene, after)
    tried = 0
    for position, domain in enumerate(domains):
        best: tuple[int, SlotValue] | None = None
        for value in domain:
            tried += 1
            values[position] = value
            call = trial.with_values(values)
            cost = _cost(question, clauses, call, best[0] if best else len(clauses) + 1)
            if cost == 0:
                return tried, True
            if best is None or cost < best[0]:
                best = cost, value
        values[position] = best[1] if best else values[position]
    return tried, False


def _cost(question: Question, clauses: list[ContractClause], call: Call, limit: int) -> int:
    """Return how many clauses are false of a call, and one more if it does not do what is wanted.

    From `limit` on the number does not matter.
    """
    cost = int(not question.wants(call))
    for position, clause in enumerate(clauses):
        if clause.when(call) and not clause.holds(call):
            cost += 1
            clauses.insert(0, clauses.pop(position))  # what refused one refuses its neighbour
            if cost >= limit:
                break
    return cost


def _first_false(clauses: list[ContractClause], call: Call) -> int | None:
    for position, clause in enumerate(clauses):
        if clause.when(call) and not clause.holds(call):
            return position
    return None


class _Trial:
    """A candidate for the store after the call, whose slots are set anew for every state tried.

    The call that `with_values` returns is good until the next: building a store for each of some
    ten thousand states would cost more than judging them.
    """

    __slots__ = ("_new", "_scene", "_slots")

    def __init__(self, scene: Scene, after: StoreValue) -> None:
        self._scene = scene
        self._slots = dict(scene.old.slots)
        self._new = replace(after, slots=self._slots)

    def with_values(self, values: Sequence[SlotValue]) -> Call:
        """Return the call after which the scene's slots have these values."""
        scene, old = self._scene, self._scene.old.slots
        moved = set(scene.looked_at)
        for index, value in zip(scene.slots, values, strict=True):
            self._slots[index] = value
            if value != old[index]:
                moved.add(index)
        return Call(TINY, scene.op, scene.outcome, scene.old, self._new, tuple(sorted(moved)))


def _values(old: SlotValue, is_sound: bool) -> list[SlotValue]:
    """Return what a slot may be after a call, the same as before first.

    With `is_sound` only what the region's invariant allows, which every clause set then asks for.
    """
    found = [old] if not is_sound or (old.parked and broken(old, TINY.rc_max) is None) else []
    for rc, stored, vtable, tag, usage, paths, parked in product(
        _COUNTS, (False, True), ("", "unit"), (0, 1), _USAGES, _PATH_SETS, (True, False)
    ):
        value = SlotValue(rc, stored, vtable, tag, usage, paths, old.slot_vaddr, parked)
        value = value._replace(obligations=old.obligations)
        if value != old and not (is_sound and (not parked or broken(value, TINY.rc_max))):
            found.append(value)
    return found
