"""A system under test to start from: pages with counters. `--bug` forgets to count one clone.

Replace the class by calls into your own code; docs/protocol.md says what each line means.
"""

import json
import sys
from itertools import chain

PAGE, FRAMES, UNUSED = 4096, 8, "UNUSED"
WORLD = {"frames": FRAMES, "pt_frames": 0, "cpus": 1}
OPS = ["frame_from_unused", "frame_from_in_use", "frame_clone", "frame_drop"]


class Memory:
    def __init__(self, bug):
        self.counts, self.metas = [UNUSED] * FRAMES, [("unused", 0)] * FRAMES
        self.handles, self.events, self.bug = [], [], bug  # a handle is the number of a page

    def error(self, paddr, is_used):  # in this order: alignment, bound, state of the page
        if paddr % PAGE or paddr >= FRAMES * PAGE:
            return {"err": "NotAligned" if paddr % PAGE else "OutOfBound"}
        is_right = (self.counts[paddr // PAGE] != UNUSED) == is_used
        return None if is_right else {"err": "Unused" if is_used else "InUse"}

    def new_handle(self, page, more):
        self.counts[page] += more
        self.handles.append(page)
        return {"ok": {"frame": len(self.handles) - 1}}

    def frame_from_unused(self, paddr, meta="unit", val=0):
        if error := self.error(paddr, is_used=False):
            return error
        self.counts[paddr // PAGE], self.metas[paddr // PAGE] = 0, (meta, val)
        return self.new_handle(paddr // PAGE, 1)

    def frame_from_in_use(self, paddr):
        return self.error(paddr, is_used=True) or self.new_handle(paddr // PAGE, 1)

    def frame_clone(self, frame):
        page = self.handles[frame]
        return self.new_handle(page, 0 if self.bug and self.counts[page] == 3 else 1)

    def frame_drop(self, frame):
        page = self.handles[frame]
        (meta, val), self.counts[page] = self.metas[page], self.counts[page] - 1
        if self.counts[page] == 0:
            self.counts[page], self.metas[page] = UNUSED, ("unused", 0)
            self.events += [["on_drop", meta, page * PAGE, val]] if meta != "unit" else []
            self.events += [["freed", page * PAGE]]
        return {"ok": {}}

    def answer(self, op, args):
        before, self.events = list(self.counts), []
        out, now = getattr(self, op)(**args), self.counts
        slots = [[p, self.metas[p][0], now[p]] for p in range(FRAMES) if now[p] != before[p]]
        return {"out": out, "slots": slots, "ev": self.events}


if __name__ == "__main__":
    ready = {"ready": {"build": "debug", "world": WORLD, "ops": OPS}}
    for asked in map(json.loads, chain(['{"op": "reset"}'], sys.stdin)):  # starts like a reset
        if asked["op"] == "reset":
            memory, answer = Memory(bug="--bug" in sys.argv), ready
        else:
            answer = memory.answer(**asked)
        print(json.dumps(answer), flush=True)
