"""The pictures are those of their script, and show what the model does."""

import re
import runpy
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest

from pages import DOCS
from vmfuzz.oracle import Session
from vmfuzz.swarm import SwarmConfig, SwarmTrace, fuzz_world
from vmstore.arch import REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.ops import DECLARATIONS
from vmstore.world import World

SCRIPT: dict[str, Any] = runpy.run_path(str(DOCS / "pictures.py"))
MOVES: dict[tuple[str, str], tuple[str, ...]] = SCRIPT["MOVES"]
SENTINELS = {REF_COUNT_UNUSED: "UNUSED", REF_COUNT_UNIQUE: "UNIQUE"}
ENOUGH = 60  # traces in which a move that is not drawn would show
Moved = dict[tuple[str, str], set[str]]


@pytest.mark.parametrize("name", SCRIPT["PICTURES"])
def test_the_picture_is_that_of_its_script(name: str) -> None:
    text = (DOCS / "pictures" / name).read_text(encoding="utf-8")

    assert text == SCRIPT["PICTURES"][name](), "run `python docs/pictures.py`"
    assert ElementTree.fromstring(text).findtext("{http://www.w3.org/2000/svg}title")
    assert not re.search(r"(href|src)=", text)


def test_every_picture_is_on_a_page_with_a_description() -> None:
    shown = "".join(path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md"))

    for path in (DOCS / "pictures").glob("*.svg"):
        assert re.search(rf"!\[[^\]]{{20,}}\]\([./\w]*pictures/{path.name}\)", shown)


def test_the_equation_on_the_page_is_that_of_the_picture() -> None:
    page = (DOCS / "explanation" / "counts-and-cursors.md").read_text(encoding="utf-8")

    assert f"```text\n{SCRIPT['EQUATION']}```" in page


def moves(seed: int, moved: Moved) -> None:
    """Add what the ops of one swarm trace do to the counts of data pages."""
    rng = Random(seed)
    session = Session(fuzz_world(rng, World(), frozenset()))
    source = SwarmTrace(rng, SwarmConfig(rng, session.state.world), session.state)
    slots = session.machine.cells.slots
    for _ in range(150):
        before = {index: slot.ref_count for index, slot in slots.items()}
        op = source.next_op()
        assert session.step(op) is None
        if session.is_over:
            return  # a panic leaves work half done
        for index in range(session.state.world.frames):
            old = before.get(index, REF_COUNT_UNUSED)
            new = slots[index].ref_count if index in slots else REF_COUNT_UNUSED
            if old != new:
                move = SENTINELS.get(old, "1 ..= MAX"), SENTINELS.get(new, "1 ..= MAX")
                moved.setdefault(move, set()).add(DECLARATIONS[type(op)].name)
        source.settle(op)


def test_the_arrows_between_the_states_of_a_slot_are_those_of_runs() -> None:
    moved: Moved = {}
    for seed in range(400):
        moves(seed, moved)
        missing = {op for move, ops in MOVES.items() for op in set(ops) - moved.get(move, set())}
        if not missing and seed >= ENOUGH:
            break

    assert moved.keys() == MOVES.keys()
    assert not missing
