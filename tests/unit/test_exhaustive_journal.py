"""A search goes on from its own file as if it had never stopped, and from no other file."""

import json
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from vmfuzz.engines.exhaustive_engine import ExhaustiveEngine
from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.errors import VmfuzzError
from vmfuzz.exhaustive.journal import MAX_LINE
from vmfuzz.exhaustive.scope import Scope
from vmfuzz.trace_text import format_trace

OPS = ("frame_from_*", "frame_clone", "frame_drop", "segment_from_unused", "segment_next")
SCOPE = Scope(depth=3, ops=OPS)


def search(plan: Plan) -> tuple[Progress, list[Found]]:
    progress = Progress()
    found = list(ExhaustiveEngine().run(plan, progress, lambda: None))
    return progress, found


def summary(progress: Progress) -> Any:
    assert progress.claim is not None
    return progress.claim.document, progress.tally, progress.quirks


def traces(found: list[Found]) -> dict[str, str]:
    first: dict[str, str] = {}
    for each in found:
        first.setdefault(each.finding.signature, format_trace(each.trace))
    return first


@pytest.mark.parametrize("faults", [(), ("nyx-missing-incref", "segment-next-keeps-cover")])
@pytest.mark.parametrize("steps", [1, 400, 900])
def test_interrupted_and_resumed_is_uninterrupted(
    tmp_path: Path, faults: tuple[str, ...], steps: int
) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    plan = Plan(faults=faults, scope=replace(SCOPE, resume=whole))
    wanted, all_found = search(plan)

    plan = replace(plan, scope=replace(SCOPE, resume=part))
    first, _ = search(replace(plan, steps=steps))
    assert first.claim is not None
    assert not first.claim.is_complete
    second, found = search(plan)

    assert summary(second) == summary(wanted)
    assert first.steps + second.steps == wanted.steps
    assert traces(found) == traces(all_found)
    assert bool(found) == bool(faults)
    assert part.read_bytes() == whole.read_bytes()


def test_a_deeper_search_goes_on_from_a_shallower_one(tmp_path: Path) -> None:
    part = tmp_path / "part"
    wanted, _ = search(Plan(scope=SCOPE))

    first, _ = search(Plan(scope=replace(SCOPE, depth=2, resume=part)))
    second, _ = search(Plan(scope=replace(SCOPE, resume=part)))

    assert summary(second) == summary(wanted)
    assert 0 < first.steps < second.steps < wanted.steps


def test_a_run_that_is_closed_in_the_middle_keeps_what_it_did(tmp_path: Path) -> None:
    plan = Plan(faults=("nyx-missing-incref",), scope=replace(SCOPE, resume=tmp_path / "part"))
    progress = Progress()
    run = ExhaustiveEngine().run(plan, progress, lambda: None)
    first = next(run)
    run.close()  # type: ignore[attr-defined]  # it is a generator

    again, found = search(replace(plan, steps=1))

    assert progress.claim is not None
    assert format_trace(found[0].trace) == format_trace(first.trace)
    assert again.tally.keys() >= progress.tally.keys()


# -- files of others -------------------------------------------------------------------------------


@pytest.fixture(name="kept")
def _kept(tmp_path: Path) -> Path:
    path = tmp_path / "search.jsonl"
    search(Plan(scope=replace(SCOPE, depth=2, resume=path)))
    return path


def refusal(path: Path, **changes: Any) -> str:
    plan = replace(Plan(scope=replace(SCOPE, resume=path)), **changes)
    with pytest.raises(VmfuzzError) as caught:
        search(plan)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def forged(path: Path, number: int, change: Any) -> str:
    """Change the values of one line, hash all lines anew, and return the refusal."""
    lines = path.read_bytes().splitlines()
    chain, written = b"", b""
    for at, line in enumerate(lines):
        body = line.rpartition(b" ")[0]
        if at == number:
            values = json.loads(body)
            body = json.dumps(change(values) or values, separators=(",", ":")).encode()
        chain = blake2b(body, key=chain, digest_size=8).digest()
        written += body + b" " + chain.hex().encode() + b"\n"
    path.write_bytes(written)
    return refusal(path)


def test_another_search_is_refused_with_the_difference(kept: Path) -> None:
    assert "world" in refusal(kept, world=replace(Plan().world, list_ids=7))
    assert "faults" in refusal(kept, faults=("nyx-missing-incref",))
    assert "strict" in refusal(kept, strict=True)
    assert "checks" in refusal(kept, checks=frozenset({"outcome"}))
    fewer = Scope(depth=2, ops=OPS[:-1], resume=kept)
    message = refusal(kept, scope=fewer)
    assert "alphabet" in message
    assert "segment_next" in message


def test_every_cut_and_every_flipped_byte_is_noticed(kept: Path) -> None:
    data = kept.read_bytes()
    first = data.index(b"\n")
    for cut in (1, first, first + 2, len(data) // 2, len(data) - 1):
        kept.write_bytes(data[:cut])
        assert "cut short" in refusal(kept)
    for at in range(3, len(data), len(data) // 40):
        if data[at] != 0x0A:
            kept.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            line = data[:at].count(b"\n") + 1
            assert f":{line}: " in refusal(kept)


def test_a_line_less_or_twice_is_noticed(kept: Path) -> None:
    lines = kept.read_bytes().splitlines(keepends=True)
    kept.write_bytes(b"".join(lines[:2] + lines[3:]))
    assert ":3: the line's hash" in refusal(kept)
    kept.write_bytes(b"".join(lines[:2] + lines[1:]))
    assert ":3: the line's hash" in refusal(kept)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"#vmfuzz-trace 1\nworld\n", "hash"),
        (b"\n", "hash"),
        (b"[" * 100_000 + b"\n", "hash"),
        (b"\xff\xfe\n", "hash"),
        (b"x" * (MAX_LINE + 2), "longer than"),
    ],
    ids=["trace", "blank", "nested", "bytes", "endless"],
)
def test_a_foreign_file_is_refused(tmp_path: Path, text: bytes, problem: str) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(text)

    assert problem in refusal(path)
    assert path.read_bytes() == text


def nested(_values: Any) -> Any:
    value: list[Any] = []
    for _ in range(800):
        value = [value]
    return value


def put(field: int, value: Any) -> Any:
    def change(values: Any) -> None:
        values[field] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        put(0, 5),
        put(0, "0"),
        put(1, ["f0 = frame_from_nowhere()"]),
        put(1, ["x" * 2000]),
        put(1, 7),
        put(2, [["only"]]),
        put(3, [[99_999, "00" * 16]]),
        put(3, [[0, "zz"]]),
        put(3, [[0, "00"]]),
        put(3, [[0, "11" * 16], [0, "11" * 16]]),
        put(4, [0]),
        put(4, [99_999, 1]),
        put(4, [0, -1]),
        put(4, [0, 1 << 70]),
        put(5, -1),
        put(6, 1.5),
        put(7, [99_999, 1]),
        put(8, {"a": 1}),
        put(9, [[1, 1]]),
        nested,
        lambda _values: {"state": 0},
        lambda _values: [0],
    ],
)
def test_a_forged_line_is_refused_at_its_place(kept: Path, change: Any) -> None:
    assert ":2: " in forged(kept, 1, change)


def test_a_forged_header_is_refused(kept: Path) -> None:
    data = kept.read_bytes()
    assert "version 2 is not" in forged(kept, 0, lambda values: {**values, "version": 2})
    kept.write_bytes(data)
    assert "not a file of --resume" in forged(kept, 0, lambda values: {**values, "format": "x"})
    kept.write_bytes(data)
    assert "another version" in forged(kept, 0, lambda values: {**values, "digest": "0"})
    kept.write_bytes(data)
    assert "not a file of --resume" in forged(kept, 0, lambda _values: [1])


def test_states_that_the_traces_do_not_lead_to_are_refused(kept: Path) -> None:
    """Of the states that are still to be expanded; what the file says of others is believed."""
    last = len(kept.read_bytes().splitlines()) - 1

    def mistake(values: Any) -> None:
        values[3][0][1] = "11" * 16

    while not json.loads(kept.read_bytes().splitlines()[last].rpartition(b" ")[0])[3]:
        last -= 1
    assert "leads to another state" in forged(kept, last, mistake)


def test_ops_on_handles_that_nobody_made_are_refused(kept: Path) -> None:
    def dead(values: Any) -> None:
        values[1][values[3][-1][0]] = "frame_drop(frame=f77)"

    lines = len(kept.read_bytes().splitlines())
    message = forged(kept, 1, dead)

    assert lines > 3
    assert "does not get there" in message


def test_a_folder_a_pipe_and_a_file_in_use_are_refused(tmp_path: Path, kept: Path) -> None:
    import fcntl
    import os

    assert "cannot open" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refusal(tmp_path / "pipe")
    assert "cannot open" in refusal(tmp_path / "no" / "such" / "folder")
    with kept.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another search" in refusal(kept)


def test_a_full_disk_is_a_clear_error() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    assert "not a regular file" in refusal(full)
