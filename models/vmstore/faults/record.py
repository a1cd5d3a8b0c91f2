"""What the catalogue knows of one bug."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One bug: historical, analogous, or a plausible one of ours.

    `origin` is `upstream` (shipped or reviewed there), `twin` (the verified copy), `analogue`
    (another system) or `ours`; `schedule` is `concurrent` when it needs an interleaving inside an
    operation, else `sequential` (several CPUs in sequence included). `reason` says why a bug is
    out of scope and is empty otherwise. `clause` is the id under which the oracle reports the bug,
    or is expected to once it is planted; empty where no single clause is meant to name it.
    """

    id: str
    component: str
    origin: str
    upstream: str
    text: str
    clause: str = ""
    schedule: str = "sequential"
    reason: str = ""

    @property
    def status(self) -> str:
        """Return `out-of-scope` for a bug with a reason, else `expressible`."""
        return "out-of-scope" if self.reason else "expressible"

    @property
    def flag(self) -> str:
        """Return the name of its switch, whether or not the model has one."""
        return self.id.replace("-", "_")
