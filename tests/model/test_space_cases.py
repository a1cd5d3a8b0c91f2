"""Edge cases of page tables and address spaces, as traces with the outcomes written by hand.

The numbers are those of the specification's list of edge cases.
"""

import pytest

from vmfuzz.report.block import finding_block
from vmfuzz.runner import run
from vmfuzz.trace_text import parse

DEBUG, RELEASE = "", "build=release"
TEST = "pt0 = pt_new(config=test) => ok\n"
USER = "vs0 = vmspace_new() => ok\n"
KERNEL = "pt0 = pt_new(config=kernel) => ok\n"
# A level-1 table at 0 that maps nothing, left behind by a cursor.
LEFTOVER = """pc9 = pt_cursor_open(ptable=pt0, start=0x1000, end=0x2000) => ok
pt_cursor_drop(ptcursor=pc9) => ok
"""
FRAME = "f0 = frame_from_unused(paddr=0x1000) => ok\n"
HOLE = "{start=0x0, end=0x200000, item=null}"


def opened(start: int, end: int) -> str:
    return f"pc0 = pt_cursor_open_mut(ptable=pt0, start={start:#x}, end={end:#x}) => ok\n"


def mapped(paddr: int, level: int, outcome: str = "ok") -> str:
    return (
        f"pt_cursor_map(ptcursor=pc0, paddr={paddr:#x}, level={level}, flags=0x3, cache=WB)"
        f" => {outcome}\n"
    )


def jumped(va: int, outcome: str = "ok") -> str:
    return f"pt_cursor_jump(ptcursor=pc0, va={va:#x}) => {outcome}\n"


def found(length: int, outcome: str) -> str:
    return f"pt_cursor_find_next(ptcursor=pc0, len={length:#x}) => {outcome}\n"


def took(length: int, outcome: str) -> str:
    return f"pt_cursor_take_next(ptcursor=pc0, len={length:#x}) => {outcome}\n"


def at(va: int) -> str:
    return f"pt_cursor_virt_addr(ptcursor=pc0) => ok {{va={va:#x}}}\n"


def stray(va: int, length: int, frames: int) -> str:
    return f"ok {{frag={{stray={{va={va:#x}, len={length}, num_frames={frames}}}}}}}"


def leaf(va: int, paddr: int, level: int) -> str:
    item = (
        f"{{kind=untracked, paddr={paddr:#x}, level={level}, prop={{flags=3, cache=WB, priv=0}}}}"
    )
    return f"ok {{frag={{mapped={{va={va:#x}, item={item}}}}}}}"


M, G, T = 1 << 20, 1 << 30, 1 << 40
TOP = 1 << 64
NONE, NO_FRAGMENT = "ok {found=null}", "ok {frag=null}"

CASES = {
    "1-8 ranges are checked before alignment": (
        DEBUG,
        TEST
        + "".join(
            f"pc{n} = pt_cursor_open(ptable=pt0, start={a:#x}, end={b:#x}) => err {e}\n"
            for n, (a, b, e) in enumerate(
                [
                    (0, 0, "InvalidVaddrRange {info=[0, 0]}"),
                    (0x1000, 0, "InvalidVaddrRange {info=[0x1000, 0]}"),
                    (2, 0, "InvalidVaddrRange {info=[2, 0]}"),
                    (0, 1, "UnalignedVaddr"),
                    (1, 0x1001, "UnalignedVaddr"),
                    (0x7FFF_FFFF_F000, 0x8000_0000_1000, None),
                    (TOP - 0x2000, TOP - 0x1000, None),
                ]
            )
            for e in [e or f"InvalidVaddrRange {{info=[{a}, {b}]}}"]
        ),
    ),
    "17 a space reports every bad range alike": (
        DEBUG,
        USER + "c0 = cursor_open(vs=vs0, start=0x2, end=0x0) => err AccessDenied\n"
        "c1 = cursor_open(vs=vs0, start=0x0, end=0x1) => err AccessDenied\n"
        "c2 = cursor_open(vs=vs0, start=0x7ffffffff000, end=0x800000000000) => ok\n",
    ),
    "20-22 disjoint ranges of one table block": (
        DEBUG,
        USER + "c0 = cursor_open(vs=vs0, start=0x1000, end=0x2000) => ok\n"
        "c1 = cursor_open(vs=vs0, start=0x2000, end=0x3000) => blocked\n"
        "c2 = cursor_open(vs=vs0, start=0x400000, end=0x800000) => ok\n"
        "c3 = cursor_open(vs=vs0, start=0x800000, end=0x801000) => blocked\n"
        "cursor_drop(cursor=c2) => ok\n"
        "c4 = cursor_open(vs=vs0, start=0x800000, end=0x801000) => ok\n"
        "c5 = cursor_open(vs=vs0, start=0x400000, end=0x800000) => ok\n",
    ),
    "32 a hole may begin before the range": (
        DEBUG,
        TEST
        + opened(0x1FF000, 0x201000)
        + f"pt_cursor_query(ptcursor=pc0) => ok {HOLE}\n"
        + at(0x1FF000),
    ),
    "42-44 a miss goes to the end of the hole, not beyond the barrier": (
        DEBUG,
        TEST
        + opened(0x1FF000, 0x201000)
        + found(0x2000, NONE)
        + at(0x201000)
        + found(0, NONE)
        + "pt_cursor_query(ptcursor=pc0) => err InvalidVaddr {info=[2101248]}\n"
        + jumped(0x200000)
        + found(0x1000, NONE)
        + mapped(0x1000, 1, "panic cursor-at-barrier"),
    ),
    "46 inside a huge page a search stays where it is": (
        DEBUG,
        TEST
        + opened(0, 1 * G)
        + mapped(0, 2)
        + jumped(0x100000)
        + found(0x100000, "ok {found=0x100000}")
        + found(0x300000, "ok {found=0x100000}"),
    ),
    "48 an empty table is skipped whole": (
        DEBUG,
        TEST + LEFTOVER + opened(0, 4 * M) + found(4 * M, NONE) + at(4 * M),
    ),
    "53 alignment before range in jump": (
        DEBUG,
        TEST + opened(0x1000, 0x3000) + jumped(0x3800, "panic va-unaligned"),
    ),
    "54 a jump outside changes nothing": (
        DEBUG,
        TEST
        + opened(0x1000, 0x3000)
        + jumped(0, "err InvalidVaddr {info=[0]}")
        + jumped(0x3000, "err InvalidVaddr {info=[0x3000]}")
        + at(0x1000),
    ),
    "55 back from the end of the guard node": (
        DEBUG,
        TEST + opened(0x1FF000, 0x200000) + mapped(0, 1) + at(0x200000) + jumped(0x1FF000),
    ),
    "62 an empty table is in the way of a huge page": (
        DEBUG,
        TEST + LEFTOVER + opened(0, 4 * M) + mapped(0, 2, "panic map-over-mapping"),
    ),
    "63 a small page inside a huge one": (
        DEBUG,
        TEST
        + opened(0, 4 * M)
        + mapped(0, 2)
        + jumped(0x1000)
        + mapped(0, 1, "panic map-over-mapping"),
    ),
    "64 a range of exactly one huge page cannot take it": (
        DEBUG,
        TEST + opened(2 * M, 4 * M) + mapped(2 * M, 2, "panic level-at-guard"),
    ),
    "64 nor in a release build": (
        RELEASE,
        TEST + opened(2 * M, 4 * M) + mapped(2 * M, 2, "panic level-popped-too-high"),
    ),
    "69 an unsupported level outranks the alignment": (
        DEBUG,
        KERNEL
        + opened(TOP - 2 * G, TOP - 1 * G)
        + jumped(TOP - 2 * G + 0x1000)
        + mapped(0, 3, "panic level-unsupported"),
    ),
    "70 a huge page beyond the barrier": (
        DEBUG,
        TEST + opened(0, 0x201000) + jumped(0x200000) + mapped(0, 2, "panic map-beyond-barrier"),
    ),
    "80-81 what is taken depends on where the cursor stands": (
        DEBUG,
        TEST
        + opened(0, 4 * M)
        + mapped(0x1000, 1)
        + mapped(0x2000, 1)
        + jumped(0)
        + took(4 * M, leaf(0, 0x1000, 1))
        + jumped(2 * M)
        + jumped(0)
        + took(4 * M, stray(0, 2 * M, 1))
        + took(2 * M, NO_FRAGMENT)
        + at(4 * M),
    ),
    "84 a table that does not fit is skipped if empty": (
        DEBUG,
        TEST + LEFTOVER + opened(0x1000, 4 * M) + took(4 * M - 0x1000, NO_FRAGMENT) + at(4 * M),
    ),
    "86-87 a sub-tree counts small pages only": (
        DEBUG,
        TEST
        + opened(0, 2 * G)
        + mapped(0, 1)
        + jumped(2 * M)
        + mapped(2 * M, 2)
        + mapped(0, 1)
        + jumped(1 * G)
        + jumped(0)
        + took(2 * G, stray(0, 1 * G, 2)),
    ),
    "89-91 huge leaves split on the way": (
        DEBUG,
        TEST
        + opened(0, 2 * G)
        + mapped(0, 3)
        + jumped(2 * M)
        + took(2 * M + 0x1000, leaf(2 * M, 2 * M, 2))
        + took(0x1000, leaf(4 * M, 4 * M, 1))
        + "pt_page_walk(ptable=pt0, va=0x401234) => ok {paddr=0x401234, "
        "prop={flags=3, cache=WB, priv=0}}\n"
        "pt_page_walk(ptable=pt0, va=0x200000) => ok {paddr=null}\n",
    ),
    "94 the kernel's top-level tables are never cut out": (
        DEBUG,
        KERNEL
        + opened(0xFFFF_8000_0000_0000, 0xFFFF_8100_0000_0000)
        + mapped(0, 1)
        + jumped(0xFFFF_8080_0000_0000)
        + jumped(0xFFFF_8000_0000_0000)
        + took(1 * T, stray(0xFFFF_8000_0000_0000, 1 * G, 1)),
    ),
    "110-114 protecting splits what does not fit": (
        DEBUG,
        TEST
        + opened(0, 1 * G)
        + mapped(0, 2)
        + jumped(0x12000)
        + "pt_cursor_protect_next(ptcursor=pc0, len=0x2000, clear=0x2)"
        " => ok {range=[0x12000, 0x13000], calls=1}\n"
        "pt_page_walk(ptable=pt0, va=0x12000) => ok {paddr=0x12000, "
        "prop={flags=1, cache=WB, priv=0}}\n"
        "pt_page_walk(ptable=pt0, va=0x13000) => ok {paddr=0x13000, "
        "prop={flags=3, cache=WB, priv=0}}\n",
    ),
    "112 a page without any flag is still mapped": (
        DEBUG,
        TEST
        + opened(0, 4 * M)
        + mapped(0x1000, 1)
        + jumped(0)
        + "pt_cursor_protect_next(ptcursor=pc0, len=0x1000, clear=0xff)"
        " => ok {range=[0, 0x1000], calls=1}\n" + jumped(0) + found(0x1000, "ok {found=0x0}"),
    ),
    "61 a refused frame is dropped": (
        DEBUG,
        USER
        + FRAME
        + "f1 = frame_from_unused(paddr=0x2000) => ok\n"
        + "f2 = frame_clone(frame=f1) => ok\n"
        + "c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x2000) => ok\n"
        "cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB) => ok\n"
        "cursor_jump(cursor=c0, va=0x0) => ok\n"
        "cursor_map(cursor=c0, frame=f1, flags=0x3, cache=WB) => panic map-over-mapping\n",
    ),
    "76 a frame mapped twice": (
        DEBUG,
        USER
        + FRAME
        + "f1 = frame_clone(frame=f0) => ok\n"
        + "f2 = frame_clone(frame=f0) => ok\n"
        + "c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x2000) => ok\n"
        "cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB) => ok\n"
        "cursor_map(cursor=c0, frame=f1, flags=0x3, cache=WB) => ok\n"
        "frame_reference_count(frame=f2) => ok {rc=3}\n"
        "cursor_drop(cursor=c0) => ok\n"
        "vmspace_drop(vs=vs0) => ok\n"
        "frame_reference_count(frame=f2) => ok {rc=1}\n",
    ),
    "104 device pages count in a sub-tree only": (
        DEBUG,
        USER
        + FRAME
        + "f1 = frame_clone(frame=f0) => ok\n"
        + "c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x400000) => ok\n"
        "cursor_map_iomem(cursor=c0, paddr=0xfe000000, size=0x3000, flags=0x3, cache=UC,"
        " len=0x3000, offset=0x0) => ok\n"
        "cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB) => ok\n"
        "cursor_jump(cursor=c0, va=0x0) => ok\n"
        "cursor_unmap(cursor=c0, len=0x4000) => ok {unmapped=1}\n"
        "cursor_jump(cursor=c0, va=0x0) => ok\n"
        "cursor_map_iomem(cursor=c0, paddr=0xfe000000, size=0x3000, flags=0x3, cache=UC,"
        " len=0x3000, offset=0x0) => ok\n"
        "cursor_map(cursor=c0, frame=f1, flags=0x3, cache=WB) => ok\n"
        "cursor_jump(cursor=c0, va=0x200000) => ok\n"
        "cursor_jump(cursor=c0, va=0x0) => ok\n"
        "cursor_unmap(cursor=c0, len=0x400000) => ok {unmapped=4}\n",
    ),
    "73 an unsupported cache policy loses the frame": (
        DEBUG,
        USER
        + FRAME
        + "f1 = frame_clone(frame=f0) => ok\n"
        + "c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x1000) => ok\n"
        "cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WP) => panic cache-policy-unsupported\n",
    ),
    "121-123 device memory": (
        DEBUG,
        USER + "c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x400000) => ok\n"
        "cursor_map_iomem(cursor=c0, paddr=0xfe000000, size=0x4000, flags=0x3, cache=UC,"
        " len=0x8000, offset=0x4000) => ok\n"
        "cursor_find_iomem(cursor=c0, paddr=0xfe000000) => ok {iomem=null}\n"
        "cursor_map_iomem(cursor=c0, paddr=0xfe000000, size=0x1800, flags=0x3, cache=UC,"
        " len=0x8000, offset=0x0) => ok\n"
        "cursor_virt_addr(cursor=c0) => ok {va=0x2000}\n"
        "cursor_find_iomem(cursor=c0, paddr=0xfe0017ff)"
        " => ok {iomem={paddr=0xfe000000, size=0x1800}, offset=0x17ff}\n"
        "cursor_find_iomem(cursor=c0, paddr=0xfe001800) => ok {iomem=null}\n",
    ),
    "a read-only cursor cannot change anything": (
        DEBUG,
        USER + FRAME + "c0 = cursor_open(vs=vs0, start=0x0, end=0x1000) => ok\n"
        "cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB) => err WrongType\n"
        "cursor_unmap(cursor=c0, len=0x1000) => err WrongType\n"
        "vmspace_drop(vs=vs0) => err Borrowed\n",
    ),
    "148 a search at the top never ends in a release build": (
        RELEASE,
        KERNEL + opened(TOP - 4 * M, TOP - 0x1000) + found(4 * M - 0x1000, "diverges"),
    ),
    "148 and overflows in a debug build": (
        DEBUG,
        KERNEL + opened(TOP - 4 * M, TOP - 0x1000) + found(4 * M - 0x1000, "panic overflow"),
    ),
    "149 the whole last table goes in a release build": (
        RELEASE,
        KERNEL
        + opened(TOP - 4 * M, TOP - 0x1000)
        + jumped(TOP - 2 * M)
        + mapped(0, 1)
        + mapped(0x1000, 1)
        + jumped(TOP - 4 * M)
        + jumped(TOP - 2 * M)
        + took(0x2000, stray(TOP - 2 * M, 2 * M, 2))
        + at(0),
    ),
    "150 dropping a cursor at the top overflows": (
        DEBUG,
        KERNEL
        + opened(TOP - 4 * M, TOP - 0x1000)
        + jumped(TOP - 2 * M)
        + mapped(0, 1)
        + "pt_cursor_drop(ptcursor=pc0) => panic overflow\n",
    ),
    "151 a range of one table works up to the last page but one": (
        DEBUG,
        KERNEL
        + opened(TOP - 2 * M, TOP - 0x1000)
        + jumped(TOP - 0x2000)
        + mapped(0, 1)
        + at(TOP - 0x1000)
        + jumped(TOP - 0x2000)
        + found(0x1000, f"ok {{found={TOP - 0x2000:#x}}}"),
    ),
    "exhaustion is a panic": (
        "pt_frames=259",
        USER + "c0 = cursor_open(vs=vs0, start=0x0, end=0x1000) => panic no-memory\n",
    ),
    "no page tables at all": ("pt_frames=0", "vs0 = vmspace_new() => panic no-memory\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_case_comes_out_as_written(name: str) -> None:
    settings, text = CASES[name]
    trace = parse(f"#vmfuzz-trace 1\nworld {settings}\n{text}", name)

    result = run(trace)

    assert result.finding is None, finding_block(result.finding, trace)
    assert not result.skipped
    assert result.executed == len(trace.steps)
