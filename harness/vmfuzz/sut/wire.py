"""Ops as lines of the wire protocol: the names and arguments of the recorded vectors."""

import json
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from vmfuzz.replayer import FRAME_FORMS
from vmstore.ids import CacheChange, CountWord, Deferred, FlushKind, PageCount, Payload
from vmstore.ops import DECLARATIONS, Declaration, Field, Op
from vmstore.ops.cursor import CursorFlusherIssue
from vmstore.ops.host import NO_LIMIT, HostPoolLimit
from vmstore.ops.reader import ReaderNew
from vmstore.ops.writer import WriterNew

RESET: Final = b'{"op":"reset"}\n'
# Ops that the recordings have under another name; of those with one name, arguments tell which.
_NAMES: Final = {
    **{form: recorded for recorded, form in FRAME_FORMS.items()},
    "rcu_sync": "host_rcu_sync",
}
UNRECORDED: Final = frozenset({"access"})  # by wire name: only agents that list them are asked

_Encoder = Callable[[Any], bytes]


def wire_name(declaration: Declaration) -> str:
    """Return the name of an op on the wire."""
    return _NAMES.get(declaration.name, declaration.name)


def encode(op: Op) -> bytes:
    """Return the line that asks for `op`. Requires: the ids of its handles are their numbers."""
    return ENCODERS[op.__class__](op)


def wire_args(op: Op) -> dict[str, Any]:
    """Return the arguments of an op as the recordings write them; what is not given is left out."""
    declaration = DECLARATIONS[type(op)]
    args: dict[str, Any] = {}
    for field in (*declaration.handles, *declaration.arguments):
        value = getattr(op, field.name)
        if not _is_left_out(op, field, value):
            args[field.name] = _recorded(field, value)
    return args


def _is_left_out(op: Op, field: Field, value: Any) -> bool:
    """Return whether the recordings leave an argument out: not given, or without meaning here."""
    if value is None:
        return True
    match op:
        case CursorFlusherIssue():
            unused = {"all": ("va", "end"), "single": ("end",), "range": ()}[op.kind]
            return field.name in unused
        case ReaderNew() | WriterNew():
            return op.buf is None and field.name in {"offset", "len"}
        case HostPoolLimit():
            return bool(value == NO_LIMIT)
        case _:
            return field.type is CacheChange and bool(value == "keep")


def _recorded(field: Field, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if field.type is CountWord and value.isdigit():
        return int(value)
    return value


def _encoder(declaration: Declaration) -> _Encoder:
    """Return the encoder of an op: a format string where every argument is always given."""
    name = wire_name(declaration)
    fields = (*declaration.handles, *declaration.arguments)
    if declaration.alternatives or any(f.type in _SOMETIMES for f in fields):
        return lambda op: _plain(name, op)
    names = tuple(f.name for f in fields)
    kinds: dict[str, str] = {f.name: _FORMATS.get(f.name, "%d") for f in fields}
    inner = ",".join(f'"{field}":{kinds[field]}' for field in names)
    template = f'{{"op":"{name}","args":{{{inner}}}}}\n'
    if len(names) < 2:
        return lambda op: (template % tuple([getattr(op, field) for field in names])).encode()
    values = attrgetter(*names)
    return lambda op: (template % values(op)).encode()


def _plain(name: str, op: Op) -> bytes:
    line = json.dumps({"op": name, "args": wire_args(op)}, separators=(",", ":"))
    return line.encode() + b"\n"


# Types of arguments that may be left out, or are not written as they are.
_SOMETIMES: Final = frozenset({CacheChange, CountWord, Deferred, FlushKind, PageCount, Payload})
_FORMATS: Final = dict.fromkeys(("meta", "cache", "config", "kind", "ty"), '"%s"')
ENCODERS: Final = {op: _encoder(declaration) for op, declaration in DECLARATIONS.items()}
