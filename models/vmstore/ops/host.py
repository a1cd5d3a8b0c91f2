"""Test hooks of the recordings: replayed, never generated. After a poke nothing is checked."""

from dataclasses import dataclass

from vmstore.ids import CountWord, Paddr


@dataclass(slots=True)
class HostPokeRefCount:
    """Overwrite a page's count; its metadata stays. `value`: a number, MAX, MAX-1, MAX+1, ..."""

    paddr: Paddr
    value: CountWord
