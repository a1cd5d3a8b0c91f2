"""The process that has joined the cluster: `python -m vmfuzz.campaigns.cluster.broker`.

It carries lines between the driver and the workers' keepers. It is a process of its own because
Ray ends the one that has joined when its node goes down, writes to its streams and takes its
signals; to the driver, which Ray is never imported by, that is one more child that ends.
Orders come as JSON lines on stdin, the first of them says what to join; see `frames` for answers.
"""

import json
import os
import selectors
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, Final

from vmfuzz.campaigns.cluster.fleet import Fleet, first_line
from vmfuzz.campaigns.cluster.frames import Frame, encode
from vmfuzz.campaigns.cluster.outpost import GONE
from vmfuzz.campaigns.processes import die_with_parent
from vmfuzz.errors import VmfuzzError

BEGIN: Final = 20.0  # seconds in which a node must have started a worker
SILENCE: Final = 10.0  # seconds without an answer after which a worker is lost
ALIVE: Final = 1.0  # seconds between two signs of life of the broker itself
_CLOSE: Final = 1.0  # seconds for the last words of a worker that is ended
_POLL: Final = 0.05


@dataclass(slots=True)
class Post:
    """A worker's actor, with the answers that it owes, oldest first."""

    actor: Any
    node: str
    owed: list[Any] = field(default_factory=list)
    until: float = 0.0
    is_closing: bool = False


class Broker:
    """Does what the driver orders, and says what comes of it."""

    def __init__(self, fleet: Fleet, orders: BinaryIO, say: Callable[[bytes], None]) -> None:
        self.fleet, self.say = fleet, say
        self.posts: dict[int, Post] = {}
        self._orders, self._buffer = orders.fileno(), bytearray()
        os.set_blocking(self._orders, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._orders, selectors.EVENT_READ)

    def run(self) -> None:
        """Go on until the driver says no more."""
        told = 0.0
        while self._obey(0 if self.posts else _POLL):
            self._collect()
            if monotonic() - told >= ALIVE:
                told = monotonic()
                self._tell(0, Frame("beat"))
        for key in list(self.posts):
            self._dismiss(key, is_lost=False)

    def _obey(self, seconds: float) -> bool:
        """Do what was ordered; return whether there may be more."""
        if not self._selector.select(seconds):
            return True
        data = os.read(self._orders, 1 << 20)
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            order = json.loads(line)  # of our own driver
            self._do(order["do"], order["key"], order)
        return bool(data)

    def _do(self, what: str, key: int, order: dict[str, Any]) -> None:
        if what == "start":
            self._start(key, order["job"], order["about"])
            return
        post = self.posts.get(key)
        if post is None or post.is_closing:
            return
        if what == "stop":
            post.actor.stop.remote()
        elif what == "give":
            post.actor.give.remote(order["traces"])
        elif what == "end":
            post.is_closing, post.until = True, monotonic() + _CLOSE
            post.owed.append(post.actor.close.remote())

    def _start(self, key: int, job: str, about: str) -> None:
        try:
            actor, node = self.fleet.hire()
        except Exception as error:  # the cluster is going down
            self._tell(key, Frame("gone", words=first_line(error)))
            return
        post = self.posts[key] = Post(actor, node, until=monotonic() + BEGIN)
        post.owed.append(actor.begin.remote(job.encode(), about))

    def _collect(self) -> None:
        """Pass on the answers that are there, and ask for the next."""
        owed = [post.owed[0] for post in self.posts.values()]
        if not owed:
            return
        ready = set(self.fleet.answered(owed, _POLL))
        for key, post in list(self.posts.items()):
            if post.owed[0] in ready:
                self._take(key, post, post.owed.pop(0))
            elif monotonic() > post.until:
                self._lose(key, "its node does not answer")

    def _take(self, key: int, post: Post, answer: Any) -> None:
        try:
            data: bytes = self.fleet.ray.get(answer)
        except Exception as error:  # Ray has many for one that is gone
            self._lose(key, f"lost with its node ({type(error).__name__})")
            return
        prefix = b"%d " % key
        for line in data[1:].split(b"\n") if len(data) > 1 else []:
            self.say(prefix + line)
        if data.startswith(GONE):
            self._dismiss(key, is_lost=False)
        elif not post.owed:
            post.until = monotonic() + SILENCE
            post.owed.append(post.actor.poll.remote())

    def _lose(self, key: int, words: str) -> None:
        is_lost = not self.posts[key].is_closing
        self._dismiss(key, is_lost=is_lost)
        self._tell(key, Frame("gone", words=words))

    def _dismiss(self, key: int, *, is_lost: bool) -> None:
        post = self.posts.pop(key)
        self.fleet.dismiss(post.actor, post.node, is_lost=is_lost)

    def _tell(self, key: int, frame: Frame) -> None:
        self.say(b"%d r %b" % (key, encode(frame)))


def main() -> None:
    """Join, work, leave. Effect: nothing of Ray's reaches stdout."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(line: bytes) -> None:
        try:
            pipe.write(line + b"\n")
            pipe.flush()
        except OSError:
            os._exit(0)

    stdin = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115  # nothing may be read ahead
    order = json.loads(stdin.readline())
    try:
        fleet = Fleet(order["address"], order["cpus"], Path(order["folder"]))
        fleet.check(order["engines"])
        nodes = fleet.nodes()
    except VmfuzzError as error:
        say(b"0 r " + encode(Frame("error", words=str(error))))
        sys.exit(0)
    ready = Frame("ready", nodes=len(nodes), cpus=sum(cpus for _, cpus in nodes.values()))
    say(b"0 r " + encode(ready))
    try:
        Broker(fleet, stdin, say).run()
    finally:
        fleet.close()


if __name__ == "__main__":
    main()
