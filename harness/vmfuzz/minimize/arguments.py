"""Passes that make arguments simpler: lower pages, whole pages, small payloads, first choices."""

from collections.abc import Callable, Iterator
from typing import Final

from vmfuzz.fields import CODECS
from vmfuzz.minimize.shrinker import Shrinker, rewritten
from vmfuzz.trace import Step
from vmstore.arch import PAGE_SIZE
from vmstore.ids import (
    BufLength,
    IoLength,
    IoOffset,
    IoVal,
    MetaVal,
    Paddr,
    PaddrEnd,
    Seed,
)
from vmstore.ops import DECLARATIONS

_PAGES: Final = 9  # whole pages tried, from the first
_COUNTS: Final = frozenset({IoOffset, IoLength, IoVal, BufLength, Seed})  # of bytes, any number
_ARGUMENTS: Final = {
    d.op: tuple((f.name, f.type) for f in d.arguments) for d in DECLARATIONS.values()
}
_ADDRESSES: Final = {
    op: tuple(name for name, type_ in fields if type_ in {Paddr, PaddrEnd})
    for op, fields in _ARGUMENTS.items()
}


def simplify_arguments(shrinker: Shrinker) -> None:
    """Replace each argument by the simplest value that keeps the finding, one at a time."""
    at = 0
    while at < len(shrinker.steps):
        for name, type_ in _ARGUMENTS[type(shrinker.steps[at].op)]:
            value = getattr(shrinker.steps[at].op, name)
            for simpler in _simpler(type_, value):
                steps = list(shrinker.steps)
                steps[at] = rewritten(steps[at], **{name: simpler})
                if shrinker.propose(steps):
                    break
            if at >= len(shrinker.steps):
                return
        at += 1


def move_addresses(shrinker: Shrinker) -> None:
    """Move pages down together: all addresses from some page on, or every use of one page."""
    pages = pages_named(shrinker.steps)
    below = -1
    for page in pages:
        gap = (page - below - 1) * PAGE_SIZE
        start = page * PAGE_SIZE
        if gap and shrinker.propose(shifted(shrinker.steps, _from_on(start, gap))):
            move_addresses(shrinker)
            return
        below = page
    for page in pages:
        for lower in (other for other in pages if other < page):
            if shrinker.propose(shifted(shrinker.steps, _one_page(page, lower))):
                break


def _from_on(start: int, gap: int) -> Callable[[int], int]:
    return lambda value: value - gap if value >= start else value


def _one_page(page: int, lower: int) -> Callable[[int], int]:
    gap = (page - lower) * PAGE_SIZE
    return lambda value: value - gap if value // PAGE_SIZE == page else value


def shifted(steps: list[Step], move: Callable[[int], int]) -> list[Step]:
    """Return the steps with every physical address replaced by what `move` makes of it."""
    result: list[Step] = []
    for step in steps:
        values = {name: getattr(step.op, name) for name in _ADDRESSES[type(step.op)]}
        moved = {name: move(value) for name, value in values.items()}
        result.append(rewritten(step, **moved) if moved != values else step)
    return result


def pages_named(steps: list[Step]) -> list[int]:
    """Return the page numbers of all physical addresses in the steps, ascending."""
    return sorted(
        {getattr(s.op, name) // PAGE_SIZE for s in steps for name in _ADDRESSES[type(s.op)]}
    )


def _simpler(type_: object, value: int | str | bytes) -> Iterator[int | str | bytes]:
    """Yield values simpler than `value`, simplest first. Shape: at most about 20."""
    if isinstance(value, bytes):
        shorter = (b"", value[:1], value[: len(value) // 2], value[:-1])
        yield from (data for data in (*shorter, bytes(len(value))) if data != value)
        return
    if isinstance(value, str):
        words = CODECS[type_].words
        yield from words[: words.index(value)] if value in words else words
        return
    candidates: tuple[int, ...]
    if type_ in _COUNTS:
        candidates = (0, 1, 2, 4, 8, PAGE_SIZE, PAGE_SIZE + 1, value // 2, value * 3 // 4)
    elif type_ is MetaVal:
        candidates = (0, 1, value // 2)
    else:
        pages = range(PAGE_SIZE, _PAGES * PAGE_SIZE, PAGE_SIZE)
        candidates = (0, *pages, value - value % PAGE_SIZE)
    yield from (candidate for candidate in candidates if candidate < value)
