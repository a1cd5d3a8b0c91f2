"""What a search is asked for, and the claim that it ends in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from vmfuzz.amounts import counted
from vmfuzz.exhaustive.alphabet import DEFAULT_OPS, Alphabet, alphabet, chosen_ops, tiny_world
from vmfuzz.exhaustive.graph import Graph
from vmfuzz.trace_text import format_world
from vmstore.world import World

DEFAULT_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Scope:
    """What a search is asked for.

    `ops` are patterns of op names, `values` texts by `ARGUMENT` or `OP.ARGUMENT`; `resume` is the
    file that the search is kept in. Units: `depth` in ops.
    """

    depth: int = DEFAULT_DEPTH
    ops: tuple[str, ...] = DEFAULT_OPS
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    resume: Path | None = None

    def alphabet(self, world: World, pinned: frozenset[str]) -> Alphabet:
        """Return the alphabet in its world. Errors: VmfuzzError."""
        ops = chosen_ops(self.ops)
        return alphabet(tiny_world(world, pinned, ops), ops, self.values)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a search may say when it ends: the words, the numbers, whether it is all it was to say.

    `verdict` is a phrase such as `every trace of up to 5 ops over this alphabet`.
    """

    verdict: str
    lines: list[str]
    document: dict[str, object]
    is_complete: bool


def about(
    alphabet: Alphabet, faults: tuple[str, ...], checks: frozenset[str], *, strict: bool
) -> dict[str, Any]:
    """Return all that decides what a search over an alphabet finds, as JSON values."""
    return {
        "world": format_world(alphabet.world).removeprefix("world").strip() or "by default",
        "faults": sorted(faults),
        "checks": sorted(checks),
        "strict": strict,
        "alphabet": alphabet.describe(),
    }


def digest_of(about: dict[str, Any], root: bytes) -> str:
    """Return the identity of a search: what it is about, and the form of its first state."""
    return blake2b(repr(about).encode() + root, digest_size=16).hexdigest()


def claim(scope: Scope, alphabet: Alphabet, graph: Graph) -> Claim:
    """Return what the search has shown so far, but for the findings."""
    reached = graph.complete_depth()
    depth = scope.depth if reached is None else min(reached, scope.depth)
    is_complete = depth == scope.depth
    traces = sum(graph.traces(depth))
    states, steps = len(graph), graph.steps
    verdict = f"every trace of up to {counted(depth, 'op')} over this alphabet"
    lines = [f"alphabet, in the {format_world(alphabet.world)}:"]
    lines += [f"  {line}" for line in alphabet.describe()]
    lines += [
        f"{verdict}: {counted(traces, 'trace')} in {counted(states, 'state')}"
        f" ({_ratio(traces, states)} traces a state) and {counted(steps, 'step')}"
        f" ({_ratio(traces, steps)} times fewer)",
        "states met first after 0, 1, ... ops: " + ", ".join(f"{n:,}" for n in graph.at_depth()),
    ]
    if not is_complete:
        left = len(graph) - graph.expanded
        more = f"{counted(left, 'state')} still to be expanded"
        lines.append(f"not every one of {counted(depth + 1, 'op')}: {more}")
    document: dict[str, object] = {
        "world": alphabet.world.settings(),
        "alphabet": alphabet.describe(),
        "depth": depth,
        "complete": is_complete,
        "traces": traces,
        "states": graph.at_depth(),
        "expanded": graph.expanded,
        "steps": steps,
    }
    return Claim(verdict, lines, document, is_complete)


def _ratio(many: int, few: int) -> str:
    ratio = many / max(1, few)
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"
