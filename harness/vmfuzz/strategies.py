"""Hypothesis strategies for the fields of ops, derived from their types."""

from typing import Any

from hypothesis import strategies as st

from vmstore import ids
from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.geometry import geometry
from vmstore.ops import Field
from vmstore.world import World


def _mostly(usual: st.SearchStrategy[int], special: tuple[int, ...]) -> st.SearchStrategy[int]:
    return usual | usual | usual | st.sampled_from(special)


def paddrs(world: World) -> st.SearchStrategy[int]:
    """Mostly the first pages, now and then the top of memory and addresses without a page."""
    top = world.max_paddr
    pages = st.integers(0, min(world.frames, 5) - 1).map(lambda page: page * PAGE_SIZE)
    special = (top - PAGE_SIZE, top, top + PAGE_SIZE, 1, top - 1, U64_MASK & ~0xFFF, U64_MASK)
    return _mostly(pages, special)


def offsets() -> st.SearchStrategy[int]:
    """Mostly a few pages, now and then a misaligned or wrapping offset."""
    pages = st.integers(0, 4).map(lambda page: page * PAGE_SIZE)
    special = (1, 0x800, U64_MASK & ~0xFFF, U64_MASK - PAGE_SIZE * 2 + 1)
    return _mostly(pages, special)


def vaddrs(world: World) -> st.SearchStrategy[int]:
    """Mostly the first pages of the lower half, now and then the upper half, the ends, no page."""
    g = geometry(world.levels, world.entries)
    pages = st.integers(0, 8).map(lambda page: page * PAGE_SIZE)
    special = (g.sizes[2], g.sizes[3], g.user_end - PAGE_SIZE, g.user_end, g.kernel_start, 1)
    return _mostly(pages, special)


def lengths() -> st.SearchStrategy[int]:
    """Mostly a few pages, now and then as many as are flushed at once, or no whole page."""
    pages = st.integers(0, 4).map(lambda page: page * PAGE_SIZE)
    return _mostly(pages, (32 * PAGE_SIZE, 1, U64_MASK & ~0xFFF))


def io_lengths() -> st.SearchStrategy[int]:
    """Mostly a few whole words, now and then odd, around a page's end, or wrapping."""
    words = st.integers(0, 8).map(lambda word: word * 8)
    special = (1, 4, 7, PAGE_SIZE - 8, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, U64_MASK)
    return _mostly(words, special)


def argument(field: Field, world: World) -> st.SearchStrategy[Any]:
    """Return the strategy of one field that is no handle. Errors: KeyError for an unknown type."""
    table: dict[object, st.SearchStrategy[Any]] = {
        ids.Paddr: paddrs(world),
        ids.PaddrEnd: paddrs(world),
        ids.ByteOffset: offsets(),
        ids.ByteOffsetEnd: offsets(),
        ids.MetaVal: st.integers(0, 9) | st.just(U64_MASK),
        ids.MetaKind: st.sampled_from(ids.META_KINDS),
        ids.Vaddr: vaddrs(world),
        ids.VaddrEnd: vaddrs(world),
        ids.ByteLength: lengths(),
        ids.Level: st.integers(1, 2) | st.integers(0, world.levels + 1),
        ids.CpuNumber: st.integers(0, world.cpus),
        ids.PageFlags: st.sampled_from((3, 7, 1, 0, 0x8F, 0xFF)),
        ids.PrivFlags: st.sampled_from((0, 1, 3, 0x40)),
        ids.CachePolicy: st.sampled_from(ids.CACHE_POLICIES),
        ids.CacheChange: st.sampled_from(ids.CACHE_CHANGES),
        ids.TableConfig: st.sampled_from(ids.TABLE_CONFIGS),
        ids.FlushKind: st.sampled_from(ids.FLUSH_KINDS),
        ids.AccessKind: st.sampled_from(ids.ACCESS_KINDS),
        ids.IoOffset: io_lengths(),
        ids.IoLength: io_lengths(),
        ids.IoVal: st.integers(0, 3) | st.integers(0, U64_MASK),
        ids.BufLength: st.integers(0, 64) | st.sampled_from((200, 4100)),
        ids.Seed: st.integers(0, 255),
        ids.Scalar: st.sampled_from(ids.SCALARS),
        ids.Payload: st.binary(max_size=24),
    }
    return table[field.type]
