"""What passes between a driver and its workers: the shared page, messages, jobs, seeds."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vmfuzz.campaigns.heartbeat import GENERATED, GIVEN, NOTHING, Heartbeat
from vmfuzz.campaigns.job import Job, plan_from, plan_values, seed_of
from vmfuzz.campaigns.messages import MessageError, decode, encode_found
from vmfuzz.engines.interface import Found, Plan
from vmfuzz.exhaustive.scope import Scope
from vmfuzz.features import CELLS
from vmfuzz.finding import Finding
from vmfuzz.trace_text import parse
from vmstore.world import World

TRACE = parse(
    "#vmfuzz-trace 1\nworld frames=16\nfault inc-ref-temp-handle\n"
    "s0 = segment_from_unused(start=0x0, end=0x1000)\ns1 = segment_clone(segment=s0)\n"
)
FOUND = Found(Finding("ACCT.3c", "segment_clone", 1, "rc", "source", "H = 1"), TRACE, "swarm")


def test_a_page_says_what_its_worker_runs(tmp_path: Path) -> None:
    mine, theirs = Heartbeat(tmp_path / "page"), Heartbeat(tmp_path / "page")
    assert theirs.read().kind == NOTHING

    mine.generated(1 << 40)
    first = theirs.read()
    mine.given(b"world frames=9", b"\0\1\2")
    second = theirs.read()
    mine.beat()
    third = theirs.read()

    assert (first.kind, first.number) == (GENERATED, 1 << 40)
    assert (second.kind, second.text, second.data) == (GIVEN, b"world frames=9", b"\0\1\2")
    assert third.kind == NOTHING
    assert first.count < second.count < third.count


def test_a_trace_that_does_not_fit_is_nothing_to_run_again(tmp_path: Path) -> None:
    page = Heartbeat(tmp_path / "page")

    page.given(b"world", bytes(1 << 20))

    assert page.read().kind == NOTHING


def test_a_page_that_somebody_scribbled_on_is_read_without_harm(tmp_path: Path) -> None:
    page = Heartbeat(tmp_path / "page")
    with (tmp_path / "page").open("r+b") as file:
        file.write(b"\xff" * 4096)

    assert page.read().kind == NOTHING


def line(**values: Any) -> bytes:
    return json.dumps({"kind": "progress", **values}).encode()


def test_a_finding_crosses_the_pipe() -> None:
    message = decode(line(kind="finding", steps=7, **encode_found(FOUND)))

    assert message.found == FOUND
    assert message.steps == 7


def test_amounts_cross_the_pipe() -> None:
    message = decode(
        line(steps=5, traces=2, tally=[["op", "ok", 3]], quirks={"q": 1}, news=[0, CELLS - 1])
    )

    assert (message.tally, message.quirks) == ([("op", "ok", 3)], {"q": 1})
    assert message.news == [0, CELLS - 1]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no object"),
        (b'{"kind": "hello"}', "a kind that no worker sends"),
        (b'{"kind": ["done"]}', "a kind that no worker sends"),
        (line(steps=-1), "an amount that is none"),
        (line(steps=1.0), "an amount that is none"),
        (line(steps=True), "an amount that is none"),
        (line(seconds="x"), "seconds that are none"),
        (line(seconds=float("nan")), "seconds that are none"),
        (line(news=[CELLS]), "a feature that is none"),
        (line(news={}), "a list that is none, or too long"),
        (line(tally=[["op", "ok"]]), "a row of a tally that is none"),
        (line(tally=[["op", "ok", "3"]]), "an amount that is none"),
        (line(tally=[["op", "ok", 3]] * 10_001), "a list that is none, or too long"),
        (line(quirks=[]), "counts that are none"),
        (line(text="x" * 20_001), "a text that is none, or too long"),
        (line(finding={}), "not the fields of a finding"),
        (line(finding=3), "not the fields of a finding"),
        (line(**{**encode_found(FOUND), "trace": 3}), "a trace that is none, or too long"),
        (line(**{**encode_found(FOUND), "trace": "x" * (1 << 20 | 1)}), "none, or too long"),
        (line(**{**encode_found(FOUND), "trace": "hello"}), "worker:1:1: not a trace"),
        (line(**{**encode_found(FOUND), "trace": "#vmfuzz-trace 1\nworld\n"}), "after the end"),
    ],
)
def test_what_no_worker_says_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(MessageError) as raised:
        decode(data)

    assert problem in str(raised.value)


def test_a_job_is_one_line_and_its_plan_the_same() -> None:
    plan = Plan(
        seconds=3.5,
        steps=7,
        rng_seed=9,
        faults=("inc-ref-temp-handle",),
        checks=frozenset({"view"}),
        world=World(frames=16),
        pinned=frozenset({"frames"}),
        scope=Scope(depth=3, values={"meta": ("unit",)}, resume=Path("kept")),
    )
    job = Job("engine", "swarm", plan_values(plan), corpus="c", seen=[1, 2])

    assert job.encode().count(b"\n") == 1
    assert Job.decode(job.encode()) == job
    assert plan_from(job.plan) == plan
    assert plan_from(job.with_plan(rng_seed=4).plan) == replace(plan, rng_seed=4)


def test_seeds_of_parts_differ_and_stay() -> None:
    seeds = {
        seed_of(0, run, name, worker)
        for run in (1, 2)
        for name in ("swarm", "atheris")
        for worker in range(50)
    }

    assert len(seeds) == 200
    assert all(0 <= seed < 1 << 31 for seed in seeds)
    assert seed_of(0, 1, "swarm", 0) == seed_of(0, 1, "swarm", 0) != seed_of(1, 1, "swarm", 0)
