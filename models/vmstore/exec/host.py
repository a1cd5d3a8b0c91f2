"""Test hooks of the recorded programs."""

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.exec.machine import Machine
from vmstore.ops.host import HostPokeRefCount
from vmstore.outcome import OK, Outcome


def host_poke_ref_count(m: Machine, op: HostPokeRefCount) -> Outcome:
    """Overwrite the count of the page at `paddr`; kind and payload of its metadata stay."""
    m.cells.store_ref_count(m.cells.slot(op.paddr // PAGE_SIZE), count_word(m, op.value))
    return OK


def count_word(m: Machine, word: str) -> int:
    """Return the number that a count word names in this world."""
    named = {
        "MAX": m.rc_max,
        "MAX-1": m.rc_max - 1,
        "MAX+1": m.rc_max + 1,
        "UNUSED": REF_COUNT_UNUSED,
        "UNIQUE": REF_COUNT_UNIQUE,
    }
    return named[word] if word in named else int(word)
