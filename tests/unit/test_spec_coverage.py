"""What is counted, step by step, and how the counts become a document, a text and a page."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from vmfuzz.coverage_run import cover
from vmfuzz.oracle import Session
from vmfuzz.report.coverage_document import as_document
from vmfuzz.report.coverage_page import coverage_page
from vmfuzz.report.coverage_text import coverage_lines
from vmfuzz.spec_coverage import SpecCoverage, cover_trace, cover_vector
from vmfuzz.trace_text import parse
from vmfuzz.vectors import read_vectors
from vmstore.clauses import CLAUSES
from vmstore.clauses.check import everything, footprint, nonvacuous
from vmstore.goals import GOALS
from vmstore.ops import GENERATED
from vmstore.possible import CELLS

VECTORS = Path(__file__).parents[2] / "corpora" / "vectors" / "hand_frames.jsonl.gz"
SEGMENT = "s0 = segment_from_unused(start=0x0, end=0x3000)\n"
CLONE = "f0 = frame_from_unused(paddr=0x0)\nf1 = frame_clone(frame=f0)\n"


def covered(text: str, world: str = "world") -> SpecCoverage:
    total = SpecCoverage()
    cover_trace(total, parse(f"#vmfuzz-trace 1\n{world}\n{text}"))
    return total


def reached(total: SpecCoverage) -> set[str]:
    return {goal for goal, count in total.goals.items() if count}


def test_each_step_counts_once_under_what_it_came_to() -> None:
    total = covered(
        SEGMENT
        + "f0 = frame_from_unused(paddr=0x0)\n"
        + "f1 = frame_from_unused(paddr=0x1)\n"
        + "f2 = frame_from_unused(paddr=0x1)\n"
    )

    assert (total.traces, total.steps, total.findings) == (1, 4, 0)
    assert total.cells == {
        ("segment_from_unused", "ok"): 1,
        ("frame_from_unused", "InUse"): 1,
        ("frame_from_unused", "NotAligned"): 2,
    }


def test_a_step_counts_under_the_conjuncts_that_are_false() -> None:
    total = covered(
        SEGMENT
        + "s1 = segment_slice(segment=s0, start=0x0, end=0x1000)\n"
        + "s2 = segment_slice(segment=s0, start=0x1000, end=0x1000)\n"
        + "s3 = segment_slice(segment=s0, start=0x1, end=0x9001)\n"
    )

    assert total.truths == {
        ("segment_slice", ()): {"ok": 1},
        ("segment_slice", ("start < end <= size",)): {"ok": 1},
        ("segment_slice", ("ends page aligned", "start < end <= size")): {
            "panic offset-unaligned": 1
        },
    }


def test_a_step_that_ends_in_a_finding_is_not_counted() -> None:
    fault = "world\nfault inc-ref-temp-handle"
    clone = SEGMENT + "s1 = segment_clone(segment=s0)\n"
    clean, planted = covered(clone), covered(clone, fault)

    assert (clean.steps, clean.findings) == (2, 0)
    assert (planted.steps, planted.findings) == (1, 1)
    assert ("segment_clone", "ok") not in planted.cells
    assert not planted.truths


def test_nothing_counts_after_a_test_hook_has_overwritten_a_count() -> None:
    poke = "f0 = frame_from_unused(paddr=0x0)\nhost_poke_ref_count(paddr=0x0, value=0)\n"
    total = covered(poke + "f1 = frame_from_in_use(paddr=0x0)\n")

    assert total.cells == {("frame_from_unused", "ok"): 1}


def test_a_skipped_step_is_not_counted() -> None:
    total = covered("f0 = frame_from_unused(paddr=0x1)\nframe_drop(frame=f0)\n")

    assert total.cells == {("frame_from_unused", "NotAligned"): 1}


def test_a_goal_counts_each_time_it_is_reached() -> None:
    slices = "s1 = segment_slice(segment=s0, start=0x0, end=0x0)\n"
    total = covered(SEGMENT + slices + slices.replace("s1", "s2") + slices.replace("s1", "s0"))

    assert total.goals["slice-empty"] == 2  # the third is skipped: its destination is live
    assert reached(total) == {"slice-empty"}


def test_a_goal_needs_the_world_that_makes_it_possible() -> None:
    assert "count-at-max" in reached(covered(CLONE, "world rc_max=2 pt_frames=0"))
    assert "count-at-max" not in reached(covered(CLONE))


def test_a_clause_counts_its_subjects_after_each_step_and_at_the_end() -> None:
    trace = parse(f"#vmfuzz-trace 1\nworld\n{CLONE}")
    session, applied = Session(trace.world), set[str]()
    for op in trace.ops:
        session.step(op)
        applied |= set(nonvacuous(session.state, footprint(session.state)))
    applied |= set(nonvacuous(session.state, everything(session.state)))
    total = covered(CLONE)

    assert {id for id, count in total.clauses.items() if count.nonvacuous} == applied
    # H > 0 at the one page that is looked at: after two steps, and at the end.
    assert total.clauses["DER.2"].nonvacuous == 3
    assert total.clauses["DER.5"].nonvacuous == 0 < total.clauses["DER.5"].evaluated
    assert all(c.nonvacuous <= c.evaluated for c in total.clauses.values())


def test_a_recorded_trace_is_run_to_its_end() -> None:
    total = SpecCoverage()
    vectors = list(read_vectors(VECTORS))
    for vector in vectors:
        cover_vector(total, vector)

    unpoked = [v for v in vectors if all(s["op"] != "host_poke_ref_count" for s in v.steps)]
    assert total.findings == 0
    assert total.traces == len(vectors)
    assert total.steps >= sum(len(v.steps) for v in unpoked) > 100
    assert not total.unlisted()


def test_an_outcome_that_the_list_has_not_got_is_shown() -> None:
    total = covered(CLONE)
    total.cells["frame_clone", "Busy"] = 1
    document = as_document(total)

    assert document["unlisted"] == [{"op": "frame_clone", "outcome": "Busy", "count": 1}]
    assert any("frame_clone: Busy" in line for line in coverage_lines(document))
    assert "frame_clone: Busy" in coverage_page(document)


def test_the_document_has_everything_there_is_reached_or_not() -> None:
    document = as_document(covered(CLONE))

    assert list(document) == [
        *("version", "summary", "traces", "steps", "findings", "worlds", "cells", "unlisted"),
        *("preconditions", "goals", "clauses", "code"),
    ]
    assert [(row["op"], row["outcome"]) for row in document["cells"]] == [
        (cell.op, cell.word) for cell in CELLS
    ]
    assert [row["id"] for row in document["goals"]] == [goal.id for goal in GOALS]
    assert [row["id"] for row in document["clauses"]] == [clause.id for clause in CLAUSES]
    assert document["summary"]["ops"] == {"reached": 2, "of": len(GENERATED)}
    assert document["summary"]["outcomes"]["reached"] == 2
    assert document["worlds"] == [{"settings": {}, "traces": 1}]


def test_what_no_world_of_the_runs_allows_is_told_from_what_was_missed() -> None:
    rows = {(row["op"], row["outcome"]): row for row in as_document(covered(CLONE))["cells"]}
    small = as_document(covered(CLONE, "world rc_max=9"))

    saturated = rows["frame_clone", "abort ref-count-saturated"]
    assert (saturated["possible_here"], saturated["needs"]) == (False, ["rc_max"])
    assert rows["frame_downcast", "WrongType"]["possible_here"] is True
    assert "frame_clone                     abort ref-count-saturated (needs a small rc_max)" in [
        line.strip() for line in coverage_lines(as_document(covered(CLONE)))
    ]
    assert next(r["possible_here"] for r in small["cells"] if r["needs"] == ["rc_max"])


def test_the_text_puts_what_is_missing_first() -> None:
    lines = list(coverage_lines(as_document(covered(CLONE))))
    gaps = list(coverage_lines(as_document(covered(CLONE)), gaps_only=True))

    assert lines.index("Outcomes never reached") < lines.index("Outcomes reached")
    assert lines.index("Goals never reached") < lines.index("Goals reached")
    start = next(at for at, line in enumerate(lines) if line.startswith("Clauses: ")) + 1
    clauses = [line.split() for line in lines[start : start + len(CLAUSES)]]
    assert {words[0] for words in clauses} == {clause.id for clause in CLAUSES}
    applied = [words[2] != "0" for words in clauses]
    assert applied == sorted(applied)
    assert True in applied
    assert "Outcomes reached" not in gaps
    assert "Goals reached" not in gaps
    assert lines[-5:] == gaps[-5:]


class Page(HTMLParser):
    """Collects what a browser would load, run and nest."""

    VOID = frozenset({"meta", "br", "!doctype"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = dict(attrs)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        if "id" in values:
            self.ids.add(values["id"] or "")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(document: dict[str, Any]) -> Page:
    page = Page()
    page.feed(coverage_page(document))
    page.close()
    return page


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    page = parsed(as_document(covered(CLONE)))
    text = coverage_page(as_document(covered(CLONE)))

    assert page.open == []
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    assert all(name in text for name in ("frame_downcast", "slice-over-mapping", "ACCT.3c"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda d, bad: d["cells"][0].update(outcome=bad, needs=[bad], count=0, possible_here=False),
        lambda d, bad: d["goals"][0].update(id=bad, text=bad),
        lambda d, bad: d["clauses"][0].update(text=bad),
        lambda d, bad: d["unlisted"].append({"op": bad, "outcome": bad, "count": 1}),
        lambda d, bad: d["preconditions"][0].update(false=[bad], outcomes={bad: 1}),
    ],
)
def test_the_page_escapes_what_it_shows(damage: Callable[[dict[str, Any], str], None]) -> None:
    document = as_document(covered(CLONE))
    damage(document, "\"><script>alert('x')</script>")

    page = parsed(document)

    assert "script" not in page.tags
    assert "&lt;script&gt;" in coverage_page(document)


def test_the_page_shows_measured_code() -> None:
    module = {
        "module": "vmstore.store",
        "percent": 87.5,
        "lines": 10,
        "lines_run": 8,
        "branches": 4,
        "branches_run": 1,
        "missing_lines": [3, 4],
    }
    document = as_document(covered(CLONE), {"percent": 87.5, "modules": [module]})

    assert "87.5 %" in coverage_page(document)
    assert parsed(document).open == []
    assert "  vmstore.store                             87.5 %     2     3" in list(
        coverage_lines(document)
    )


def test_files_are_covered_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    path.write_text(f"#vmfuzz-trace 1\nworld\n{CLONE}")
    seen: list[int] = []

    total = cover([path, path], lambda total: seen.append(total.steps))

    assert seen == [2, 4]
    assert total.traces == 2
