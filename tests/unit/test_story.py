"""What a trace is told to have done, step by step."""

import json

import pytest
from click.testing import CliRunner

from vmfuzz.cli.explain import command
from vmfuzz.report.story import Change, changes, event_text, tell
from vmfuzz.trace_text import parse
from vmstore.exec.machine import Event

CLONE = """#vmfuzz-trace 1
world
s0 = segment_from_unused(start=0x2000, end=0x3000)
s1 = segment_clone(segment=s0)
segment_drop(segment=s0)
frame_drop(frame=f9)
"""


def test_a_step_names_the_pages_and_handles_it_changed() -> None:
    first, second, third, _ = tell(parse(CLONE)).chapters

    assert first.changes == (
        Change("page 0x2000", "", "rc 1 = C 1, unit"),
        Change("s0", "", "pages [0x2000, 0x3000)"),
    )
    assert second.changes[0] == Change("page 0x2000", "rc 1 = C 1, unit", "rc 2 = C 2, unit")
    assert third.changes == (
        Change("page 0x2000", "rc 2 = C 2, unit", "rc 1 = C 1, unit"),
        Change("s0", "pages [0x2000, 0x3000)", ""),
    )


def test_a_skipped_step_says_why_and_changes_nothing() -> None:
    last = tell(parse(CLONE)).chapters[3]

    assert last.skipped
    assert not last.outcome
    assert not last.changes


def test_the_broken_equation_is_in_the_last_change() -> None:
    story = tell(parse(CLONE), ("inc-ref-temp-handle",))

    assert story.finding is not None
    assert story.finding.clause == "ACCT.3c"
    assert story.chapters[1].changes[0].after == "rc 1, but C 2, unit"
    assert story.chapters[2].skipped == "the trace had ended"


MAP = """#vmfuzz-trace 1
world
vs0 = vmspace_new()
c0 = cursor_open_mut(vs=vs0, start=0x1000, end=0x3000)
f0 = frame_from_unused(paddr=0x5000)
cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB)
pt0 = pt_new(config=kernel)
pc0 = pt_cursor_open_mut(ptable=pt0, start=0xffffffff80000000, end=0xffffffff80001000)
pt_cursor_map(ptcursor=pc0, paddr=0x7000, level=1, flags=0x7, cache=UC)
"""


def test_a_mapping_shows_address_page_rights_and_the_cursor_behind_it() -> None:
    chapters = tell(parse(MAP)).chapters

    assert chapters[3].changes == (
        Change("page 0x5000", "rc 1 = H 1, unit", "rc 1 = P 1, unit"),
        Change("vs0 0x1000", "", "page 0x5000 rw- WB"),
        Change("c0", "at 0x1000, level 1", "at 0x2000, level 1"),
        Change("f0", "page 0x5000", ""),
    )
    mapped = Change("pt0 0xffffffff80000000", "", "address 0x7000 rwx UC")
    assert mapped in chapters[6].changes


TLB = """#vmfuzz-trace 1
world
vs0 = vmspace_new()
vmspace_activate(vs=vs0)
f0 = frame_from_unused(paddr=0x5000, meta=umeta, val=3)
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x2000)
cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB)
access(va=0x8, kind=store)
cursor_jump(cursor=c0, va=0x0)
cursor_flusher_issue(cursor=c0, kind=single, va=0x1000)
cursor_unmap(cursor=c0, len=0x1000)
b0 = buf_new(len=16, seed=1)
w0 = writer_new(buf=b0, len=8)
"""


def test_translations_locks_flushes_events_and_contents_are_shown() -> None:
    chapters = tell(parse(TLB)).chapters
    cached = "cached: page 0x5000 rw- WB"

    assert Change("c0 locks", "", "page 0x11c000 of level 1") in chapters[3].changes
    assert chapters[5].changes == (Change("tlb0 0x0", "", cached),)
    assert chapters[7].changes == (Change("c0 flushes", "", "0x1000"),)
    assert Change("tlb0 0x0", cached, "") in chapters[8].changes
    assert chapters[8].events == (
        "CPU 0 flushes page 0x1000",
        "CPU 0 flushes page 0x0",
        "umeta of page 0x5000 is dropped: 3",
        "page 0x5000 is free",
    )
    assert chapters[9].changes == (Change("b0", "", "16 bytes"),)
    assert chapters[10].changes == (Change("w0", "", "bytes [0x0, 0x8) of b0, infallible"),)


def test_every_event_has_words() -> None:
    events: list[Event] = [
        ("tlb_range", 1, 0x1000, 0x3000),
        ("tlb_all", 1),
        ("ipi", 0, 1),
        ("cr3", 0, "vs1"),
    ]

    assert [event_text(event) for event in events] == [
        "CPU 1 flushes [0x1000, 0x3000)",
        "CPU 1 flushes everything",
        "CPU 0 interrupts CPU 1",
        "CPU 0 loads the root of vs1",
    ]


def test_changes_come_in_the_order_of_the_later_picture_then_what_went() -> None:
    before, after = {"a": "1", "b": "2", "c": "3"}, {"d": "4", "b": "5", "c": "3"}

    assert [c.subject for c in changes(before, after)] == ["d", "b", "a"]


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [
        ((), 0, "clean: every clause holds"),
        (("--step", "1"), 0, "before"),
        (("--fault", "inc-ref-temp-handle"), 1, "rc 1, but C 2"),
    ],
)
def test_the_command_fits_80_columns(
    arguments: tuple[str, ...], code: int, shown: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("story") / "clone.trace"
    path.write_text(CLONE, encoding="utf-8")

    done = CliRunner().invoke(command, [str(path), *arguments], standalone_mode=False)

    assert done.return_value == code
    assert shown in done.output
    body = [line for line in done.output.splitlines() if "slot 0x" not in line]
    assert max(map(len, body)) <= 80


def test_the_json_form_has_every_step(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("story") / "clone.trace"
    path.write_text(CLONE, encoding="utf-8")

    done = CliRunner().invoke(command, [str(path), "--json"], standalone_mode=False)

    steps = json.loads(done.output)["steps"]
    assert [step["step"] for step in steps] == [0, 1, 2, 3]
    assert steps[0]["changes"][0]["after"] == "rc 1 = C 1, unit"
