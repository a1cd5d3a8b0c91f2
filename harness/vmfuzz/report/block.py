"""The finding block: the one rendering of a finding, in terminal, tests, files and reports."""

from pathlib import PurePath
from shlex import quote
from typing import Final

from vmfuzz.finding import Finding
from vmfuzz.trace import Trace
from vmfuzz.trace_text import format_step, format_world

_CONTEXT: Final = 8  # steps shown before the failing one
_OTHERS: Final = 5


def finding_block(finding: Finding, trace: Trace, *, whole: bool = False) -> str:
    """Return the block as plain text: headline, evidence, source, the steps around the failure.

    `whole` shows every step, not only the last few before the failing one.
    """
    verb = "violated" if not finding.clause.startswith(("OUT.", "EXPECT", "SAFETY")) else "failed"
    lines = [
        f"{finding.clause} {verb} at step {finding.step} ({finding.op}): {finding.text}",
        f"  {finding.witness}",
        f"  source: {finding.source}",
    ]
    if finding.others:
        shown = [violation.clause for violation in finding.others]
        others = ", ".join(list(dict.fromkeys(shown))[:_OTHERS])
        more = "" if len(set(shown)) <= _OTHERS else ", ..."
        lines.append(f"  also broken: {others}{more}")
    lines += ["", *_steps(finding, trace, whole=whole)]
    return "\n".join(lines)


def replay_command(path: PurePath) -> str:
    """Return the command that repeats a stored trace, fit to be pasted into a shell."""
    text = str(path)
    if text.isprintable():
        return f"vmfuzz replay {quote(text)}"
    plain = text.replace("\\", r"\\").replace("'", r"\'")
    return f"vmfuzz replay $'{''.join(c if c.isprintable() else ascii(c)[1:-1] for c in plain)}'"


def _steps(finding: Finding, trace: Trace, *, whole: bool) -> list[str]:
    first = 0 if whole else max(0, finding.step - _CONTEXT)
    lines = [f"      {format_world(trace.world)}"]
    lines += [f"      fault {fault}" for fault in trace.faults]
    if first:
        lines.append(f"      ... {first} steps before")
    for position in range(first, min(finding.step + 1, len(trace.steps))):
        mark = ">" if position == finding.step else " "
        lines.append(f"  {mark} {position:3}  {format_step(trace.steps[position])}")
    return lines
