"""A system under test to start from: pages with counters. `--bug` forgets to count one clone.

Replace the class by calls into your own code; docs/protocol.md says what each line means.
"""

import json
import sys

PAGE, FRAMES, UNUSED = 4096, 8, "UNUSED"
WORLD = {"frames": FRAMES, "pt_frames": 0, "cpus": 1}
OPS = ["frame_from_unused", "frame_from_in_use", "frame_clone", "frame_drop"]


class Memory:
    def __init__(self, bug):
        self.counts, self.metas = [UNUSED] * FRAMES, [("unused", 0)] * FRAMES
        self.handles, self.events, self.bug = [], [], bug  # a handle is the number of a page

    def new_handle(self, page, count, meta):
        self.counts[page], self.metas[page] = count, meta
        self.handles.append(page)
        return {"ok": {"frame": len(self.handles) - 1}}

    def frame_from_unused(self, paddr, meta="unit", val=0):
        if error := self.error(paddr, "InUse", lambda count: count != UNUSED):
            return error
        return self.new_handle(paddr // PAGE, 1, (meta, val))

    def frame_from_in_use(self, paddr):
        if error := self.error(paddr, "Unused", lambda count: count == UNUSED):
            return error
        page = paddr // PAGE
        return self.new_handle(page, self.counts[page] + 1, self.metas[page])

    def error(self, paddr, name, is_wrong):  # in this order: alignment, bound, state of the page
        if paddr % PAGE or paddr >= FRAMES * PAGE:
            return {"err": "NotAligned" if paddr % PAGE else "OutOfBound"}
        return {"err": name} if is_wrong(self.counts[paddr // PAGE]) else None

    def frame_clone(self, frame):
        page = self.handles[frame]
        is_forgotten = self.bug and self.counts[page] == 3
        return self.new_handle(page, self.counts[page] + (not is_forgotten), self.metas[page])

    def frame_drop(self, frame):
        page = self.handles[frame]
        self.counts[page] -= 1
        if self.counts[page] == 0:
            meta, val = self.metas[page]
            self.events += [["on_drop", meta, page * PAGE, val]] if meta != "unit" else []
            self.events += [["freed", page * PAGE]]
            self.counts[page], self.metas[page] = UNUSED, ("unused", 0)
        return {"ok": {}}

    def slots(self, before):
        return [[p, self.metas[p][0], now] for p, now in enumerate(self.counts) if now != before[p]]


def main(bug):
    memory, ready = Memory(bug), {"ready": {"build": "debug", "world": WORLD, "ops": OPS}}
    print(json.dumps(ready), flush=True)
    for asked in map(json.loads, sys.stdin):
        if asked["op"] == "reset":
            memory, answer = Memory(bug), ready
        elif asked["op"] not in OPS:
            answer = {"out": {"refused": "not implemented"}}
        else:
            before, memory.events = list(memory.counts), []
            out = getattr(memory, asked["op"])(**asked["args"])
            answer = {"out": out, "slots": memory.slots(before), "ev": memory.events}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main("--bug" in sys.argv[1:])
