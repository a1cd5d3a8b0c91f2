"""The report of a campaign's folder: what it says of folders written down by hand."""

import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from campaign_folders import CLONE, write_bucket, write_log
from vmfuzz.campaigns.events import (
    End,
    FindingSeen,
    Progress,
    Replayed,
    Stage,
    Start,
    Tally,
    Worker,
)
from vmfuzz.errors import VmfuzzError
from vmfuzz.report.folder.buckets import step_lines
from vmfuzz.report.folder.curves import Curve, chart, curves, duration, short
from vmfuzz.report.folder.reading import read_folder
from vmfuzz.report.folder.render import MAX_PAGE, render

START = Start(0, 1, engines=("swarm",), seed=7, world="world", checks=("extra",), seconds=600)
seen = partial(FindingSeen, witness="rc=1, but 2", ops=2, ops_found=9, engine="swarm")
OLD, FRESH = "ACCT.3c/segment_clone", "XTRA.2/pt_drop"
FILES = {"report.html", "junit.xml", "report.sarif", "summary.md"}


def finding(t: float, run: int, signature: str, status: str) -> FindingSeen:
    clause, _, op = signature.partition("/")
    return seen(t, run, signature=signature, clause=clause, op=op, status=status)


def document(folder: Path) -> Any:
    return render(read_folder(folder))[0]


def rendered(folder: Path) -> dict[str, str]:
    return render(read_folder(folder))[1]


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Two runs: the first found OLD, the second FRESH; a third signature went away."""
    folder = tmp_path / "findings"
    write_bucket(folder, OLD)
    write_bucket(folder, FRESH)
    write_bucket(folder, "XTRA.4/pt_drop")
    ops = {"frame_drop": {"ok": 30}, "segment_clone": {"ok": 5, "abort ref-count-saturated": 1}}
    write_log(
        folder,
        [
            START,
            finding(2, 1, OLD, "new"),
            Progress(10, 1, steps=1_000, traces=50, features=20, buckets=1),
            End(10, 1, exit=1, verdict="FOUND 1 signature", new=(OLD,)),
            replace(START, t=10, run=2, date="2026-11-21", faults=("inc-ref-temp-handle",)),
            Replayed(10, 2, 2, ("a.trace", "b.trace"), {"<c>.trace": "does not end as it says"}),
            Stage(10, 2, "replay", "end", "3 traces"),
            Worker(11, 2, 0, "died", "signal 9"),
            finding(12, 2, FRESH, "new"),
            finding(13, 2, OLD, "known"),
            Progress(20, 2, steps=4_000, traces=90, features=25, buckets=3, rss=5_000_000),
            Tally(20, 2, ops, {"search-never-ends": 2}),
            End(20, 2, exit=1, verdict="FOUND 2 signatures", new=(FRESH,), known=(OLD,),
                resolved=("XTRA.4/pt_drop",)),
        ],
    )  # fmt: skip
    return folder


def test_findings_come_by_urgency_with_what_the_log_says(campaign: Path) -> None:
    told = document(campaign)

    assert [(b["signature"], b["status"]) for b in told["buckets"]] == [
        (FRESH, "new"), (OLD, "known"), ("XTRA.4/pt_drop", "resolved"),
    ]  # fmt: skip
    assert told["counts"] == {"new": 1, "flaky": 0, "stored": 0, "known": 1, "resolved": 1}
    fresh, old, _ = told["buckets"]
    assert (fresh["run"], fresh["at"], fresh["ops"], fresh["ops_found"]) == (2, 12, 2, 9)
    assert (old["run"], old["at"]) == (1, 2)
    assert old["text"] == "rc == H + P + C, and + D while references are deferred"
    assert old["replay"] == f"vmfuzz replay {campaign}/ACCT.3c--segment_clone/min.trace"
    assert old["trace"] == CLONE


def test_the_verdict_comes_first(campaign: Path) -> None:
    told, page = document(campaign), rendered(campaign)["report.html"]

    assert told["verdict"] == {
        "kind": "finding",
        "headline": "1 new, 1 known, 1 resolved findings",
        "words": "FOUND 2 signatures",
    }
    assert page.index("1 new, 1 known") < page.index("Over time") < page.index("Findings (3)")
    assert "asterinas 604948581" in page
    assert "threads do not interleave inside an op" in page


def test_amounts_are_those_of_the_log(campaign: Path) -> None:
    told = document(campaign)

    assert told["totals"] == {
        "seconds": 20,
        "steps": 4_000,
        "traces": 90,
        "features": 25,
        "corpus": 0,
        "rss": 5_000_000,
    }
    assert told["quirks"] == {"search-never-ends": 2}
    assert [run["ends"] - run["begins"] for run in told["runs"]] == [10, 10]
    assert told["runs"][1]["faults"] == ["inc-ref-temp-handle"]
    assert told["stages"][0]["words"] == "3 traces"
    assert [(row["what"], row["reason"]) for row in told["workers"]] == [("died", "signal 9")]
    assert told["run_starts"] == [10]


def test_speed_is_counted_within_a_run(campaign: Path) -> None:
    """1,000 steps in the first 10 s, 3,000 in the second."""
    by_name = {curve.name: curve for curve in curves(read_folder(campaign))}

    assert by_name["Speed"].points == ((10, 100), (20, 300))
    assert by_name["Features"].points == ((0, 0), (10, 20), (20, 25))
    assert by_name["Findings"].points == ((0, 0), (2, 1), (12, 2), (20, 2))
    assert by_name["Outcomes"].points == ((0, 0), (20, 3))
    assert "Corpus" not in by_name


def test_the_matrix_has_gaps_and_what_other_worlds_need(campaign: Path) -> None:
    cells = {(c["op"], c["outcome"]): c for c in document(campaign)["cells"]}

    assert cells["frame_drop", "ok"]["count"] == 30
    gap = cells["segment_from_unused", "panic range-empty"]
    assert (gap["count"], gap["possible_here"]) == (0, True)
    assert any(not cell["possible_here"] for cell in cells.values())


def test_clauses_are_counted_by_the_findings_that_stand(campaign: Path) -> None:
    rows = {row["id"]: row["findings"] for row in document(campaign)["clauses"]}

    assert (rows["ACCT.3c"], rows["XTRA.2"], rows["XTRA.4"]) == (1, 1, 0)


def test_a_resumed_run_still_calls_new_what_the_run_before_found(tmp_path: Path) -> None:
    write_bucket(tmp_path, OLD)
    resumed = replace(START, t=10, run=2, is_resumed=True)
    write_log(tmp_path, [START, finding(2, 1, OLD, "new"), resumed, Progress(11, 2, 10, 1)])
    told = document(tmp_path)

    assert told["buckets"][0]["status"] == "new"
    assert told["verdict"]["words"].startswith("the last run has no end")


def test_what_the_last_run_did_not_meet_is_known(tmp_path: Path) -> None:
    write_bucket(tmp_path, OLD)
    again = replace(START, t=10, run=2)
    write_log(tmp_path, [START, finding(2, 1, OLD, "new"), again, End(20, 2, 0, "clean")])
    (row,) = document(tmp_path)["buckets"]

    assert (row["status"], row["reason"]) == ("known", "not met in the last run")


def test_what_the_last_run_s_replay_met_is_known_without_another_reason(tmp_path: Path) -> None:
    write_bucket(tmp_path, OLD)
    again = replace(START, t=10, run=2)
    ended = End(20, 2, 1, "FOUND", known=(OLD,))
    write_log(tmp_path, [START, finding(2, 1, OLD, "new"), again, ended])
    (row,) = document(tmp_path)["buckets"]

    assert (row["status"], row["reason"]) == ("known", "")


@pytest.mark.parametrize(
    ("events", "kind", "headline"),
    [
        ([START, End(9, 1, 0, "clean: nothing found")], "clean", "Nothing found"),
        ([START, End(9, 1, 4, "goal not reached")], "unsure", "Nothing found"),
        ([START, Progress(5, 1, 10, 1)], "unsure", "Nothing found"),
        ([START, End(9, 1, 0, "x"), replace(START, t=9, run=2)], "unsure", "Nothing found"),
        ([START, finding(1, 1, OLD, "flaky"), End(9, 1, 4, "x")], "unsure", "1 flaky finding"),
        ([START, finding(1, 1, OLD, "known"), End(9, 1, 0, "x")], "clean", "1 known finding"),
        ([START, finding(1, 1, OLD, "new"), End(9, 1, 130, "x")], "finding", "1 new finding"),
    ],
)
def test_a_campaign_without_buckets_has_a_verdict(
    tmp_path: Path, events: list[Any], kind: str, headline: str
) -> None:
    write_log(tmp_path, events)
    verdict = document(tmp_path)["verdict"]

    assert (verdict["kind"], verdict["headline"]) == (kind, headline)


def test_a_folder_of_buckets_needs_no_log(tmp_path: Path) -> None:
    write_bucket(tmp_path, OLD)
    told, files = render(read_folder(tmp_path))

    assert told["verdict"]["headline"] == "1 stored finding"
    assert not told["has_log"]
    assert not told["cells"]
    assert files.keys() == FILES
    assert 'id="film-0"' in files["report.html"]
    assert "Over time" not in files["report.html"]


def test_a_finding_without_its_bucket_is_told(tmp_path: Path) -> None:
    write_log(tmp_path, [START, finding(1, 1, OLD, "new"), End(9, 1, 1, "FOUND", new=(OLD,))])
    (row,) = document(tmp_path)["buckets"]

    assert (row["status"], row["path"], row["replay"]) == ("new", "", "")
    assert row["problem"].startswith("its bucket is not in the folder")


@pytest.mark.parametrize(("apart", "suffix"), [("held", "held"), ("flaky", "trace")])
def test_a_trace_kept_apart_is_shown_and_never_run(tmp_path: Path, apart: str, suffix: str) -> None:
    name = f"{apart}/HANG--access.0123.{suffix}"
    (tmp_path / apart).mkdir()
    (tmp_path / name).write_text(CLONE)
    event = replace(finding(1, 1, "HANG/access", "new"), path=name)
    write_log(tmp_path, [START, event, End(9, 1, 1, "FOUND", new=("HANG/access",))])
    told, files = render(read_folder(tmp_path))

    (row,) = told["buckets"]
    assert (row["path"], row["trace"], row["problem"]) == (name, CLONE, "")
    assert row["replay"] == f"vmfuzz replay {tmp_path}/{name}"
    assert 'id="film-0"' not in files["report.html"]
    assert "not run here" in files["report.html"]


@pytest.mark.parametrize(
    "path", ["../secret.trace", "/etc/passwd", "held/../../x.trace", "held", "other/a.trace"]
)
def test_a_log_cannot_name_a_file_outside_the_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.trace").write_text(CLONE)
    (tmp_path / "x.trace").write_text(CLONE)
    folder = tmp_path / "findings"
    write_log(folder, [START, replace(finding(1, 1, OLD, "new"), path=path)])
    (row,) = document(folder)["buckets"]

    assert (row["path"], row["trace"]) == ("", "")


def test_what_is_resolved_may_be_named_by_its_bucket(tmp_path: Path) -> None:
    write_bucket(tmp_path, "STRUCT.03'/list_drop")
    write_log(tmp_path, [START, End(9, 1, 0, "clean", resolved=("STRUCT.03-adapted--list_drop",))])
    (row,) = document(tmp_path)["buckets"]

    assert (row["signature"], row["status"]) == ("STRUCT.03'/list_drop", "resolved")


def test_a_live_system_is_in_the_command_and_the_model_s_view_is_no_verdict(tmp_path: Path) -> None:
    clean = CLONE.replace("fault inc-ref-temp-handle\n", "")
    write_bucket(tmp_path, "DIVERGE.rc/segment_clone", clean, sut="./agent --bug")
    told, files = render(read_folder(tmp_path))

    assert told["buckets"][0]["replay"].startswith("vmfuzz replay --sut './agent --bug' ")
    assert "or only a live system shows it" in files["report.html"]


def test_the_corpus_is_counted(tmp_path: Path) -> None:
    write_log(tmp_path, [START, End(9, 1, 0, "clean")])
    for name in ("aa/1.trace", "aa/2.trace", "bb/3.trace", "4.trace", "bb/notes.txt"):
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    assert document(tmp_path)["totals"]["corpus"] == 4


def test_damage_is_told_and_costs_no_more_than_itself(campaign: Path) -> None:
    with (campaign / "events.jsonl").open("ab") as file:
        file.write(b'{"nonsense\n{"t":21,"run":2,"kind":"from-the-future"}\n{"t":22')
    bucket = campaign / "ACCT.3c--segment_clone"
    (bucket / "min.trace").write_bytes(b"\xff\xfe")
    (bucket / "meta.json").write_text("[]")
    told = document(campaign)

    assert told["problems"] == [
        "1 line of the log is damaged and left out; the first is line 14: no JSON",
        "the log has events of kinds that are not known here: from-the-future",
        "the log is cut short",
    ]
    row = next(b for b in told["buckets"] if b["signature"] == OLD)
    assert "not UTF-8 text" in row["problem"]
    assert (row["status"], row["trace"]) == ("known", "")


def test_files_that_are_not_ours_are_no_obstacle(tmp_path: Path) -> None:
    write_bucket(tmp_path, OLD)
    (tmp_path / "meta.json").write_text("{")
    (tmp_path / "events.jsonl").mkdir()
    strange = tmp_path / "XTRA.2--pt_drop"
    strange.mkdir()
    os.mkfifo(strange / "min.trace")
    (strange / "first.trace").write_text("")
    (tmp_path / "corpus").symlink_to(tmp_path)
    told = document(tmp_path)

    assert len(told["problems"]) == 2
    assert [b["signature"] for b in told["buckets"]] == [OLD, FRESH]
    assert "not a regular file" in told["buckets"][1]["problem"]


def test_a_bucket_s_meta_cannot_rename_it(tmp_path: Path) -> None:
    bucket = write_bucket(tmp_path, OLD)
    (bucket / "meta.json").write_text('{"clause": "SLOT.01", "op": "frame_drop", "engine": 3}')

    assert document(tmp_path)["buckets"][0]["signature"] == OLD


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_what_is_no_folder_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(VmfuzzError, match="give the --out of a campaign"):
        read_folder(tmp_path / name)


def test_the_same_folder_gives_the_same_bytes(campaign: Path) -> None:
    assert rendered(campaign) == rendered(campaign)


EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>|`\x1b[31m\x00\u2028"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder in which every text that can be is an attack."""
    folder = tmp_path / "evil <img src=x>"
    signature = f"{EVIL}/{EVIL}"
    bucket = write_bucket(folder, OLD, CLONE.replace("world\n", f"# {EVIL[:-1]}\nworld\n"))
    (bucket / "finding.txt").write_text(f"{EVIL}\n{EVIL}")
    (bucket / "meta.json").write_text(json.dumps({"clause": EVIL, "op": EVIL, "engine": EVIL}))
    evil_start = replace(START, engines=(EVIL,), world=EVIL, faults=(EVIL,), date=EVIL,
                         versions={EVIL: EVIL})  # fmt: skip
    met = seen(1, 1, signature=signature, clause=EVIL, op=EVIL, status=EVIL, path=EVIL, reason=EVIL)
    known = replace(finding(2, 1, OLD, "known"), reason=EVIL, engine=EVIL, witness=EVIL)
    write_log(
        folder,
        [
            evil_start, Stage(0, 1, EVIL, EVIL, EVIL), Worker(0, 1, 1, EVIL, EVIL, EVIL), met,
            known, Tally(3, 1, {EVIL: {EVIL: 1}}, {EVIL: 2}), End(4, 1, 1, EVIL, resolved=(EVIL,)),
        ],
    )  # fmt: skip
    meta = {"schema": 1, "upstream": EVIL, "plan": {"world": {EVIL: EVIL}, "pinned": [EVIL]}}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def test_hostile_text_is_text_in_every_file(hostile: Path) -> None:
    files = rendered(hostile)
    page = files["report.html"]

    assert page.count("<script") == page.count("</script>") == 2
    assert "<img" not in page
    assert not {"\x1b", "\x00", "\u2028"} & set("".join(files.values()))
    assert ElementTree.fromstring(files["junit.xml"]).tag == "testsuites"
    assert json.loads(files["report.sarif"])["version"] == "2.1.0"
    for line in files["summary.md"].partition("```")[0].splitlines():
        outside = "".join(line.split("`")[::2])
        assert "<img" not in outside.replace("\\<", "")
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") in {5, 6}


def test_junit_counts_what_it_holds(campaign: Path) -> None:
    root = ElementTree.fromstring(rendered(campaign)["junit.xml"])
    suites = {suite.get("name"): suite for suite in root}
    findings = suites["vmfuzz.findings"]

    assert [findings.get(n) for n in ("tests", "failures", "errors", "skipped")] == list("3101")
    by_name = {case.get("name"): case for case in findings}
    failure = by_name[FRESH].find("failure")
    assert failure is not None
    assert failure.get("message") == "rc=1, but 2"
    assert "vmfuzz replay" in (failure.text or "")
    assert by_name[OLD].find("skipped") is not None
    assert len(by_name["XTRA.4/pt_drop"]) == 0
    assert [case.get("name") for case in suites["vmfuzz.stages"]] == ["replay (run 2)"]
    kept = suites["vmfuzz.traces"]
    assert [case.get("name") for case in kept] == ["a.trace", "b.trace", "<c>.trace"]
    assert [case.find("failure") is None for case in kept] == [True, True, False]


def test_kept_traces_that_are_broken_are_named_for_people_too(campaign: Path) -> None:
    files = rendered(campaign)

    assert "2 end as they say, 1 do not" in files["report.html"]
    assert "&lt;c&gt;.trace: does not end as it says" in files["report.html"]
    assert "<c>" not in files["report.html"]
    assert "`<c>.trace`: does not end as it says" in files["summary.md"]


def test_junit_of_a_killed_run_is_an_error(tmp_path: Path) -> None:
    write_log(tmp_path, [START])
    root = ElementTree.fromstring(rendered(tmp_path)["junit.xml"])

    assert root.find("testsuite/testcase/error") is not None


def test_sarif_has_what_the_standard_requires(campaign: Path) -> None:
    log = json.loads(rendered(campaign)["report.sarif"])
    (run,) = log["runs"]
    driver, results = run["tool"]["driver"], run["results"]

    assert log["version"] == "2.1.0"
    assert driver["name"] == "vmfuzz"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids)) == 3
    for result in results:
        assert result["ruleId"] == ids[result["ruleIndex"]]
        assert result["message"]["text"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["baselineState"] in {"new", "unchanged", "updated", "absent"}
        assert len(result["partialFingerprints"]["vmfuzzSignature/v1"]) == 64
    first = results[0]
    assert [r["baselineState"] for r in results] == ["new", "unchanged", "absent"]
    (flow,) = first["codeFlows"]
    steps = [at["location"] for at in flow["threadFlows"][0]["locations"]]
    assert [step["message"]["text"] for step in steps] == CLONE.splitlines()[3:]
    assert [s["physicalLocation"]["region"]["startLine"] for s in steps] == [4, 5]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "XTRA.2--pt_drop/min.trace"
    assert place["region"] == {"startLine": 5}


def test_sarif_identifies_a_finding_by_its_signature_alone(tmp_path: Path) -> None:
    prints = set()
    for name in ("a", "b"):
        write_bucket(tmp_path / name, OLD, CLONE + "segment_drop(segment=s0)\n" * (name == "b"))
        log = json.loads(rendered(tmp_path / name)["report.sarif"])
        prints.add(str(log["runs"][0]["results"][0]["partialFingerprints"]))

    assert len(prints) == 1


def test_lines_of_steps_are_those_of_the_file() -> None:
    text = "#vmfuzz-trace 1\n# about\nworld frames=2\nexpect A at 0\n\na()\n# between\n  b()\n"

    assert step_lines(text) == [6, 8]


def test_the_summary_says_what_to_do_next(campaign: Path) -> None:
    text = rendered(campaign)["summary.md"]

    assert text.splitlines()[0] == "## \u274c vmfuzz: 1 new, 1 known, 1 resolved findings"
    assert "4,000 checked steps in 20 s; 2 of 126 ops run." in text
    assert f"vmfuzz replay {campaign}/XTRA.2--pt_drop/min.trace" in text
    assert f"vmfuzz explain {campaign}/XTRA.2--pt_drop/min.trace" in text
    assert f"# the whole story: {campaign}/report.html" in text
    assert "Never: `" in text


def long_trace(steps: int) -> str:
    pairs = ["f0 = frame_from_unused(paddr=0x0)", "frame_drop(frame=f0)"]
    middle = [pairs[i % 2] for i in range(steps)]
    return "\n".join([*CLONE.splitlines()[:3], *middle, *CLONE.splitlines()[3:], ""])


@pytest.mark.slow
@pytest.mark.parametrize(("amount", "steps"), [(50, 300), (400, 40)])
def test_a_page_has_a_largest_size(tmp_path: Path, amount: int, steps: int) -> None:
    for number in range(amount):
        write_bucket(tmp_path, f"XTRA.2/op_{number:04}", long_trace(steps))
    files = rendered(tmp_path)

    assert len(files["report.html"].encode()) <= MAX_PAGE
    assert len(files["summary.md"].encode()) < 64 << 10
    assert f"Findings ({amount})" in files["report.html"]
    assert files["report.html"].count('class="bucket"') == min(amount, 300)
    assert files["report.html"].count('id="film-') >= 40


def test_a_trace_too_long_for_an_explorer_says_how_to_see_it(tmp_path: Path) -> None:
    write_bucket(tmp_path, OLD, long_trace(6_000))
    page = rendered(tmp_path)["report.html"]

    assert 'id="film-0"' not in page
    assert "The trace is too long for this page." in page
    assert "# ... and 5,605 more lines" in page


def test_a_chart_ends_where_its_amounts_do() -> None:
    drawn = chart(Curve("A", "b", ((0, 0), (30, 50), (60, 100))), 60, [30])

    assert 'd="M62.0 146.0L255.0 79.0L448.0 12.0"' in drawn
    assert 'aria-label="A: b over 60 s; at the end 100"' in drawn
    assert drawn.count('class="run"') == 1


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (950, "950"), (12_500, "12.5k"), (3_000_000, "3M"), (2e9, "2G")]
)
def test_numbers_of_charts_are_short(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(45.4, "45 s"), (720, "12 min"), (30_000, "8 h 20 min"), (0, "0 s")]
)
def test_durations_are_as_people_write_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_long_logs_are_thinned_out(tmp_path: Path) -> None:
    progress = [Progress(t, 1, steps=t * 10, traces=t, features=t) for t in range(1, 5_000)]
    write_log(tmp_path, [START, *progress])

    for curve in curves(read_folder(tmp_path)):
        assert len(curve.points) <= 242
        assert curve.points[-1][0] == 4_999
    speeds = {round(value) for _, value in curves(read_folder(tmp_path))[1].points}
    assert speeds == {10}
