"""The file that a search is kept in: JSON lines, one per expanded state, to go on from later.

The first line names the format, its version, and a digest of all that decides what the search
finds: alphabet, world, faults, checks, and the form of the first state. Every line ends in a hash
of itself and all lines before it, so that a damaged or mixed-up file is noticed. The hash is no
signature: whoever writes files on purpose can claim that a search found nothing.
"""

import fcntl
import json
import os
import stat
from collections.abc import Hashable, Iterator
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from vmfuzz.errors import TraceError, VmfuzzError, shown
from vmfuzz.exhaustive.canonical import DIGEST_BYTES
from vmfuzz.exhaustive.graph import Expansion, Graph
from vmfuzz.exhaustive.limits import MAX_DEPTH
from vmfuzz.trace_text import format_op, parse_op
from vmstore.ops import Op

FORMAT: Final = "vmfuzz-exhaustive"
VERSION: Final = 1
MAX_LINE: Final = 16 << 20
_CHAIN_BYTES: Final = 8
_PENDING: Final = 1 << 16  # bytes that wait to be written
_MAX_AMOUNT: Final = (1 << 63) - 1
_FIELDS: Final = 10
_Known = TypeVar("_Known", bound=Hashable)
_BROKEN: Final = "the file is damaged, or was changed; start again with another one"


class JournalError(VmfuzzError):
    """A file that a search cannot go on from. Units: `line` counts from 1."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{shown(path)}:{line}: {problem}")


class Journal:
    """A search's file, open for writing at its end, and for no other process.

    `about` is shown to whoever reads the file, `digest` decides whether it is this search's.
    """

    def __init__(self, path: Path, digest: str, about: dict[str, Any]) -> None:
        self.path = path
        self._line = 0
        self._chain = b""
        self._pending: list[bytes] = []
        self._size = 0
        self._ops: dict[str, int] = {}
        self._pairs: dict[tuple[str, str], int] = {}
        self._header = {"format": FORMAT, "version": VERSION, "digest": digest, "about": about}
        self._file = os.fdopen(_open(path), "r+b", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Write what waits, and let the file go."""
        try:
            self.flush()
        finally:
            self._file.close()

    def load(self, graph: Graph) -> Iterator[Expansion]:
        """Put what the file knows into a fresh graph; yield each expansion as it is added.

        Effect: the file is ready to be written at its end; an empty one gets its first line.
        Errors: JournalError for another search's, a damaged, a truncated or a foreign file.
        """
        known_ops: list[Op] = []
        known_pairs: list[tuple[str, str]] = []
        with open(os.dup(self._file.fileno()), "rb") as lines:
            lines.seek(0)
            for values in self._lines(lines):
                if self._line == 1:
                    self._check_header(values)
                    continue
                expansion = self._expansion(values, graph, known_ops, known_pairs)
                graph.add(expansion)
                yield expansion
        self._ops = {format_op(op): number for number, op in enumerate(known_ops)}
        self._pairs = {pair: number for number, pair in enumerate(known_pairs)}
        self._file.seek(0, os.SEEK_END)
        if self._line == 0:
            self._append(self._header)
            self.flush()

    def write(self, expansion: Expansion) -> None:
        """Add one expanded state. Errors: VmfuzzError when the disk is full."""
        ops, pairs = list[str](), list[tuple[str, str]]()
        new = [[_number(self._ops, format_op(op), ops), key.hex()] for op, key in expansion.new]
        tally = [
            part
            for pair, amount in expansion.tally.items()
            for part in (_number(self._pairs, pair, pairs), amount)
        ]
        edges = [part for edge in expansion.edges.items() for part in edge]
        self._append([
            expansion.state, ops, pairs, new, edges, expansion.over, expansion.steps, tally,
            list(expansion.signatures.items()), list(expansion.quirks.items()),
        ])  # fmt: skip

    def flush(self) -> None:
        """Write what waits. Errors: VmfuzzError; the file ends with a whole line all the same."""
        data, self._pending, self._size = b"".join(self._pending), [], 0
        if not data:
            return
        end = self._file.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            self._file.truncate(end)
            problem = f"cannot write: {error.strerror or error}"
            raise VmfuzzError(f"{shown(self.path)}: {problem}") from None

    def _append(self, values: Any) -> None:
        body = json.dumps(values, separators=(",", ":"), ensure_ascii=True).encode()
        self._chain = _chain(self._chain, body)
        line = b"%s %s\n" % (body, self._chain.hex().encode())
        self._pending.append(line)
        self._size += len(line)
        if self._size >= _PENDING:
            self.flush()

    def _lines(self, lines: Any) -> Iterator[Any]:
        """Yield the values of each line, which `_line` then counts. Errors: JournalError."""
        while line := lines.readline(MAX_LINE + 1):
            self._line += 1
            if len(line) > MAX_LINE:
                raise self._error(f"the line is longer than {MAX_LINE >> 20} MiB; {_BROKEN}")
            if not line.endswith(b"\n"):
                raise self._error(
                    "the line is cut short: whoever wrote it was stopped in the middle; delete it,"
                    " and the search goes on from the line before"
                )
            body, _, found = line[:-1].rpartition(b" ")
            chain = _chain(self._chain, body)
            if found != chain.hex().encode():
                raise self._error(f"the line's hash is not the one of its contents; {_BROKEN}")
            self._chain = chain
            try:
                yield json.loads(body)
            except (ValueError, RecursionError):
                raise self._error(f"the line is no JSON; {_BROKEN}") from None

    def _error(self, problem: str) -> JournalError:
        return JournalError(self.path, self._line, problem)

    def _check_header(self, values: Any) -> None:
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise self._error(f"not a file of --resume: its first line says no {FORMAT!r}")
        if values.get("version") != VERSION:
            found = repr(values.get("version"))[:20]
            raise self._error(f"version {found} is not supported; this vmfuzz reads {VERSION}")
        if values.get("digest") != self._header["digest"]:
            raise self._error(_difference(values.get("about"), self._header["about"]))

    def _expansion(
        self, values: Any, graph: Graph, ops: list[Op], pairs: list[tuple[str, str]]
    ) -> Expansion:
        """Return what a line says. Effect: `ops` and `pairs` have those it names first."""
        if not isinstance(values, list) or len(values) != _FIELDS:
            raise self._error(f"not the {_FIELDS} fields of an expanded state; {_BROKEN}")
        state, texts, named, new, edges, over, steps, tally, signatures, quirks = values
        try:
            ops += [parse_op(_text(text)) for text in texts]
            pairs += [(_text(op), _text(word)) for op, word in named]
            _require(state == graph.expanded < len(graph), "state")
            _require(graph.depths[state] < MAX_DEPTH, "depth")
            met = [(ops[_index(op, len(ops))], _key(key)) for op, key in new]
            keys = {key for _, key in met}
            _require(len(keys) == len(met) and keys.isdisjoint(graph.numbers), "the new states")
            return Expansion(
                state,
                met,
                {_index(at, len(graph) + len(new)): _amount(n) for at, n in _twos(edges)},
                _amount(over, least=0),
                _amount(steps, least=0),
                {pairs[_index(at, len(pairs))]: _amount(n) for at, n in _twos(tally)},
                {_text(signature): _amount(n) for signature, n in signatures},
                {_text(quirk): _amount(n) for quirk, n in quirks},
            )
        except TraceError as error:
            raise self._error(f"{error.problem}; {_BROKEN}") from None
        except (TypeError, ValueError) as error:
            raise self._error(f"{str(error)[:80]}; {_BROKEN}") from None


def _open(path: Path) -> int:
    """Open a regular file for one writer, made if need be. Errors: VmfuzzError."""
    name = shown(path)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise VmfuzzError(f"{name}: cannot open: {error.strerror or error}") from None
    except ValueError as error:  # a null byte
        raise VmfuzzError(f"{name}: cannot open: {error}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise VmfuzzError(f"{name}: cannot open: not a regular file")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise VmfuzzError(f"{name}: another search is writing to it") from None
    return handle


def _chain(before: bytes, body: bytes) -> bytes:
    return blake2b(body, key=before, digest_size=_CHAIN_BYTES).digest()


def _number(table: dict[_Known, int], value: _Known, fresh: list[_Known]) -> int:
    """Return the number of a value; one that has none gets the next, and is put into `fresh`."""
    if value not in table:
        table[value] = len(table)
        fresh.append(value)
    return table[value]


def _difference(found: Any, wanted: Any) -> str:
    """Say in what the search that a file holds differs from this one."""
    if isinstance(found, dict):
        for name, value in wanted.items():
            if found.get(name) != value:
                there, here = _brief(found.get(name), value), _brief(value, found.get(name))
                return f"the file is of a search with {name} {there}, this one has {here}"
    return "the file is of a search by another version of the model"


def _brief(value: Any, other: Any) -> str:
    """Show a value; of a list what the other one has not."""
    if isinstance(value, list):
        known = other if isinstance(other, list) else []
        value = [item for item in value if item not in known] or "nothing more"
    return shown(str(value)[:160])


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(f"{what} is not as it must be")


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _amount(value: Any, least: int = 1) -> int:
    if type(value) is not int or not least <= value <= _MAX_AMOUNT:
        raise ValueError(f"{value!r:.40} is no amount")
    return value


def _index(value: Any, end: int) -> int:
    if type(value) is not int or not 0 <= value < end:
        raise ValueError(f"{value!r:.40} is no number below {end}")
    return value


def _key(value: Any) -> bytes:
    key = bytes.fromhex(_text(value))
    _require(len(key) == DIGEST_BYTES, "a digest")
    return key


def _twos(values: Any) -> Iterator[tuple[Any, Any]]:
    _require(isinstance(values, list) and len(values) % 2 == 0, "a list of pairs")
    return zip(values[::2], values[1::2], strict=True)
