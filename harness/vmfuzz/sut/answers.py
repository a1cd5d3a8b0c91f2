"""What an agent says, read with suspicion: `ready` lines and step objects."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from vmfuzz.comparison import OPTIONAL, TRUTHFUL, is_same
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
        text = line.decode().strip(" \t\r")  # a console ends its lines with \r
        value, end = _DECODER.raw_decode(text)
    except RecursionError:
        raise AgentFailure("PROTOCOL", f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:  # not JSON, not UTF-8, thousands of digits
        _not_json(line, str(error))
    if end != len(text):
        _not_json(line, f"more after column {end}")
    return _checked(line, value)


def _checked(line: bytes, value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise AgentFailure("PROTOCOL", f"sent what is no JSON object: {brief(line)}")
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        raise AgentFailure("PROTOCOL", f"nested deeper than {MAX_DEPTH} levels")
    return value


def _not_json(line: bytes, problem: str) -> NoReturn:
    text = f"sent what is not JSON: {brief(line)} ({shown(problem)[:80]})"
    raise AgentFailure("PROTOCOL", text) from None


def _refuse(word: str) -> Json:
    raise ValueError(f"{word} is no number")


# Made once: it costs as much as a line. No number of the protocol has a fraction, so one that has
# is left as the text it is, which equals no number.
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=str)


def read_all(lines: list[bytes]) -> list[Json] | None:
    """Return the objects of many lines at once, in half the time; None if there is any doubt.

    Whoever gets None reads the lines one by one. Each line begins and ends like an object, so that
    two lines cannot make one.
    """
    text = b"\n".join(lines)
    if not (text.startswith(b"{") and text.endswith(b"}")):
        return None
    if text.count(b"}\n{") != len(lines) - 1:
        return None
    try:
        values, _ = _DECODER.raw_decode((b"[" + text.replace(b"}\n{", b"},{") + b"]").decode())
    except (RecursionError, ValueError):
        return None
    return values if len(values) == len(lines) else None


def read_answers(
    lines: list[bytes], names: list[str], expected: Sequence[dict[str, Json] | None]
) -> tuple[list[dict[str, Json]], AgentFailure | None]:
    """Return the answers to the ops called `names`, and what is wrong with the line after them.

    An answer that is the same as the expected one, types included, is that very object: whoever
    judges it need not look at it again. Most are, so that all else is done for the others only.
    """
    values = read_all(lines) or [None] * len(lines)
    answers: list[dict[str, Json]] = []
    try:
        for line, name, value, wanted in zip(lines, names, values, expected, strict=False):
            if value.__class__ is dict and "op" in value and value["op"] == name:
                del value["op"]  # repeated, with the arguments, for whoever reads along
                value.pop("args", None)
            same = value
            if value != wanted and value.__class__ is dict:  # an empty list says nothing
                same = {key: said for key, said in value.items() if said != []}
            if same == wanted is not None and (_is_wordless(line, name) or is_same(same, wanted)):
                answers.append(wanted)
            else:
                answers.append(read_answer(line, name, value))
    except AgentFailure as failure:
        return answers, failure
    return answers, None


def _is_wordless(line: bytes, name: str) -> bool:
    """Return whether neither the line nor the answer to this op can have truth values.

    Then equal means the same: 1 equals true, and no other value of another type.
    """
    return name not in TRUTHFUL and b"true" not in line and b"false" not in line


def read_answer(line: bytes, name: str, known: Json = None) -> dict[str, Json]:
    """Return the answer to the op called `name`. Errors: AgentFailure unless it is one.

    `known` is the line's value if it has been read already.
    """
    answer = read_object(line) if known is None else _checked(line, known)
    out = answer.get("out")
    if out.__class__ is not dict:
        problem = "without 'out'" if out is None else "whose 'out' is no object"
        raise AgentFailure("PROTOCOL", f"sent an answer {problem}: {brief(line)}")
    if not any(key in out for key in _OUTS):
        allowed = ", ".join(_OUTS)
        text = f"sent an answer whose 'out' has none of {allowed}: {brief(line)}"
        raise AgentFailure("PROTOCOL", text)
    if (b"true" in line or b"false" in line) and any(
        _has_truth_value(answer.get(key)) for key in OPTIONAL
    ):
        text = f"sent true or false where a field has numbers: {brief(line)}"
        raise AgentFailure("PROTOCOL", text)
    if answer.get("op", name) != name:
        text = f"answered {shown(answer['op'])[:60]!r} when {name} was asked: out of order?"
        raise AgentFailure("PROTOCOL", text)
    return answer


def _has_truth_value(value: Json) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return any(map(_has_truth_value, value))
    return isinstance(value, bool)


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
