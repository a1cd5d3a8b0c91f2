"""What a reachability goal is: a situation that a campaign should have been in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from vmstore.outcome import Abort, Blocked, Err, Ok, Outcome, Panic
from vmstore.owner import SlotOwner
from vmstore.possible import has_setting
from vmstore.step import State
from vmstore.store import VmStore
from vmstore.view.spaces import Spaces
from vmstore.view.state import View
from vmstore.world import World


@dataclass(slots=True)
class Moment:
    """A step that has just run: the state after it, and what the goal noted of the state before.

    Goals look at the view, which is driven by ops and outcomes; they never look into the machine.
    """

    state: State
    op: Any
    outcome: Outcome
    before: Any = None

    @property
    def view(self) -> View:
        """The meaning of the state."""
        return self.state.view

    @property
    def store(self) -> VmStore:
        """Registries and owners."""
        return self.state.view.store

    @property
    def spaces(self) -> Spaces:
        """What the view knows about address spaces."""
        return self.state.view.spaces

    @property
    def is_ok(self) -> bool:
        """Whether the call returned normally."""
        return isinstance(self.outcome, Ok)

    @property
    def is_blocked(self) -> bool:
        """Whether the call would have waited for ever."""
        return isinstance(self.outcome, Blocked)

    @property
    def value(self) -> dict[str, Any]:
        """What the call returned, empty for a plain success and for anything else."""
        return (self.outcome.value or {}) if isinstance(self.outcome, Ok) else {}

    @property
    def detail(self) -> dict[str, Any]:
        """What the error says beyond its name."""
        return (self.outcome.detail or {}) if isinstance(self.outcome, Err) else {}

    @property
    def touched(self) -> list[SlotOwner]:
        """The owners of the pages that the step took, shared or gave back."""
        return self.state.view.store.touched

    def failed(self, *variants: str) -> bool:
        """Return whether the call returned one of these errors."""
        return isinstance(self.outcome, Err) and self.outcome.variant in variants

    def ended(self, code: str) -> bool:
        """Return whether the call panicked or aborted with this code."""
        return isinstance(self.outcome, Panic | Abort) and self.outcome.code == code


def nothing(_state: State, _op: Any) -> None:
    """Note nothing of the state before a step."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A situation: its id, in words, the ops that can bring it about, and how to recognise it.

    `before` notes what `reached` needs of the state before the step. `needs` are the settings
    without which no world shows it, in the form of `vmstore.possible`.
    """

    id: str
    text: str
    ops: tuple[type, ...]
    reached: Callable[[Moment], bool]
    before: Callable[[State, Any], Any] = nothing
    needs: tuple[str, ...] = ()

    def is_possible_in(self, world: World) -> bool:
        """Return whether the world has all that the goal needs."""
        return all(has_setting(world, need) for need in self.needs)


SMALL_COUNTS: Final = ("rc_max",)
