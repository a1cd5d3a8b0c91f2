"""The traces that a campaign has already: run again at its beginning, thinned out at its end."""

from array import array
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from vmfuzz.amounts import counted
from vmfuzz.campaigns.corpus import Corpus
from vmfuzz.campaigns.desk import Desk
from vmfuzz.campaigns.distill import keep_smallest
from vmfuzz.campaigns.messages import Message
from vmfuzz.crashes import bucket_name, buckets
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import files_below
from vmfuzz.trace_file import write_atomically

RESOLVED: Final = "resolved"
Check = Callable[[list[str], float | None], bool]


class StoredTraces:
    """What became of stored traces. `kept` are folders of traces that must end as they say.

    So must what a finding that is gone has left in `RESOLVED`: should it come back, the run fails,
    although the folder knows its bucket.
    """

    def __init__(self, desk: Desk, corpus: Corpus, kept: tuple[Path, ...]) -> None:
        self.desk, self.corpus = desk, corpus
        self.folder = desk.folder.path
        self.kept = kept
        self.ongoing: set[str] = set()  # signatures that the folder had, and that still fail
        self._replayed: set[str] = set()
        self._reproduced: set[str] = set()
        self._passed: list[str] = []
        self._features: dict[str, array[int]] = {}

    @property
    def resolved(self) -> list[str]:
        """Buckets that the folder had, and of which no trace fails now; sorted."""
        return sorted(self._replayed - self._reproduced)

    def replay(self, check: Check, seconds: float | None) -> str:
        """Run everything that is stored; return how much that was."""
        names = buckets(self.folder)
        kept, gone = self.kept, self.folder / RESOLVED
        if gone.exists():
            kept = (*kept, gone)
        paths = [str(p) for folder in kept for p in files_below(folder, (".trace",))]
        found = [
            str(self.folder / name / file)
            for name in names
            for file in ("min.trace", "first.trace")
        ]
        stored = [str(self.corpus.path / name) for name in self.corpus.names()]
        self._replayed = set(names)
        if not check([*paths, *found, *stored], seconds):
            self._replayed = set()  # nothing can be said about what was not run
        self._resolve()
        desk = self.desk
        desk.recorder.replayed(sorted(self._passed), desk.broken, desk.unreadable)
        return f"{len(paths)} kept, {len(found)} of findings, {len(stored)} of the corpus"

    def distill(self, check: Check, seconds: float | None) -> str:
        """Keep of the corpus the smallest trace per feature. Effect: none if time does not do."""
        names = self.corpus.names()
        fresh = [name for name in names if name not in self._features]
        if not fresh:
            return f"{counted(len(names), 'trace')}, as before"
        check([str(self.corpus.path / name) for name in fresh], seconds)
        if not set(names) <= self._features.keys():
            return f"{counted(len(names), 'trace')}, no time"
        sizes = {}
        for name in names:
            with suppress(OSError):  # deleted meanwhile
                sizes[name] = (self.corpus.path / name).stat().st_size
        kept = keep_smallest(sizes, {name: self._features[name] for name in sizes})
        for name in sorted(sizes.keys() - kept):
            with suppress(VmfuzzError):
                self.corpus.remove(name)
        return f"{len(kept)} of {counted(len(names), 'trace')} kept"

    def judge(self, message: Message) -> None:
        """See what a trace came to: a finding may be gone, and what was clean may fail."""
        path, found = Path(message.name), message.found
        bucket = path.parent.name
        if self.corpus.path in path.parents:
            self._features[f"{bucket}/{path.name}"] = array("I", message.news)
            if found is not None:
                self.desk.take(found)
        elif bucket in self._replayed and path.parent.parent == self.folder:
            if message.text:  # damaged: it shows nothing
                self._reproduced.add(bucket)
            elif found is not None and bucket_name(found.finding.signature) == bucket:
                self._reproduced.add(bucket)
                self.ongoing.add(found.finding.signature)
            elif found is not None:
                self.desk.take(found)
        elif message.is_expected:
            self._passed.append(shown(path))
        elif message.text:
            where = shown(path)
            self.desk.unreadable[where] = message.text.removeprefix(where).lstrip(": ")
        else:
            self.desk.broken[shown(path)] = "does not end as it says"

    def _resolve(self) -> None:
        """Keep the shortest trace of each finding that is gone, as one that must run clean."""
        for name in self.resolved:
            with suppress(OSError, VmfuzzError):  # deleted meanwhile; a full disk
                text = (self.folder / name / "min.trace").read_text(encoding="utf-8")
                write_atomically(self.folder / RESOLVED / f"{name}.trace", text)
