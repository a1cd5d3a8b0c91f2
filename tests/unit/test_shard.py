"""A worker's engine: its own traces by seed, news stored, others' picked up, a death repeated."""

import json
from pathlib import Path

import pytest

from vmfuzz.bytecode import encode
from vmfuzz.campaigns import shard as shard_module
from vmfuzz.campaigns.check import check_paths, features_of
from vmfuzz.campaigns.corpus import Corpus
from vmfuzz.campaigns.heartbeat import GENERATED, GIVEN, Heartbeat
from vmfuzz.campaigns.messages import decode
from vmfuzz.campaigns.news import NewsMap
from vmfuzz.campaigns.recover import recover
from vmfuzz.campaigns.shard import ShardEngine
from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmfuzz.trace_file import load, save
from vmfuzz.trace_text import format_world, parse
from vmstore.ops import Op
from vmstore.world import World

FAULT = "segment-clone-misses-last"


def shard(
    folder: Path, *, share: float = 0.0, corpus: bool = True, news: NewsMap | None = None
) -> ShardEngine:
    pulse = Heartbeat(folder / "pulse")
    stored = Corpus(folder / "corpus") if corpus else None
    return ShardEngine(stored, news or NewsMap(), pulse, share, lambda: False)


def run(engine: ShardEngine | SwarmEngine, plan: Plan) -> tuple[list[Found], Progress]:
    progress = Progress()
    return list(engine.run(plan, progress, lambda: None)), progress


def test_without_stored_traces_a_shard_is_the_swarm(tmp_path: Path) -> None:
    plan = Plan(steps=6000, rng_seed=3, faults=(FAULT,))
    mine, my_progress = run(shard(tmp_path), plan)
    swarm, progress = run(SwarmEngine(), plan)

    assert mine == swarm
    assert mine
    assert (my_progress.steps, my_progress.traces) == (progress.steps, progress.traces)
    assert my_progress.tally == progress.tally


def test_every_feature_seen_is_in_the_corpus(tmp_path: Path) -> None:
    engine = shard(tmp_path)
    run(engine, Plan(steps=8000))

    shown: set[int] = set()
    names = engine.corpus.names() if engine.corpus else []
    for name in names:
        shown.update(features_of(load(tmp_path / "corpus" / name), Plan())[0])
    assert len(names) == engine.stored > 3
    assert shown == set(engine.news.seen)


def test_what_is_no_news_is_not_stored(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = shard(tmp_path / "a")
    run(first, Plan(steps=4000))
    again = shard(tmp_path / "b", news=NewsMap(first.news.seen))
    run(again, Plan(steps=4000))

    assert first.stored > 0
    assert again.stored == 0


def test_a_shard_grows_traces_from_what_others_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_module, "LOOK_EVERY", 2)
    run(shard(tmp_path), Plan(steps=4000))
    engine = shard(tmp_path, share=0.9)
    found, progress = run(engine, Plan(steps=9000, rng_seed=1, faults=(FAULT,)))

    assert {f.engine for f in found} >= {"swarm+corpus"}
    assert progress.steps >= 9000
    for each in found[:20]:
        assert Plan().system.run(each.trace, checks=Plan().checks, strict=False).finding


def test_a_corpus_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "corpus").write_text("in the way")
    engine = shard(tmp_path)

    _, progress = run(engine, Plan(steps=2000))

    assert progress.steps == 2000
    assert "cannot write" in engine.problem


def test_a_generated_trace_is_written_down_as_it_was(tmp_path: Path) -> None:
    traces: list[tuple[World, list[Op]]] = []
    plan = Plan(steps=5000, rng_seed=7, on_trace=lambda world, ops: traces.append((world, [*ops])))
    run(SwarmEngine(), plan)

    for number in (0, 7, 8, 11):
        path = tmp_path / f"{number}.trace"
        recover(Plan(rng_seed=7), {"kind": GENERATED, "number": number}, path)
        trace = load(path)
        assert (trace.world, trace.ops) == traces[number]


def test_a_grown_trace_is_written_down_as_it_was(tmp_path: Path) -> None:
    run(shard(tmp_path), Plan(steps=1500))
    name = Corpus(tmp_path / "corpus").names()[0]
    trace = load(tmp_path / "corpus" / name)
    beat = {"kind": GIVEN, "text": format_world(trace.world), "data": encode(trace).hex()}

    recover(Plan(), beat, tmp_path / "again.trace")

    assert features_of(load(tmp_path / "again.trace"), Plan())[0] == features_of(trace, Plan())[0]


def test_stored_traces_are_checked_one_by_one(tmp_path: Path) -> None:
    failing = parse(
        "#vmfuzz-trace 1\nworld\nfault inc-ref-temp-handle\n"
        "s0 = segment_from_unused(start=0x0, end=0x1000)\ns1 = segment_clone(segment=s0)\n"
    )
    save(tmp_path / "a.trace", failing)
    (tmp_path / "b.trace").write_text("nonsense")
    said: list[dict[str, object]] = []

    check_paths(
        Plan(),
        [str(tmp_path / "a.trace"), str(tmp_path / "b.trace")],
        Heartbeat(tmp_path / "pulse"),
        lambda kind, **values: said.append({"kind": kind, **values}),
        lambda: False,
    )

    first, second = said
    assert first["expected"] is False
    assert first["finding"]
    assert "not a trace" in str(second["text"])
    message = decode(json.dumps(first).encode())
    assert message.found is not None
    assert message.found.finding.signature == "ACCT.3c/segment_clone"
