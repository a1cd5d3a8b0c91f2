"""The finding block: the one rendering of a finding, in terminal, tests, files and reports."""

from pathlib import PurePath
from shlex import quote
from typing import Final

from vmfuzz.clause_names import PREFIXES
from vmfuzz.errors import shown
from vmfuzz.finding import Finding
from vmfuzz.trace import Trace
from vmfuzz.trace_text import format_step, format_world

_CONTEXT: Final = 8  # steps shown before the failing one
_OTHERS: Final = 5
_WORDS: Final = 8  # lines of a live system's stderr
_WIDTH: Final = 240  # characters of such a line


def finding_block(finding: Finding, trace: Trace, *, whole: bool = False) -> str:
    """Return the block as plain text: headline, evidence, source, the steps around the failure.

    `whole` shows every step, not only the last few before the failing one.
    """
    verb = "failed" if finding.clause.startswith(PREFIXES) else "violated"
    lines = [
        f"{finding.clause} {verb} at step {finding.step} ({finding.op}): {finding.text}",
        f"  {finding.witness}",
        f"  source: {finding.source}",
    ]
    if finding.others:
        broken = [violation.clause for violation in finding.others]
        others = ", ".join(list(dict.fromkeys(broken))[:_OTHERS])
        more = "" if len(set(broken)) <= _OTHERS else ", ..."
        lines.append(f"  also broken: {others}{more}")
        lines += [f"    {_short(v.witness)}" for v in finding.others[:1] if finding.is_live]
    lines += [f"  its stderr: {_short(line)}" for line in _last_words(finding)]
    lines += ["", *_steps(finding, trace, whole=whole)]
    return "\n".join(lines)


def _last_words(finding: Finding) -> list[str]:
    return [line for line in finding.words.splitlines() if line.strip()][-_WORDS:]


def _short(text: str) -> str:
    return shown(text)[:_WIDTH]


def replay_command(path: PurePath, sut: str | None = None) -> str:
    """Return the command that repeats a stored trace, fit to be pasted into a shell.

    `sut` is the command of the live system that it was found in.
    """
    live = f" --sut {_pasted(sut)}" if sut is not None else ""
    return f"vmfuzz replay{live} {_pasted(str(path))}"


def _pasted(text: str) -> str:
    if text.isprintable():
        return quote(text)
    plain = text.replace("\\", r"\\").replace("'", r"\'")
    return f"$'{''.join(c if c.isprintable() else ascii(c)[1:-1] for c in plain)}'"


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
