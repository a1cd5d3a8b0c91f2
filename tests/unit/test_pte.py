"""Page-table words: every property survives a round trip, and the words are those of x86-64."""

from itertools import product

import pytest

from vmstore.exec import pte
from vmstore.exec.pte import Prop
from vmstore.geometry import config, geometry
from vmstore.ids import CachePolicy
from vmstore.outcome import Panic, Unwinding

REAL = geometry(4, 512)
CACHES: tuple[CachePolicy, ...] = ("WB", "WT", "WC", "UC")
FLAGS = [f for f in range(256) if not f & 0x60]
PRIVS = [p for p in range(256) if not p & 0x3C]
USER, AVAIL1 = 0x01, 0x40


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("cache", CACHES)
def test_a_leaf_decodes_to_what_was_encoded(level: int, cache: CachePolicy) -> None:
    for flags, priv in product(FLAGS, PRIVS):
        prop = Prop(flags, cache, priv)
        for paddr in (0, REAL.sizes[level], 0x7_FFFF_C000_0000):
            word = pte.encode_leaf(REAL, paddr, level, prop)

            assert not pte.is_absent(word)
            assert not pte.is_child(word)
            assert pte.leaf_paddr(REAL, word, level) == paddr
            assert pte.decode_prop(word) == prop


@pytest.mark.parametrize(
    ("flags", "cache", "priv", "paddr", "word"),
    [
        (3, "WB", USER, 0x1234000, 0x8000_0000_0123_4087),
        (1, "WB", USER, 0x1234000, 0x8000_0000_0123_4085),
        (5, "WB", USER, 0x1234000, 0x0000_0000_0123_4085),
        (0, "WB", USER, 0x1234000, 0x8000_0000_0123_4084),
        (3, "WT", USER, 0x1234000, 0x8000_0000_0123_408F),
        (3, "UC", USER, 0x1234000, 0x8000_0000_0123_409F),
        (3, "WC", USER, 0x1234000, 0x8000_0000_0123_4097),
        (3, "UC", USER | AVAIL1, 0x1000_0000_0000, 0x8010_1000_0000_009F),
    ],
)
def test_level_1_words(flags: int, cache: CachePolicy, priv: int, paddr: int, word: int) -> None:
    assert pte.encode_leaf(REAL, paddr, 1, Prop(flags, cache, priv)) == word


def test_huge_and_child_words() -> None:
    assert pte.encode_leaf(REAL, 0x20_0000, 2, Prop(7, "WB", USER)) == 0x20_0087
    assert pte.encode_child(0x5000) == 0x5007
    assert pte.is_child(0x5007)
    assert pte.child_paddr(0x5007) == 0x5000


@pytest.mark.parametrize("word", [0, 0x6, 1 << 63, 0x8000_0000_0000_0006, 0x7_FFFF_FFFF_F000])
def test_neither_present_nor_leaf_is_absent_whatever_else_is_set(word: int) -> None:
    assert pte.is_absent(word)
    assert not pte.is_child(word)


def test_a_leaf_without_any_permission_is_still_a_leaf() -> None:
    assert not pte.is_absent(0x80)
    assert not pte.is_child(0x80)
    assert pte.decode_prop(0x80) == Prop(4, "WB", 0)


@pytest.mark.parametrize(
    ("paddr", "level", "cache", "code"),
    [
        (0x1001, 4, "WP", "cache-policy-unsupported"),
        (0x1001, 4, "WB", "level-unsupported"),
        (0x1001, 1, "WB", "paddr-invalid-bits"),
        (0x1000, 2, "WB", "paddr-invalid-bits"),
        (0x20_0000, 3, "WB", "paddr-invalid-bits"),
        (1 << 51, 1, "WB", "paddr-invalid-bits"),
    ],
)
def test_what_has_no_encoding_panics_in_this_order(
    paddr: int, level: int, cache: CachePolicy, code: str
) -> None:
    with pytest.raises(Unwinding) as raised:
        pte.encode_leaf(REAL, paddr, level, Prop(3, cache, 0))

    assert raised.value.outcome == Panic(code)


def test_a_child_must_be_a_page_below_bit_51() -> None:
    for paddr in (0x5008, 1 << 51):
        with pytest.raises(Unwinding):
            pte.encode_child(paddr)


def test_the_real_geometry() -> None:
    assert REAL.sizes[1:6] == (0x1000, 0x20_0000, 0x4000_0000, 0x80_0000_0000, 1 << 48)
    assert (REAL.user_end, REAL.kernel_start) == (1 << 47, 0xFFFF_8000_0000_0000)
    assert [REAL.highest_level(c) for c in ("user", "kernel", "test")] == [2, 2, 3]


@pytest.mark.parametrize("levels", [2, 3, 4, 5])
@pytest.mark.parametrize("entries", [2, 4, 512])
def test_any_geometry_covers_both_halves(levels: int, entries: int) -> None:
    g = geometry(levels, entries)
    user, kernel = config("user", levels, entries), config("kernel", levels, entries)

    assert user.is_valid_range(0, g.user_end)
    assert not user.is_valid_range(0, g.user_end + 1)
    assert kernel.is_valid_range(g.kernel_start, (1 << 64) - 0x1000)
    assert not kernel.is_valid_range(g.kernel_start - 1, g.kernel_start + 1)
    assert not kernel.is_valid_range(g.kernel_start, 0)
    assert g.index(g.kernel_start, levels) == g.half
    assert g.index((1 << 64) - 1, levels) == entries - 1
    assert all(config(c, levels, entries).highest_level < levels for c in ("user", "test"))
