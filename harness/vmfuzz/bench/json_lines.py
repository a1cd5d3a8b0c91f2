"""A file of one JSON object a line that a measurement is kept in, so that it can be resumed."""

import json
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import open_input
from vmfuzz.json_object import Types, typed_object

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LONGEST: Final = 64 << 20  # bytes of a file that is read back
_BEGINNING: Final = b'{"fault": '

K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class Record(Generic[K, T]):
    """The form of the file that one command keeps its results in.

    Shape: `types` are those that each field of a line may have, the first one of which is `fault`;
    `parse` returns the result, None where such fields make none; `key` is what identifies one.
    """

    command: str
    types: Types
    parse: Callable[[dict[str, Any]], T | None]
    key: Callable[[T], K]

    def line(self, result: T) -> str:
        """Return the line of a result, without its end."""
        return json.dumps(asdict(result))

    def keeper(self, path: Path | None) -> Callable[[T], None]:
        """Return what adds a result to a file, if there is to be one.

        Errors: VmfuzzError, of what is returned, when the file cannot be written.
        """

        def keep(result: T) -> None:
            if path is not None:
                _append(path, self.line(result))

        return keep

    def resume(self, path: Path | None) -> dict[K, T]:
        """Return what a file has, nothing if there is none.

        Effect: cuts a half line at its end off.
        Errors: as `read`.
        """
        if path is None or not path.exists():
            return {}
        results, rest = self._read(path)
        if rest:
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size - len(rest))
        return {self.key(result): result for result in results}

    def read(self, path: Path) -> list[T]:
        """Return what a file has, but for a half line at its end.

        Errors: VmfuzzError for a file that cannot be read, is too long, or is not the command's.
        """
        return self._read(path)[0]

    def _read(self, path: Path) -> tuple[list[T], bytes]:
        """Return the results, and the half line at the end that an interrupted run leaves."""
        with open_input(path) as file:
            data = file.read(LONGEST + 1)
        if len(data) > LONGEST:
            raise VmfuzzError(f"{shown(path)}: more than {LONGEST:,} bytes")
        *lines, rest = data.split(b"\n")
        if rest and not rest.startswith(_BEGINNING):
            lines.append(rest)
        results: list[T] = []
        for number, text in enumerate(lines, 1):
            fields = typed_object(text, self.types)
            result = self.parse(fields) if fields is not None else None
            if result is None:
                raise VmfuzzError(f"{shown(path)}:{number}: not a line of `{self.command}`")
            results.append(result)
        return results, rest


def _append(path: Path, line: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise VmfuzzError(f"{shown(path)}: cannot write: {error.strerror}") from None
