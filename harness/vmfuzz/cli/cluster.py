"""`vmfuzz fuzz --cluster`: joined before a campaign begins, left when it has ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vmfuzz.amounts import counted
from vmfuzz.campaigns.cluster.place import ClusterPlace
from vmfuzz.cli.campaign_options import CampaignOptions
from vmfuzz.cli.streams import note
from vmfuzz.engines.interface import Plan
from vmfuzz.engines.registry import EXHAUSTIVE
from vmfuzz.errors import VmfuzzError

LEAVING = 3.0  # seconds that leaving a cluster takes


@contextmanager
def cluster_of(
    plan: Plan, engines: list[str], options: CampaignOptions, scratch: Path
) -> Iterator[tuple[ClusterPlace | None, float]]:
    """Yield the cluster that is asked for, None without one, and what it takes of the time.

    Units: seconds. Errors: VmfuzzError when it cannot be joined, or not serve for this.
    """
    if options.cluster is None:
        yield None, 0.0
        return
    if EXHAUSTIVE in engines:
        raise VmfuzzError(
            f"--engine {EXHAUSTIVE}: one search cannot be shared out; run it without --cluster"
        )
    started = plan.clock()
    place = ClusterPlace(options.cluster, options.workers, engines, scratch)
    try:
        place.join()
        has = f"{counted(place.nodes, 'node')}, {counted(place.cpus, 'core')}"
        note(f"cluster {options.cluster}: {has}")
        yield place, plan.clock() - started + LEAVING
    finally:
        place.close()
        if place.is_lost:
            note(f"cluster {options.cluster}: lost; what was found before is kept")


def time_left(seconds: float | None, joining: float) -> float | None:
    """Return what is left of a time after a cluster was joined. Errors: VmfuzzError if nothing."""
    if seconds is None or not joining:
        return seconds
    if seconds - joining < 1:
        raise VmfuzzError(
            f"--time: joining the cluster and leaving it takes {joining:.0f} s of {seconds:g} s;"
            " give it more"
        )
    return seconds - joining
