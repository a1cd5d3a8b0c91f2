"""Reads what another process, or an earlier run, wrote as one JSON object of known fields."""

import json
from collections.abc import Mapping
from typing import Any

Types = Mapping[str, tuple[type, ...]]


def typed_object(text: bytes, types: Types) -> dict[str, Any] | None:
    """Return the object of exactly these fields, each of one of its types, None for anything else.

    A bool is no int here.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.keys() != types.keys():
        return None
    return value if all(type(value[name]) in allowed for name, allowed in types.items()) else None
