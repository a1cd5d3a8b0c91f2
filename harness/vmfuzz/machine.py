"""The model as a Hypothesis state machine: a rule per op, a bundle per kind of handle.

Every clause is checked after each rule; a violation raises `MachineFinding`, which has the
trace so far; under pytest it is minimized and kept.
"""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, multiple, rule

from vmfuzz.errors import VmfuzzError, closest
from vmfuzz.extensions import load_extensions
from vmfuzz.finding import Finding
from vmfuzz.handle_fields import MAKES, next_ids
from vmfuzz.oracle import CHECKS, Session
from vmfuzz.report.block import finding_block
from vmfuzz.runner import not_produced
from vmfuzz.strategies import argument
from vmfuzz.trace import Step, Trace
from vmstore.clauses import Clause
from vmstore.faults import Faults
from vmstore.ids import HANDLE_KINDS
from vmstore.ops import GENERATED, Declaration, Field, Op
from vmstore.world import World

if TYPE_CHECKING:
    from vmfuzz.sut.system import LiveSystem

FUZZ_WORLD = World(frames=16, pt_frames=40, entries=4, rc_max=9, list_ids=9)
BUNDLES = {kind.name: Bundle(f"{kind.name}s") for kind in HANDLE_KINDS.values()}


class MachineFinding(AssertionError):
    """A finding on its way through Hypothesis, which shrinks and re-raises it."""

    def __init__(self, finding: Finding, trace: Trace, machine: "type[VmStoreMachine]") -> None:
        super().__init__(finding_block(finding, trace))
        self.finding = finding
        self.trace = trace
        self.machine = machine


class VmStoreMachine(RuleBasedStateMachine):
    """Drives one session, by a rule per op. Subclasses may set what is declared here.

    `world` is the machine that is modelled, and where arguments come from; `ops` are the names of
    the ops to draw, as glob patterns; `clauses` are checked beside the model's own. With an
    `agent`, the command of a live system, every example is also played to it when it ends, in its
    own world.

    A rule returns the handles that its op really produced; after a panic or abort the remaining
    rules of the example do nothing.
    Errors: VmfuzzError when a class is made with patterns that name no op.
    """

    world: ClassVar[World] = FUZZ_WORLD
    ops: ClassVar[tuple[str, ...]] = ("*",)
    clauses: ClassVar[tuple[Clause, ...]] = ()
    agent: ClassVar[str | list[str] | None] = None
    faults: ClassVar[tuple[str, ...]] = ()
    checks: ClassVar[frozenset[str]] = frozenset(CHECKS)
    strict: ClassVar[bool] = False
    without: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        inherited = next(base for base in cls.__mro__[1:] if issubclass(base, VmStoreMachine))
        if _sizes(cls.world) != _sizes(inherited.world) or cls.ops != inherited.ops:
            install_rules(cls)

    def __init__(self) -> None:
        super().__init__()
        load_extensions()
        live = self.live_system()
        world = live.world if live is not None else self.world
        self.session = Session(
            world,
            Faults.of(self.faults),
            checks=self.checks,
            strict=self.strict,
            without=self.without,
            own=self.clauses,
        )
        self.steps: list[Step] = []
        self.next_ids: dict[str, int] = dict.fromkeys(self.session.state.live, 0)

    def apply(self, declaration: Declaration, values: dict[str, Any]) -> Any:
        """Run one op with fresh destinations; return what Hypothesis puts into the bundle."""
        if self.session.is_over:
            return multiple()
        fresh = next_ids(declaration.op, self.next_ids)
        made = [(kind, fresh[name]) for name, kind, _ in MAKES[declaration.op]]
        for kind, handle in made:
            self.next_ids[kind] = handle + 1
        op: Op = declaration.make(values | fresh)
        if not_produced(self.session, op):
            return multiple()
        self.steps.append(Step(op))
        finding = self.session.step(op)
        self.after_step(op)
        if finding is not None:
            raise MachineFinding(finding, self.trace(), type(self))
        live = self.session.state.live
        return multiple(*[handle for kind, handle in made if handle in live[kind]])

    def after_step(self, op: Op) -> None:
        """Called after every op that ran; the engine counts here."""

    def trace(self) -> Trace:
        """Return what ran so far as a trace."""
        return Trace(self.session.state.world, list(self.steps), self.faults)

    @classmethod
    def live_system(cls) -> "LiveSystem | None":
        """Return the live system of this class, None without an `agent`.

        Override it for an agent that needs more than a command; `close_agents` ends it.
        Errors: VmfuzzError for one that does not start.
        """
        if cls.agent is None:
            return None
        from vmfuzz.live_systems import system_of

        return system_of(cls.agent)

    def after_example(self) -> None:
        """Called when an example ends; the engine counts here."""

    def teardown(self) -> None:
        """Check the whole state once more at the end of an example."""
        self.after_example()
        if not self.session.is_over and self.steps:
            finding = self.session.check_everything(self.steps[-1].op)
            if finding is not None:
                raise MachineFinding(finding, self.trace(), type(self))
        live = self.live_system()
        if live is not None and self.steps:
            found = live.run(self.trace(), checks=self.checks, strict=self.strict).finding
            if found is not None:
                raise MachineFinding(found, self.trace(), type(self))


def _rule_for(
    declaration: Declaration, shape: tuple[Field, ...], world: World
) -> Any:  # Hypothesis returns a descriptor
    """Return the Hypothesis rule of one op: its handles from bundles, the rest from strategies."""
    drawn: dict[str, Any] = {}
    for field in declaration.handles:
        if field.kind and field in shape:
            bundle = BUNDLES[field.kind.name]
            drawn[field.name] = consumes(bundle) if field.is_consumed else bundle
    for field in declaration.arguments:
        drawn[field.name] = argument(field, world)

    def run_op(self: VmStoreMachine, **values: Any) -> Any:  # bundle values
        produced = self.apply(declaration, values)
        return produced if declaration.destinations else None

    run_op.__name__ = declaration.name
    if declaration.destinations and declaration.destinations[0].kind:
        target = BUNDLES[declaration.destinations[0].kind.name]
        return rule(target=target, **drawn)(run_op)
    plain: Any = rule(**drawn)
    return plain(run_op)


def _sizes(world: World) -> tuple[int, ...]:
    """Return what arguments are drawn by."""
    return (world.frames, world.pt_frames, world.cpus, world.levels, world.entries)


def install_rules(machine: type[VmStoreMachine]) -> None:
    """Give a machine one rule per op that it is to draw; Hypothesis reads them off the class.

    Errors: VmfuzzError for a pattern that names no op.
    """
    for pattern in machine.ops:
        if not any(fnmatchcase(d.name, pattern) for d in GENERATED):
            hint = closest(pattern, [d.name for d in GENERATED])
            raise VmfuzzError(f"{machine.__name__}.ops: {pattern!r} names no op{hint}")
    for declaration in GENERATED:
        is_drawn = any(fnmatchcase(declaration.name, pattern) for pattern in machine.ops)
        for shape in declaration.shapes():
            chosen = [f.name for f in shape if f.is_alternative]
            name = "_".join([declaration.name, *chosen])
            if name not in vars(machine):  # what a class defines itself stays
                rule_of = _rule_for(declaration, shape, machine.world) if is_drawn else None
                setattr(machine, name, rule_of)


for _name, _bundle in BUNDLES.items():
    setattr(VmStoreMachine, f"{_name}s", _bundle)
install_rules(VmStoreMachine)
