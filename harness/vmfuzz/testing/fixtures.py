"""What the fixtures hand out: factories, so that one test can have several of each."""

import shlex
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from vmfuzz.clause_names import check_clause
from vmfuzz.errors import VmfuzzError, did_you_mean
from vmfuzz.extensions import load_extensions
from vmfuzz.finding import Finding
from vmfuzz.liveness import Liveness
from vmfuzz.oracle import CHECKS, Session, parse_checks
from vmfuzz.runner import MODEL, Run, System, as_expected, not_produced
from vmfuzz.sut.limits import SECONDS
from vmfuzz.sut.system import LiveSystem
from vmfuzz.testing.failure import failure
from vmfuzz.testing.settings import settings
from vmfuzz.trace import Expect, Step, Trace
from vmfuzz.trace_file import load
from vmfuzz.trace_text import parse, parse_op, step_lines
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS, Op
from vmstore.outcome import Outcome
from vmstore.store import VmStore
from vmstore.world import World

_MAGIC: Final = "#vmfuzz-trace"
_ALL: Final = frozenset(CHECKS)


class Model:
    """One model, fresh from boot. Every op is checked, and a finding fails the test."""

    def __init__(self, world: World, faults: tuple[str, ...], checks: frozenset[str]) -> None:
        self.session = Session(world, Faults.of(faults), checks=checks)
        self.faults = faults
        self.steps: list[Step] = []
        self._liveness = Liveness()

    @property
    def store(self) -> VmStore:
        """What the ops mean so far: who owns what."""
        return self.session.view.store

    def run(self, op: Op | str) -> Outcome:
        """Run one op, given as it is or as a line of a trace; return what it came to.

        Errors: TraceFailed for a finding; VmfuzzError for a line that is no op, for a handle that
        is not live, and after the end of the machine.
        """
        __tracebackhide__ = True
        made = parse_op(op) if isinstance(op, str) else op
        if type(made) not in DECLARATIONS:
            raise VmfuzzError(f"{made!r} is no op, and no line of a trace")
        if self.session.is_over:
            raise VmfuzzError("the machine has ended: it panicked, aborted or broke a clause")
        reason = self._liveness.skip_reason(made)
        if reason is None:
            reason = not_produced(self.session, made)
        if reason is not None:
            raise VmfuzzError(f"this op cannot run: {reason}")
        self._liveness.apply(made)
        finding = self.session.step(made)
        self.steps.append(Step(made, self.session.outcome))
        assert self.session.outcome is not None
        self._raise(finding)
        return self.session.outcome

    def check(self) -> None:
        """Check the whole state, as the end of a trace does. Errors: TraceFailed."""
        __tracebackhide__ = True
        if not self.session.is_over and self.steps:
            self._raise(self.session.check_everything(self.steps[-1].op))

    def trace(self) -> Trace:
        """Return what ran so far, with the outcomes."""
        return Trace(self.session.state.world, list(self.steps), self.faults)

    def _raise(self, finding: Finding | None) -> None:
        __tracebackhide__ = True
        if finding is not None:
            raise failure(self.trace(), Run(finding=finding))


class _Configured:
    """A fixture that reads pytest's configuration, and knows the clauses and faults installed."""

    def __init__(self, config: pytest.Config) -> None:
        load_extensions()
        self.config = config


class ModelFactory(_Configured):
    """The fixture `vm_model`."""

    def __call__(
        self,
        world: World | None = None,
        *,
        faults: str | Iterable[str] = (),
        checks: str | Iterable[str] = _ALL,
        **sizes: int | str,
    ) -> Model:
        """Return a fresh model of `world` with `sizes` replaced.

        Errors: WorldError; UnknownFault; VmfuzzError for an unknown check.
        """
        made = world_of(self.config, world, sizes)
        return Model(made, tuple(names(faults)), parse_checks(names(checks)))


class TraceFactory(_Configured):
    """The fixture `vm_trace_factory`."""

    def __call__(
        self,
        *lines: str,
        world: World | None = None,
        faults: str | Iterable[str] = (),
        expect: tuple[str, int] | None = None,
        **sizes: int | str,
    ) -> Trace:
        """Return a trace of op lines, such as `f0 = frame_from_unused(paddr=0x0) => ok`.

        `expect` is the clause and the step that it must end in. Errors: TraceError; WorldError;
        UnknownFault; VmfuzzError for an `expect` that is none.
        """
        read = parse("\n".join([f"{_MAGIC} 1", "world", *lines]), "<lines>")
        end = (_expect(expect),) if expect is not None else ()
        made, planted = world_of(self.config, world, sizes), tuple(names(faults))
        Faults.of(planted)
        return replace(read, world=made, faults=planted, expect=end)


class Replay(_Configured):
    """The fixture `vm_replay`."""

    def __call__(
        self,
        source: Trace | Path | str,
        *,
        system: System = MODEL,
        checks: str | Iterable[str] = _ALL,
        strict: bool = False,
    ) -> Run:
        """Run a trace, the text of one, or the file at a path, relative to the root folder.

        Returns outcomes, skipped steps and the finding that was expected.
        Errors: TraceFailed when it does not end as it says; VmfuzzError for what is no trace, and
        for an unknown check.
        """
        __tracebackhide__ = True
        path = self.config.rootpath / source if isinstance(source, Path) else None
        if isinstance(source, Trace):
            trace = source
        elif path is not None:
            trace = load(path)
        else:
            trace = parse(str(source), "<text>")
        if isinstance(system, LiveSystem):
            trace = system.adopt(trace)
        result = system.run(trace, checks=parse_checks(names(checks)), strict=strict)
        if as_expected(trace, result):
            return result
        lines = step_lines(path.read_text(encoding="utf-8")) if path is not None else []
        raise failure(trace, result, path, lines)


class LiveFactory:
    """The fixture `vm_sut`. Closing it ends every agent that it started."""

    def __init__(self) -> None:
        load_extensions()
        self._open = ExitStack()

    def __enter__(self) -> "LiveFactory":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def __call__(
        self, command: str | list[str], *, seconds: float = SECONDS, **sizes: int | str
    ) -> LiveSystem:
        """Start an agent and greet it. `seconds` is what it may take for one answer.

        Errors: VmfuzzError for one that does not start, or says what it does not mean.
        """
        words = shlex.split(command) if isinstance(command, str) else command
        if not words or not words[0]:
            raise VmfuzzError("the command of the agent is empty")
        made, pinned = World().changed(**sizes), frozenset(sizes)
        system = LiveSystem(words, seconds, settings=made, pinned=pinned)
        self._open.enter_context(system)
        _ = system.world  # one that does not start is a mistake to be told at once
        return system


def corpus_dir(config: pytest.Config) -> Path:
    """Return the first of the configured corpora. Errors: UsageError when there is none."""
    corpora = settings(config).corpora
    if not corpora:
        raise pytest.UsageError("vm_corpus_dir: no corpus; set vmfuzz_corpora = tests/traces")
    return corpora[0]


def world_of(config: pytest.Config, world: World | None, sizes: dict[str, Any]) -> World:
    """Return a world with sizes replaced; without one, the default of the run's profile."""
    base = world or World(profile=settings(config).profile)
    known = list(base.__dataclass_fields__)
    unknown = sorted(sizes.keys() - {*known})
    if unknown:
        raise VmfuzzError(f"unknown world key {unknown[0]!r}{did_you_mean(unknown[0], known)}")
    try:
        return base.changed(**sizes)
    except TypeError:  # a size that is no number
        raise VmfuzzError(f"a world with {sizes}: sizes are whole numbers") from None


def names(given: str | Iterable[str]) -> list[str]:
    """Return names given as a list or as a single one."""
    return [given] if isinstance(given, str) else list(given)


def _expect(given: object) -> Expect:
    if not (isinstance(given, tuple | list) and len(given) == 2 and type(given[1]) is int):
        raise VmfuzzError(f"expect={given!r}: expected a clause and a step, as ('ACCT.3c', 1)")
    check_clause(str(given[0]))
    return Expect(*given)
