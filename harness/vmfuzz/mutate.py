"""Mutates the byte form op by op: records are inserted, deleted, repeated, moved and rewritten.

Plain bytes in, plain bytes out, and a function of the seed; nothing here knows a fuzzing engine.
An input is one byte that chooses the world and then whole records.
"""

from collections.abc import Callable
from random import Random
from typing import Final

from vmfuzz.byte_layout import LITERAL, RECORD
from vmstore.ops import GENERATED

HEADER: Final = 1  # bytes before the first record
_OPS: Final = len(GENERATED)
_BLOCK: Final = 8  # records that are moved or repeated at once
_NEAR: Final = 24  # selectors of the first pages, and handles made lately, are small numbers

Records = list[bytes]
Mutation = Callable[[Random, Records], None]


def split(data: bytes) -> tuple[bytes, Records]:
    """Return header and records; an incomplete last record is dropped. Shape: any bytes."""
    body = data[HEADER:]
    whole = len(body) - len(body) % RECORD
    return data[:HEADER] or b"\0", [body[at : at + RECORD] for at in range(0, whole, RECORD)]


def join(header: bytes, records: Records, max_size: int) -> bytes:
    """Return header and as many records as fit into `max_size` bytes."""
    room = max(0, (max_size - HEADER) // RECORD)
    return header + b"".join(records[:room])


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Return `data` with one to four changes. Requires: `max_size` has room for the header."""
    rng = Random(seed)
    header, records = split(data)
    if rng.random() < 0.02:
        header = bytes([rng.randrange(256)])
    for _ in range(rng.choice((1, 1, 2, 4))):
        change = rng.choice(_MUTATIONS) if records else _insert
        change(rng, records)
    return join(header, records, max_size)


def cross(first: bytes, second: bytes, max_size: int, seed: int) -> bytes:
    """Return a beginning of `first` followed by an end or a block of `second`."""
    rng = Random(seed)
    header, left = split(first)
    _, right = split(second)
    kept = left[: rng.randint(0, len(left))]
    start = rng.randint(0, len(right))
    taken = right[start:] if rng.random() < 0.5 else right[start : start + _BLOCK]
    rest = left[len(kept) :] if rng.random() < 0.5 else []
    return join(header, [*kept, *taken, *rest], max_size)


def _random_record(rng: Random) -> bytes:
    """Return an op whose addresses are low pages and whose handles are any that are live."""
    if rng.random() < 0.02:
        return bytes([LITERAL]) + rng.randbytes(RECORD - 1)
    record = bytearray(RECORD)
    record[0] = rng.randrange(_OPS)
    for at in range(1, RECORD, 2):
        record[at] = rng.randrange(_NEAR) if rng.random() < 0.9 else rng.randrange(256)
        if rng.random() < 0.05:
            record[at + 1 - (at + 1 == RECORD)] = rng.randrange(256)
    return bytes(record)


def _insert(rng: Random, records: Records) -> None:
    records.insert(rng.randint(0, len(records)), _random_record(rng))


def _append(rng: Random, records: Records) -> None:
    records.extend(_random_record(rng) for _ in range(rng.randint(1, _BLOCK)))


def _delete(rng: Random, records: Records) -> None:
    at = rng.randrange(len(records))
    del records[at : at + rng.choice((1, 1, 1, 2, _BLOCK))]


def _repeat(rng: Random, records: Records) -> None:
    """Repeat one op many times, or a block once: what reaches saturation and long lists."""
    at = rng.randrange(len(records))
    if rng.random() < 0.5:
        records[at:at] = [records[at]] * rng.randint(1, _BLOCK)
    else:
        block = records[at : at + rng.randint(1, _BLOCK)]
        to = rng.randint(0, len(records))
        records[to:to] = block


def _move(rng: Random, records: Records) -> None:
    at = rng.randrange(len(records))
    block = records[at : at + rng.randint(1, _BLOCK)]
    del records[at : at + len(block)]
    to = rng.randint(0, len(records))
    records[to:to] = block


def _change_byte(rng: Random, records: Records) -> None:
    """Change one argument: a little, to a low value, or to anything."""
    at = rng.randrange(len(records))
    record = bytearray(records[at])
    where = rng.randrange(1, RECORD)
    how = rng.random()
    if how < 0.4:
        record[where] = (record[where] + rng.choice((-2, -1, 1, 2))) & 0xFF
    else:
        record[where] = rng.randrange(_NEAR) if how < 0.8 else rng.randrange(256)
    records[at] = bytes(record)


def _change_op(rng: Random, records: Records) -> None:
    at = rng.randrange(len(records))
    records[at] = bytes([rng.randrange(_OPS)]) + records[at][1:]


def _copy_arguments(rng: Random, records: Records) -> None:
    """Give one op the arguments of another: two ops on one page, or on one handle."""
    source, target = rng.randrange(len(records)), rng.randrange(len(records))
    records[target] = records[target][:1] + records[source][1:]


_MUTATIONS: Final[tuple[Mutation, ...]] = (
    _insert,
    _insert,
    _append,
    _delete,
    _repeat,
    _move,
    _change_byte,
    _change_byte,
    _change_op,
    _copy_arguments,
)
