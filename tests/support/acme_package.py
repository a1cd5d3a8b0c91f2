"""The example package as if it were installed: a folder for PYTHONPATH."""

import shutil
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "own-clause"
CLAUSE, FAULT = "acme.list-ids-move-on", "acme.counter-stands-still"


def install(folder: Path, name: str = "acme-vm", **points: str) -> Path:
    """Make a folder that offers `points`, by group; without any, those of the example."""
    offered = points or {"clauses": "acme = acme_vm:CLAUSES", "faults": "acme = acme_vm:FAULTS"}
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"[vmfuzz.{group}]\n{line}\n" for group, line in offered.items()]
    (info / "entry_points.txt").write_text("".join(lines))
    return folder
