"""What an agent says, read with suspicion: `ready` lines and step objects."""

import json
from dataclasses import dataclass
from typing import Any, Final

from vmfuzz.comparison import OPTIONAL
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.sut.channel import brief
from vmfuzz.sut.failure import AgentFailure
from vmfuzz.vectors import is_deeper, recorded_world
from vmstore.world import CHOICES, LIMITS, World, WorldError

PROTOCOL: Final = 1
MAX_DEPTH: Final = 32
_OUTS: Final = ("ok", "err", "panic", "abort", "refused")
_EXTRA: Final[tuple[str, ...]] = ("levels", "entries", "rc_max", "list_ids", "rcu", "profile")
_MAX_OPS: Final = 1000

Json = Any  # what json.loads returns


@dataclass(frozen=True, slots=True)
class Ready:
    """What an agent says of itself. None for `ops`: all; for `fields`: to be found out."""

    build: str
    world: World
    named: frozenset[str]
    ops: frozenset[str] | None
    fields: frozenset[str] | None


def read_object(line: bytes) -> dict[str, Json]:
    """Return the JSON object of a line. Errors: AgentFailure for anything else."""
    try:
        value = _DECODER.decode(line.decode())
    except RecursionError:
        raise AgentFailure("PROTOCOL", f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:  # not JSON, not UTF-8, thousands of digits
        text = f"sent what is not JSON: {brief(line)} ({shown(error)[:80]})"
        raise AgentFailure("PROTOCOL", text) from None
    if not isinstance(value, dict):
        raise AgentFailure("PROTOCOL", f"sent what is no JSON object: {brief(line)}")
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        raise AgentFailure("PROTOCOL", f"nested deeper than {MAX_DEPTH} levels")
    return value


def _refuse(word: str) -> Json:
    raise ValueError(f"{word} is no number")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)  # made once: it costs as much as a line


def read_answer(line: bytes, name: str) -> dict[str, Json]:
    """Return the answer to the op called `name`. Errors: AgentFailure unless it is one."""
    answer = read_object(line)
    out = answer.get("out")
    if out.__class__ is not dict:
        problem = "without 'out'" if out is None else "whose 'out' is no object"
        raise AgentFailure("PROTOCOL", f"sent an answer {problem}: {brief(line)}")
    if not any(key in out for key in _OUTS):
        allowed = ", ".join(_OUTS)
        text = f"sent an answer whose 'out' has none of {allowed}: {brief(line)}"
        raise AgentFailure("PROTOCOL", text)
    if answer.get("op", name) != name:
        text = f"answered {shown(answer['op'])[:60]!r} when {name} was asked: out of order?"
        raise AgentFailure("PROTOCOL", text)
    return answer


def read_ready(line: bytes) -> Ready:
    """Return what a `ready` line says. Errors: AgentFailure; VmfuzzError for a world of its own."""
    raw = read_object(line)
    ready = raw.get("ready")
    if not isinstance(ready, dict):
        raise AgentFailure("PROTOCOL", f"sent no 'ready' object where one was due: {brief(line)}")
    version = ready.get("protocol", PROTOCOL)
    if version.__class__ is not int or version != PROTOCOL:
        text = f"speaks protocol {brief(json.dumps(version).encode())}, not {PROTOCOL}"
        raise AgentFailure("PROTOCOL", text)
    world = ready.get("world")
    if not isinstance(world, dict):
        raise AgentFailure("PROTOCOL", "sent a 'ready' whose 'world' is no object")
    build = ready.get("build", "debug")
    if not isinstance(build, str):
        raise AgentFailure("PROTOCOL", "sent a 'ready' whose 'build' is no string")
    named = frozenset({"frames", "build"} | {key for key in (*LIMITS, *CHOICES) if key in world})
    return Ready(build, _world(world, build), named, _ops(ready), _fields(ready))


def _world(raw: dict[str, Json], build: str) -> World:
    """Return the modelled machine that is like the agent's."""
    where = "--sut: ready"
    sizes = {"pt_frames": 0, "cpus": 1, **raw}
    extra: dict[str, str] = {key: str(raw[key])[:40] for key in _EXTRA if key in raw}
    variants = raw.get("variants", {})
    if not isinstance(variants, dict):
        raise VmfuzzError(f"{where}: world variants: an object is needed")
    extra |= {f"variant.{shown(key)[:40]}": str(value)[:40] for key, value in variants.items()}
    try:
        base = World.from_settings({"frames": "1", "pt_frames": "0", **extra})
    except WorldError as error:
        raise VmfuzzError(f"{where}: {error}") from None
    return recorded_world(sizes, build, where, base)


def _ops(ready: dict[str, Json]) -> frozenset[str] | None:
    return _names(ready, "ops")


def _fields(ready: dict[str, Json]) -> frozenset[str] | None:
    fields = _names(ready, "fields")
    return fields and fields & frozenset(OPTIONAL)


def _names(ready: dict[str, Json], key: str) -> frozenset[str] | None:
    names = ready.get(key)
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise AgentFailure("PROTOCOL", f"sent a 'ready' whose {key!r} is no list of names")
    if len(names) > _MAX_OPS:
        raise AgentFailure("PROTOCOL", f"sent a 'ready' with more than {_MAX_OPS} {key}")
    return frozenset(names)
