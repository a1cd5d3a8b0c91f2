"""How a trace that did not end as it says is shown: once, whoever ran it."""

from pathlib import Path
from typing import Any, NamedTuple

from vmfuzz.errors import shown
from vmfuzz.finding import Finding
from vmfuzz.report.block import finding_block, replay_command
from vmfuzz.trace import Trace


class TraceFailed(AssertionError):
    """A trace that did not end as it says; the message is the whole explanation.

    Units: `line` of the failing op in the file, from 1; 0 where no file or no op is to blame.
    """

    def __init__(self, trace: Trace, finding: Finding | None, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.trace, self.finding, self.line = trace, finding, line


def failure(
    trace: Trace, finding: Finding | None, path: Path | None = None, line: int = 0
) -> TraceFailed:
    """Return what to raise for a trace of this end, `path` being the file as readers know it."""
    wanted = ", ".join(f"{expect.clause} at {expect.step}" for expect in trace.expect)
    name = shown(path) if path is not None else "the trace"
    lines: list[str] = []
    if finding is None:
        lines.append(f"{name}: expected {wanted}, found nothing")
    else:
        place = f"{name}:{line}: " if path is not None else ""
        lines.append(f"{place}{finding_block(finding, trace, whole=path is None)}")
        if wanted:
            lines.append(f"expected was {wanted}")
    if path is not None:
        lines += ["", f"repeat: {replay_command(path)}"]
    return TraceFailed(trace, finding, "\n".join(lines), line if finding is not None else 0)


class Explanation:
    """What a failed item prints; the summary and reports of pytest repeat its first line only."""

    def __init__(self, text: str, path: str, line: int) -> None:
        self.text = text
        self.reprcrash = Headline(path, line, text.partition("\n")[0])

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
