"""The plugin's section of the terminal summary."""

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any, Final

from vmfuzz.amounts import counted
from vmfuzz.errors import shown

_SLOWEST: Final = 3
_CHANGED: Final = 20
_MANY: Final = 10  # traces; of fewer, a line is worth only what is `_VERY_SLOW`
_SLOW: Final = 0.1  # seconds; faster ones are not worth a line
_VERY_SLOW: Final = 1.0
_TEXTS: Final = {
    "ok": "as expected",
    "FAIL": "not as expected",
    "ERROR": "in error",
    "skipped": "of another trace format",
    "updated": "updated",
}


def summary_lines(records: Sequence[Mapping[str, Any]], *, is_brief: bool) -> list[str]:
    """Return how many traces came to what, the slowest, what was rewritten, and what to do next.

    Nothing for a run without traces; with `is_brief` nothing, either, where all went well.
    """
    counts = {name: sum(r["verdict"] == name for r in records) for name in _TEXTS}
    if not records or (is_brief and counts["ok"] == len(records)):
        return []
    steps = sum(record.get("steps", 0) for record in records)
    what = ", ".join(f"{counts[name]} {text}" for name, text in _TEXTS.items() if counts[name])
    left_out = sum(record.get("skipped", 0) for record in records)
    amount = counted(steps, "step") + (f" and {left_out} skipped" if left_out else "")
    lines = [f"replayed {counted(len(records), 'trace')}, {amount}: {what}"]
    lines += _slowest(records)
    changed = [record for record in records if record["verdict"] == "updated"]
    for record in sorted(changed, key=lambda record: str(record["trace"]))[:_CHANGED]:
        lines.append(f"updated {shown(record['trace'].partition('::')[0])}")
        lines += [f"  {shown(change)}" for change in record["changes"][:_CHANGED]]
    wrong = [record["file"] for record in records if record.get("can_update")]
    if wrong:
        named = f" {quote(shown(wrong[0]))}" if len(wrong) == 1 else ""
        lines.append(f"if this is the new truth: pytest --vmfuzz-update{named}")
    return lines


def _slowest(records: Sequence[Mapping[str, Any]]) -> list[str]:
    least = _SLOW if len(records) >= _MANY else _VERY_SLOW
    slow = [record for record in records if record["seconds"] >= least]
    slow.sort(key=lambda record: (-record["seconds"], record["trace"]))
    shown_ones = [
        f"{shown(r['trace'].partition('::')[0])} {r['seconds']:.2f} s" for r in slow[:_SLOWEST]
    ]
    return [f"slowest: {', '.join(shown_ones)}"] if shown_ones else []
