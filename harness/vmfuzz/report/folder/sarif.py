"""The report as SARIF 2.1.0: a rule per clause, a result per finding with its trace as a flow."""

import json
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from vmfuzz import __version__

Json = dict[str, Any]
SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"new": "error", "stored": "error", "flaky": "warning", "known": "note"}
_BASELINE: Final = {"new": "new", "known": "unchanged", "resolved": "absent", "flaky": "new"}
_FIRST_TRACE_LINE: Final = 1


def sarif(document: Json) -> str:
    """Return the document as SARIF. Paths are relative to the folder, so that they stay the same.

    A result is identified by its signature alone; `properties.reproduce` is the command.
    """
    buckets = document["buckets"]
    rules = list(dict.fromkeys(bucket["clause"] for bucket in buckets))
    run = {
        "tool": {
            "driver": {
                "name": "vmfuzz",
                "version": __version__,
                "rules": [_rule(name, buckets) for name in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"CAMPAIGN": {"description": {"text": "the campaign's folder"}}},
        "properties": {"upstream": document["upstream"]},
        "results": [_result(bucket, rules.index(bucket["clause"])) for bucket in buckets],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(name: str, buckets: list[Json]) -> Json:
    bucket = next(b for b in buckets if b["clause"] == name)
    words = bucket["text"] or "an outcome, an event or a live system is not as it should be"
    source = f" (source: {bucket['source']})" if bucket["source"] else ""
    return {
        "id": name,
        "shortDescription": {"text": words},
        "fullDescription": {"text": f"{words}{source}"},
        "defaultConfiguration": {"level": "error"},
    }


def _result(bucket: Json, rule: int) -> Json:
    status, last = bucket["status"], bucket["lines"][-1:] or [_FIRST_TRACE_LINE]
    words = bucket["witness"] or bucket["text"] or bucket["signature"]
    result: Json = {
        "ruleId": bucket["clause"],
        "ruleIndex": rule,
        "level": _LEVELS.get(status, "none"),
        "message": {"text": f"{bucket['signature']}: {words}"},
        "partialFingerprints": {"vmfuzzSignature/v1": _fingerprint(bucket["signature"])},
        "properties": {"status": status, "op": bucket["op"], "reproduce": bucket["replay"]},
    }
    if status in _BASELINE:
        result["baselineState"] = _BASELINE[status]
    if bucket["path"]:
        result["locations"] = [_location(bucket, last[0])]
        steps = _steps(bucket)
        if steps:
            result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    return result


def _fingerprint(signature: str) -> str:
    return sha256(signature.encode("utf-8", "backslashreplace")).hexdigest()


def _location(bucket: Json, line: int, words: str = "") -> Json:
    location: Json = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(bucket["path"]), "uriBaseId": "CAMPAIGN"},
            "region": {"startLine": line},
        }
    }
    return location | {"message": {"text": words}} if words else location


def _steps(bucket: Json) -> list[Json]:
    """Return a location per step of the shortest trace."""
    steps = bucket["trace"].splitlines()[-bucket["ops"] :] if bucket["ops"] else []
    if len(steps) != len(bucket["lines"]):
        return []
    return [
        {"location": _location(bucket, line, words), "executionOrder": order}
        for order, (line, words) in enumerate(zip(bucket["lines"], steps, strict=True))
    ]
