"""The pytest plugin: stored traces become test items. Without its ini option it does nothing.

`vmfuzz_corpora` names folders; every `*.trace` below them that pytest comes across is one item,
which passes when the trace ends as its `expect` lines and recorded outcomes say. Everything but
pytest is imported when the first trace runs, so that other people's runs pay nothing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

if TYPE_CHECKING:
    from vmfuzz.finding import Finding
    from vmfuzz.trace import Trace

INI: Final = "vmfuzz_corpora"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the ini option."""
    text = "folders whose *.trace files are replayed as tests"
    parser.addini(INI, text, type="paths", default=[])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name a configured folder that is not there: its traces silently did not run."""
    for root in terminalreporter.config.getini(INI):
        if not root.is_dir():
            text = f"{INI}: {root} is no folder, so no trace below it ran"
            terminalreporter.write_line(text, yellow=True)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "TraceFile | None":
    """Collect a trace below one of the configured folders."""
    if file_path.suffix != ".trace":
        return None
    roots: list[Path] = parent.config.getini(INI)
    if not any(file_path.is_relative_to(root) for root in roots):
        return None
    return TraceFile.from_parent(parent, path=file_path)


class TraceFile(pytest.File):
    """A trace file; it holds one item."""

    def collect(self) -> Iterator["TraceItem"]:
        """Yield the item."""
        yield TraceItem.from_parent(self, name="replay")


class TraceItem(pytest.Item):
    """The replay of one trace."""

    def runtest(self) -> None:
        """Replay the trace. Errors: TraceFailed, VmfuzzError for a file that is no trace."""
        from vmfuzz.runner import as_expected, run
        from vmfuzz.trace_file import load

        trace = load(self.path)
        finding = run(trace).finding
        if finding is not None:
            self.user_properties += [("vmfuzz_clause", finding.clause), ("vmfuzz_op", finding.op)]
        if not as_expected(trace, finding):
            raise TraceFailed(trace, finding)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any) -> Any:
        """Return what a reader needs: clause, position, steps, and the command that repeats it."""
        from vmfuzz.errors import VmfuzzError

        if isinstance(excinfo.value, TraceFailed):
            return Explanation(self._explain(excinfo.value))
        if isinstance(excinfo.value, VmfuzzError):
            return Explanation(str(excinfo.value))
        return super().repr_failure(excinfo)

    def _explain(self, failed: "TraceFailed") -> str:
        from vmfuzz.report.block import finding_block, replay_command
        from vmfuzz.trace_text import step_line

        shown = self._shown_path()
        wanted = ", ".join(f"{e.clause} at {e.step}" for e in failed.trace.expect)
        lines: list[str] = []
        if failed.finding is None:
            lines.append(f"{shown}: expected {wanted}, found nothing")
        else:
            text = self.path.read_text(encoding="utf-8")
            line = step_line(text, failed.finding.step)
            lines.append(f"{shown}:{line}: {finding_block(failed.finding, failed.trace)}")
            if wanted:
                lines.append(f"expected was {wanted}")
        return "\n".join([*lines, "", f"repeat: {replay_command(shown)}"])

    def _shown_path(self) -> Path:
        try:
            return self.path.relative_to(self.config.invocation_params.dir)
        except ValueError:
            return self.path

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return file, line from 0, and the name in reports."""
        return self.path, 0, f"replay of {self.path.name}"


class Explanation:
    """What a failed item prints; the summary and reports of pytest repeat its first line only."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reprcrash = Headline(text.partition("\n")[0])

    def toterminal(self, tw: Any) -> None:
        """Print the whole."""
        tw.line(self.text)

    def __str__(self) -> str:
        return self.text


class Headline(NamedTuple):
    """The part of an explanation that fits a line."""

    message: str


class TraceFailed(Exception):
    """A trace that did not end as it says."""

    def __init__(self, trace: "Trace", finding: "Finding | None") -> None:
        super().__init__(finding.signature if finding else "nothing found")
        self.trace, self.finding = trace, finding
