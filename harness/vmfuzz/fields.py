"""How a field of an op is written: one codec per field type, for the text and the byte form."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from vmfuzz.errors import did_you_mean
from vmstore import ids
from vmstore.arch import U64_MASK
from vmstore.payload import pattern

_SHORT: Final = 8  # a payload up to this length is written out even if it is a pattern
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]{1,64}|[0-9]{1,64}").fullmatch
COUNT_NAMES: Final = ("MAX", "MAX-1", "MAX+1", "UNUSED", "UNIQUE")


class FieldError(ValueError):
    """A field's text that does not mean a value; the caller adds the position."""


@dataclass(frozen=True, slots=True)
class FieldCodec:
    """Text form of one field type, and the class of values it draws from.

    `domain` is `number`, `choice`, `short` or `payload`; a choice lists its words in `words`, a
    short number has 16 bits and is at most `top`.
    """

    parse: Callable[[str], Any]
    format: Callable[[Any], str]
    domain: str
    words: tuple[str, ...] = ()
    top: int = U64_MASK


def parse_number(text: str) -> int:
    """Return the 64-bit number that `text` names, decimal or hexadecimal. Errors: FieldError."""
    if not _NUMBER(text):
        raise FieldError(f"{text[:40]!r} is no number")
    number = int(text, 16) if text[:2] in {"0x", "0X"} else int(text)
    if number > U64_MASK:
        raise FieldError(f"{text} does not fit into 64 bits")
    return number


def parse_choice(text: str, words: tuple[str, ...]) -> str:
    """Return `text` if it is one of `words`. Errors: FieldError naming the closest."""
    if text in words:
        return text
    hint = did_you_mean(text, words) or f"; allowed are {', '.join(words)}"
    raise FieldError(f"{text[:40]!r} is not allowed here{hint}")


def _parse_count(text: str) -> str:
    if text in COUNT_NAMES:
        return text
    try:
        return str(parse_number(text))
    except FieldError:
        raise FieldError(
            f"{text[:40]!r} is no reference count; allowed are numbers, {', '.join(COUNT_NAMES)}"
        ) from None


def _short(top: int) -> FieldCodec:
    def parse(text: str) -> int:
        number = parse_number(text)
        if number > top:
            raise FieldError(f"{text} is more than {top}")
        return number

    return FieldCodec(parse, str, "short", top=top)


def parse_payload(text: str) -> bytes:
    """Return the bytes that `text` names. Errors: FieldError.

    Shape: hexadecimal digits in pairs, or `N@S` for N bytes of which byte k is `(S + 7 k) mod 256`.
    """
    found = re.fullmatch(r"([0-9]{1,4})@([0-9]{1,3})", text)
    if found:
        length, seed = int(found[1]), int(found[2])
        if length > ids.MAX_PAYLOAD or seed > _MAX_SEED:
            raise FieldError(
                f"{text}: at most {ids.MAX_PAYLOAD} bytes, a first byte up to {_MAX_SEED}"
            )
        return pattern(seed, length)
    if not re.fullmatch(r"([0-9a-fA-F]{2})*", text):
        raise FieldError(f"{text[:40]!r} is neither hexadecimal bytes nor LENGTH@FIRST")
    if len(text) > 2 * ids.MAX_PAYLOAD:
        raise FieldError(f"{len(text) // 2} bytes are more than {ids.MAX_PAYLOAD}")
    return bytes.fromhex(text)


def format_payload(data: bytes) -> str:
    """Return the canonical text of a payload."""
    if not data:
        return "0@0"
    if len(data) > _SHORT and data == pattern(data[0], len(data)):
        return f"{len(data)}@{data[0]}"
    return data.hex()


_MAX_SEED: Final = 0xFF


def _choice(words: tuple[str, ...]) -> FieldCodec:
    return FieldCodec(lambda text: parse_choice(text, words), str, "choice", words)


def _parse_switch(text: str) -> bool:
    return parse_choice(text, _SWITCH) == "true"


def _parse_flags(text: str) -> int:
    """Return the eight flags that `text` names. Errors: FieldError."""
    flags = parse_number(text)
    if flags > MAX_FLAGS:
        raise FieldError(f"{text} does not fit into 8 bits")
    return flags


MAX_FLAGS: Final = 0xFF
_SWITCH: Final = ("false", "true")
_ADDRESS: Final = FieldCodec(parse_number, hex, "number")
_COUNT: Final = FieldCodec(parse_number, str, "number")

CODECS: Final[dict[object, FieldCodec]] = {
    ids.Paddr: _ADDRESS,
    ids.PaddrEnd: _ADDRESS,
    ids.ByteOffset: _ADDRESS,
    ids.ByteOffsetEnd: _ADDRESS,
    ids.MetaVal: _COUNT,
    ids.Vaddr: _ADDRESS,
    ids.VaddrEnd: _ADDRESS,
    ids.ByteLength: _ADDRESS,
    ids.Level: _COUNT,
    ids.CpuNumber: _COUNT,
    ids.PageCount: _COUNT,
    ids.PageFlags: FieldCodec(_parse_flags, hex, "short", top=MAX_FLAGS),
    ids.PrivFlags: FieldCodec(_parse_flags, hex, "short", top=MAX_FLAGS),
    ids.Deferred: FieldCodec(_parse_switch, lambda value: str(value).lower(), "choice", _SWITCH),
    ids.MetaKind: _choice(ids.META_KINDS),
    ids.CachePolicy: _choice(ids.CACHE_POLICIES),
    ids.CacheChange: _choice(ids.CACHE_CHANGES),
    ids.TableConfig: _choice(ids.TABLE_CONFIGS),
    ids.FlushKind: _choice(ids.FLUSH_KINDS),
    ids.AccessKind: _choice(ids.ACCESS_KINDS),
    ids.IoOffset: _ADDRESS,
    ids.IoLength: _COUNT,
    ids.IoVal: FieldCodec(parse_number, hex, "number"),
    ids.BufLength: _short(ids.MAX_BUF),
    ids.Seed: _short(_MAX_SEED),
    ids.Scalar: _choice(ids.SCALARS),
    ids.Payload: FieldCodec(parse_payload, format_payload, "payload"),
    ids.CountWord: FieldCodec(_parse_count, str, "choice", COUNT_NAMES),
}
