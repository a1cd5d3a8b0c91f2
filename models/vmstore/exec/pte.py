"""x86-64 page-table entries as 64-bit words, with the `cvm_guest` feature: bit 51 is no address.

Absent: neither present nor a leaf; a leaf carries the PAT bit at every level; the rest is a child.
Source: `ostd/src/arch/x86/mm/mod.rs`.
"""

from typing import Final, NamedTuple

from vmstore.geometry import AVAIL1, Geometry
from vmstore.ids import CachePolicy
from vmstore.node_cells import CHILD_BITS
from vmstore.outcome import Unwinding

PRESENT: Final = 1 << 0
WRITABLE: Final = 1 << 1
LEAF: Final = 1 << 7  # HUGE / PAT
ADDRESS: Final = 0x7_FFFF_FFFF_F000  # the address bits of a level-1 entry and of a child
PRIV_AVAIL1: Final = 0x40  # AVAIL1 as a privileged flag
_NOT_ABSENT: Final = PRESENT | LEAF
_HIGHEST_LEAF: Final = 3

# Flag bit -> PTE bit. X is inverted: its absence sets NO_EXECUTE.
_FLAG_BITS: Final = {0x01: 0, 0x02: 1, 0x08: 5, 0x10: 6, 0x80: 53}
_PRIV_BITS: Final = {0x01: 2, 0x02: 8, 0x40: AVAIL1.bit_length() - 1, 0x80: 51}
_EXECUTE: Final = 0x04
_NO_EXECUTE: Final = 1 << 63
_CACHES: Final[tuple[CachePolicy, ...]] = ("WB", "WT", "WC", "UC")  # by 2 * PCD + PWT
_CACHE_WORDS: Final = {policy: at << 3 for at, policy in enumerate(_CACHES)}


def _flag_word(flags: int) -> int:
    word = sum(1 << bit for flag, bit in _FLAG_BITS.items() if flags & flag)
    return word if flags & _EXECUTE else word | _NO_EXECUTE


def _priv_word(priv: int) -> int:
    return sum(1 << bit for flag, bit in _PRIV_BITS.items() if priv & flag)


_FLAG_WORDS: Final = tuple(_flag_word(flags) for flags in range(256))
_PRIV_WORDS: Final = tuple(_priv_word(priv) for priv in range(256))


class Prop(NamedTuple):
    """A page's property: `PageFlags` bits, cache policy, `PrivilegedPageFlags` bits."""

    flags: int
    cache: CachePolicy
    priv: int

    def shown(self) -> dict[str, object]:
        """Return the property as outcomes show it."""
        return {"flags": self.flags, "cache": self.cache, "priv": self.priv}


def is_absent(word: int) -> bool:
    """Return whether the word is neither a leaf nor a child; its other bits do not matter."""
    return not word & _NOT_ABSENT


def is_child(word: int) -> bool:
    """Return whether the word points to a child node."""
    return word & _NOT_ABSENT == PRESENT


def permits(word: int, *, want_write: bool) -> bool:
    """Return whether the hardware allows an access: an entry without R is not present to it."""
    needed = PRESENT | WRITABLE if want_write else PRESENT
    return word & needed == needed


def encode_child(paddr: int) -> int:
    """Return the word that points to the node at `paddr`. Errors: panic on invalid address bits."""
    if paddr & ~ADDRESS:
        raise Unwinding("paddr-invalid-bits")
    return paddr | CHILD_BITS


def encode_leaf(g: Geometry, paddr: int, level: int, prop: Prop) -> int:
    """Return the word of a leaf at `level`.

    Errors, in order: panic for cache policy WP, for a level that has no leaves, for address bits
    below the page's size or from bit 51 on.
    """
    cache = _CACHE_WORDS.get(prop.cache)
    if cache is None:
        raise Unwinding("cache-policy-unsupported")
    if level > _HIGHEST_LEAF:
        raise Unwinding("level-unsupported")
    if paddr & ~address_mask(g, level):
        raise Unwinding("paddr-invalid-bits")
    return paddr | LEAF | cache | _FLAG_WORDS[prop.flags & 0xFF] | _PRIV_WORDS[prop.priv & 0xFF]


def address_mask(g: Geometry, level: int) -> int:
    """Return the address bits of a leaf at `level`."""
    return ADDRESS & ~(g.sizes[level] - 1)


def child_paddr(word: int) -> int:
    """Return where the child node of a word lies."""
    return word & ADDRESS


def leaf_paddr(g: Geometry, word: int, level: int) -> int:
    """Return the physical address that a leaf maps."""
    return word & address_mask(g, level)


def decode_prop(word: int) -> Prop:
    """Return the property of a leaf; the inverse of `encode_leaf`."""
    flags = (
        word & 0x3 | (0 if word & _NO_EXECUTE else _EXECUTE) | word >> 2 & 0x18 | word >> 46 & 0x80
    )
    priv = word >> 2 & 0x1 | word >> 7 & 0x2 | word >> 46 & 0x40 | word >> 44 & 0x80
    return Prop(flags, _CACHES[word >> 3 & 3], priv)
