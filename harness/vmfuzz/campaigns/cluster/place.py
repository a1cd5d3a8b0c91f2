"""A Ray cluster as a place for workers: what the pool of a campaign sees of it."""

from collections import deque
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir
from time import monotonic, sleep
from typing import Final

from vmfuzz.campaigns.cluster import frames
from vmfuzz.campaigns.cluster.about import about
from vmfuzz.campaigns.cluster.child import COMMAND, Child
from vmfuzz.campaigns.cluster.frames import Frame
from vmfuzz.campaigns.cluster.scratch import Scratch
from vmfuzz.campaigns.corpus import MAX_TEXT, Corpus
from vmfuzz.campaigns.job import Job
from vmfuzz.campaigns.links import Ending
from vmfuzz.campaigns.messages import MessageError
from vmfuzz.errors import VmfuzzError
from vmfuzz.trace_text import format_trace, parse

LOCAL: Final = "local"
JOIN: Final = 90.0  # seconds in which a cluster must have let us in
SILENCE: Final = 10.0  # seconds without a sign of life after which the cluster is lost
LAST_WORDS: Final = 2.0  # seconds for what a worker that is ended still has to say
MAX_BROKERS: Final = 3  # of one campaign: a cluster that ends three of them is no good
_GIVE_EVERY: Final = 1.0
_GIFT: Final = 256  # traces that a worker is given to begin with
_LONGEST_PARENT: Final = 20  # characters; Ray's sockets lie below, and their names have a limit


class Remote:
    """A worker in the cluster."""

    def __init__(self, key: int, place: "ClusterPlace", job: Job, child: Child) -> None:
        self.key, self.place, self.job, self.child = key, place, job, child
        self.heard: deque[bytes] = deque()
        self.count = 0
        self.rss = 0
        self.given = 0
        self.problem = ""
        self.ending: Ending | None = None

    def lines(self) -> list[bytes] | None:
        """Return what it has said since, None at its end. Errors: MessageError."""
        if self.problem:
            raise MessageError(self.problem)
        if not self.heard and self.ending is not None:
            return None
        lines = list(self.heard)
        self.heard.clear()
        return lines

    def ask_to_stop(self) -> None:
        """Let it stop after the trace that it runs."""
        self.child.order(do="stop", key=self.key)

    def kill(self) -> None:
        """End it, without waiting."""
        if self.ending is None:
            self.child.order(do="end", key=self.key)

    def end(self) -> Ending:
        """End it and return how it ended. Effect: a broker that does not answer is ended, too."""
        if self.ending is None:
            self.kill()
            until = monotonic() + LAST_WORDS
            while self.ending is None and not self.child.is_over and monotonic() < until:
                self.place.listen(0.1)
            if self.ending is None:
                self.child.kill()
                self.ending = Ending("lost with the cluster", None)
        self.place.forget(self)
        return self.ending


class ClusterPlace:
    """Workers on the nodes of a cluster. `scratch` takes what Ray has to say.

    Requires: `join` before anything else, and `close` at the end.
    """

    def __init__(
        self,
        address: str,
        workers: int,
        engines: list[str],
        scratch: Path,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self.address, self.workers, self.engines = address, workers, engines
        self.scratch, self.command = scratch, command
        self.nodes = self.cpus = 0
        self._folder: Scratch | None = None
        self._child: Child | None = None
        self._remotes: dict[int, Remote] = {}
        self._started = self._brokers = 0
        self._stored: list[str] = []  # names in the corpus, in the order they came
        self._given_at = 0.0
        self._heard_at: float | None = None  # from the broker, once it has joined
        self._why = ""

    @property
    def is_lost(self) -> bool:
        """Whether the cluster has ended, and did not let us in again."""
        is_over = self._child is not None and self._child.is_over
        return is_over and self._brokers >= MAX_BROKERS

    def join(self) -> None:
        """Join the cluster. Errors: VmfuzzError saying why that cannot be."""
        if find_spec("ray") is None:
            raise VmfuzzError("--cluster needs Ray: pip install 'vmfuzz[cluster]'")
        child, until = self._broker(), monotonic() + JOIN
        while not child.is_over and monotonic() < until:
            for line in child.lines(0.2):
                frame = self._frame(line)
                if frame.kind == "ready":
                    self.nodes, self.cpus = frame.nodes, frame.cpus
                    self._heard_at = monotonic()
                    return
                raise VmfuzzError(f"--cluster {self.address}: {frame.words}")
        if not child.is_over:
            raise VmfuzzError(f"--cluster {self.address}: no answer within {JOIN:.0f} s")
        raise VmfuzzError(f"--cluster {self.address}: Ray has ended: {self._last_words()}")

    def start(self, job: Job) -> Remote:
        """Start a worker; if the cluster is gone, it has ended when it is listened to."""
        self._started += 1
        child = self._child
        if (child is None or child.is_over) and self._brokers < MAX_BROKERS:
            child = self._broker()
        assert child is not None
        remote = Remote(self._started, self, job, child)
        if child.is_over:
            remote.ending = Ending("the cluster is gone", None)
        self._remotes[remote.key] = remote
        child.order(do="start", key=remote.key, job=job.encode().decode(), about=about())
        if job.share and job.corpus is not None and not self._stored:
            self._stored = Corpus(Path(job.corpus)).names()[:_GIFT]
        return remote

    def wait(self, seconds: float) -> list[Remote]:
        """Return the workers that have said something, or ended."""
        if not self._speaking():
            self.listen(seconds)
        self._give()
        return self._speaking()

    def listen(self, seconds: float) -> None:
        """Take what the cluster says."""
        child = self._child
        if child is None or child.is_over:
            sleep(seconds)
        else:
            for line in child.lines(seconds):
                self._take(line)
            if self._heard_at is not None and monotonic() - self._heard_at > SILENCE:
                self._why = "it does not answer"  # Ray waits long for a head that is gone
                child.kill()
        for remote in self._remotes.values():
            if remote.child.is_over and remote.ending is None:
                why = self._why or self._last_words()
                remote.ending = Ending(f"lost with the cluster: {why}", None)

    def forget(self, remote: Remote) -> None:
        """Take no more from a worker that has ended."""
        self._remotes.pop(remote.key, None)

    def close(self) -> None:
        """Leave the cluster; of one of our own nothing is left."""
        if self._child is not None:
            self._child.leave()
        if self._folder is not None:
            for _ in range(20):  # until those that wrote there have noticed that they are alone
                self._folder.remove()
                if not self._folder.path.exists():
                    break
                sleep(0.1)

    def _broker(self) -> Child:
        self._brokers += 1
        self._heard_at, self._why = None, ""
        is_own = self.address == LOCAL
        if is_own and self._folder is None:
            is_long = len(gettempdir()) > _LONGEST_PARENT
            self._folder = Scratch("vmfuzz-ray-", Path("/tmp") if is_long else None)
        child = self._child = Child(
            self.scratch / "broker.stderr", is_own=is_own, command=self.command
        )
        child.order(
            address=self.address,
            cpus=self.workers,
            engines=self.engines,
            folder=str(self._folder.path) if self._folder is not None else "",
        )
        return child

    def _speaking(self) -> list[Remote]:
        remotes = self._remotes.values()
        return [each for each in remotes if each.heard or each.problem or each.ending is not None]

    def _frame(self, line: bytes) -> Frame:
        _, _, rest = line.partition(b" r ")
        try:
            return frames.decode(rest)
        except MessageError:
            raise VmfuzzError(f"--cluster {self.address}: an answer that is none") from None

    def _take(self, line: bytes) -> None:
        """Give a line to whom it is about; one about nobody is of a worker that was ended."""
        key, _, rest = line.partition(b" ")
        if self._heard_at is not None:
            self._heard_at = monotonic()
        if key == b"0":
            with suppress(MessageError):
                self._about_all(frames.decode(rest[2:]))
            return
        remote = self._remotes.get(int(key)) if key.isdigit() and len(key) < 10 else None
        if remote is None:
            return
        if rest.startswith(b"w "):
            remote.heard.append(rest[2:])
            return
        try:
            if not rest.startswith(b"r "):
                raise MessageError("a line of no kind")
            self._about(remote, frames.decode(rest[2:]))
        except MessageError as error:
            remote.problem = str(error)

    def _about_all(self, frame: Frame) -> None:
        if frame.kind == "ready":
            self._heard_at = monotonic()
        elif frame.kind == "error":
            self._why = frame.words

    def _about(self, remote: Remote, frame: Frame) -> None:
        if frame.kind == "beat":
            remote.count, remote.rss = frame.count, frame.rss
        elif frame.kind == "stored":
            self._store(remote, frame.traces)
        elif frame.kind == "gone":
            remote.ending = Ending(frame.words, frame.last)
        else:
            raise MessageError("a frame that is about no worker")

    def _store(self, remote: Remote, texts: list[str]) -> None:
        """Put traces into the campaign's corpus. Errors: MessageError for a text that is none."""
        if remote.job.corpus is None:
            raise MessageError("traces that nobody asked for")
        corpus = Corpus(Path(remote.job.corpus))
        for text in texts:
            try:
                trace = parse(text, "worker")
            except VmfuzzError as error:
                raise MessageError(str(error)) from None
            with suppress(VmfuzzError):  # a full disk costs the trace
                name = corpus.add(trace)
                if name is not None and remote.job.share:
                    self._stored.append(name)

    def _give(self) -> None:
        """Let workers that grow traces from stored ones have those of the others, in batches."""
        now = monotonic()
        if now - self._given_at < _GIVE_EVERY:
            return
        self._given_at = now
        for remote in self._remotes.values():
            if not remote.job.share or remote.job.corpus is None or remote.ending is not None:
                continue
            texts = self._next_for(remote, Corpus(Path(remote.job.corpus)))
            if texts:
                remote.child.order(do="give", key=remote.key, traces=texts)

    def _next_for(self, remote: Remote, corpus: Corpus) -> list[str]:
        texts, size = list[str](), 0
        for name in self._stored[remote.given : remote.given + _GIFT]:
            remote.given += 1
            with suppress(VmfuzzError):  # deleted meanwhile
                texts.append(format_trace(corpus.load(name)))
                size += len(texts[-1])
            if size > frames.MAX_BATCH - MAX_TEXT:
                break
        return texts

    def _last_words(self) -> str:
        with suppress(OSError):
            text = (self.scratch / "broker.stderr").read_bytes()[-2000:].decode("utf-8", "replace")
            lines = text.strip().splitlines()
            return lines[-1][:300] if lines else "without a word"
        return "without a word"
