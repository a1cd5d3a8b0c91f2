"""The pytest plugin: stored traces become test items, and tests get fixtures of the model.

In a run that has no use for it, this module is all that is loaded: it imports pytest, which is
there, and nothing of the model. The rest is `vmfuzz.testing`.
"""

import sys
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from vmfuzz.testing.campaigns import CampaignRunner
    from vmfuzz.testing.fixtures import LiveFactory, ModelFactory, Replay, TraceFactory

KNOWN_BUG: Final = "vm_known_bug"
_ACTIVE: Final = "vmfuzz-active"
_GIVEN: Final = ("profile", "time", "seed", "update", "report")
_KNOWN_BUG_TAKES: Final = (
    "the id of a bug and the reason why it is not fixed, such as"
    f' {KNOWN_BUG}("BUG-7", "waits for upstream")'
)
_MARKERS: Final = (
    "vm_trace: the replay of a stored trace",
    "vm_campaign(time, steps, seed, faults, world, engines, checks, strict): fuzzes the model;"
    " the arguments are what its vm_campaign calls begin with",
    f"{KNOWN_BUG}(id, reason): fails because of this known bug, and must be told when it does not",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options and ini keys."""
    group = parser.getgroup("vmfuzz", "traces and campaigns of vmfuzz")
    add = group.addoption
    add(
        "--vmfuzz-corpora",
        action="append",
        metavar="DIR",
        default=[],
        help="replay the *.trace files of this folder, too; repeatable",
    )
    add(
        "--vmfuzz-profile",
        metavar="NAME",
        help="profile of the worlds that fixtures make (ostd, vostd or seed)",
    )
    add(
        "--vmfuzz-time",
        metavar="DURATION",
        help="what each campaign may take instead of its own limit, such as 10m",
    )
    add("--vmfuzz-seed", metavar="N", help="seed of campaigns instead of their own")
    add(
        "--vmfuzz-update",
        action="store_true",
        help="rewrite what traces record to what they come to now",
    )
    add("--vmfuzz-report", metavar="DIR",
        help="write traces.json there, and keep findings of campaigns there")  # fmt: skip
    text = "folders whose *.trace files are replayed as tests"
    parser.addini("vmfuzz_corpora", text, type="paths", default=[])
    parser.addini("vmfuzz_profile", "profile of the worlds that fixtures make", default="ostd")
    text = "whether a trace of another format version fails instead of being skipped"
    parser.addini("vmfuzz_strict_schema", text, type="bool", default=True)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and the hooks of a run that has traces or options of this plugin."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    if _is_wanted(config):
        from vmfuzz.testing.active import Active

        config.pluginmanager.register(Active(config), _ACTIVE)


def _is_wanted(config: pytest.Config) -> bool:
    given = any(config.getoption(f"vmfuzz_{name}") not in {None, False} for name in _GIVEN)
    folders = config.getini("vmfuzz_corpora") or config.getoption("vmfuzz_corpora")
    return bool(given or folders or any(".trace" in str(name) for name in config.args))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give `vm_known_bug` its effect, and what uses the fixture `vm_campaign` its marker."""
    wrong: dict[pytest.Item, str] = {}
    for item in items:
        mark = item.get_closest_marker(KNOWN_BUG)
        if mark is not None:
            reason = _known_bug(mark)
            if reason is None:
                wrong[item] = f"{KNOWN_BUG} takes {_KNOWN_BUG_TAKES}"
            else:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
        if "vm_campaign" in getattr(item, "fixturenames", ()):
            item.add_marker("vm_campaign")
    if wrong:
        config.pluginmanager.register(_WrongMarkers(wrong))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what a state machine found, minimized, and where it is kept."""
    report = yield
    if call.excinfo is not None and "vmfuzz.machine" in sys.modules:
        from vmfuzz.testing.machines import sections

        report.sections += sections(call.excinfo.value, item.config)
    return report


class _WrongMarkers:
    """Fails tests whose markers say nothing. An error in a worker's collection is no message."""

    def __init__(self, wrong: dict[pytest.Item, str]) -> None:
        self.wrong = wrong

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Fail a test with what is wrong with its marker."""
        if item in self.wrong:
            pytest.fail(self.wrong[item], pytrace=False)


def _known_bug(mark: pytest.Mark) -> str | None:
    """Return what the marker says, None when it lacks id or reason or has more."""
    words = {**dict(zip(("id", "reason"), mark.args, strict=False)), **mark.kwargs}
    texts = [words.get(key) for key in ("id", "reason")]
    named = [text for text in texts if isinstance(text, str) and text.strip()]
    if len(named) != 2 or len(words) != 2 or len(mark.args) > 2:
        return None
    return ": ".join(named)


@pytest.fixture(scope="session")
def vm_model(pytestconfig: pytest.Config) -> "ModelFactory":
    """Make fresh models: `vm_model(frames=8).run("f0 = frame_from_unused(paddr=0x0)")`."""
    from vmfuzz.testing.fixtures import ModelFactory

    return ModelFactory(pytestconfig)


@pytest.fixture(scope="session")
def vm_trace_factory(pytestconfig: pytest.Config) -> "TraceFactory":
    """Build traces: `vm_trace_factory("f0 = frame_from_unused(paddr=0x0)", frames=8)`."""
    from vmfuzz.testing.fixtures import TraceFactory

    return TraceFactory(pytestconfig)


@pytest.fixture(scope="session")
def vm_replay(pytestconfig: pytest.Config) -> "Replay":
    """Replay a trace, its text or its path; a run that does not end as it says fails the test."""
    from vmfuzz.testing.fixtures import Replay

    return Replay(pytestconfig)


@pytest.fixture(scope="session")
def vm_corpus_dir(pytestconfig: pytest.Config) -> "Path":
    """Return the first of the configured corpora."""
    from vmfuzz.testing.fixtures import corpus_dir

    return corpus_dir(pytestconfig)


@pytest.fixture
def vm_campaign(request: pytest.FixtureRequest) -> "CampaignRunner":
    """Fuzz with a budget: `vm_campaign(steps=20_000)`; a finding is kept and fails the test."""
    from vmfuzz.testing.campaigns import CampaignRunner

    return CampaignRunner(request)


@pytest.fixture
def vm_sut() -> "Iterator[LiveFactory]":
    """Start agents: `vm_sut("./my-agent")`; they are shut down when the test ends."""
    from vmfuzz.testing.fixtures import LiveFactory

    with LiveFactory() as factory:
        yield factory
