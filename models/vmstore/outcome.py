"""What one op came to. Plain slotted records, never changed after construction.

`Ok` carries the observed values; the handles that an op produced are named by the op itself, and
appear in `Ok.value` only when one was not produced (`segment_next` past the end: `frame=None`).

A plain success and the errors without detail are always the constants below: rules compare them by
identity, which costs a tenth of an equality.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class Ok:
    """The call returned normally."""

    value: dict[str, object] | None = None


@dataclass(slots=True)
class Err:
    """The call returned the error `variant`; nothing changed unless the op's card says so."""

    variant: str
    detail: dict[str, object] | None = None


@dataclass(slots=True)
class Panic:
    """The call unwound: its by-value arguments were dropped, the trace ends."""

    code: str


@dataclass(slots=True)
class Abort:
    """The machine was powered off, nothing was dropped, the trace ends."""

    code: str


@dataclass(slots=True)
class Blocked:
    """The call would spin for ever on a lock that a live cursor holds; nothing changed."""


@dataclass(slots=True)
class Diverges:
    """The call reached the work limit of a step; the trace ends."""


Outcome = Ok | Err | Panic | Abort | Blocked | Diverges

OK: Final = Ok()
NOT_ALIGNED: Final = Err("NotAligned")
OUT_OF_BOUND: Final = Err("OutOfBound")
IN_USE: Final = Err("InUse")
UNUSED: Final = Err("Unused")
BUSY: Final = Err("Busy")
UNIQUE: Final = Err("Unique")
SHARED: Final = Err("Shared")
WRONG_TYPE: Final = Err("WrongType")
NOT_UNTYPED: Final = Err("NotUntyped")
BORROWED: Final = Err("Borrowed")
INVALID_ARGS: Final = Err("InvalidArgs")
OVERFLOW: Final = Err("Overflow")
PAGE_FAULT: Final = Err("PageFault")
ACCESS_DENIED: Final = Err("AccessDenied")
UNALIGNED_VADDR: Final = Err("UnalignedVaddr")
BLOCKED: Final = Blocked()
DIVERGES: Final = Diverges()

ERRORS: Final = (
    NOT_ALIGNED,
    OUT_OF_BOUND,
    IN_USE,
    UNUSED,
    BUSY,
    UNIQUE,
    SHARED,
    WRONG_TYPE,
    NOT_UNTYPED,
    BORROWED,
    INVALID_ARGS,
    OVERFLOW,
    PAGE_FAULT,
    ACCESS_DENIED,
    UNALIGNED_VADDR,
)
_CONSTANTS: Final = (OK, *ERRORS, BLOCKED, DIVERGES)


def returns(outcome: Outcome, value: dict[str, object]) -> bool:
    """Return whether `outcome` is a success with exactly `value`; cheaper than an equality."""
    return outcome.__class__ is Ok and outcome.value == value


def canonical(outcome: Outcome) -> Outcome:
    """Return the constant that equals `outcome`, or `outcome` itself when there is none."""
    for constant in _CONSTANTS:
        if constant == outcome:
            return constant
    return outcome


class CallEnded(Exception):
    """The modelled call does not return; `outcome` is what it came to instead."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Unwinding(CallEnded):
    """A panic on its way out of the modelled call."""

    def __init__(self, code: str) -> None:
        super().__init__(Panic(code))


class PoweredOff(CallEnded):
    """An abort of the modelled machine; nothing may catch it on the way out."""

    def __init__(self, code: str) -> None:
        super().__init__(Abort(code))


class Refused(CallEnded):
    """A pseudo error: upstream's type checker, or the driver, does not let the call be made."""

    def __init__(self, error: Err) -> None:
        super().__init__(error)


class OutOfWork(CallEnded):
    """The modelled call would go on for longer than any terminating one can."""

    def __init__(self) -> None:
        super().__init__(DIVERGES)
