"""The measuring child: `python -m vmfuzz.code_coverage_child FOLDER`, file names on stdin.

Writes one JSON document to stdout. Nothing of the model may be imported before the measurement
starts, or the lines that run at import would count as missing.
"""

import json
import sys
from pathlib import Path
from typing import Any

import coverage

from vmfuzz.errors import VmfuzzError

_PACKAGE = "vmstore"
_INTERRUPTED = 130


def main() -> int:
    """Measure and answer; a mistake in a file is an answer, too."""
    folder = Path(sys.argv[1])
    files = [Path(json.loads(line)) for line in sys.stdin]
    measured = coverage.Coverage(
        data_file=None, branch=True, source_pkgs=[_PACKAGE], config_file=False
    )
    measured.start()
    try:
        answer: dict[str, Any] = {"document": _document(files)}
    except VmfuzzError as error:
        answer = {"problem": str(error)}
    except Exception as error:  # a defect of ours, which the parent reports as one
        answer = {"defect": f"{type(error).__name__}: {error}"}
    except KeyboardInterrupt:  # the parent has got it, too
        return _INTERRUPTED
    finally:
        measured.stop()
    if "document" in answer:
        answer["code"] = _code(measured, folder / "code.json")
    sys.stdout.write(json.dumps(answer))
    return 0


def _document(files: list[Path]) -> Any:
    from vmfuzz.coverage_run import cover
    from vmfuzz.extensions import load_extensions
    from vmfuzz.report.coverage_document import as_document

    load_extensions()
    return as_document(cover(files))


def _code(measured: coverage.Coverage, path: Path) -> dict[str, Any]:
    """Return the counts per module, by name, and the total."""
    measured.json_report(outfile=str(path))
    report = json.loads(path.read_text(encoding="utf-8"))
    modules = [_module(name, data) for name, data in report["files"].items()]
    return {
        "percent": round(report["totals"]["percent_covered"], 2),
        "modules": sorted(modules, key=lambda row: str(row["module"])),
    }


def _module(name: str, data: dict[str, Any]) -> dict[str, Any]:
    parts = Path(name).with_suffix("").parts
    start = len(parts) - 1 - parts[::-1].index(_PACKAGE)
    counts = data["summary"]
    return {
        "module": ".".join(parts[start:]).removesuffix(".__init__"),
        "percent": round(counts["percent_covered"], 2),
        "lines": counts["num_statements"],
        "lines_run": counts["covered_lines"],
        "branches": counts["num_branches"],
        "branches_run": counts["covered_branches"],
        "missing_lines": data["missing_lines"],
    }


if __name__ == "__main__":
    sys.exit(main())
