"""The options of a campaign that is kept, of several workers, or both."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Literal

import rich_click as click

from vmfuzz.campaigns.known import Known, is_date, read_known
from vmfuzz.campaigns.links import Limits
from vmfuzz.cli.exhaustive import BARE
from vmfuzz.cli.options import Duration, FilePath, FloatRange, IntRange
from vmfuzz.cli.output import today as today_here
from vmfuzz.cli.streams import note
from vmfuzz.errors import VmfuzzError, did_you_mean, shown

FailOn = Literal["any", "new"]
MAX_WORKERS = 256
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


@dataclass(frozen=True, slots=True)
class CampaignOptions:
    """What the options say. `share` is a part of 1, `today` a day as `YYYY-MM-DD`."""

    workers: int = 1
    is_resumed: bool = False
    replay: tuple[Path, ...] = ()
    share: float = 0.0
    known: Path | None = None
    today: str = ""
    fail_on: FailOn = "any"
    limits: Limits = Limits()  # noqa: RUF009  # frozen
    cluster: str | None = None

    def needs_workers(self, *, is_live: bool) -> bool:
        """Return whether this is more than one process without a memory can do.

        A live system has one process only, which reads `known` itself.
        """
        is_judged = self.known is not None and not is_live
        wanted = self.is_resumed or self.replay or self.share or is_judged or self.cluster
        return bool(self.workers > 1 or wanted)

    def read_known(self) -> Known:
        """Return what `known` lets pass today. Errors: VmfuzzError. Effect: remarks on old ones."""
        if self.known is None:
            return Known(today=self.today)
        known = read_known(self.known, self.today)
        for signature in known.expired:
            note(f"{shown(self.known)}: {shown(signature)} has expired, so it counts again")
        return known


class Workers(click.ParamType[int]):
    """A number of processes, or `auto`: one per core that this process may use."""

    name = "workers"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return the number. Errors: usage error for anything else."""
        if str(value) == "auto":
            return min(MAX_WORKERS, len(os.sched_getaffinity(0)))
        text = str(value)
        if not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= MAX_WORKERS:
            self.fail(f"{text[:40]!r}: allowed are 1 to {MAX_WORKERS}, and auto", param, ctx)
        return int(text)


class Address(click.ParamType[str]):
    """Where a Ray cluster is."""

    name = "address"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the address. Errors: usage error for what is none."""
        text = str(value)
        known = ("auto", "local")
        host, _, port = text.rpartition(":")
        is_port = port.isdecimal() and port.isascii() and 0 < int(port[:6]) < 1 << 16
        if text not in known and not (_HOST.fullmatch(host) and is_port):
            allowed = "allowed are auto, local, and HOST:PORT such as 10.0.0.1:6379"
            self.fail(f"{shown(text[:60])!r}{did_you_mean(text, known)}: {allowed}", param, ctx)
        return text


_OPTIONS = (
    click.option(
        "--workers",
        type=Workers(),
        default="1",
        show_default=True,
        metavar="N|auto",
        help="Processes side by side; auto: one per core.",
    ),
    click.option(
        "--cluster",
        type=Address(),
        metavar="ADDRESS",
        help="Run the workers in a Ray cluster: HOST:PORT, auto for the one that this machine"
        " belongs to, local to start one here.",
    ),
    click.option(
        "--replay",
        type=FilePath(),
        multiple=True,
        help="First run the traces in this folder, which must end as they say. Repeatable.",
    ),
    click.option(
        "--corpus-share",
        "share",
        type=FloatRange(0, 0.9),
        default=0.0,
        show_default=True,
        help="The part of the swarm's traces that is grown from stored ones.",
    ),
    click.option(
        "--known", type=FilePath(), help="TOML file of findings that do not fail the run."
    ),
    click.option("--today", metavar="YYYY-MM-DD", help="The day that --known is read on."),
    click.option(
        "--fail-on",
        type=click.Choice(["any", "new"]),
        default="any",
        show_default=True,
        help="Findings that fail the run: any, or those that --out lacks.",
    ),
    click.option(
        "--trace-time",
        type=Duration(),
        default="20s",
        show_default=True,
        help="With workers: a trace that takes longer has hung.",
    ),
    click.option(
        "--worker-memory",
        "memory",
        type=IntRange(256, 1 << 20),
        default=2048,
        show_default=True,
        metavar="MiB",
        help="With workers: what one of them may use.",
    ),
)


def campaign_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as `campaign`.

    Requires: the options of an exhaustive search are there, too; `--resume` serves both.
    """

    @wraps(command)
    def with_campaign(
        *args: Any,
        workers: int,
        cluster: str | None,
        replay: tuple[Path, ...],
        share: float,
        known: Path | None,
        today: str | None,
        fail_on: FailOn,
        trace_time: float,
        memory: int,
        resume: Path | None,
        **others: Any,
    ) -> Any:
        if today is not None and not is_date(today):
            raise VmfuzzError(f"--today {today[:40]!r}: no date as YYYY-MM-DD")
        for folder in replay:
            if not folder.exists():
                raise VmfuzzError(f"--replay {folder}: no such file or folder")
        options = CampaignOptions(
            workers,
            resume == BARE,
            replay,
            share,
            known,
            today or today_here(),
            fail_on,
            Limits(trace_time, memory << 20),
            cluster,
        )
        file = None if resume == BARE else resume
        return command(*args, campaign=options, resume=file, **others)

    wrapped: Callable[..., Any] = with_campaign
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
