"""The model as an agent: the other end of the wire protocol."""

import json
import os
from typing import Any, Final

from vmfuzz.replayer import Replayer
from vmfuzz.sut.answers import PROTOCOL, read_object
from vmfuzz.sut.channel import MAX_LINE
from vmfuzz.sut.failure import AgentFailure
from vmfuzz.sut.wire import wire_name
from vmstore.arch import PAGE_SIZE
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS
from vmstore.world import LIMITS, World

_CHUNK: Final = 1 << 18

Json = Any  # what json.loads returns


def serve(world: World, faults: tuple[str, ...], source: int, sink: int) -> None:
    """Answer lines from one file descriptor on another until the first ends.

    Effect: answers are written once no complete line waits any more, so that whoever pipelines a
    whole trace gets its answers together, and whoever asks one op at a time gets each at once.
    """
    model = Model(world, Faults.of(faults))
    _write(sink, [model.greeting])
    rest = b""
    while chunk := os.read(source, _CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE:
            _write(sink, [_refusal(f"a line of more than {MAX_LINE >> 20} MiB")])
            return
        _write(sink, [model.answer(line) for line in lines if line.strip()])


def _write(sink: int, answers: list[Json]) -> None:
    data = memoryview("".join(f"{_dumps(answer)}\n" for answer in answers).encode())
    while data:
        data = data[os.write(sink, data) :]


_dumps: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _refusal(reason: str) -> Json:
    return {"out": {"refused": reason}}


class Model:
    """The world that is being served."""

    def __init__(self, world: World, faults: Faults) -> None:
        self.world, self.faults = world, faults
        self.replayer = Replayer(world, faults)
        self.is_over = False
        self.greeting = self._greeting()

    def _greeting(self) -> Json:
        """Return a ready line's object."""
        world = self.world
        sizes: dict[str, Json] = {
            "first_paddr": 0,
            "page_size": PAGE_SIZE,
            "max_paddr": world.max_paddr,
            "pt_base": world.frames * PAGE_SIZE,
            "pt_kernel": world.kernel_nodes,
            **{key: getattr(world, key) for key in LIMITS},
            "rcu": world.rcu,
            "profile": world.profile,
            "variants": dict(world.overrides),
        }
        ops = sorted({wire_name(declaration) for declaration in DECLARATIONS.values()})
        return {"ready": {"protocol": PROTOCOL, "build": world.build, "world": sizes, "ops": ops}}

    def answer(self, line: bytes) -> Json:
        """Return the answer to one line; what is no op of the model is refused."""
        try:
            asked = read_object(line)
        except AgentFailure as failure:
            return _refusal(failure.text)
        name, args = asked.get("op"), asked.get("args", {})
        if not isinstance(name, str) or not isinstance(args, dict):
            return _refusal("a line is {'op': name, 'args': {...}}")
        if name == "reset":
            self.replayer, self.is_over = Replayer(self.world, self.faults), False
            return self.greeting
        if self.is_over:
            return _refusal("the machine has ended; reset it")
        return {"op": name, "args": args, **self._step(name, args)}

    def _step(self, name: str, args: dict[str, Json]) -> Json:
        op = self.replayer.build_op(name, args)
        if op is None:
            return _refusal("unknown op, or unknown arguments for it")
        live = self.replayer.state.live
        for field in DECLARATIONS[type(op)].handles:
            handle = getattr(op, field.name)
            if field.kind and handle is not None and handle not in live[field.kind.name]:
                return _refusal(f"{field.kind.name} {handle} is not live")
        answer = self.replayer.step(op)
        out = answer["out"]
        if "diverges" in out:
            self.is_over = True
            return _refusal("it would never end")
        self.is_over = "panic" in out or "abort" in out
        return answer
