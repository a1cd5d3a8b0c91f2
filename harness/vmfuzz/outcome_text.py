"""The text form of outcomes: `ok {found=0x2000}`, `err NotAligned`, `panic range-empty`, ..."""

import json
import re
from typing import Any, Final

from vmfuzz.errors import closest
from vmstore.outcome import OK, Abort, Blocked, Diverges, Err, Ok, Outcome, Panic

_HEX_KEYS: Final = frozenset({"paddr", "start", "end", "found", "va", "range", "info"})
_WORDS: Final = ("ok", "err", "panic", "abort", "blocked", "diverges")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_BLANK: Final = re.compile(r"\s*")
_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.+-]*")
_NUMBER: Final = re.compile(r"-?(?:0x[0-9a-fA-F]+|[0-9]+)")
_RESERVED: Final = {"null": None, "true": True, "false": False}
_MAX_DEPTH: Final = 16


class OutcomeSyntax(ValueError):
    """An outcome's text that does not parse; the caller adds the position."""


def format_outcome(outcome: Outcome) -> str:
    """Return the outcome as text."""
    match outcome:
        case Ok():
            return _with("ok", outcome.value)
        case Err():
            return _with(f"err {outcome.variant}", outcome.detail)
        case Panic():
            return f"panic {outcome.code}"
        case Abort():
            return f"abort {outcome.code}"
        case Blocked():
            return "blocked"
        case Diverges():
            return "diverges"


def _with(head: str, value: dict[str, object] | None) -> str:
    return head if value is None else f"{head} {_format_value('', value)}"


def _format_value(key: str, value: Any) -> str:  # any JSON value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return hex(value) if key in _HEX_KEYS else str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}={_format_value(k, v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_format_value(key, item) for item in value) + "]"
    text = str(value)
    return text if _BARE.fullmatch(text) and text not in _RESERVED else json.dumps(text)


def parse_outcome(text: str) -> Outcome:
    """Return the outcome that `text` names. Errors: OutcomeSyntax."""
    found = re.match(r"\s*(\S*)\s*", text)
    word, rest = (found[1], text[found.end() :].strip()) if found else ("", "")
    match word:
        case "ok":
            return Ok(_value(rest))
        case "err":
            name = _NAME.match(rest)
            if not name:
                raise OutcomeSyntax(f"'err' needs the name of an error, got {rest[:40]!r}")
            return Err(name.group(), _value(rest[name.end() :].strip()))
        case "panic" | "abort":
            if not _CODE.fullmatch(rest):
                raise OutcomeSyntax(f"{word!r} needs a code such as range-empty, got {rest[:40]!r}")
            return Panic(rest) if word == "panic" else Abort(rest)
        case "blocked" | "diverges" if not rest:
            return Blocked() if word == "blocked" else Diverges()
    raise OutcomeSyntax(f"unknown outcome {text[:40]!r}{closest(word, list(_WORDS))}")


def _value(text: str) -> dict[str, object] | None:
    if not text:
        return None
    reader = _Reader(text)
    value = reader.mapping(0)
    if reader.rest():
        raise OutcomeSyntax(f"unexpected {reader.rest()[:40]!r} after the outcome's value")
    return value


class _Reader:
    """Recursive descent over `{key=value, ...}`, lists and scalars."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def rest(self) -> str:
        return self.text[self.at :].strip()

    def skip(self) -> None:
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at

    def take(self, token: str) -> bool:
        self.skip()
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def need(self, token: str) -> None:
        if not self.take(token):
            raise OutcomeSyntax(f"expected {token!r}, got {self.rest()[:40]!r}")

    def match(self, pattern: re.Pattern[str]) -> str | None:
        self.skip()
        found = pattern.match(self.text, self.at)
        if not found:
            return None
        self.at = found.end()
        return found.group()

    def mapping(self, depth: int) -> dict[str, object]:
        self.need("{")
        result: dict[str, object] = {}
        while not self.take("}"):
            if result:
                self.need(",")
            key = self.match(_NAME)
            if key is None or key in result:
                raise OutcomeSyntax(f"expected a new key, got {self.rest()[:40]!r}")
            self.need("=")
            result[key] = self.value(depth + 1)
        return result

    def value(self, depth: int) -> object:
        if depth > _MAX_DEPTH:
            raise OutcomeSyntax("the outcome's value is nested too deeply")
        self.skip()
        head = self.text[self.at : self.at + 1]
        if head == "{":
            return self.mapping(depth)
        if head == "[":
            return self.sequence(depth)
        if head == '"':
            return self.quoted()
        number = self.match(_NUMBER)
        if number is not None:
            if len(number) > 80:
                raise OutcomeSyntax(f"the number {number[:40]!r}... is too long")
            return int(number, 16) if "x" in number else int(number)
        word = self.match(_BARE)
        if word is None:
            raise OutcomeSyntax(f"expected a value, got {self.rest()[:40]!r}")
        return _RESERVED.get(word, word)

    def sequence(self, depth: int) -> list[object]:
        self.need("[")
        result: list[object] = []
        while not self.take("]"):
            if result:
                self.need(",")
            result.append(self.value(depth + 1))
        return result

    def quoted(self) -> str:
        try:
            value, self.at = json.JSONDecoder().raw_decode(self.text, self.at)
        except json.JSONDecodeError as error:
            raise OutcomeSyntax(f"bad string: {error.msg}") from None
        return str(value)


def outcome_word(outcome: Outcome | None) -> str:
    """Return the word under which an outcome is counted: ok, none, an error's name, a code."""
    shape = outcome.__class__
    if outcome is OK:
        return "ok"
    if isinstance(outcome, Err):
        return outcome.variant
    if isinstance(outcome, Ok):
        return "none" if outcome.value and None in outcome.value.values() else "ok"
    if isinstance(outcome, Panic | Abort):
        return f"{shape.__name__.lower()} {outcome.code}"
    return shape.__name__.lower()
