"""Stored traces as test items: one file, one item."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from vmfuzz import __version__
from vmfuzz.testing.settings import settings

if TYPE_CHECKING:
    from vmfuzz.runner import Run
    from vmfuzz.trace import Trace

Record = dict[str, str | int | list[str]]  # what a worker tells the controller, JSON values only
MAGIC: Final = b"#vmfuzz-trace"
_HEADER: Final = 80  # bytes that a first line may have


class TraceFile(pytest.File):
    """A trace file; it holds one item."""

    @classmethod
    def of(cls, parent: pytest.Collector, path: Path) -> "TraceFile":
        """Return the collector of a file.

        Its id is the path from the root folder; pytest would give a file outside of it an id that
        namesakes elsewhere have, too. What is no text would keep pytest from storing the id.
        """
        name = os.path.relpath(path, parent.config.rootpath).replace(os.sep, "/")
        printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
        file: TraceFile = cls.from_parent(parent, path=path, nodeid=printable)
        return file

    def collect(self) -> Iterator["TraceItem"]:
        """Yield the item."""
        yield TraceItem.from_parent(self, name="replay")


class TraceItem(pytest.Item):
    """The replay of one trace.

    `record` says what became of it. Units: `line` is the one to blame, from 1, 0 for none.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.add_marker("vm_trace")
        self.record: Record = {}
        self.line = 0

    def runtest(self) -> None:
        """Replay the trace. Errors: TraceFailed, VmfuzzError for a file that is no trace."""
        from vmfuzz.extensions import load_extensions
        from vmfuzz.runner import as_expected
        from vmfuzz.trace import FORMAT_VERSION
        from vmfuzz.trace_file import load

        chosen = settings(self.config)
        shown_path = str(self._shown_path())
        self.record = {"trace": self.nodeid, "file": shown_path, "verdict": "ERROR"}
        self._note(trace_format=FORMAT_VERSION, version=__version__)
        load_extensions()
        if not chosen.is_schema_strict and self._is_of_another_format():
            self.record["verdict"] = "skipped"
            pytest.skip(f"{shown_path}: its trace format is not {FORMAT_VERSION}")
        trace = load(self.path)
        self._note(profile=trace.world.profile)
        result = self._run(trace)
        if as_expected(trace, result):
            self.record["verdict"] = "ok"
        elif chosen.update:
            self._update()
        else:
            self._fail(trace, result)

    def _run(self, trace: "Trace") -> "Run":
        from vmfuzz.runner import run

        result = run(trace)
        self._note(steps=result.executed)
        if result.skipped:
            self._note(skipped=len(result.skipped))
        found = result.finding
        if found is not None:
            self._note(clause=found.clause, op=found.op, signature=found.signature)
        return result

    def _note(self, **values: str | int) -> None:
        self.record |= values
        self.user_properties += [(f"vmfuzz_{name}", str(text)) for name, text in values.items()]

    def _fail(self, trace: "Trace", result: "Run") -> None:
        from vmfuzz.testing.failure import failure
        from vmfuzz.trace_text import step_lines

        found = result.finding
        is_recorded = trace.faults or trace.expect or (found and found.clause == "EXPECT")
        can_update = bool(is_recorded) and not result.unrepeated
        self.record |= {"verdict": "FAIL", "can_update": int(can_update)}
        lines = step_lines(self.path.read_text(encoding="utf-8"))
        raise failure(trace, result, self._shown_path(), lines)

    def _update(self) -> None:
        from vmfuzz.testing.update import update_file

        self.record["verdict"] = "FAIL"
        changes = update_file(self.path, self._shown_path())
        self.record |= {"verdict": "updated", "changes": changes}

    def _is_of_another_format(self) -> bool:
        from vmfuzz.input_file import open_input
        from vmfuzz.trace import FORMAT_VERSION

        with open_input(self.path) as file:
            first = file.readline(_HEADER).split()
        own = str(FORMAT_VERSION).encode()
        return first[:1] == [MAGIC] and len(first) == 2 and first[1].isdigit() and first[1] != own

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any) -> Any:
        """Return what a reader needs: clause, position, steps, and the command that repeats it."""
        from vmfuzz.errors import VmfuzzError, shown
        from vmfuzz.testing.failure import TraceFailed, explanation

        if isinstance(excinfo.value, TraceFailed | VmfuzzError):
            self.line = getattr(excinfo.value, "line", 0)
            path = str(self._shown_path())
            text = str(excinfo.value).replace(shown(self.path), shown(path))
            is_brief = self.config.getoption("tbstyle") == "line"
            return explanation(text, path, self.line, is_brief=is_brief)
        return super().repr_failure(excinfo)

    def _shown_path(self) -> Path:
        try:
            return self.path.relative_to(self.config.invocation_params.dir)
        except ValueError:
            return self.path

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return file, line from 0, and the name in reports."""
        return self.path, max(self.line - 1, 0), f"replay of {self.path.name}"
