"""How a trace that did not end as it says is shown: once, whoever ran it."""

import re
from collections.abc import Sequence
from pathlib import Path

from _pytest._code.code import (
    ReprEntryNative,
    ReprExceptionInfo,
    ReprFileLocation,
    ReprTraceback,
)

from vmfuzz.errors import shown
from vmfuzz.finding import Finding
from vmfuzz.report.block import finding_block, replay_command
from vmfuzz.report.mismatch import mismatch, skipped_lines
from vmfuzz.runner import Run
from vmfuzz.trace import Trace


class TraceFailed(AssertionError):
    """A trace that did not end as it says; the message is the whole explanation.

    Units: `line` of the failing op in the file, from 1; 0 where no file or no op is to blame.
    """

    def __init__(self, trace: Trace, finding: Finding | None, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.trace, self.finding, self.line = trace, finding, line


def failure(
    trace: Trace, result: Run, path: Path | None = None, lines: Sequence[int] = ()
) -> TraceFailed:
    """Return what to raise for a run that was not what the trace says.

    `path` is the file as readers know it, `lines` where its ops stand. Units: lines from 1.
    """
    finding = result.finding
    blamed = result.unrepeated or ([finding.step] if finding is not None else [])
    line = lines[blamed[0]] if lines and blamed else 0
    place = f"{shown(path)}:{line}: " if line else f"{shown(path)}: " if path is not None else ""
    parts = [mismatch(trace, result), *skipped_lines(result)]
    if finding is not None:
        parts.append(finding_block(finding, trace, whole=path is None))
    text = place + "\n".join(part for part in parts if part)
    if path is not None:
        text += f"\n\nrepeat: {replay_command(path)}"
    return TraceFailed(trace, finding, text, line)


def explanation(text: str, path: str, line: int, *, is_brief: bool) -> ReprExceptionInfo:
    """Return what a failed item prints; the summary and reports of pytest repeat its first line.

    It is of pytest's own kind, since that is what workers send on. `is_brief` for `--tb=line`,
    which prints that line and nothing else.
    """
    first = text.partition("\n")[0].removeprefix(path)  # pytest puts path and line in front
    headline = re.sub(r"^(:[0-9]+){0,2}: ", "", first)
    entries = [] if is_brief else [ReprEntryNative([text + "\n"])]
    traceback = ReprTraceback(entries, extraline=None, style="native")
    return ReprExceptionInfo(traceback, ReprFileLocation(path, line, headline))
