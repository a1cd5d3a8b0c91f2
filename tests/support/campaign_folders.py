"""Folders as campaigns leave them, written by hand for the tests of the report."""

import json
from collections.abc import Iterable
from pathlib import Path

from vmfuzz.campaigns.event_lines import encode
from vmfuzz.campaigns.events import Event
from vmfuzz.crashes import bucket_name

CLONE = """#vmfuzz-trace 1
world
fault inc-ref-temp-handle
s0 = segment_from_unused(start=0x0, end=0x1000)
s1 = segment_clone(segment=s0)
"""


def write_bucket(folder: Path, signature: str, trace: str = CLONE, **meta: object) -> Path:
    """Write a bucket of one trace."""
    bucket = folder / bucket_name(signature)
    bucket.mkdir(parents=True)
    clause, _, op = signature.partition("/")
    about = {"clause": clause, "op": op, "engine": "swarm", **meta}
    (bucket / "meta.json").write_text(json.dumps(about))
    for name in ("min.trace", "first.trace"):
        (bucket / name).write_text(trace)
    (bucket / "finding.txt").write_text(f"{signature} violated\n")
    return bucket


def write_log(folder: Path, events: Iterable[Event]) -> None:
    """Write the log of a campaign, and a plan that goes with it."""
    folder.mkdir(parents=True, exist_ok=True)
    plan: dict[str, object] = {"world": {}, "pinned": [], "sut": None}
    meta = {"schema": 1, "upstream": "asterinas 604948581", "plan": plan}
    (folder / "meta.json").write_text(json.dumps(meta))
    (folder / "events.jsonl").write_text("".join(f"{encode(event)}\n" for event in events))
