"""Reads a campaign's folder: its log if there is one, its buckets, how large its corpus is."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from vmfuzz.amounts import counted
from vmfuzz.campaigns.event_log import Log, read_log
from vmfuzz.campaigns.events import End, Event, FindingSeen, Start
from vmfuzz.campaigns.folder import CORPUS, EVENTS, META, read_object
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.report.folder.buckets import KEPT_APART, Bucket, read_apart, read_buckets
from vmfuzz.swarm import fuzz_worlds
from vmstore.world import World, WorldError

_MAX_ENTRIES: Final = 200_000
_NOT_MET: Final = "not met in the last run"
_GONE: Final = "its bucket is not in the folder: deleted since, or it could not be written"
_Kind = TypeVar("_Kind", bound=Event)


@dataclass(slots=True)
class Folder:
    """What a folder holds.

    `log` is empty where there is none. `buckets` are those of the folder and, without a name, the
    findings of the log whose bucket is not there. `worlds` are those that the plan allows, none
    where that is not known; `problems` is what could not be read.
    """

    path: Path
    log: Log = field(default_factory=Log)
    has_log: bool = False
    meta: dict[str, Any] = field(default_factory=dict)
    buckets: list[Bucket] = field(default_factory=list)
    more_buckets: int = 0
    corpus: int = 0
    worlds: list[World] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def of(self, kind: type[_Kind]) -> Iterator[_Kind]:
        """Yield the events of one kind, in their order."""
        return (event for event in self.log.events if isinstance(event, kind))

    def last(self, kind: type[_Kind]) -> _Kind | None:
        """Return the last event of a kind, None if there is none."""
        return next((event for event in reversed(self.log.events) if isinstance(event, kind)), None)

    @property
    def end(self) -> End | None:
        """How the last run ended; None while it runs, and when it was killed."""
        started, ended = self.last(Start), self.last(End)
        if ended is None or (started is not None and started.run > ended.run):
            return None
        return ended

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to report on."""
        return not self.log.events and not self.buckets


def read_folder(path: Path) -> Folder:
    """Read a folder. Errors: VmfuzzError when it is none; whatever is damaged in it is noted."""
    if not path.is_dir():
        problem = "not a folder" if path.exists() else "no such folder"
        raise VmfuzzError(f"{shown(path)}: {problem}; give the --out of a campaign")
    folder = Folder(path)
    try:
        folder.meta = read_object(path / META) or {}
    except VmfuzzError as error:
        folder.problems.append(str(error))
    if (path / EVENTS).exists():
        _read_log(folder)
    folder.buckets, folder.more_buckets = read_buckets(path)
    folder.corpus = _corpus_size(path / CORPUS)
    folder.worlds = _worlds(folder.meta.get("plan"))
    _match(folder)
    return folder


def _read_log(folder: Folder) -> None:
    try:
        folder.log = read_log(folder.path / EVENTS)
    except VmfuzzError as error:
        folder.problems.append(str(error))
        return
    folder.has_log = True
    log = folder.log
    if log.bad:
        first, are = log.problems[0], "is" if log.bad == 1 else "are"
        folder.problems.append(
            f"{counted(log.bad, 'line')} of the log {are} damaged and left out; the first is line"
            f" {first.line:,}: {first.text}"
        )
    if log.unknown:
        kinds = ", ".join(sorted(log.unknown)[:5])
        folder.problems.append(f"the log has events of kinds that are not known here: {kinds}")
    if log.is_truncated:
        folder.problems.append("the log is cut short")


def _worlds(plan: object) -> list[World]:
    """Return the worlds that a plan draws from; none for a live system, which has its own."""
    if not isinstance(plan, dict) or plan.get("sut"):
        return []
    settings, pinned = plan.get("world"), plan.get("pinned")
    if not isinstance(settings, dict) or not isinstance(pinned, list):
        return []
    known = {str(name)[:40]: str(value)[:40] for name, value in list(settings.items())[:100]}
    with suppress(WorldError):
        return fuzz_worlds(World.from_settings(known), frozenset(map(str, pinned)))
    return []


def _corpus_size(path: Path) -> int:
    """Return how many traces a corpus has, at the top or one folder down."""
    count = 0
    folders = [str(path)]
    while folders and count < _MAX_ENTRIES:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                count += entry.name.endswith(".trace")
                is_at_top = os.path.dirname(entry.path) == str(path)
                if is_at_top and entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return count


def _match(folder: Folder) -> None:
    """Give each bucket what the log says of its signature."""
    seen: dict[str, list[FindingSeen]] = {}
    for event in folder.of(FindingSeen):
        seen.setdefault(event.signature, []).append(event)
    plan = max((event.run for event in folder.of(Start) if not event.is_resumed), default=1)
    verdicts = _verdicts(folder.end)
    there = {bucket.signature for bucket in folder.buckets}
    folder.buckets += [
        _lost(folder.path, events[-1]) for name, events in seen.items() if name not in there
    ]
    for bucket in folder.buckets:
        events = seen.get(bucket.signature, [])
        if events:
            first, last = events[0], events[-1]
            bucket.at, bucket.run, bucket.witness = first.t, first.run, last.witness
            bucket.engine, bucket.ops_found = first.engine, first.ops_found
            bucket.status, bucket.reason = _status([e for e in events if e.run >= plan])
        said = verdicts.get(bucket.signature) or (
            verdicts.get(bucket.name) if bucket.name else None
        )
        if said is not None:
            bucket.reason = "" if said == "known" and bucket.reason == _NOT_MET else bucket.reason
            bucket.status = said


def _lost(folder: Path, event: FindingSeen) -> Bucket:
    """Return a finding without a bucket: its trace may be kept elsewhere, where nobody runs it."""
    found = Bucket("", event.signature, event.clause, event.op, ops=event.ops)
    parts = PurePosixPath(event.path).parts
    if len(parts) == 2 and parts[0] in KEPT_APART and parts[1].endswith((".trace", ".held")):
        read_apart(folder, found, "/".join(parts))
    else:
        found.problem = _GONE
    return found


def _status(events: list[FindingSeen]) -> tuple[str, str]:
    """Return status and reason by the runs of the last plan: new in one of them is new."""
    if not events:
        return "known", _NOT_MET
    strongest = next((event for event in events if event.status == "new"), events[-1])
    return strongest.status, strongest.reason


def _verdicts(end: End | None) -> dict[str, str]:
    """Return what the last run's end says, by signature or bucket; new is the strongest."""
    if end is None:
        return {}
    lists = {"known": end.known, "resolved": end.resolved, "flaky": end.flaky, "new": end.new}
    return {signature: status for status, names in lists.items() for signature in names}
