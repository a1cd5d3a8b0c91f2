"""All that a report says, as JSON values: the one source of page, JUnit, SARIF and summary.

The shape is stable: keys are only ever added, and `version` counts changes that are no additions.
"""

from collections.abc import Iterable
from typing import Any, Final

from vmfuzz.amounts import counted
from vmfuzz.campaigns.events import End, Progress, Replayed, Stage, Start, Tally, Worker
from vmfuzz.crashes import UPSTREAM
from vmfuzz.errors import shown
from vmfuzz.report.block import replay_command
from vmfuzz.report.folder.buckets import Bucket
from vmfuzz.report.folder.curves import curves, duration, run_starts
from vmfuzz.report.folder.reading import Folder
from vmstore.clauses import CLAUSES
from vmstore.clauses.own import OWN_CLAUSES
from vmstore.ops import BY_NAME, GENERATED
from vmstore.possible import CELLS, cells_of

VERSION: Final = 1
Json = dict[str, Any]
STATUSES: Final = ("new", "flaky", "stored", "known", "resolved")  # most urgent first
_MANY: Final = 200
_NO_EXIT: Final = -1
_NO_CLAUSE: Final = "no clause: an outcome, an event or an answer that is not as it should be"


def as_document(folder: Folder) -> Json:
    """Return what a folder amounts to. The same folder gives the same document."""
    buckets = [_bucket(folder, bucket) for bucket in folder.buckets]
    buckets.sort(key=lambda row: (STATUSES.index(row["status"]), row["signature"]))
    document: Json = {
        "version": VERSION,
        "folder": shown(folder.path),
        "has_log": folder.has_log,
        "upstream": _upstream(folder),
        "versions": _versions(folder),
        "runs": _runs(folder),
        "totals": _totals(folder),
        "counts": {name: sum(b["status"] == name for b in buckets) for name in STATUSES},
        "curves": [
            {"name": c.name, "unit": c.unit, "stepped": c.is_stepped, "points": list(c.points)}
            for c in curves(folder)
        ],
        "run_starts": run_starts(folder),
        "cells": _cells(folder),
        "quirks": _quirks(folder),
        "clauses": _clauses(buckets),
        "buckets": buckets,
        "more_buckets": folder.more_buckets,
        "replayed": _replayed(folder),
        "stages": _stages(folder),
        "workers": _workers(folder),
        "problems": [shown(problem) for problem in folder.problems],
    }
    return {**document, "verdict": _verdict(folder, document)}


def _bucket(folder: Folder, bucket: Bucket) -> Json:
    clause = next((c for c in (*CLAUSES, *OWN_CLAUSES) if c.id == bucket.clause), None)
    return {
        "name": bucket.name,
        "signature": shown(bucket.signature),
        "clause": shown(bucket.clause),
        "op": shown(bucket.op),
        "text": clause.text if clause is not None else "",
        "source": clause.source if clause is not None else "",
        "status": bucket.status if bucket.status in STATUSES else "stored",
        "reason": shown(bucket.reason),
        "engine": shown(bucket.engine),
        "witness": shown(bucket.witness),
        "words": bucket.words,
        "kept": bucket.kept,
        "ops": bucket.ops,
        "ops_found": bucket.ops_found,
        "run": bucket.run,
        "at": bucket.at,
        "path": bucket.path,
        "trace": bucket.text,
        "lines": bucket.lines[:_MANY],
        "replay": _replay(folder, bucket),
        "problem": bucket.problem,
    }


def _replay(folder: Folder, bucket: Bucket) -> str:
    return replay_command(folder.path / bucket.path, bucket.sut) if bucket.path else ""


def _upstream(folder: Folder) -> str:
    said = folder.meta.get("upstream")
    return shown(said) if isinstance(said, str) and said else UPSTREAM


def _versions(folder: Folder) -> dict[str, str]:
    last = folder.last(Start)
    return {shown(k): shown(v) for k, v in sorted(last.versions.items())} if last else {}


def _runs(folder: Folder) -> list[Json]:
    ends = {end.run: end for end in folder.of(End)}
    times = {}
    for event in folder.log.events:
        times[event.run] = event.t
    return [
        {
            "run": start.run,
            "engines": [shown(name) for name in start.engines],
            "seed": start.seed,
            "world": shown(start.world),
            "workers": start.workers,
            "limit": _limit(start),
            "faults": [shown(fault) for fault in start.faults],
            "date": shown(start.date),
            "is_resumed": start.is_resumed,
            "begins": start.t,
            "ends": times.get(start.run, start.t),
            "exit": ends[start.run].exit if start.run in ends else None,
            "verdict": shown(ends[start.run].verdict) if start.run in ends else "",
        }
        for start in folder.of(Start)
    ][-_MANY:]


def _limit(start: Start) -> str:
    if start.seconds is not None:
        return duration(start.seconds)
    return counted(start.steps, "step") if start.steps is not None else ""


def _totals(folder: Folder) -> Json:
    last = folder.last(Progress)
    seconds = folder.log.events[-1].t if folder.log.events else 0.0
    return {
        "seconds": seconds,
        "steps": last.steps if last else 0,
        "traces": last.traces if last else 0,
        "features": last.features if last else 0,
        "corpus": folder.corpus,
        "rss": max((event.rss for event in folder.of(Progress)), default=0),
    }


def _cells(folder: Folder) -> list[Json]:
    """Return a row per possible (op, outcome), reached or not, and per other one that was."""
    last = folder.last(Tally)
    if last is None:
        return []
    allowed = cells_of(folder.worlds)
    rows = [
        {
            "op": cell.op,
            "area": BY_NAME[cell.op].area,
            "outcome": cell.word,
            "count": last.ops.get(cell.op, {}).get(cell.word, 0),
            "needs": list(cell.needs),
            "possible_here": (cell.op, cell.word) in allowed,
        }
        for cell in CELLS
    ]
    known = {(cell.op, cell.word) for cell in CELLS}
    rows += [
        {"op": shown(op), "area": "", "outcome": shown(word), "count": count, "needs": [],
         "possible_here": True}
        for op, words in sorted(last.ops.items())
        for word, count in sorted(words.items())
        if (op, word) not in known
    ]  # fmt: skip
    return rows


def _quirks(folder: Folder) -> dict[str, int]:
    last = folder.last(Tally)
    return {shown(name): count for name, count in sorted(last.quirks.items())} if last else {}


def _clauses(buckets: Iterable[Json]) -> list[Json]:
    """Return a row per clause of the model, and per other name that a finding has."""
    found: dict[str, int] = {}
    for bucket in buckets:
        if bucket["status"] != "resolved":
            found[bucket["clause"]] = found.get(bucket["clause"], 0) + 1
    rows = [
        {
            "id": c.id,
            "text": c.text,
            "source": c.source,
            "findings": found.pop(c.id, 0),
            "is_clause": True,
        }
        for c in (*CLAUSES, *OWN_CLAUSES)
    ]
    others = [
        {"id": name, "text": _NO_CLAUSE, "source": "", "findings": count, "is_clause": False}
        for name, count in sorted(found.items())
    ]  # fmt: skip
    return [*rows, *others]


def _replayed(folder: Folder) -> Json:
    """Return what became of the traces that must end as they say, in the last run."""
    last = folder.last(Replayed)
    if last is None:
        return {"passes": 0, "passed": [], "broken": {}, "unreadable": {}}
    return {
        "passes": last.passes,
        "passed": [shown(name) for name in last.passed],
        **{
            kind: {shown(name): shown(why) for name, why in sorted(named.items())}
            for kind, named in (("broken", last.broken), ("unreadable", last.unreadable))
        },
    }


def _stages(folder: Folder) -> list[Json]:
    return [
        {"run": e.run, "at": e.t, "name": shown(e.name), "state": shown(e.state),
         "words": shown(e.words)}
        for e in folder.of(Stage)
    ][-_MANY:]  # fmt: skip


def _workers(folder: Folder) -> list[Json]:
    """Return what went wrong with workers; that they were started is no news."""
    return [
        {"run": e.run, "at": e.t, "worker": e.worker, "what": shown(e.what),
         "reason": shown(e.reason), "path": shown(e.path)}
        for e in folder.of(Worker)
        if e.what != "started"
    ][-_MANY:]  # fmt: skip


def _verdict(folder: Folder, document: Json) -> Json:
    """Return the headline: `kind` is `clean`, `finding` or `unsure`; `words` are the campaign's."""
    counts, end = document["counts"], folder.end
    parts = [f"{counts[name]:,} {name}" for name in STATUSES if counts[name]]
    headline = f"{', '.join(parts)} finding{'' if sum(counts.values()) == 1 else 's'}"
    is_urgent = any(counts[name] for name in ("new", "stored"))
    exit_code = end.exit if end is not None else _NO_EXIT
    if end is not None:
        words = shown(end.verdict)
    elif folder.has_log:
        words = "the last run has no end: it was killed, or it is still going on"
    else:
        words, exit_code = "no log of a campaign in this folder, only what it found", 1
    kind = {0: "clean", 1: "finding"}.get(exit_code, "finding" if is_urgent else "unsure")
    return {"kind": kind, "headline": headline if parts else "Nothing found", "words": words}


def reached(document: Json) -> Json:
    """Return how many ops and cells were reached, of how many that these worlds allow."""
    cells = document["cells"]
    ops = {row["op"] for row in cells if row["count"]}
    possible = [row for row in cells if row["possible_here"] or row["count"]]
    gaps = [row for row in possible if not row["count"]]
    return {
        "ops": len(ops),
        "of_ops": len(GENERATED),
        "cells": len(possible) - len(gaps),
        "of_cells": len(possible),
        "gaps": gaps,
    }
