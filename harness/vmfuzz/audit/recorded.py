"""The recorded traces: one per suspect, clause and profile, each breaking its clause at its end.

They are files of the package, so that an installed vmfuzz shows every suspect before it has fuzzed
a single step. A trace is named `AX-08.OP.UNMAP.ENS.14.ostd.trace`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Final

from vmfuzz.audit.campaign import Audited
from vmfuzz.trace import Trace
from vmfuzz.trace_file import save
from vmfuzz.trace_text import parse
from vmstore.contracts.suspects import SUSPECT_BY_ID

_SUFFIX: Final = ".trace"


def recorded() -> Iterator[tuple[str, Trace]]:
    """Yield every recorded trace with the id of its clause, in the order of their names."""
    folder = files("vmfuzz.audit") / "traces"
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(_SUFFIX):
            yield clause_of(entry.name), parse(entry.read_text(encoding="utf-8"), entry.name)


def clause_of(name: str) -> str:
    """Return the clause that a file name names."""
    _ax, _, rest = name.removesuffix(_SUFFIX).partition(".")
    return rest.rpartition(".")[0].replace("--", "/")


def file_name(ax: str, clause: str, profile: str) -> str:
    """Return the name of the file for a trace."""
    shown = clause.replace("/", "--")
    return f"{ax}.{shown}.{profile}{_SUFFIX}"


def write(folder: Path, audits: Iterable[Audited]) -> int:
    """Write every trace into `folder` and return how many. Errors: VmfuzzError as `save`."""
    written = 0
    for audited in audits:
        known = {clause.id: clause.known.get(audited.profile) for clause in audited.clauses}
        for clause, evidence in sorted(audited.evidence.items()):
            ax = known.get(clause) or "NEW"
            comment = f"{clause}: {evidence.finding.text}"
            if ax in SUSPECT_BY_ID:
                comment = f"{ax}, {SUSPECT_BY_ID[ax].contract}. {comment}"
            trace = replace(evidence.trace, comment=(comment,), expect=())
            save(folder / file_name(ax, clause, audited.profile), trace)
            written += 1
    return written
