"""What a worker is asked to do, as one line of JSON: plain values, so that nothing is pickled."""

import json
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Literal

from vmfuzz.engines.interface import Plan
from vmfuzz.exhaustive.scope import Scope
from vmstore.world import World

Mode = Literal["engine", "check", "recover"]

OUT_OF_MEMORY: Final = 71  # exit code of a worker whose job needs more than it may use


@dataclass(frozen=True, slots=True)
class Job:
    """One worker's task.

    `engine`: run `name` under `plan`. `check`: run the stored traces at `paths`, and say which
    features each shows. `recover`: run what `beat` says once more, writing each op to
    `paths[0]` before it runs.
    `seen` are features that are no news; `share` the part of traces that are grown from stored
    ones. Units: `memory` bytes.
    """

    mode: Mode
    name: str
    plan: dict[str, Any]
    heartbeat: str = ""
    memory: int = 0
    corpus: str | None = None
    share: float = 0.0
    seen: list[int] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    beat: dict[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the job as one line."""
        return json.dumps(asdict(self), separators=(",", ":")).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Job":
        """Return the job of a line, which comes from our own driver."""
        return cls(**json.loads(line))

    def with_plan(self, **changes: Any) -> "Job":
        """Return this job with parts of its plan replaced."""
        return replace(self, plan={**self.plan, **changes})


def plan_values(plan: Plan) -> dict[str, Any]:
    """Return a plan for the model as JSON values. Requires: no live system."""
    scope = plan.scope
    return {
        "seconds": plan.seconds,
        "steps": plan.steps,
        "rng_seed": plan.rng_seed,
        "faults": list(plan.faults),
        "checks": sorted(plan.checks),
        "strict": plan.strict,
        "world": plan.world.settings(),
        "pinned": sorted(plan.pinned),
        "feedback": plan.feedback,
        "scope": {
            "depth": scope.depth,
            "ops": list(scope.ops),
            "values": {name: list(words) for name, words in scope.values.items()},
            "resume": str(scope.resume) if scope.resume is not None else None,
        },
    }


def plan_from(values: dict[str, Any]) -> Plan:
    """Return the plan of `plan_values`. Errors: KeyError, TypeError, VmfuzzError, WorldError."""
    scope = values["scope"]
    resume = scope["resume"]
    return Plan(
        seconds=values["seconds"],
        steps=values["steps"],
        rng_seed=values["rng_seed"],
        faults=tuple(values["faults"]),
        checks=frozenset(values["checks"]),
        strict=values["strict"],
        world=World.from_settings(values["world"]),
        pinned=frozenset(values["pinned"]),
        feedback=values["feedback"],
        scope=Scope(
            depth=scope["depth"],
            ops=tuple(scope["ops"]),
            values={name: tuple(words) for name, words in scope["values"].items()},
            resume=Path(resume) if resume is not None else None,
        ),
    )


def search_file(plan: Plan) -> str:
    """Return the name of the file that an exhaustive search of this kind is kept in.

    The depth plays no part: a deeper search goes on from a shallower one.
    """
    values = plan_values(plan)
    scope = values["scope"]
    about = [values[name] for name in ("faults", "checks", "strict", "world", "pinned")]
    text = json.dumps([*about, scope["ops"], scope["values"]], sort_keys=True)
    return f"exhaustive-{blake2b(text.encode(), digest_size=4).hexdigest()}.jsonl"


def seed_of(seed: int, *parts: int | str) -> int:
    """Return a seed of 31 bits for one part of a campaign: a run, a stage, a shard, a restart."""
    text = "/".join(map(str, (seed, *parts)))
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "little") >> 1
