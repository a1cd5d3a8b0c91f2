"""A worker's keeper on its node: starts it, hears it, carries traces to and fro, ends it.

It lives in an actor, one for each worker, and knows nothing of Ray. The worker is the process that
a campaign on one machine has, with a corpus folder of its own: what it stores there goes to the
driver, and what comes from there lies in it to be found. So a worker that hangs, or dies, leaves
its keeper to tell of it.
"""

import os
from contextlib import suppress
from dataclasses import replace
from typing import Final

from vmfuzz.campaigns.cluster.about import about
from vmfuzz.campaigns.cluster.frames import Frame, batch, encode
from vmfuzz.campaigns.cluster.scratch import Scratch
from vmfuzz.campaigns.corpus import Corpus, name_of
from vmfuzz.campaigns.job import Job
from vmfuzz.campaigns.messages import MessageError
from vmfuzz.campaigns.processes import COMMAND, Process, Processes
from vmfuzz.errors import HarnessError
from vmfuzz.trace_file import write_atomically

GOING, GONE = b".", b"!"  # what an answer begins with
_POLL: Final = 0.2  # seconds that an answer may wait for something to say
_MOST_UNTOLD: Final = 4096  # traces that wait to be carried; a corpus has that many after hours


class Outpost:
    """Keeps one worker. Every answer is `GOING` or `GONE`, then lines as in `frames`, keyless."""

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        self._folder = Scratch("vmfuzz-outpost-")
        self.scratch = self._folder.path
        kept = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}
        self.place = Processes(self.scratch, command, kept)
        self.worker: Process | None = None
        self.corpus: Corpus | None = None
        self.problem = ""
        self._told: set[str] = set()
        self._has_said_all = False

    def begin(self, line: bytes, expected: str) -> bytes:
        """Start the worker on the job of a line. Effect: none if it would run other code."""
        if about() != expected:
            return self._gone(f"this node has vmfuzz {about()}, the driver {expected}")
        job = Job.decode(line)
        if job.corpus is not None:
            self.corpus = Corpus(self.scratch / "corpus")
            job = replace(job, corpus=str(self.corpus.path))
        try:
            self.worker = self.place.start(job)
        except HarnessError as error:
            return self._gone(str(error))
        return GOING

    def poll(self) -> bytes:
        """Return what the worker has said and stored since, waiting a moment for the first."""
        worker = self.worker
        if worker is None:
            return self._gone("it was not started")
        said = [] if self._has_said_all else self._heard(worker)
        untold = self._untold()
        if untold:
            said.append(b"r " + encode(Frame("stored", traces=untold)))
        if self._has_said_all and not untold:
            return self._gone("", said)
        if not self._has_said_all:
            said.append(b"r " + encode(Frame("beat", worker.count, worker.rss)))
        return GOING + b"\n".join(said)

    def give(self, texts: list[str]) -> None:
        """Let the worker find traces in its corpus."""
        if self.corpus is None:
            return
        for text in texts:
            name = name_of(text)
            self._told.add(name)
            with suppress(Exception):  # a full disk costs the trace
                write_atomically(self.corpus.path / name, text)

    def stop(self) -> None:
        """Let the worker stop after the trace that it runs."""
        if self.worker is not None:
            self.worker.ask_to_stop()

    def close(self) -> bytes:
        """End the worker, whatever it does; return what is left to say."""
        if self.worker is not None:
            self.worker.kill()
        said: list[bytes] = []
        while self.worker is not None and not self._has_said_all:
            said += self._heard(self.worker)
        untold = self._untold()
        if untold:
            said.append(b"r " + encode(Frame("stored", traces=untold)))
        return self._gone("", said)

    def _heard(self, worker: Process) -> list[bytes]:
        self.place.wait(_POLL)
        try:
            lines = worker.lines()
        except MessageError as error:
            lines, self.problem = None, str(error)
        self._has_said_all = lines is None
        return [b"w " + line for line in lines or []]

    def _untold(self) -> list[str]:
        """Return texts of traces that the worker has stored and nobody was told of."""
        if self.corpus is None:
            return []
        names = [name for name in self.corpus.names() if name not in self._told]
        texts: list[str] = []
        for name in names[:_MOST_UNTOLD]:
            try:
                texts.append((self.corpus.path / name).read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError):  # it does not come back
                texts.append("")
            if len(batch(texts)) < len(texts):
                break
        chosen = batch(texts)
        self._told.update(names[: len(chosen)])
        return [text for text in chosen if text]

    def _gone(self, words: str, said: list[bytes] | None = None) -> bytes:
        """Return the end of what there is to say. Effect: nothing is left of the worker."""
        beat = None
        if self.worker is not None:
            ending = self.worker.end()
            beat, words = ending.beat, self.problem or ending.words
        self.corpus = None  # nothing that is given from now on makes the folder again
        self._folder.remove()
        frame = b"r " + encode(Frame("gone", words=words, last=beat))
        return GONE + b"\n".join([*(said or []), frame])
