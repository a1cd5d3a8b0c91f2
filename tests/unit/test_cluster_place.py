"""Workers elsewhere, without Ray: keepers, frames, and a driver that is told nonsense."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from vmfuzz.campaigns.cluster import frames
from vmfuzz.campaigns.cluster import place as place_module
from vmfuzz.campaigns.cluster.about import about
from vmfuzz.campaigns.cluster.child import environment
from vmfuzz.campaigns.cluster.frames import Frame
from vmfuzz.campaigns.cluster.outpost import GOING, GONE, Outpost
from vmfuzz.campaigns.cluster.place import ClusterPlace
from vmfuzz.campaigns.cluster.scratch import Scratch
from vmfuzz.campaigns.corpus import Corpus, name_of
from vmfuzz.campaigns.heartbeat import GENERATED, GIVEN, Beat
from vmfuzz.campaigns.job import Job, plan_values
from vmfuzz.campaigns.messages import MessageError
from vmfuzz.campaigns.messages import decode as decode_message
from vmfuzz.engines.interface import Plan
from vmfuzz.errors import VmfuzzError
from vmfuzz.trace_text import format_trace, parse

CLEAN = "#vmfuzz-trace 1\nworld\ns0 = segment_from_unused(start=0x0, end=0x1000)\n"
FAULT = "segment-clone-misses-last"
BROKER = """
import sys
first = sys.stdin.readline()
print('0 r {"kind":"ready","nodes":1,"cpus":2}', flush=True)
order = sys.stdin.readline()
ANSWERS
sys.stdin.read()
"""


@pytest.mark.parametrize(
    "frame",
    [
        Frame("beat", 7, 1 << 20),
        Frame("stored", traces=[CLEAN, CLEAN]),
        Frame("gone", words="SIGKILL", last=Beat(3, 1 << 40, GENERATED)),
        Frame("gone", last=Beat(3, 0, GIVEN, b"world frames=9", b"\0\xff")),
        Frame("ready", nodes=2, cpus=16),
        Frame("error", words="no cluster"),
    ],
)
def test_a_frame_is_one_line_and_the_same(frame: Frame) -> None:
    line = frames.encode(frame)

    assert b"\n" not in line
    assert frames.decode(line) == frame


def frame(**values: Any) -> bytes:
    return json.dumps({"kind": "gone", **values}).encode()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no frame"),
        (frame(kind="done"), "no frame"),
        (frame(kind=["beat"]), "no frame"),
        (frame(count=-1), "an amount that is none"),
        (frame(rss=True), "an amount that is none"),
        (frame(words="x" * 4001), "a text that is none, or too long"),
        (frame(traces="x"), "a batch that is none, or too long"),
        (frame(traces=["x"] * 1001), "a batch that is none, or too long"),
        (frame(traces=["x" * (256 << 10 | 1)]), "a text that is none, or too long"),
        (frame(traces=[3]), "a text that is none, or too long"),
        (frame(last=[1, 2, 3]), "a beat that is none"),
        (frame(last=[1, 2, 1, "", "zz"]), "a beat that is none"),
        (frame(last=[1, 2, 9, "", ""]), "a beat of no kind"),
        (frame(last=[1, 2, 1, "", "0" * (1 << 20)]), "a beat that is none"),
    ],
)
def test_what_is_no_frame_is_refused(line: bytes, problem: str) -> None:
    with pytest.raises(MessageError) as raised:
        frames.decode(line)

    assert problem in str(raised.value)


def test_a_batch_is_bounded_and_never_empty_of_what_there_is() -> None:
    large = "x" * (200 << 10)

    assert frames.batch([]) == []
    assert frames.batch([large] * 5) == [large] * 2
    assert frames.batch(["x" * (600 << 10), "y"]) == ["x" * (600 << 10)]
    assert len(frames.batch(["x"] * 5000)) == frames.MAX_TRACES


def job(tmp_path: Path, **plan: Any) -> Job:
    return Job("engine", "swarm", plan_values(Plan(**plan)), corpus=str(tmp_path / "unused"))


def heard(outpost: Outpost) -> tuple[list[bytes], list[Frame]]:
    """Return all that a keeper has to say, words and frames."""
    words, said, answer = list[bytes](), list[Frame](), GOING
    until = monotonic() + 60
    while answer.startswith(GOING) and monotonic() < until:
        answer = outpost.poll()
        for line in answer[1:].split(b"\n"):
            if line.startswith(b"w "):
                words.append(line[2:])
            elif line:
                said.append(frames.decode(line[2:]))
    return words, said


def test_a_keeper_passes_on_what_its_worker_says_and_stores(tmp_path: Path) -> None:
    outpost = Outpost()
    assert outpost.begin(job(tmp_path, steps=8000, faults=(FAULT,)).encode(), about()) == GOING

    words, said = heard(outpost)

    messages = [decode_message(line) for line in words]
    assert messages[-1].kind == "done"
    assert messages[-1].steps == 8000
    assert any(m.found and m.found.finding.clause == "ACCT.3c" for m in messages)
    traces = [text for frame in said for text in frame.traces]
    assert len(traces) == len(set(traces)) == messages[-1].stored > 3
    assert said[-1].kind == "gone"
    assert said[-1].words == "exit code 0"
    assert said[-1].last is not None
    assert said[-1].last.kind == GENERATED
    assert not outpost.scratch.exists()
    assert not (tmp_path / "unused").exists()


def test_a_keeper_tells_what_a_worker_ran_that_hangs(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, sys, time\nfrom pathlib import Path\n"
        "from vmfuzz.campaigns.heartbeat import Heartbeat\n"
        "job = json.loads(sys.stdin.readline())\n"
        "page = Heartbeat(Path(job['heartbeat']))\npage.generated(41)\ntime.sleep(600)\n"
    )
    outpost = Outpost((sys.executable, str(script)))
    outpost.begin(job(tmp_path).encode(), about())
    until = monotonic() + 30
    while b'"count":1' not in outpost.poll() and monotonic() < until:
        pass

    answer = outpost.close()

    assert answer.startswith(GONE)
    last = frames.decode(answer[1:].splitlines()[-1][2:])
    assert last.words == "SIGKILL"
    assert last.last == Beat(1, 41, GENERATED)


def test_a_keeper_of_other_code_starts_nothing(tmp_path: Path) -> None:
    outpost = Outpost()

    answer = outpost.begin(job(tmp_path).encode(), "0.0.1 (0123456789ab)")

    assert answer.startswith(GONE)
    assert b"the driver 0.0.1 (0123456789ab)" in answer
    assert outpost.worker is None
    assert not outpost.scratch.exists()


def test_a_folder_lasts_as_long_as_its_owner(tmp_path: Path) -> None:
    living, left, strange = Scratch("x-", tmp_path), tmp_path / "x-left", tmp_path / "x-strange"
    for folder in (left, strange):
        folder.mkdir()
    (left / "lock").touch()
    for lock in (left / "lock", living.path / "lock"):
        os.utime(lock, (0, 0))

    mine = Scratch("x-", tmp_path)

    assert sorted(tmp_path.iterdir()) == sorted([living.path, mine.path, strange])
    living.remove()
    mine.remove()
    assert list(tmp_path.iterdir()) == [strange]


def test_what_a_keeper_is_given_it_does_not_send_back(tmp_path: Path) -> None:
    outpost = Outpost()
    outpost.begin(job(tmp_path, steps=500).encode(), about())
    assert outpost.corpus is not None

    outpost.give([CLEAN])
    given = outpost.corpus.names()
    _, said = heard(outpost)
    outpost.give([CLEAN])

    assert given == [name_of(CLEAN)]
    assert not outpost.scratch.exists()
    assert CLEAN not in [text for frame in said for text in frame.traces]


def place_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: str) -> ClusterPlace:
    script = tmp_path / "broker.py"
    script.write_text(BROKER.replace("ANSWERS", answers))
    monkeypatch.setattr(place_module, "find_spec", lambda _name: object())
    place = ClusterPlace("host:1", 2, ["swarm"], tmp_path, command=(sys.executable, str(script)))
    place.join()
    return place


def listened(place: ClusterPlace, a_job: Job) -> Any:
    remote = place.start(a_job)
    until = monotonic() + 30
    while not place.wait(0.1) and monotonic() < until:
        pass
    return remote


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1 x hello", "a line of no kind"),
        ("1 r hello", "no JSON"),
        ('1 r {"kind":"ready"}', "a frame that is about no worker"),
        ('1 r {"kind":"stored","traces":["nonsense"]}', "not a trace"),
        ("1", "a line of no kind"),
    ],
)
def test_nonsense_ends_the_worker_that_it_is_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, problem: str
) -> None:
    place = place_of(tmp_path, monkeypatch, f"print({line!r}, flush=True)")
    remote = listened(place, job(tmp_path))

    with pytest.raises(MessageError) as raised:
        remote.lines()

    assert problem in str(raised.value)
    place.close()


def test_lines_about_nobody_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["", "hello", "0 r nonsense", "9 w x", "-1 w x", "99999999999999999999 w x", "1 w mine"]
    place = place_of(tmp_path, monkeypatch, f"print({chr(10).join(lines)!r}, flush=True)")

    remote = listened(place, job(tmp_path))

    assert remote.lines() == [b"mine"]
    place.close()


def test_stored_traces_go_into_the_corpus_of_the_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = b"1 r " + frames.encode(Frame("stored", traces=[CLEAN, CLEAN]))
    gone = b'1 r {"kind":"gone","words":"exit code 0"}'
    said = (line + b"\n" + gone).decode()
    place = place_of(tmp_path, monkeypatch, f"print({said!r}, flush=True)")
    remote = listened(place, replace(job(tmp_path), corpus=str(tmp_path / "corpus")))

    corpus = Corpus(tmp_path / "corpus")
    assert corpus.names() == [name_of(format_trace(parse(CLEAN)))]
    assert remote.lines() is None
    assert remote.end().words == "exit code 0"
    place.close()


def test_a_broker_that_ends_ends_its_workers_and_is_replaced_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of(tmp_path, monkeypatch, "sys.exit('the raylet is gone')")

    endings = []
    for _ in range(5):
        remote = listened(place, job(tmp_path))
        assert remote.lines() is None
        endings.append(remote.end())

    assert [ending.beat for ending in endings] == [None] * 5
    assert endings[0].words == "lost with the cluster: the raylet is gone"
    assert endings[-1].words == "the cluster is gone"
    place.close()


def test_a_broker_that_does_not_answer_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_module, "LAST_WORDS", 0.3)
    place = place_of(tmp_path, monkeypatch, "import time; time.sleep(600)")
    remotes = [place.start(job(tmp_path)) for _ in range(5)]
    begun = monotonic()

    endings = [remote.end() for remote in remotes]

    assert all(ending.words.startswith("lost with the cluster") for ending in endings)
    assert monotonic() - begun < 5
    place.close()


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ("print('hello', flush=True)", "an answer that is none"),
        ("sys.exit('boom')", "Ray has ended: boom"),
        ('print(\'0 r {"kind":"error","words":"no"}\', flush=True)', "--cluster host:1: no"),
    ],
)
def test_a_cluster_that_lets_nobody_in_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: str, words: str
) -> None:
    script = tmp_path / "broker.py"
    script.write_text(f"import sys\n{answers}\n")
    monkeypatch.setattr(place_module, "find_spec", lambda _name: object())
    place = ClusterPlace("host:1", 2, [], tmp_path, command=(sys.executable, str(script)))

    with pytest.raises(VmfuzzError) as raised:
        place.join()

    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    place.close()


def test_without_ray_there_is_a_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_module, "find_spec", lambda _name: None)

    with pytest.raises(VmfuzzError) as raised:
        ClusterPlace("auto", 2, [], tmp_path).join()

    assert "pip install 'vmfuzz[cluster]'" in str(raised.value)


def test_settings_of_ray_are_passed_on_only_where_they_say_how_to_join(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_ADDRESS", "host:1")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "key")
    monkeypatch.setenv("RAY_BACKEND_LOG_LEVEL", "debug")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")

    theirs, ours = environment(is_own=False), environment(is_own=True)

    assert theirs["RAY_ADDRESS"] == "host:1"
    assert theirs["RAY_AUTH_TOKEN_PATH"] == "key"
    assert "RAY_BACKEND_LOG_LEVEL" not in theirs
    assert {name for name in ours if name.startswith("RAY_")} == {
        "RAY_USAGE_STATS_ENABLED",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO",
    }
    assert theirs["RAY_USAGE_STATS_ENABLED"] == "0"
