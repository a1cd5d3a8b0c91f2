"""The hooks of a run that replays traces: what is collected, counted, shown and written.

Workers of pytest-xdist send a record of plain values with each report; the controller alone counts
them and writes files.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from vmfuzz import __version__
from vmfuzz.testing.items import MAGIC, TraceFile, TraceItem
from vmfuzz.testing.settings import OUT, Settings, settings
from vmfuzz.testing.summary import summary_lines

_SUFFIX: Final = ".trace"
_VERSION: Final = 1  # of traces.json


class Active:
    """The hooks. Shape: `records` of all replays, in the order in which they ended."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings: Settings = settings(config)
        self.records: list[dict[str, Any]] = []
        self.is_deselecting = False
        self.unwritten = ""
        self.is_controller = not hasattr(config, "workerinput")
        if self.is_controller and self.settings.report is not None:
            _make(self.settings.report)
        for folder in self.settings.added:  # who names a folder wants it looked at
            if folder.is_dir() and not any(_covers(arg, folder) for arg in _args(config)):
                config.args.append(str(folder))

    def pytest_report_header(self) -> str:
        """Say which version replays what."""
        shown = [_relative(root, self.config.rootpath) for root in self.settings.corpora]
        corpora = f", corpora: {', '.join(shown)}" if shown else ""
        return f"vmfuzz: {__version__}, profile {self.settings.profile}{corpora}"

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out folders of findings, and links to a folder that the link itself is in."""
        if collection_path.name == OUT and not self._is_configured(collection_path):
            return True
        if not collection_path.is_symlink() or not collection_path.is_dir():
            return None
        target = Path(os.path.realpath(collection_path))
        is_loop = Path(os.path.realpath(collection_path.parent)).is_relative_to(target)
        return True if is_loop and self._is_below_a_corpus(collection_path) else None

    def _is_configured(self, folder: Path) -> bool:
        return any(root.is_relative_to(folder) for root in self.settings.corpora)

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> TraceFile | None:
        """Collect a trace below a corpus, or one that the command line names."""
        if file_path.suffix != _SUFFIX:
            return None
        if not self._is_below_a_corpus(file_path):
            if not (parent.session.isinitpath(file_path) and _is_trace(file_path)):
                return None
        return TraceFile.of(parent, file_path)

    def _is_below_a_corpus(self, path: Path) -> bool:
        return any(path.is_relative_to(root) for root in self.settings.corpora)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach what became of a replay, and point at the line that is to blame."""
        report = yield
        if isinstance(item, TraceItem) and call.when == "call":
            report.__dict__["vmfuzz"] = item.record
            path, _, label = report.location
            report.location = (path, max(item.line - 1, 0), label)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the records; a worker sends them on instead."""
        record = report.__dict__.get("vmfuzz")
        if self.is_controller and isinstance(record, dict):
            self.records.append({**record, "seconds": round(report.duration, 3)})

    def pytest_deselected(self) -> None:
        """Note that tests were left out: then having none left is what pytest says it is."""
        self.is_deselecting = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report. An empty corpus is no failure of the run that looked into it."""
        if not self.is_controller:
            return
        is_empty = session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
        if is_empty and not self.is_deselecting and self._looked_into():
            session.exitstatus = pytest.ExitCode.OK
        if self.settings.report is not None:
            self._write(self.settings.report / "traces.json")

    def _write(self, path: Path) -> None:
        from vmfuzz.errors import VmfuzzError
        from vmfuzz.trace_file import write_atomically

        records = sorted(self.records, key=lambda record: str(record["trace"]))
        document = {"version": _VERSION, "vmfuzz": __version__, "traces": records}
        try:
            write_atomically(path, json.dumps(document, indent=2) + "\n")
        except VmfuzzError as error:
            self.unwritten = f"--vmfuzz-report: {error}"

    def _looked_into(self) -> list[Path]:
        """Return the corpora that this run was to look into."""
        args = _args(self.config)
        return [
            root
            for root in self.settings.corpora
            if any(_covers(arg, root) or _covers(root, arg) for arg in args)
        ]

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Show what became of the traces, if there is something to say."""
        problems = self._problems()
        verbosity = self.config.get_verbosity()
        lines = summary_lines(self.records, is_brief=verbosity < 0)
        if not problems and not lines:
            return
        if lines:
            terminalreporter.section("vmfuzz")
        for line in lines:
            terminalreporter.write_line(line)
        for line in problems:
            terminalreporter.write_line(line, yellow=True)

    def _problems(self) -> list[str]:
        """Name a corpus that is not there, or whose traces silently did not run."""
        problems = [self.unwritten] if self.unwritten else []
        for root in self.settings.corpora:
            if not root.is_dir():
                text = f"vmfuzz_corpora: {root} is no folder, so no trace below it ran"
                problems.append(text)
            elif root in self._looked_into() and not any(root.rglob(f"*{_SUFFIX}")):
                problems.append(f"vmfuzz_corpora: {root} holds no *{_SUFFIX} file")
        return problems


def _make(folder: Path) -> None:
    """Make the folder of reports, before an hour of tests is run. Errors: UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = f"--vmfuzz-report: {folder}: cannot create: {error.strerror}"
        raise pytest.UsageError(text) from None


def _args(config: pytest.Config) -> list[Path]:
    here = config.invocation_params.dir
    return [Path(os.path.abspath(here / str(arg).partition("::")[0])) for arg in config.args]


def _covers(folder: Path, path: Path) -> bool:
    return path.is_relative_to(folder)


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _is_trace(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
