"""The model as a Hypothesis state machine: a rule per op, a bundle per kind of handle.

Every clause is checked after each rule; a violation raises `MachineFinding`, whose text is the
finding block with the trace so far, ready to be stored.
"""

from typing import Any, ClassVar

from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, multiple, rule

from vmfuzz.finding import Finding
from vmfuzz.oracle import CHECKS, Session
from vmfuzz.report.block import finding_block
from vmfuzz.runner import not_produced
from vmfuzz.strategies import argument
from vmfuzz.trace import Step, Trace
from vmstore.faults import Faults
from vmstore.ids import HANDLE_KINDS
from vmstore.ops import GENERATED, Declaration, Field, Op
from vmstore.world import World

FUZZ_WORLD = World(frames=16, pt_frames=40, entries=4, rc_max=9, list_ids=9)
BUNDLES = {kind.name: Bundle(f"{kind.name}s") for kind in HANDLE_KINDS.values()}


class MachineFinding(AssertionError):
    """A finding on its way through Hypothesis, which shrinks and re-raises it."""

    def __init__(self, finding: Finding, trace: Trace) -> None:
        super().__init__(finding_block(finding, trace))
        self.finding = finding
        self.trace = trace


class VmStoreMachine(RuleBasedStateMachine):
    """Drives one session. Subclasses may set `world`, `faults` and `checks`.

    A rule returns the handles that its op really produced; after a panic or abort the remaining
    rules of the example do nothing.
    """

    world: ClassVar[World] = FUZZ_WORLD
    faults: ClassVar[tuple[str, ...]] = ()
    checks: ClassVar[frozenset[str]] = frozenset(CHECKS)
    strict: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(
            self.world, Faults.of(self.faults), checks=self.checks, strict=self.strict
        )
        self.steps: list[Step] = []
        self.next_ids: dict[str, int] = dict.fromkeys(self.session.state.live, 0)

    def apply(self, declaration: Declaration, values: dict[str, Any]) -> Any:
        """Run one op with fresh destinations; return what Hypothesis puts into the bundle."""
        if self.session.is_over:
            return multiple()
        made: list[tuple[str, int]] = []
        for field in declaration.destinations:
            if field.kind:
                handle = self.next_ids[field.kind.name]
                self.next_ids[field.kind.name] = handle + 1
                values[field.name] = handle
                made.append((field.kind.name, handle))
        op: Op = declaration.make(values)
        if not_produced(self.session, op):
            return multiple()
        self.steps.append(Step(op))
        finding = self.session.step(op)
        self.after_step(op)
        if finding is not None:
            raise MachineFinding(finding, self.trace())
        live = self.session.state.live
        return multiple(*[handle for kind, handle in made if handle in live[kind]])

    def after_step(self, op: Op) -> None:
        """Called after every op that ran; the engine counts here."""

    def trace(self) -> Trace:
        """Return what ran so far as a trace."""
        return Trace(self.world, list(self.steps), self.faults)

    def after_example(self) -> None:
        """Called when an example ends; the engine counts here."""

    def teardown(self) -> None:
        """Check the whole state once more at the end of an example."""
        self.after_example()
        if not self.session.is_over and self.steps:
            finding = self.session.check_everything(self.steps[-1].op)
            if finding is not None:
                raise MachineFinding(finding, self.trace())


def _rule_for(
    declaration: Declaration, shape: tuple[Field, ...]
) -> Any:  # Hypothesis returns a descriptor
    """Return the Hypothesis rule of one op: its handles from bundles, the rest from strategies."""
    drawn: dict[str, Any] = {}
    for field in declaration.handles:
        if field.kind and field in shape:
            bundle = BUNDLES[field.kind.name]
            drawn[field.name] = consumes(bundle) if field.is_consumed else bundle
    for field in declaration.arguments:
        drawn[field.name] = argument(field, FUZZ_WORLD)

    def run_op(self: VmStoreMachine, **values: Any) -> Any:  # bundle values
        produced = self.apply(declaration, values)
        return produced if declaration.destinations else None

    run_op.__name__ = declaration.name
    if declaration.destinations and declaration.destinations[0].kind:
        target = BUNDLES[declaration.destinations[0].kind.name]
        return rule(target=target, **drawn)(run_op)
    plain: Any = rule(**drawn)
    return plain(run_op)


def _install_rules() -> None:
    """Give the machine its bundles and one rule per op; Hypothesis reads them off the class."""
    for name, bundle in BUNDLES.items():
        setattr(VmStoreMachine, f"{name}s", bundle)
    for declaration in GENERATED:
        for shape in declaration.shapes():
            chosen = [f.name for f in shape if f.is_alternative]
            name = "_".join([declaration.name, *chosen])
            setattr(VmStoreMachine, name, _rule_for(declaration, shape))


_install_rules()
