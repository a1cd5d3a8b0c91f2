"""The comparator of steps in the recordings' form: the one of vectors and of live systems."""

from collections.abc import Container
from typing import Final

from vmfuzz.vectors import Json

# What a step object may have besides `op` and `args`, in the order in which a difference is named.
FIELDS: Final[tuple[str, ...]] = ("out", "slots", "ev", "pt", "va", "rw", "mem")
OPTIONAL: Final = FIELDS[1:]
# The ops, by wire name, whose successes have a truth value somewhere.
TRUTHFUL: Final = frozenset(
    {
        *("frame_info", "frame_eq", "list_contains", "list_size", "lcursor_as_list"),
        *("reader_remain", "writer_avail", "writer_atomic_compare_exchange"),
    }
)
_ENDS: Final = ("panic", "abort")
_KNOWN: Final = frozenset({"op", "args", *FIELDS})


def first_difference(
    expected: dict[str, Json], actual: dict[str, Json], reported: Container[str] | None = None
) -> tuple[str, Json, Json] | None:
    """Return the first field that differs, with both values; None for what is not there.

    `reported` are the fields that whoever gave `actual` is known to give whenever there is
    something to say: another one is compared only where it is there, null is as good as nothing,
    and unknown ones are ignored, as is what only says more than was asked. None, for recordings,
    means all of them and the unknown ones, too.
    """
    if _agrees(expected, actual):
        return None
    names = FIELDS
    if reported is None:
        names += tuple(sorted((expected.keys() | actual.keys()) - _KNOWN))
    for name in names:
        wanted, found = expected.get(name), actual.get(name)
        if wanted == found and (wanted is None or is_same(wanted, found)):
            continue
        if reported is not None and _agrees_as_far(name, wanted, found, reported):
            continue
        return name, wanted, found
    return None


def _agrees(expected: dict[str, Json], actual: dict[str, Json]) -> bool:
    """Return whether the steps have the same fields with the same values: the usual case."""
    fields = len(actual) - ("op" in actual) - ("args" in actual)
    if fields != len(expected) - ("op" in expected) - ("args" in expected):
        return False
    for name, value in expected.items():
        if name == "op" or name == "args":
            continue
        if name not in actual or value != actual[name]:
            return False
        if name == "out" and not is_same(value, actual[name]):  # only here are truth values
            return False
    return True


def _agrees_as_far(name: str, wanted: Json, found: Json, reported: Container[str]) -> bool:
    """Return whether two values of a field differ only in how much the other side says.

    More than was asked is where a cursor stands that the op does not name, or after a panic; the
    bytes left of further readers; that there are no nodes before there is a table; what a panic
    said.
    """
    if found is None:
        return name not in reported
    if name == "va":
        return wanted is None
    if name == "pt":
        return wanted is None and is_same(0, found)
    if name == "rw" and _is_object(found):
        named = wanted if _is_object(wanted) else {}
        return is_same(named, {key: found[key] for key in found if key in named})
    if name == "out" and _is_object(found) and _is_object(wanted):
        return any(end in wanted and is_same(wanted[end], found.get(end)) for end in _ENDS)
    return wanted is None and found == []


def _is_object(value: Json) -> bool:
    return value.__class__ is dict


def is_same(expected: Json, actual: Json) -> bool:
    """Return whether two JSON values are equal and of the same types: 1 is neither 1.0 nor true."""
    kind = expected.__class__
    if kind is not actual.__class__:
        return False
    if kind is dict:
        if len(expected) != len(actual):
            return False
        for key, value in expected.items():
            if key not in actual or not is_same(value, actual[key]):
                return False
        return True
    if kind is list:
        if len(expected) != len(actual):
            return False
        for value, other in zip(expected, actual, strict=True):  # noqa: SIM110  # `all` is slower
            if not is_same(value, other):
                return False
        return True
    return bool(expected == actual)
