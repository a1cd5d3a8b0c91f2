"""How a trace that did not end as it says is shown: once, whoever ran it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
    blamed = [finding.step] if finding is not None else result.unrepeated
    line = lines[blamed[0]] if lines and blamed else 0
    place = f"{shown(path)}:{line}: " if line else f"{shown(path)}: " if path is not None else ""
    parts = [mismatch(trace, result), *skipped_lines(result)]
    if finding is not None:
        parts.append(finding_block(finding, trace, whole=path is None))
    text = place + "\n".join(part for part in parts if part)
    if path is not None:
        text += f"\n\nrepeat: {replay_command(path)}"
    return TraceFailed(trace, finding, text, line)


class Explanation:
    """What a failed item prints; the summary and reports of pytest repeat its first line only."""

    def __init__(self, text: str, path: str, line: int) -> None:
        self.text = text
        # pytest puts the path in front already.
        first = text.partition("\n")[0].removeprefix(path).removeprefix(f":{line}").lstrip(": ")
        self.reprcrash = Headline(path, line, first)

    def toterminal(self, tw: Any) -> None:
        """Print the whole."""
        tw.line(self.text)

    def __str__(self) -> str:
        return self.text


class Headline(NamedTuple):
    """The part of an explanation that fits a line, and the line it is about."""

    path: str
    lineno: int
    message: str
