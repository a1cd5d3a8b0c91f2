"""Where what workers found is judged: replayed twice, minimized a little, stored, told apart."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from vmfuzz.campaign import Campaign, improve, record
from vmfuzz.campaigns.corpus import name_of
from vmfuzz.campaigns.descriptions import finding_event
from vmfuzz.campaigns.events import FindingSeen
from vmfuzz.campaigns.folder import CampaignFolder
from vmfuzz.campaigns.known import Known
from vmfuzz.campaigns.recorder import Recorder
from vmfuzz.crashes import bucket_name, cut
from vmfuzz.engines.interface import Found, Plan
from vmfuzz.errors import VmfuzzError
from vmfuzz.trace_file import write_atomically
from vmfuzz.trace_text import format_trace

QUICK: Final = 60_000  # steps of a minimization while the workers run: about a second
THOROUGH: Final = 300_000  # steps of one turn afterwards
_WAITING: Final = 1000  # findings that may wait; workers send few of each signature
_WORDS: Final = 10_000


@dataclass(slots=True)
class Held:
    """A trace that cannot be replayed here: it hung, died, or never ended alike."""

    signature: str
    status: str
    path: Path | None


@dataclass(slots=True)
class Desk:
    """Judges findings one by one. `known` says which of them somebody has looked at already.

    `flaky` and `held` are findings that do not count as reproduced; `broken` has the stored traces
    that did not end as they say, and why, `unreadable` those that cannot be run, and where.
    """

    campaign: Campaign
    plan: Plan
    folder: CampaignFolder
    recorder: Recorder
    known: Known
    waiting: deque[Found] = field(default_factory=deque)
    reasons: dict[str, str] = field(default_factory=dict)
    flaky: list[Held] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def take(self, found: Found) -> None:
        """Let a finding wait for its turn; another one of a signature is only counted."""
        stored = self.campaign.findings.get(found.finding.signature)
        if stored is not None:
            stored.hits += 1
        elif len(self.waiting) < _WAITING:
            self.waiting.append(found)

    def work(self, max_steps: int = QUICK) -> None:
        """Judge the finding that has waited longest. Effect: an event, files in the folder."""
        if not self.waiting:
            return
        found = self.waiting.popleft()
        signature = found.finding.signature
        campaign, before = self.campaign, self.campaign.unreproducible
        if signature in campaign.findings:
            campaign.findings[signature].hits += 1
            return
        record(campaign, self.plan, found, self.folder.path, max_steps=max_steps)
        if campaign.unreproducible > before:
            self._keep_flaky(found)
            return
        stored = campaign.findings[signature]
        stored.is_new = bucket_name(signature) not in self.folder.state.baseline
        reason = self.known.reason(signature)
        if reason is not None:
            self.reasons[signature] = reason
        self.recorder.finding(
            partial(
                finding_event,
                stored=stored,
                status="new" if self.is_new(signature) else "known",
                path=self.folder.relative(stored.path) if stored.path is not None else "",
                reason=reason or "",
            )
        )

    def is_new(self, signature: str) -> bool:
        """Return whether neither the folder had a signature before, nor anybody wrote it down."""
        was_there = bucket_name(signature) in self.folder.state.baseline
        return not was_there and self.known.reason(signature) is None

    @property
    def new(self) -> list[str]:
        """Signatures that are new, in the order found."""
        return [name for name in self.campaign.findings if self.is_new(name)]

    def minimize(self, is_time: Callable[[], bool]) -> bool:
        """Go on with minimizing while there is time; return whether everything is minimal."""
        limit = THOROUGH
        while rest := [s for s in self.campaign.findings.values() if not s.minimized.is_minimal]:
            for stored in rest:
                if not is_time():
                    return False
                improve(stored, self.plan, self.folder.path, limit)
            limit *= 2
        return True

    def hold(
        self, clause: str, op: str, text: str, found_by: str, *, is_flaky: bool
    ) -> Path | None:
        """Keep a trace that ended its process, with a finding of its own; return its path."""
        signature = f"{clause}/{op}"
        folder = self.folder.path / "held"
        is_first = signature not in {held.signature for held in self.held}
        status = "known" if any(folder.glob(f"{bucket_name(signature)}.*")) else "new"
        reason = self.known.reason(signature)
        # Not `.trace`: who replays the whole folder must not meet one that never ends.
        path = _kept(folder, signature, text, ".held")
        status = "flaky" if is_flaky else "known" if reason is not None else status
        self.held.append(Held(signature, status, path))
        if is_first:
            self._say(signature, status, path, text.count("\n"), found_by, reason or "")
        return path

    def _keep_flaky(self, found: Found) -> None:
        trace = cut(found)
        signature = found.finding.signature
        path = _kept(self.folder.path / "flaky", signature, format_trace(trace), ".trace")
        is_first = signature not in {held.signature for held in self.flaky}
        self.flaky.append(Held(signature, "flaky", path))
        if is_first:
            self._say(signature, "flaky", path, len(trace.steps), found.engine, "")

    def _say(
        self, signature: str, status: str, path: Path | None, ops: int, engine: str, reason: str
    ) -> None:
        clause, _, op = signature.rpartition("/")
        self.recorder.finding(
            partial(
                FindingSeen,
                signature=signature,
                clause=clause,
                op=op,
                witness="",
                ops=ops,
                ops_found=ops,
                engine=engine,
                status=status,
                path=self.folder.relative(path) if path is not None else "",
                reason=reason,
            )
        )


def _kept(folder: Path, signature: str, text: str, suffix: str) -> Path | None:
    """Write a trace under its signature and contents; return where, None if that cannot be."""
    path = folder / f"{bucket_name(signature)}.{name_of(text).replace('/', '')[:16]}{suffix}"
    try:
        write_atomically(path, text)
    except VmfuzzError:
        return None
    return path
