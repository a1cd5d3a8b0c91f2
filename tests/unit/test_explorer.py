"""What the explorer is told of each step: against states written down by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from vmfuzz.report.explorer.film import difference, film
from vmfuzz.report.explorer.page import explorer_page
from vmfuzz.report.html import data_block, text
from vmfuzz.trace_file import load
from vmfuzz.trace_text import parse

ROOT = Path(__file__).parents[2]
Scene = dict[str, dict[str, Any]]


def filmed(body: str, *faults: str, world: str = "", max_bytes: int = 1_500_000) -> Any:
    return film(parse(f"#vmfuzz-trace 1\nworld {world}\n{body}"), faults, max_bytes=max_bytes)


def states(document: Any) -> list[Scene]:
    """Return the state after each item, as the page's script computes it."""
    found: list[Scene] = []
    now: Scene = {}
    for item in document["steps"]:
        gone = item.get("del", [])
        now = {key: row for key, row in now.items() if key not in gone} | item.get("set", {})
        found.append(now)
    return found


CLONE = """s0 = segment_from_unused(start=0x2000, end=0x4000)
s1 = segment_clone(segment=s0)
f0 = segment_next(segment=s0)
segment_drop(segment=s1)
"""


def test_pages_have_a_count_and_who_owns_it() -> None:
    first, second, third, fourth = states(filmed(CLONE))

    page = {"rc": "1", "sum": "1", "C": 1, "meta": "unit", "usage": "Frame"}
    assert first == {
        "page:0x2000": page,
        "page:0x3000": page,
        "segment:s0": {"start": "0x2000", "end": "0x4000"},
    }
    assert second["page:0x3000"] == {**page, "rc": "2", "sum": "2", "C": 2}
    assert third["page:0x2000"] == {**page, "rc": "2", "sum": "2", "C": 1, "H": 1}
    assert third["segment:s0"] == {"start": "0x3000", "end": "0x4000"}
    assert third["frame:f0"] == {"at": "0x2000"}
    assert fourth.keys() == {"page:0x2000", "page:0x3000", "segment:s0", "frame:f0"}


def test_a_step_says_only_what_it_changed() -> None:
    steps = filmed(CLONE)["steps"]

    assert steps[3]["op"] == "segment_drop(segment=s1)"
    assert steps[3]["out"] == "ok"
    assert steps[3]["set"].keys() == {"page:0x2000", "page:0x3000"}
    assert steps[3]["del"] == ["segment:s1"]
    assert difference({"a": {"n": 1}}, {"a": {"n": 1}}) == {}


def test_a_broken_equation_is_marked_where_it_is() -> None:
    document = filmed(CLONE, "inc-ref-temp-handle")

    finding, last = document["finding"], states(document)[-1]
    assert (finding["clause"], finding["step"], finding["page"]) == ("ACCT.3c", 1, "0x2000")
    assert document["ended"] == 2
    assert last["page:0x2000"]["rc"] == "1"
    assert last["page:0x2000"]["sum"] == "2"
    assert last["page:0x2000"]["bad"] == ["count 1, but the owners amount to 2"]


SPACE = """vs0 = vmspace_new()
vmspace_activate(vs=vs0)
f0 = frame_from_unused(paddr=0x1000, meta=umeta, val=3)
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x2000)
cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB)
access(va=0x8, kind=store)
cursor_jump(cursor=c0, va=0x0)
cursor_unmap(cursor=c0, len=0x1000)
"""
SMALL = "frames=2 pt_frames=8 levels=2 entries=4"
KERNEL_ROOT, ROOT_TABLE, LEAF_TABLE = "0x2000", "0x5000", "0x6000"  # the pool follows 2 frames


def test_a_space_shows_its_tables_entries_cursor_locks_and_cpu() -> None:
    mapped = states(filmed(SPACE, world=SMALL))[4]

    assert mapped["space:vs0"] == {"root": ROOT_TABLE, "cpus": [0]}
    assert mapped[f"table:{ROOT_TABLE}"] == {"of": "vs0", "level": 2, "va": "0x0", "entries": 1}
    assert mapped[f"entry:{ROOT_TABLE}/0"] == {"va": "0x0", "to": LEAF_TABLE, "kind": "table"}
    assert mapped[f"table:{LEAF_TABLE}"] == {
        "of": "vs0",
        "level": 1,
        "parent": ROOT_TABLE,
        "lock": "c0",
        "va": "0x0",
        "entries": 1,
    }
    assert mapped[f"entry:{LEAF_TABLE}/0"] == {
        "va": "0x0",
        "to": "0x1000",
        "prop": "rw- WB user",
        "kind": "page",
    }
    assert mapped["cursor:c0"] == {
        "of": "vs0",
        "va": "0x1000",
        "level": 1,
        "start": "0x0",
        "end": "0x2000",
        "guard": LEAF_TABLE,
    }
    assert mapped["cpu:0"] == {"active": "vs0", "root": ROOT_TABLE, "runs": 1}
    assert mapped["page:0x1000"]["P"] == 1
    assert mapped["page:0x1000"]["val"] == "3"
    assert mapped[f"page:{LEAF_TABLE}"]["links"] == 1


def test_translations_come_and_go_with_their_events() -> None:
    document = filmed(SPACE, world=SMALL)
    steps = document["steps"]

    cached = {"va": "0x0", "to": "0x1000", "prop": "rw- WB user"}
    assert steps[5]["set"] == {"tlb:0/0x0": cached}
    assert "tlb:0/0x0" in steps[7]["del"]
    assert steps[7]["events"] == [
        "CPU 0 flushes page 0x0",
        "umeta of page 0x1000 is dropped: 3",
        "page 0x1000 is free",
    ]


REMOTE = """vs0 = vmspace_new()
cpu_set(cpu=1)
vmspace_activate(vs=vs0)
cpu_set(cpu=0)
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x1000)
cursor_flusher_issue(cursor=c0, kind=all)
cursor_flusher_dispatch(cursor=c0)
"""


def test_an_event_that_is_missing_is_said_to_be_expected() -> None:
    sound, broken = filmed(REMOTE), filmed(REMOTE, "rcore-full-flush-local")
    events = ["CPU 0 interrupts CPU 1", "CPU 1 flushes everything"]

    assert sound["steps"][-1]["events"] == events
    assert "expected" not in sound["steps"][-1]
    assert broken["steps"][-1]["expected"] == events
    assert "events" not in broken["steps"][-1]


LIST = """l0 = list_new()
u0 = unique_from_unused(paddr=0x1000, meta=link, val=7)
list_push_front(list=l0, unique=u0)
lc0 = list_cursor_front(list=l0)
"""


def test_lists_and_their_cursors_are_shown() -> None:
    last = states(filmed(LIST))[-1]

    assert last["list:l0"] == {"pages": ["0x1000"], "id": 1}
    assert last["lcursor:lc0"] == {"at": "0x1000", "of": "l0"}
    assert last["page:0x1000"] == {
        "rc": "UNIQUE",
        "sum": "UNIQUE",
        "U": 1,
        "meta": "link",
        "val": "7",
        "list": 1,
        "usage": "Frame",
    }


def test_an_op_that_writes_shows_the_bytes_it_wrote() -> None:
    body = (
        "s0 = segment_from_unused(start=0x1000, end=0x3000)\n"
        "vmio_write_bytes(segment=s0, offset=0xffe, data=00112233)\n"
    )
    written = filmed(body)["steps"][1]["set"]

    assert written["bytes:0x1000"]["data"] == ["+0xfff: 11"]
    assert written["bytes:0x2000"]["data"] == ["+0x0: 22 33"]
    assert written.keys() == {"bytes:0x1000", "bytes:0x2000"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fill-zeros-one-short", "in memory, by the ops 0x00"),
        ("typed-slice-length-in-elements", "in memory, by the ops"),
    ],
)
def test_a_wrong_byte_is_named(name: str, said: str) -> None:
    document = film(load(ROOT / "corpora" / "regressions" / f"{name}.trace"))
    bad = [text for row in states(document)[-1].values() for text in row.get("bad", [])]

    assert document["finding"]["clause"] == "VIEW.MEM"
    assert [said in text for text in bad] == [True]


def test_buffers_have_the_bytes_that_their_op_gave_them() -> None:
    last = states(filmed("b0 = buf_new(len=4, seed=1)\n"))[-1]

    assert last["buf:b0"]["bytes"] == 4
    assert last["buf:b0"]["data"][0].startswith("+0x0: 01 ")


def test_entries_that_continue_each_other_are_one_record() -> None:
    last = states(film(load(ROOT / "corpora" / "seeds" / "huge-pages-split.trace")))[-1]
    (leaf,) = [row for row in last.values() if row.get("n")]

    assert leaf["n"] == 511
    assert leaf["to"] == "0x40001000"


@pytest.mark.parametrize("path", sorted((ROOT / "corpora" / "seeds").glob("*.trace")),
                         ids=lambda path: path.stem)  # fmt: skip
def test_the_two_sides_never_differ_where_every_step_returned(path: Path) -> None:
    """A panic may leave half-done work behind; what is marked elsewhere would be a false alarm."""
    document = film(load(path))

    for item, state in zip(document["steps"], states(document), strict=True):
        if item.get("out", "ok").startswith(("ok", "err", "blocked")):
            assert not [row["bad"] for row in state.values() if "bad" in row]
            assert "expected" not in item


def test_most_planted_bugs_show_as_a_difference() -> None:
    """Those that are an outcome show in the op's own line; the others in what is held."""
    paths = sorted((ROOT / "corpora" / "regressions").glob("*.trace"))
    shown = total = 0
    for path in paths:
        document = film(load(path))
        finding = document["finding"]
        if finding is None or finding["clause"].startswith("OUT."):
            continue
        total += 1
        last = states(document)[-1]
        is_seen = any("bad" in row for row in last.values())
        shown += is_seen or "expected" in document["steps"][-1]

    assert total > 60
    assert shown >= total * 0.9


def drops(count: int) -> str:
    ops = ("f0 = frame_from_unused(paddr=0x0)\n", "frame_drop(frame=f0)\n")
    return "".join(ops[i % 2] for i in range(count))


def test_a_long_trace_keeps_its_first_and_last_steps_and_says_so() -> None:
    document = filmed(f"f1 = frame_from_unused(paddr=0x1000)\n{drops(1000)}", max_bytes=40_000)

    (gap,) = [item for item in document["steps"] if "gap" in item]
    at = document["steps"].index(gap)
    assert gap["gap"] + len(document["steps"]) - 1 == 1001
    assert document["steps"][0]["n"] == 0
    assert document["steps"][-1]["n"] == 1000
    assert len(json.dumps(document)) < 45_000
    assert "page:0x1000" in states(document)[at]
    assert states(document)[-1].keys() == {"frame:f1", "page:0x1000"}
    assert f"{gap['gap']:,} steps in the middle" in explorer_page("long", document)


def test_a_state_bridges_steps_that_were_left_out_and_skipped() -> None:
    middle = "frame_drop(frame=f9)\n" * 40
    body = f"f0 = frame_from_unused(paddr=0x0)\n{middle}f1 = frame_clone(frame=f0)\n{drops(0)}"
    document = filmed(body * 1, max_bytes=2_500)

    assert any("gap" in item for item in document["steps"])
    assert states(document)[-1]["page:0x0"]["H"] == 2
    assert document["steps"][-1]["set"].keys() == {"page:0x0", "frame:f1"}


def test_a_large_machine_shows_the_pages_of_the_last_step() -> None:
    body = (
        "s0 = segment_from_unused(start=0x0, end=0x1000000)\n"
        "s1 = segment_slice(segment=s0, start=0xfff000, end=0x1000000)\n"
    )
    document = filmed(body, "inc-ref-temp-handle", world="frames=4096")

    assert document["hidden_pages"]
    last = states(document)[-1]
    assert last["page:0xfff000"]["bad"]
    assert sum(key.startswith("page:") for key in last) == 400
    assert len(json.dumps(document)) < 100_000


def test_what_does_not_fit_at_all_is_shown_without_states() -> None:
    document = filmed(CLONE, max_bytes=10)

    assert document["is_cut"]
    assert [item.get("op", item.get("gap")) for item in document["steps"]] == [
        "s0 = segment_from_unused(start=0x2000, end=0x4000)",
        2,
        "segment_drop(segment=s1)",
    ]
    assert not any({"set", "del"} & item.keys() for item in document["steps"])
    assert "too large for one page" in explorer_page("x", document)


def test_skipped_and_unreached_steps_are_told_apart() -> None:
    body = "f0 = frame_from_unused(paddr=0x3)\nf1 = frame_clone(frame=f0)\n"
    document = filmed(body)
    ended = filmed(CLONE, "inc-ref-temp-handle")

    assert document["steps"][0]["out"] == "err NotAligned"
    assert document["steps"][1]["skip"] == "f0 was never produced"
    assert "The run ended before 2 of the 4 steps" in explorer_page("x", ended)


def test_a_batch_that_waits_on_one_side_only_is_named() -> None:
    last = states(filmed(SPACE, "ipi-to-self", world=f"{SMALL} rcu=deferred"))[-1]

    assert last["rcu:0"] == {"pages": ["0x1000"]}
    assert last["rcu:1"]["bad"] == ["the machine has 0x1000, by the ops it is nothing"]


def test_the_same_trace_gives_the_same_bytes() -> None:
    path = ROOT / "corpora" / "regressions" / "destroy-skips-last-entry.trace"

    assert explorer_page("a", film(load(path))) == explorer_page("a", film(load(path)))


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "\x1b[31mred\x1b[0m",
    "a\x00b",
    "x" * 100_000,
    "caf\udce9",  # a file name that is not UTF-8
    "line\u2028separator\u2029",
    '"><img src=x onerror=alert(1)>',
]


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_stays_text(label: str) -> None:
    document = {**filmed(CLONE), "comment": [label], "world": label, "faults": [label]}
    page = explorer_page(label, document)

    page.encode()
    assert page.count("</script>") == 2
    assert page.count("<script") == 2
    assert "<img" not in page
    assert not {"\x1b", "\x00", "\u2028", "\u2029"} & set(page)
    block = page.partition('id="film">')[2].partition("</script>")[0]
    assert json.loads(block)["world"] == label


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_data_is_ascii_and_reads_back(label: str) -> None:
    block = data_block("x", {label: label})

    inner = block.removeprefix('<script type="application/json" id="x">').removesuffix("</script>")
    assert inner.isascii()
    assert not set("<>&") & set(inner)
    assert json.loads(inner) == {label: label}


def test_text_of_a_page_is_escaped_and_bounded() -> None:
    assert text("<b>&\"'") == "&lt;b&gt;&amp;&quot;&#x27;"
    assert text("\x1b[0m") == "\\x1b[0m"
    assert len(text("x" * 10_000)) < 600


def test_a_page_runs_its_own_script_only() -> None:
    page = explorer_page("x", filmed(CLONE))

    assert "default-src 'none'; style-src 'sha256-" in page
    assert "unsafe-inline" not in page
    assert not [word for word in ("http://", "https://", "src=", "@import", "url(") if word in page
                if word != "src="]  # fmt: skip
    assert " style=" not in page
