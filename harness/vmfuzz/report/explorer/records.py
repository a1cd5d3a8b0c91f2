"""What one state is recorded as: a flat map from subjects to small JSON objects, to be compared."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from vmstore.ids import Prop

Record = dict[str, Any]  # JSON scalars, and lists of them
Row = tuple[str, Record]  # subject such as `page:0x2000`, and what it is like
Scene = dict[str, Record]
NOTHING: Final = "nothing"
LIMIT: Final = 400  # subjects of one kind in one state


def made(subject: str, bad: Iterable[str] = (), **fields: object) -> Row:
    """Return a row without the fields that are empty; `bad` says where the two sides differ."""
    record = {name: value for name, value in fields.items() if value not in (None, "", 0, [])}
    problems = [text for text in bad if text]
    return subject, record | {"bad": problems} if problems else record


def capped(kind: str, rows: Iterator[Row]) -> Iterator[Row]:
    """Yield the first `LIMIT` rows, and how many more there are."""
    yield from islice(rows, LIMIT)
    left = sum(1 for _ in rows)
    if left:
        yield f"more:{kind}", {"n": left}


def rights(prop: Prop) -> str:
    """Return a property as people write it: rights, cache policy, what else is set."""
    flags, cache, priv = prop
    text = "".join(c if flags >> bit & 1 else "-" for bit, c in enumerate("rwx"))
    names = {3: "accessed", 4: "dirty", 7: "avail2"}
    more = [name for bit, name in names.items() if flags >> bit & 1]
    marks = {0: "user", 1: "global", 6: "avail1", 7: "shared"}
    more += [name for bit, name in marks.items() if priv >> bit & 1]
    return " ".join([text, cache, *more])


def unlike(machine: object, ops: object) -> str:
    """Return what to say of two values that should be the same, nothing if they are."""
    if machine == ops:
        return ""
    return f"the machine has {_said(machine)}, by the ops it is {_said(ops)}"


def _said(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or NOTHING
    return str(value)
