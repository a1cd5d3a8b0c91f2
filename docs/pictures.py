"""Write the pictures of the pages anew: `python docs/pictures.py`.

What can be taken from the model is: the numbers of the equation and the tables of the walk come
from traces that run here; the arrows between the states of a slot are listed, and a test compares
them with what runs do. A picture is one file for light and dark: it has colours by name, which
follow the reader's preference, or the page that it stands in.
"""

import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Final

from vmfuzz.trace_text import parse
from vmstore.exec import pte
from vmstore.node_cells import Node
from vmstore.step import STEPS, State

FOLDER: Final = Path(__file__).parent / "pictures"
_STYLE: Final = """\
svg.vm { --ink: #1d2730; --paper: #ffffff; --soft: #e9eff3; --line: #5b6b78;
  --mark: #00695c; --markbg: #d5efe9;
  font: 14px/1.3 system-ui, sans-serif; max-width: 100%; height: auto; }
@media (prefers-color-scheme: dark) { svg.vm { --ink: #e3e9ee; --paper: #1c2228;
  --soft: #2a333b; --line: #93a3b0; --mark: #5fd3bf; --markbg: #17423b; } }
svg.vm text { fill: var(--ink); }
svg.vm .small { font-size: 12px; }
svg.vm .big { font-size: 17px; font-weight: 600; }
svg.vm .mono { font-family: ui-monospace, monospace; font-size: 12.5px; }
svg.vm .marked { fill: var(--mark); font-weight: 600; }
svg.vm rect { fill: var(--soft); stroke: var(--line); }
svg.vm rect.on { fill: var(--markbg); stroke: var(--mark); stroke-width: 2; }
svg.vm rect.off { fill: none; stroke-dasharray: 4 3; }
svg.vm rect.ground { fill: var(--paper); stroke: none; }
svg.vm path { fill: none; stroke: var(--line); stroke-width: 1.5; }
svg.vm path.on { stroke: var(--mark); stroke-width: 2.5; }
svg.vm marker path { fill: var(--line); stroke: none; }
svg.vm marker.on path { fill: var(--mark); }
"""
_HEAD: Final = (
    '<marker id="{id}" class="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9"'
    ' markerHeight="9" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
    '<path d="M0 0L8 4L0 8z"/></marker>'
)


@dataclass(slots=True)
class Drawing:
    """An SVG in the making. Units: pixels, from the upper left corner."""

    name: str
    title: str
    width: int
    height: int
    parts: list[str] = field(default_factory=list)

    def box(self, x: float, y: float, w: float, h: float, kind: str = "") -> None:
        """Draw a rectangle."""
        mark = f' class="{kind}"' if kind else ""
        self.parts.append(f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="5"{mark}/>')

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> None:
        """Write a line; `y` is its base."""
        mark = f' class="{kind}"' if kind else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{mark}>{escape(words)}</text>'
        )

    def card(self, x: float, y: float, w: float, h: float, *lines: str, kind: str = "") -> None:
        """Draw a rectangle with a headline in it and small lines under that."""
        self.box(x, y, w, h, kind)
        top = y + (h - 18 * (len(lines) - 1)) / 2 + 5
        for number, line in enumerate(lines):
            self.text(x + w / 2, top + 18 * number, line, "small" if number else "big")

    def arrow(self, path: str, kind: str = "") -> None:
        """Draw a line with a head at its end."""
        head = f"{self.name}-{kind or 'head'}"
        mark = f' class="{kind}"' if kind else ""
        self.parts.append(f'<path d="{path}"{mark} marker-end="url(#{head})"/>')

    def svg(self) -> str:
        """Return the file."""
        heads = "".join(
            _HEAD.format(id=f"{self.name}-{kind or 'head'}", kind=kind) for kind in ("", "on")
        )
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="vm" role="img"'
            f' viewBox="0 0 {self.width} {self.height}" width="{self.width}">\n'
            f"<title>{escape(self.title)}</title>\n<style>\n{_STYLE}</style>\n"
            f"<defs>{heads}</defs>\n"
            f'<rect class="ground" width="{self.width}" height="{self.height}"/>\n{body}\n</svg>\n'
        )


def run(text: str) -> State:
    """Return the state after a trace. Errors: ValueError for a step that the view refuses."""
    trace = parse(f"#vmfuzz-trace 1\n{text}")
    state = State(trace.world)
    for step in trace.steps:
        handler, rule = STEPS[type(step.op)]
        state.begin_step()
        outcome = handler(state.machine, step.op)
        if rule is None or rule(state.view, step.op, outcome) is not None:
            raise ValueError(f"the scene does not play: {step.op} came to {outcome}")
    return state


# -- the life of a slot ----------------------------------------------------------------------------

UNUSED, SHARED, UNIQUE = "UNUSED", "1 ..= MAX", "UNIQUE"
# From, to, and the ops by which a slot gets there: what the picture shows, and a test measures.
MOVES: Final = {
    (UNUSED, SHARED): ("frame_from_unused", "segment_from_unused"),
    (UNUSED, UNIQUE): ("unique_from_unused",),
    (SHARED, SHARED): ("frame_clone", "frame_drop", "segment_slice", "segment_clone"),
    (SHARED, UNUSED): ("frame_drop", "segment_drop", "cursor_unmap"),
    (SHARED, UNIQUE): ("unique_try_from_shared",),
    (UNIQUE, SHARED): ("unique_into_shared",),
    (UNIQUE, UNUSED): ("unique_drop", "unique_reset_as_unused", "list_drop"),
}


def slot_states() -> str:
    """Draw the states of a slot between calls."""
    d = Drawing("slot", "The life of a metadata slot", 860, 420)
    d.card(310, 20, 240, 58, UNUSED, "no metadata, nobody refers to it")
    d.card(40, 290, 220, 74, SHARED, "shared: H + P + C + D", "references", kind="on")
    d.card(600, 290, 220, 74, UNIQUE, "one exclusive owner,", "perhaps a list")
    d.arrow("M330 80 C250 140 140 200 120 288")
    _labels(d, 130, 130, MOVES[UNUSED, SHARED])
    d.arrow("M200 288 C230 210 330 160 385 80")
    _labels(d, 345, 196, MOVES[SHARED, UNUSED])
    d.arrow("M530 80 C610 140 720 200 740 288")
    _labels(d, 745, 150, MOVES[UNUSED, UNIQUE])
    d.arrow("M660 288 C630 210 530 160 475 80")
    _labels(d, 502, 196, MOVES[UNIQUE, UNUSED])
    d.arrow("M262 312 H598")
    _labels(d, 430, 304, MOVES[SHARED, UNIQUE])
    d.arrow("M598 342 H262")
    _labels(d, 430, 360, MOVES[UNIQUE, SHARED])
    d.arrow("M80 366 C60 408 130 408 112 366")
    d.text(130, 396, ", ".join(MOVES[SHARED, SHARED]), "mono", "start")
    d.text(820, 396, "0 (busy) is inside calls only", "small", "end")
    return d.svg()


def _labels(d: Drawing, x: float, y: float, ops: tuple[str, ...]) -> None:
    for line, op in enumerate(ops):
        d.text(x, y + 17 * line, op, "mono")


# -- the equation ----------------------------------------------------------------------------------

EQUATION: Final = """\
world rcu=deferred
f0 = frame_from_unused(paddr=0x0)
f1 = frame_clone(frame=f0)
f2 = frame_clone(frame=f0)
f3 = frame_clone(frame=f0)
s0 = segment_from_frame(frame=f3)
vs0 = vmspace_new()
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x2000)
cursor_map(cursor=c0, frame=f1, flags=0x1, cache=WB)
cursor_map(cursor=c0, frame=f2, flags=0x1, cache=WB)
cursor_jump(cursor=c0, va=0x0)
cursor_unmap(cursor=c0, len=0x1000)
"""


def equation() -> str:
    """Draw who holds page 0 after a trace, and the count in its slot."""
    state = run(EQUATION)
    owner, slot = state.view.store.owner(0), state.machine.cells.slot(0)
    terms = [
        ("H", owner.handles, "handles", "f0"),
        ("P", owner.mappings, "mappings", "vs0 at 0x1000"),
        ("C", owner.covers, "segment covers", "s0"),
        ("D", owner.deferred, "deferred", "vs0 at 0x0"),
    ]
    d = Drawing("equation", "The equation of the reference count", 760, 250)
    d.box(20, 70, 130, 96, "on")
    d.text(85, 96, "slot of page 0x0", "small")
    d.text(85, 130, f"rc = {slot.ref_count}", "big")
    d.text(85, 152, "in memory", "small")
    d.text(172, 126, "=", "big")
    for at, (letter, count, words, who) in enumerate(terms):
        x = 194 + at * 142
        d.box(x, 70, 118, 96)
        d.text(x + 59, 96, words, "small")
        d.text(x + 59, 130, f"{letter} = {count}", "big")
        d.text(x + 59, 152, who, "mono")
        if at < len(terms) - 1:
            d.text(x + 130, 126, "+", "big")
    d.text(194 + 3 * 142 + 59, 184, "unmapped, not yet freed", "small")
    d.text(20, 40, "what the code counts", "marked", "start")
    d.text(477, 40, "what the ops amount to: who holds the page", "marked")
    total = owner.references()
    d.text(380, 226, f"ACCT.3c holds: {slot.ref_count} = {total}.  An op that changes one side only"
           " breaks it.", "small")  # fmt: skip
    return d.svg()


# -- a walk ----------------------------------------------------------------------------------------

WALK: Final = """\
world frames=8 pt_frames=40 entries=4
f0 = frame_from_unused(paddr=0x3000)
vs0 = vmspace_new()
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x40000)
cursor_jump(cursor=c0, va=0x1b000)
cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB)
cursor_jump(cursor=c0, va=0x1b000)
"""
_VA: Final = 0x1B000


def cursor_walk() -> str:
    """Draw the tables from the root down to the page that a cursor stands on."""
    state = run(WALK)
    geometry = state.machine.spaces.geometry
    node: Node | None = state.machine.spaces.vm_spaces[0].table.root
    d = Drawing("walk", "A cursor walks a page table", 780, 320)
    d.text(380, 28, f"virtual address {_VA:#x}, 4 levels of {geometry.entries} entries", "marked")
    x = 20
    while node is not None:
        index = geometry.index(_VA, node.level)
        word = node.word(index)
        child = pte.is_child(word)
        _table(d, x, node, index, geometry.levels)
        target = pte.child_paddr(word) if child else pte.leaf_paddr(geometry, word, node.level)
        d.text(x + 65, 268, f"index {index}", "small marked")
        y = 84 + 46 * index
        d.arrow(f"M{x + 131} {y} C{x + 150} {y} {x + 130} 84 {x + 150} 84", "on")
        x += 152
        if not child:
            d.box(x, 60, 130, 48, "on")
            d.text(x + 65, 80, f"page {target:#x}", "mono")
            d.text(x + 65, 98, "rc = 1 = P", "small")
            break
        node = state.machine.nodes.node(target // 0x1000)
    cursor = state.machine.spaces.cursors[0].inner
    d.text(380, 300, f"cursor c0 at {cursor.va:#x}, level {cursor.level}; its range is locked"
           f" from level {cursor.guard_level} down", "small")  # fmt: skip
    return d.svg()


def _table(d: Drawing, x: float, node: Node, taken: int, levels: int) -> None:
    d.text(x + 65, 52, f"level {node.level}, page {node.index * 0x1000:#x}", "small")
    for index in range(4):
        word = node.word(index)
        y = 62 + 46 * index
        empty = pte.is_absent(word)
        d.box(x, y, 130, 44, "on" if index == taken else "off" if empty else "")
        shown = "absent" if empty else "table" if pte.is_child(word) else "page"
        if node.level == levels and index >= 2:
            shown = "kernel half"
        d.text(x + 65, y + 27, f"{index}: {shown}", "mono")


# -- the layers ------------------------------------------------------------------------------------


def architecture() -> str:
    """Draw how an op is run twice and compared."""
    d = Drawing("layers", "One op, two descriptions, one oracle", 760, 400)
    d.text(120, 26, "engines", "marked")
    for at, name in enumerate(("swarm", "hypothesis", "atheris", "exhaustive")):
        d.box(20, 40 + 44 * at, 200, 36)
        d.text(120, 63 + 44 * at, name)
    d.box(20, 226, 200, 36)
    d.text(120, 249, "a stored trace")
    d.arrow("M222 140 H288")
    d.card(290, 112, 90, 58, "op", "one step", kind="on")
    d.arrow("M382 128 C410 128 410 86 438 86")
    d.card(440, 50, 300, 72, "exec: what the code does", "words of memory, tables, queues")
    d.arrow("M382 154 C410 154 410 206 438 206")
    d.card(440, 170, 250, 72, "view: what it means", "owners, mappings, sequences")
    d.arrow("M540 122 V168")
    d.text(550, 150, "outcome, nothing else", "small", "start")
    d.arrow("M715 122 V288")
    d.arrow("M565 242 V288")
    d.arrow("M222 244 C280 244 320 220 330 172")
    checks = ("clauses and checks after every step", "invariants, extra, outcome, view")
    d.card(290, 290, 450, 58, *checks, kind="on")
    d.arrow("M288 319 H222")
    d.card(20, 290, 200, 58, "finding", "clause, op, minimal trace")
    d.arrow("M120 288 V264")
    d.text(380, 385, "An agent around real code takes the place of exec.", "small")
    return d.svg()


PICTURES: Final = {
    "slot-states.svg": slot_states,
    "equation.svg": equation,
    "cursor-walk.svg": cursor_walk,
    "architecture.svg": architecture,
}


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        text = draw()
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"docs/pictures/{name}: written\n")
