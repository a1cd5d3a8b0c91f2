"""A system under test to start from: frames with reference counts, behind the wire protocol.

`python agent.py` is correct; `python agent.py --bug` forgets to count one kind of clone. Replace
the class by calls into your own code; docs/protocol.md says what each line means.
"""

import json
import sys

PAGE, FRAMES, UNUSED = 4096, 8, (1 << 64) - 1
WORLD = {"frames": FRAMES, "pt_frames": 0, "cpus": 1}
OPS = ["frame_from_unused", "frame_from_in_use", "frame_clone", "frame_drop"]


class Memory:
    """One counter per page, and the pages that the handles name, numbered from 0."""

    def __init__(self, bug):
        self.counts, self.kinds = [UNUSED] * FRAMES, ["unused"] * FRAMES
        self.handles, self.events, self.bug = [], [], bug

    def new_handle(self, page):
        self.handles.append(page)
        return {"ok": {"frame": len(self.handles) - 1}}

    def at(self, paddr):
        """Return the page, or the error: first alignment, then the bound."""
        if paddr % PAGE:
            return None, {"err": "NotAligned"}
        return (paddr // PAGE, None) if paddr < FRAMES * PAGE else (None, {"err": "OutOfBound"})

    def frame_from_unused(self, paddr, meta="unit", val=0):
        page, error = self.at(paddr)
        if error or self.counts[page] != UNUSED:
            return error or {"err": "InUse"}
        self.counts[page], self.kinds[page] = 1, (meta, val)
        return self.new_handle(page)

    def frame_from_in_use(self, paddr):
        page, error = self.at(paddr)
        if error or self.counts[page] == UNUSED:
            return error or {"err": "Unused"}
        self.counts[page] += 1
        return self.new_handle(page)

    def frame_clone(self, frame):
        page = self.handles[frame]
        self.counts[page] += not (self.bug and self.counts[page] == 3)
        return self.new_handle(page)

    def frame_drop(self, frame):
        page = self.handles[frame]
        self.counts[page] -= 1
        if self.counts[page] == 0:
            meta, val = self.kinds[page]
            self.events += [["on_drop", meta, page * PAGE, val]] if meta != "unit" else []
            self.events += [["freed", page * PAGE]]
            self.counts[page], self.kinds[page] = UNUSED, "unused"
        return {"ok": {}}

    def slots(self, before):
        """Return what changed: index, kind, count."""
        changed = [page for page in range(FRAMES) if self.counts[page] != before[page]]
        free = [[page, "unused", "UNUSED"] for page in changed if self.counts[page] == UNUSED]
        held = [[p, self.kinds[p][0], self.counts[p]] for p in changed if self.counts[p] != UNUSED]
        return sorted(free + held)


def main(bug):
    def say(answer):
        print(json.dumps(answer), flush=True)

    ready = {"ready": {"protocol": 1, "build": "debug", "world": WORLD, "ops": OPS}}
    memory = Memory(bug)
    say(ready)
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["op"] == "reset":
            memory = Memory(bug)
            say(ready)
        elif asked["op"] not in OPS:
            say({"out": {"refused": "not implemented"}})
        else:
            before, memory.events = list(memory.counts), []
            out = getattr(memory, asked["op"])(**asked["args"])
            say({"out": out, "slots": memory.slots(before), "ev": memory.events})


if __name__ == "__main__":
    main("--bug" in sys.argv[1:])
