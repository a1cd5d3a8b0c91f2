"""The report as JUnit XML: a test case per finding, per kept trace and per stage."""

from collections.abc import Iterator
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from vmfuzz.report.html import printable

Json = dict[str, Any]
_FAILING: Final = {"new", "stored"}
_SKIPPED: Final = {"known": "known", "flaky": "not reproducible"}


def junit(document: Json) -> str:
    """Return the document as XML.

    A new finding is a failure, a known or flaky one is skipped, a resolved one passes; so does a
    stage, and a trace that ends as it says. A campaign that ended without a verdict is an
    error, and so is a trace that cannot be read.
    """
    findings, stages = list(_findings(document)), list(_stages(document))
    suites = [
        *_suite("vmfuzz.campaign", [_campaign(document)]),
        *_suite("vmfuzz.findings", findings),
        *_suite("vmfuzz.traces", list(_traces(document))),
        *_suite("vmfuzz.stages", stages),
    ]
    return "\n".join(
        ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", *suites, "</testsuites>\n"]
    )


def _suite(name: str, cases: list[str]) -> Iterator[str]:
    if not cases:
        return
    counts = {
        kind: sum(f"<{kind} " in case for case in cases) for kind in ("failure", "error", "skipped")
    }
    yield (
        f'<testsuite name="{name}" tests="{len(cases)}" failures="{counts["failure"]}"'
        f' errors="{counts["error"]}" skipped="{counts["skipped"]}">'
    )
    yield from cases
    yield "</testsuite>"


def _case(group: str, name: str, inner: str) -> str:
    head = f"<testcase classname={_attribute(group)} name={_attribute(name)}"
    return f"{head}>{inner}</testcase>" if inner else f"{head}/>"


def _campaign(document: Json) -> str:
    verdict = document["verdict"]
    words = f"{verdict['headline']}: {verdict['words']}"
    is_unsure = verdict["kind"] == "unsure"
    inner = f"<error message={_attribute(words)}/>" if is_unsure else ""
    return _case("vmfuzz.campaign", document["folder"], inner)


def _findings(document: Json) -> Iterator[str]:
    for bucket in document["buckets"]:
        status, about = bucket["status"], bucket["witness"] or bucket["text"]
        words = "\n".join(
            part for part in (bucket["replay"], bucket["words"] or about, bucket["trace"]) if part
        )
        inner = ""
        if status in _FAILING:
            kind, said = _attribute(bucket["clause"]), _attribute(about or bucket["signature"])
            inner = f"<failure type={kind} message={said}>{_body(words)}</failure>"
        elif status in _SKIPPED:
            inner = f"<skipped message={_attribute(bucket['reason'] or _SKIPPED[status])}/>"
        yield _case(f"vmfuzz.findings.{bucket['op']}", bucket["signature"], inner)


def _traces(document: Json) -> Iterator[str]:
    replayed = document["replayed"]
    for name in replayed["passed"]:
        yield _case("vmfuzz.traces", name, "")
    for name, why in replayed["broken"].items():
        yield _case("vmfuzz.traces", name, f'<failure type="broken" message={_attribute(why)}/>')
    for name, why in replayed["unreadable"].items():
        yield _case("vmfuzz.traces", name, f'<error type="unreadable" message={_attribute(why)}/>')


def _stages(document: Json) -> Iterator[str]:
    for row in document["stages"]:
        if row["state"] != "begin":
            said = ": ".join(part for part in (row["state"], row["words"]) if part)
            inner = f"<system-out>{_body(said)}</system-out>"
            yield _case("vmfuzz.stages", f"{row['name']} (run {row['run']})", inner)


def _body(text: str) -> str:
    return escape("\n".join(printable(line) for line in text.split("\n")))


def _attribute(text: str) -> str:
    return quoteattr(printable(text.replace("\n", " ")))
